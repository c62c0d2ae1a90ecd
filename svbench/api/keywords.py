"""The keywords of `svbench.run`, `sweep_gamma`, `score` and `validate`, as typed dictionaries.

They are called as the fields of `svbench.config`, which validates them and has their defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

Folder = str | Path


class JudgingKeywords(TypedDict, total=False):
    """Keywords of how clips are judged, of `run`, `sweep_gamma` and `score` alike."""

    # Of another benchmark: settings that are not given, and columns; see docs/protocols.md.
    protocol: str | None
    metrics: Sequence[str]  # METRIC or METRIC@PRESET; none: those of the data set and scale
    seed: int  # decides draws, pairs, noise and intervals
    resamples: int  # draws of the bootstrap
    allow_missing: bool  # leave out clips that cannot be judged
    strict: bool  # a column that cannot be filled is an error
    frame_choice: str  # "nearest" or "official"
    channels: str  # "mean" or "first"
    plugins: Sequence[str]  # modules of metrics, systems and data sets, beside installed packages
    device: str  # of every network: "auto", "cpu", "cuda:1" …


class SamplingKeywords(JudgingKeywords, total=False):
    """Keywords of what is sampled, of `run` and `sweep_gamma` alike."""

    scale: str  # "mini" or "paper"
    data_root: Folder | None  # None: SVBENCH_DATA, at scale paper
    captions: Folder | None
    limit: int | None  # the first so many clips; None: all
    repeats: int  # samples per caption
    weights: Sequence[str]  # of joint models: FOLDER or SYSTEM=FOLDER
    preset: str  # "paper" or "official-code"
    steps: int | None  # None: the preset's
    guidance: tuple[float, float] | None  # sound, video; None: the preset's
    dtype: str  # of the U-Nets: "float32", "bfloat16" or "float16"
    scoring_dtype: str  # of the networks of metrics
    batch: int | None  # clips sampled together
    scoring_batch: int | None  # inputs in a forward pass of a network of metrics; None: its usual
    compile: bool


class RunKeywords(SamplingKeywords, total=False):
    """Keywords of `run`."""

    systems: Sequence[str]  # none: controls, and joint models whose weights are at hand
    gamma: Sequence[float]  # of Eq. 8, a row for each; none: those of the paper's table


class ScoreKeywords(JudgingKeywords, total=False):
    """Keywords of `score`."""

    reference_clips: Folder | None  # folder of the clips that `reference` lists; None: beside it
    captions: Folder | None  # by id: .jsonl, CSV (file, text), or a list of any known form
    frames: int
    fps: float
    size: tuple[int, int]  # height, width in pixels
    sample_rate: int
    dtype: str  # of the networks of metrics: "float32", "bfloat16" or "float16"
    batch: int | None  # inputs in a forward pass of a network of metrics; None: its usual
    pad: bool  # fill up clips that are too short


class ValidateKeywords(TypedDict, total=False):
    """Keywords of `validate`."""

    metrics: Sequence[str]  # METRIC or METRIC@PRESET; none: every one that runs here within minutes
    distortions: Sequence[str]  # none: all in their published form
    unrated_levels: int  # of each distortion that nobody rated
    seed: int  # decides distortions, halves and intervals
    limit: int | None  # the first so many clips; None: all, of the miniature 16
    captions: Folder | None  # by id; of metrics that read captions
    frames: int
    fps: float
    size: tuple[int, int]  # height, width in pixels
    sample_rate: int
    pad: bool  # fill up clips that are too short
    channels: str  # "mean" or "first"
    allow_missing: bool  # leave out clips that cannot be judged
    strict: bool  # a column that cannot be computed is an error
    power: float  # with which a difference is noticed
    planned: int  # clips of the comparison that this is planned for
    device: str  # of every network: "auto", "cpu", "cuda:1" …
    dtype: str  # of the networks of metrics
    batch: int | None  # inputs in a forward pass of a network; None: its usual
    plugins: Sequence[str]  # modules of metrics, beside installed packages
