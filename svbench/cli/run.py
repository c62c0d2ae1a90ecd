"""The command `run`: systems on a data set."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from svbench import api
from svbench.cli import common as options
from svbench.cli.output import print_note, print_results
from svbench.cli.parsing import names, numbers, path_option
from svbench.cli.progress import progress_bars


def run(
    sampled: options.SamplingOptions,
    engine: options.EngineOptions,
    systems: Annotated[
        tuple[str, ...],
        names(
            "systems",
            "Comma-separated; default: all; see svbench list systems. NAME=FOLDER or NAME=LIST: "
            "clips made elsewhere.",
        ),
    ] = (),
    gamma: Annotated[
        tuple[float, ...],
        numbers("gamma", "Of Eq. 8; 1,1.5: a row for each; default: the paper's table."),
    ] = (),
    out: Annotated[Path | None, path_option("The run folder; default: runs/DATASET-SCALE.")] = None,
    import_scores: options.ImportScores = None,
    import_better: options.ImportBetter = None,
    json: options.Json = False,
) -> None:
    """Generate and score the systems of a table on a data set; the same command resumes.

    Example: svbench run --dataset greatesthits
    """
    imports = options.read_imports(import_scores, import_better)
    with progress_bars() as progress:
        results = api.run(
            sampled.dataset,
            systems=systems,
            gamma=gamma,
            out=out,
            **asdict(engine),
            progress=progress,
            notify=print_note,
            **sampled.sampling(),
        )
    print_results(options.join_imports(results, imports), as_json=json)
