"""The command `score`: clips made elsewhere, against real ones or by themselves."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from svbench import api
from svbench.cli import common as options
from svbench.cli.output import print_note, print_results
from svbench.cli.parsing import path_argument, path_option
from svbench.cli.progress import progress_bars


def score(
    generated: Annotated[list[Path], path_argument("Folders or lists of clips.")],
    judged: options.JudgingOptions,
    engine: options.EngineOptions,
    reference: Annotated[
        Path | None, path_option("Folder or list of real clips; FVD, FAD and others need it.")
    ] = None,
    reference_clips: options.ReferenceClips = None,
    captions: options.CaptionsById = None,
    frames: options.Frames = 32,
    fps: options.Fps = 8.0,
    size: options.Size = (256, 256),
    sample_rate: options.SampleRate = 16000,
    pad: options.Pad = False,
    dtype: options.OnlyDtype = "float32",
    batch: options.OnlyBatch = None,
    out: Annotated[Path | None, path_option("Default: runs/score-NAME.")] = None,
    import_scores: options.ImportScores = None,
    import_better: options.ImportBetter = None,
    json: options.Json = False,
) -> None:
    """Score clips made elsewhere; each folder (or `system` in a list) becomes a row.

    Below each stands its floor, the same pictures with the sound of other clips of the set.

    Example: svbench score my-model/ --reference test-set/
    """
    imports = options.read_imports(import_scores, import_better)
    with progress_bars() as progress:
        results = api.score(
            *generated,
            reference=reference,
            reference_clips=reference_clips,
            captions=captions,
            frames=frames,
            fps=fps,
            size=size,
            sample_rate=sample_rate,
            pad=pad,
            dtype=dtype,
            batch=batch,
            out=out,
            **asdict(engine),
            progress=progress,
            notify=print_note,
            **judged.judging(),
        )
    print_results(options.join_imports(results, imports), as_json=json)
