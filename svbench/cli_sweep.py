"""The command `sweep-gamma`: one model over several gammas, as a table and a curve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

GAMMAS = "1,1.25,1.5,1.75,2"  # the paper's Table 1


def register(
    app: typer.Typer, walk: Callable[..., None], names: Callable[[str | None], tuple[Any, ...]]
) -> None:
    """Add the command; `walk` runs a plan and prints its table, `names` reads a list."""

    @app.command("sweep-gamma")
    def sweep_gamma(
        dataset: Annotated[str, typer.Option(help="The data set: greatesthits.")],
        gammas: Annotated[str, typer.Option(help="Comma-separated, each above 0.")] = GAMMAS,
        out: Annotated[
            Path | None, typer.Option(help="The run folder; default: runs/<dataset>-<scale>-gamma.")
        ] = None,
        scale: Annotated[str, typer.Option(help="mini (drawn data) or paper.")] = "mini",
        systems: Annotated[str, typer.Option(help="Joint models, comma-separated.")] = "cmc-pe",
        metrics: Annotated[str | None, typer.Option(help="Comma-separated.")] = None,
        limit: Annotated[int | None, typer.Option(help="Only the first so many clips.")] = None,
        repeats: Annotated[int, typer.Option(help="Samples per caption.")] = 1,
        seed: Annotated[int, typer.Option(help="Decides draws, noise and intervals.")] = 0,
        data_root: Annotated[
            Path | None, typer.Option(help="Folder of the data set.", envvar="SVBENCH_DATA")
        ] = None,
        captions: Annotated[Path | None, typer.Option(help="Caption list (CSV).")] = None,
        weights: Annotated[list[str] | None, typer.Option(help="FOLDER or SYSTEM=FOLDER.")] = None,
        preset: Annotated[str, typer.Option(help="paper, or official-code.")] = "paper",
        steps: Annotated[int | None, typer.Option(help="Sampler steps.")] = None,
        guidance: Annotated[str | None, typer.Option(help="Sound and video: 2.5,7.5.")] = None,
        device: Annotated[str, typer.Option(help="auto, cpu, cuda:1.")] = "auto",
        dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
        batch: Annotated[int | None, typer.Option(help="Clips sampled together.")] = None,
        workers: Annotated[int, typer.Option(help="Threads; never changes the result.")] = 2,
        json: Annotated[bool, typer.Option("--json", help="Print results.json.")] = False,
    ) -> None:
        """Sample the same requests at several gammas; real and shuffled clips frame the curve.

        Example: svbench sweep-gamma --dataset greatesthits
        """
        from svbench.catalog import DATASETS, known, plan_run
        from svbench.config import RunConfig
        from svbench.reports.gamma_curve import draw
        from svbench.results import load_table

        known(DATASETS, dataset, "dataset")
        config = RunConfig.of(
            dataset=dataset,
            scale=scale,
            systems=("real", "shuffled", *names(systems)),
            metrics=names(metrics),
            limit=limit,
            repeats=repeats,
            seed=seed,
            data_root=None if scale == "mini" else data_root,
            captions=captions,
            weights=tuple(weights or ()),
            preset=preset,
            gamma=names(gammas),
            guidance=names(guidance) or None,
            **{"steps": steps, "device": device, "dtype": dtype, "batch": batch},
        )
        folder = out or Path("runs") / f"{dataset}-{scale}-gamma"
        walk(config, folder, lambda: plan_run(config, folder), workers, json)
        picture = folder / "gamma.svg"
        draw(load_table(folder), picture)
        typer.echo(f"curve: {picture}", err=json)
