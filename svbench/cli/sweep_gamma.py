"""The command `sweep-gamma`: one model over several gammas, as a table and a curve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from svbench.cli import common as options
from svbench.errors import ConfigError

GAMMAS = "1,1.25,1.5,1.75,2"  # the paper's Table 1


def register(app: typer.Typer, walk: Callable[..., None]) -> None:
    """Add the command; `walk` runs a plan and prints its table."""

    @app.command("sweep-gamma")
    def sweep_gamma(
        context: typer.Context,
        dataset: Annotated[str, typer.Option(help="greatesthits, landscape or vggsound.")],
        gammas: Annotated[
            str, typer.Option(help="Of Eq. 8, comma-separated [0.01 to 100 each].")
        ] = GAMMAS,
        out: Annotated[
            Path | None,
            options.path_option("The run folder; default: runs/DATASET-SCALE-gamma."),
        ] = None,
        scale: Annotated[str, typer.Option(help="mini (drawn data) or paper.")] = "mini",
        systems: Annotated[str, typer.Option(help="Joint models, comma-separated.")] = "cmc-pe",
        metrics: Annotated[
            str | None, typer.Option(help="Comma-separated; see svbench list metrics.")
        ] = None,
        limit: options.Limit = None,
        repeats: options.Repeats = 1,
        seed: options.Seed = 0,
        data_root: options.DataRoot = None,
        captions: options.Captions = None,
        weights: options.Folders = None,
        preset: Annotated[str, typer.Option(help="paper, or official-code.")] = "paper",
        steps: options.Steps = None,
        guidance: options.Guided = None,
        device: options.Device = "auto",
        dtype: options.Dtype = "float32",
        scoring_dtype: options.ScoringDtype = "float32",
        batch: options.Batch = None,
        workers: options.Workers = 2,
        json: Annotated[bool, typer.Option("--json", help="Print results.json.")] = False,
    ) -> None:
        """Sample the same requests at several gammas, for a table and a curve over gamma.

        Real and shuffled clips frame the curve; the default gammas are those of the paper's
        Table 1, which `run` makes with all its rows.

        Example: svbench sweep-gamma --dataset greatesthits
        """
        from svbench.catalog.datasets import DATASETS
        from svbench.catalog.plans import plan_run
        from svbench.catalog.systems import JOINT
        from svbench.config import RunConfig
        from svbench.files.results import load_table
        from svbench.reports.figures.gamma_curve import draw

        DATASETS.known(dataset)
        joint = options.names("--systems", systems)
        if strange := [name for name in joint if name not in JOINT]:
            raise ConfigError(
                f"--systems: found {strange[0]!r}, expected some of {', '.join(JOINT)}"
            )
        config = RunConfig.of(
            dataset=dataset,
            scale=scale,
            systems=("real", "shuffled", *joint),
            metrics=options.names("--metrics", metrics),
            limit=limit,
            repeats=repeats,
            seed=seed,
            data_root=options.data_root(context, scale, data_root),
            captions=captions,
            weights=tuple(weights or ()),
            preset=preset,
            gamma=options.numbers("--gammas", gammas),
            guidance=options.pair("--guidance", guidance),
            **{"steps": steps, "device": device, "dtype": dtype, "batch": batch},
            scoring_dtype=scoring_dtype,
        )
        folder = out or Path("runs") / f"{dataset}-{scale}-gamma"
        walk(folder, lambda: plan_run(config, folder), workers, json)
        picture = folder / "gamma.svg"
        draw(load_table(folder), picture)
        typer.echo(f"curve: {picture}", err=json)
