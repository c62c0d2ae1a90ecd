"""A synthetic run folder with clips, events and scores that are known beforehand.

Two models and the real clips, four requests of one second at 8 frames/s. The detected events are
constants, so precision, recall and AV-Align follow by hand:

    request  onsets            peaks        precision  recall  AV-Align
    c0/0     0.25 0.5          0.25 0.5     1          1       1
    c1/0     0.25 0.5          0.75         0          0       0
    c2/0     0.25 0.5 0.75     0.25         1/3        1       1/3
    c3/0     -                 -            0          0       0

for `cmc-pe-gamma1.5`; `cross-attention-gamma1` never matches, and `real` always does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from svbench.files import media
from svbench.files.feature_store import clip_key
from svbench.files.results import dump_scores, dump_table
from svbench.files.store import Store, digest_clip, digest_set
from svbench.types import (
    Clip,
    ClipScore,
    Column,
    Recording,
    Request,
    ResultTable,
    Row,
    Sample,
    Score,
)
from tests.factories.clips import SPEC, make_clip
from tests.factories.results import write_requests

ALIGN, IB, FVD = "av-align-corrected@published", "ib-av@published", "fvd@stylegan-v-16f"
EVENTS = "av-events-published-0123456789"
MODEL, OTHER, REAL = "cmc-pe-gamma1.5", "cross-attention-gamma1", "real"
CAPTIONS = {
    "c0/0": "a stick hits metal",
    "c1/0": "a stick scratches <b>wood</b> & glass",  # markup, which must remain text
    "c2/0": "a stick hits wood",
    "c3/0": "nothing moves",
}
CATEGORIES: Mapping[str, dict[str, str]] = {  # of each example; the last has no material
    "c0": {"material": "metal", "action": "hit"},
    "c1": {"material": "<b>wood</b> & glass", "action": "scratch"},
    "c2": {"material": "metal", "action": "hit"},
    "c3": {"action": "hit"},
}
Detected = tuple[tuple[float, ...], tuple[float, ...], float, float, float]
FOUND: Mapping[str, Detected] = {  # onsets, peaks, precision, recall, AV-Align
    "c0/0": ((0.25, 0.5), (0.25, 0.5), 1.0, 1.0, 1.0),
    "c1/0": ((0.25, 0.5), (0.75,), 0.0, 0.0, 0.0),
    "c2/0": ((0.25, 0.5, 0.75), (0.25,), 1 / 3, 1.0, 1 / 3),
    "c3/0": ((), (), 0.0, 0.0, 0.0),
}
MISSED: Detected = ((0.125,), (0.625,), 0.0, 0.0, 0.0)
HIT: Detected = ((0.5,), (0.5,), 1.0, 1.0, 1.0)
MOTION = (0.5, 0.5, 2.0, 1.0, 2.5, 1.0, 3.0, 0.5)  # px per frame, of every clip
COLUMNS = (
    Column(FVD, "FVD", "lower", {"extractor": "i3d-1"}),
    Column(IB, "IB-AV", "higher", {"seed": 0}),
    Column(
        ALIGN,
        "AV-Align (corrected, published detectors)",
        "higher",
        {"floor": 0.0, "view": "conformed", "detectors": {"onsets": {"delta": 0.07}}},
    ),
)


def detected(system: str, request: str) -> Detected:
    """Return the events of a clip, and the scores that follow from them."""
    return {MODEL: FOUND[request], OTHER: MISSED, REAL: HIT}[system]


def make_table() -> ResultTable:
    """Return the table of the run."""
    return ResultTable(
        title="Made <i>by hand</i>",
        dataset="greatesthits",
        scale="mini",
        spec=SPEC,
        columns=COLUMNS,
        rows=(
            _row(REAL, "real clips (ceiling)", 1.0, (1.0, 1.0), {}),
            _row(
                MODEL, "CMC-PE, gamma 1.5", 1 / 3, (0.0, 0.8), {"mixer": "cmc-pe", "gamma": "1.5"}
            ),
            _row(OTHER, "cross-attention", 0.0, (0.0, 0.0), {"mixer": "cross-attention"}),
        ),
        notes=("miniature: made by hand",),
        record={"seed": 3, "real set": "c0ffee"},
    )


def write_page_run(folder: Path) -> Path:
    """Write the run folder: clips, features, scores and tables."""
    store, lines = Store(folder), []
    for system in (REAL, MODEL, OTHER):
        kept = []
        for place, (request_id, caption) in enumerate(CAPTIONS.items()):
            request = Request(request_id, caption, seed=place)
            kept.append(store.put(system, "by-hand", request, make_clip(place)))
            onsets, peaks, precision, recall, value = detected(system, request_id)
            times = {"onset_times": onsets, "motion_peak_times": peaks}
            detail = {"precision": precision, "recall": recall, **times}
            lines.append((system, ALIGN, ClipScore(request_id, value, detail)))
        samples = store.seal(system, SPEC, kept).samples
        for sample in samples:
            block = _block(detected(system, sample.request_id))
            store.save_features(EVENTS, clip_key(sample), block)
        lines += [(system, IB, ClipScore(r, 0.5 + 0.1 * i)) for i, r in enumerate(CAPTIONS)]
    asked = {"command": "run", "config": {"seed": 3}, "versions": {"svbench": "0.0.test"}}
    (folder / "run.json").write_text(json.dumps(asked), encoding="utf-8")
    (folder / "results.json").write_text(dump_table(make_table()), encoding="utf-8")
    (folder / "scores.csv").write_text(dump_scores(lines), encoding="utf-8")
    write_requests(folder, CATEGORIES)
    return folder


def _block(found: Detected) -> np.ndarray:
    """Return events as rows of `svbench.metrics.avalign.events`: kind, time, strength."""
    onsets, peaks, *_ = found
    return np.array(
        [
            (0, SPEC.duration, SPEC.fps),
            (4, 0.0, 0.9),
            *((1, time, 1.0) for time in onsets),
            *((2, time, MOTION[round(time * SPEC.fps)]) for time in peaks),
            *((3, frame / SPEC.fps, motion) for frame, motion in enumerate(MOTION)),
        ]
    )


@cache
def set_digest() -> str:
    """Return the digest of the set of every row: all have the same clips."""
    clips = [make_clip(place) for place in range(len(CAPTIONS))]
    stored = [Clip(clip.video, media.quantise(clip.audio), SPEC) for clip in clips]
    pairs = zip(CAPTIONS.items(), map(digest_clip, stored), strict=True)
    samples = [Sample(r, caption, Recording(Path(r)), made) for (r, caption), made in pairs]
    return digest_set(SPEC, samples)


def _row(
    system: str, title: str, mean: float, interval: tuple[float, float], settings: dict[str, str]
) -> Row:
    scores = {
        ALIGN: Score(ALIGN, mean, "higher", 4, interval, EVENTS),
        IB: Score(IB, 0.65, "higher", 4, None, "imagebind"),
    }
    absent = {FVD: "no weights here"}
    real = system == REAL
    return Row(system, title, 4, real, {**settings, "set": set_digest()}, scores, absent)
