"""The command line: read flags, build, walk, print. No logic of its own lives here.

Every import that costs time stands inside the command that needs it, so that `svbench --help`
answers at once.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, cast

import typer

from svbench._version import __version__
from svbench.cli import clip_figure as cli_pages
from svbench.cli import common as options
from svbench.cli import listing as cli_listing
from svbench.cli import reports as cli_reports
from svbench.cli import sweep_gamma as cli_sweep
from svbench.cli import training as cli_training
from svbench.cli import weights as cli_weights
from svbench.cli.progress import progress_bars
from svbench.cli.stopping import stoppable
from svbench.early_stops import stopped
from svbench.errors import ConfigError, StoppedError, SvbenchError

if TYPE_CHECKING:
    from svbench.types import ResultTable
    from svbench.walk.plan import Plan

app = typer.Typer(
    name="svbench",
    help="The benchmark for sounding video generation: video and sound, made together.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Metrics = Annotated[
    str | None,
    typer.Option(help="METRIC or METRIC@PRESET, comma-separated; see svbench list metrics."),
]
Json = Annotated[bool, typer.Option("--json", help="Print results.json instead of the table.")]
AllowMissing = Annotated[
    bool, typer.Option(help="Leave out clips that cannot be judged; the table says how many.")
]
Strict = Annotated[
    bool, typer.Option(help="Fail where a column cannot be filled, say for want of weights.")
]
# What Typer raises where words are no command line; Typer itself names a subclass only.
UsageError = cast(type[Exception], typer.BadParameter.__base__)
INTERRUPTED: Final = 130


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"svbench {__version__}")
        raise typer.Exit


@app.command()
def run(
    context: typer.Context,
    dataset: Annotated[
        str, typer.Option(help="As in svbench list datasets: greatesthits, landscape or vggsound.")
    ],
    out: Annotated[
        Path | None, options.path_option("The run folder; default: runs/DATASET-SCALE.")
    ] = None,
    scale: Annotated[str, typer.Option(help="mini (drawn data, a laptop) or paper.")] = "mini",
    systems: Annotated[
        str | None, typer.Option(help="Comma-separated; default: all; see svbench list systems.")
    ] = None,
    metrics: Metrics = None,
    limit: options.Limit = None,
    repeats: options.Repeats = 1,
    seed: options.Seed = 0,
    data_root: options.DataRoot = None,
    captions: options.Captions = None,
    weights: options.Folders = None,
    preset: Annotated[str, typer.Option(help="paper, or official-code.")] = "paper",
    steps: options.Steps = None,
    gamma: Annotated[
        str | None,
        typer.Option(help="Of Eq. 8; 1,1.5: a row for each; default: the paper's table."),
    ] = None,
    guidance: options.Guided = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "float32",
    scoring_dtype: options.ScoringDtype = "float32",
    batch: options.Batch = None,
    compile: Annotated[bool, typer.Option(help="Compile the U-Nets by block.")] = False,  # noqa: A002
    frame_choice: options.FrameChoice = "nearest",
    channels: options.Channels = "mean",
    allow_missing: AllowMissing = False,
    strict: Strict = False,
    workers: options.Workers = options.CORES,
    json: Json = False,
) -> None:
    """Generate and score the systems of a table on a data set; the same command resumes.

    Example: svbench run --dataset greatesthits
    """
    from svbench.catalog.datasets import DATASETS
    from svbench.catalog.plans import plan_run
    from svbench.config import RunConfig

    DATASETS.known(dataset)  # before its name becomes that of a folder
    config = RunConfig.of(
        dataset=dataset,
        scale=scale,
        systems=options.names("--systems", systems),
        metrics=options.names("--metrics", metrics),
        limit=limit,
        repeats=repeats,
        seed=seed,
        data_root=options.data_root(context, scale, data_root),
        captions=captions,
        weights=tuple(weights or ()),
        gamma=options.numbers("--gamma", gamma),
        guidance=options.pair("--guidance", guidance),
        **{"preset": preset, "steps": steps, "device": device, "dtype": dtype, "batch": batch},
        scoring_dtype=scoring_dtype,
        compile=compile,
        frame_choice=frame_choice,
        channels=channels,
        allow_missing=allow_missing,
        strict=strict,
    )
    folder = out or Path("runs") / f"{config.dataset}-{config.scale}"
    _walk(folder, lambda: plan_run(config, folder), workers, json)


@app.command()
def score(
    generated: Annotated[list[Path], options.path_argument("Folders or .jsonl lists of clips.")],
    reference: Annotated[Path, options.path_option("Folder or list of real clips.")],
    out: Annotated[Path | None, options.path_option("Default: runs/score-NAME.")] = None,
    captions: Annotated[
        Path | None, options.path_option("Captions by id: .jsonl, or CSV (file, text).")
    ] = None,
    metrics: Metrics = None,
    frames: Annotated[int, options.number("frames", "Frames judged per clip.")] = 32,
    fps: Annotated[float, options.number("fps", "Frames per second judged.")] = 8.0,
    size: Annotated[
        str, typer.Option(help="Pixels judged: 256, or HEIGHTxWIDTH [8 to 8192 each].")
    ] = "256",
    sample_rate: Annotated[
        int, options.number("sample_rate", "Audio samples per second judged.")
    ] = 16000,
    pad: Annotated[bool, typer.Option(help="Fill up clips that are too short.")] = False,
    device: options.Device = "auto",
    dtype: options.ScoringDtype = "float32",
    seed: options.Seed = 0,
    frame_choice: options.FrameChoice = "nearest",
    channels: options.Channels = "mean",
    allow_missing: AllowMissing = False,
    strict: Strict = False,
    workers: options.Workers = options.CORES,
    json: Json = False,
) -> None:
    """Score clips made elsewhere; each folder (or `system` in a list) becomes a row.

    Below each stands its floor, the same pictures with the sound of other clips of the set.

    Example: svbench score my-model/ --reference test-set/
    """
    from svbench.catalog.plans import plan_score
    from svbench.config import ScoreConfig

    config = ScoreConfig.of(
        generated=tuple(generated),
        reference=reference,
        captions=captions,
        metrics=options.names("--metrics", metrics),
        frames=frames,
        fps=fps,
        size=options.size(size),
        sample_rate=sample_rate,
        pad=pad,
        device=device,
        dtype=dtype,
        seed=seed,
        frame_choice=frame_choice,
        channels=channels,
        allow_missing=allow_missing,
        strict=strict,
    )
    folder = out or Path("runs") / f"score-{Path(os.path.realpath(generated[0])).stem}"
    _walk(folder, lambda: plan_score(config, folder), workers, json)


@app.command("tune-avalign")
def tune_avalign(
    data_root: Annotated[
        Path | None, options.path_option("Annotated Greatest Hits; default: drawn, hard clips.")
    ] = None,
    actions: Annotated[str, typer.Option(help="What counts as a hit.")] = "hit,scratch,None",
    tolerance: Annotated[float, options.number("tolerance", "Seconds a hit may be missed by.")] = 1
    / 15,
    clips: Annotated[
        int, options.number("clips", "At most so many clips to train, and to test.")
    ] = 64,
    fps: Annotated[
        float | None,
        options.number("fps", "Frames per second real clips are read at; default: 15."),
    ] = None,
    out: Annotated[Path, options.path_option("Folder of the figures.")] = Path("runs/tune-avalign"),
    seed: options.Seed = 0,
    workers: options.Workers = options.CORES,
) -> None:
    """Choose onset and motion-peak settings on annotated hits; report them on others.

    Example: svbench tune-avalign --data-root vis-data-256 --actions hit
    """
    from svbench.engines.local import Local
    from svbench.reports.figures.hit_traces import HitTrace, draw
    from svbench.training.detectors import FPS, TuningConfig, tune

    alone = fps is not None and data_root is None
    options.check_together("--fps", alone, "beside --data-root: drawn clips have their own rate")
    config = TuningConfig(
        data_root=data_root,
        actions=options.names("--actions", actions),
        tolerance=tolerance,
        clips=clips,
        fps=FPS if fps is None else fps,
        seed=seed,
    )
    options.check_folder(out)
    with progress_bars() as progress:
        tuning = tune(config, out, Local(workers), progress)
    traces = [
        HitTrace(t.title, t.times, t.motion, t.unit, t.hits, t.onsets, t.peaks)
        for t in tuning.worst
    ]
    draw(traces, out / "worst.svg")
    typer.echo(tuning.table)
    typer.echo(f"settings and figures: {out / 'tuned.json'}   worst clips: {out / 'worst.svg'}")
    typer.echo(f"as detectors: --metrics av-align-corrected@{out / 'tuned.json'}")


@app.command("train-extractors")
def train_extractors(
    out: Annotated[Path, options.path_option("Folder to write; the drawn clips lie in data/.")],
    clips: Annotated[int, options.number("clips", "Drawn clips to learn from.")] = 1600,
    seed: Annotated[int, options.number("seed", "Decides clips, first weights, order.")] = 1000,
    threads: Annotated[
        int, options.number("threads", "Threads; with more, sums round otherwise.")
    ] = 1,
    scenes: Annotated[
        bool, typer.Option("--scenes", help="The ImageBind of Landscape and VGGSound instead.")
    ] = False,
) -> None:
    """Train the miniature I3D, VGGish and ImageBind that svbench ships: some 10 minutes.

    They learn from drawn Greatest Hits; with --scenes, ImageBind from drawn Landscape and VGGSound.

    Example: svbench train-extractors --out runs/extractors
    """
    options.check_folder(out)
    from svbench.training.miniature import extractors as train_extractors
    from svbench.training.miniature import scenes as train_scenes
    from svbench.training.miniature.recipes import ExtractorRecipe

    recipe = ExtractorRecipe(clips=clips, seed=seed, threads=threads)
    (train_scenes if scenes else train_extractors).train(out, recipe, typer.echo)
    typer.echo(f"weights, and how they came about: {out / 'MADE.json'}")


def main() -> None:
    """Run the command line; what is wrong becomes one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a sign that it cannot show is no error
    try:
        with stoppable():
            code = app(prog_name="svbench", standalone_mode=False)
        if code == INTERRUPTED:
            raise StoppedError(stopped("SIGINT"))
    except typer.Abort:
        _leave(StoppedError(stopped("SIGINT")))
    except UsageError as error:
        if not (said := _usage(error)):  # help was printed
            sys.exit(ConfigError.exit_code)
        _leave(ConfigError(said))
    except SvbenchError as error:
        _leave(error)
    if code:
        sys.exit(code)


def _leave(error: SvbenchError) -> NoReturn:
    for line in str(error).split("\n"):
        print(f"svbench: {_printable(line)}", file=sys.stderr)
    sys.exit(error.exit_code)


def _usage(error: Any) -> str:
    """Return what is wrong with a command line, in one line; nothing where help was printed."""
    said = " ".join(error.format_message().split())
    said = re.sub(r"^Invalid value for '?([^':]+)'?( \(env var: '\w+'\))?: ", r"\1: ", said)
    context = getattr(error, "ctx", None)
    return f"{said} (see {context.command_path if context else 'svbench'} --help)" if said else ""


def _printable(line: str) -> str:
    """Return a line that any terminal takes: names of files may hold bytes that are no text."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)


def _walk(folder: Path, build: Callable[[], Plan], workers: int, as_json: bool) -> None:
    from svbench.engines.local import Local
    from svbench.walk.run import walk

    options.check_folder(folder)
    plan = build()  # before the folder is made: a refused command leaves none
    _announce(plan)
    with progress_bars() as progress:
        table = walk(plan, folder, Local(workers), progress)
    _print(table, folder, as_json)


def _announce(plan: Plan) -> None:
    """Print which columns will be absent, before hours of work."""
    from svbench.walk.plan import Unavailable

    for column in plan.columns:
        if isinstance(column, Unavailable):
            print(f"svbench: note: {column.title} will be absent: {column.reason}", file=sys.stderr)


def _print(table: ResultTable, folder: Path, as_json: bool) -> None:
    from svbench.files.results import dump_table, load_scores
    from svbench.reports.tables.sheet import arrange
    from svbench.reports.tables.text import show

    if as_json:
        typer.echo(dump_table(table), nl=False)
        return
    show([arrange(table, load_scores(folder))])
    typer.echo(f"results: {folder / 'results.json'}   per clip: {folder / 'scores.csv'}")


cli_training.register(app)
cli_sweep.register(app, _walk)
cli_reports.register(app)
cli_pages.register(app)
cli_weights.register(app)
cli_listing.register(app)
