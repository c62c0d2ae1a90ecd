"""The command `sweep-gamma`: one model over several gammas, as a table and a curve."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from svbench import api
from svbench.cli import common as options
from svbench.cli.output import print_note, print_results
from svbench.cli.parsing import names, numbers, path_option
from svbench.cli.progress import progress_bars
from svbench.limits import GAMMAS


def sweep_gamma(
    sampled: options.SamplingOptions,
    engine: options.EngineOptions,
    gammas: Annotated[
        tuple[float, ...],
        numbers(
            "gammas",
            "Of Eq. 8, comma-separated [0.01 to 100 each].",
            default=",".join(f"{gamma:g}" for gamma in GAMMAS),
        ),
    ] = GAMMAS,
    systems: Annotated[
        tuple[str, ...],
        names("systems", "Joint models, comma-separated; default: cmc-pe."),
    ] = (),
    out: Annotated[
        Path | None, path_option("The run folder; default: runs/DATASET-SCALE-gamma.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Sample the same requests at several gammas, for a table and a curve over gamma.

    Real and shuffled clips frame the curve; the default gammas are those of the paper's
    Table 1, which `run` makes with all its rows.

    Example: svbench sweep-gamma --dataset greatesthits
    """
    with progress_bars() as progress:
        results = api.sweep_gamma(
            sampled.dataset,
            gammas=gammas,
            systems=systems,
            out=out,
            **asdict(engine),
            progress=progress,
            notify=print_note,
            **sampled.sampling(),
        )
    print_results(results, as_json=json)
    typer.echo(f"curve: {results.path / api.GAMMA_CURVE}", err=json)
