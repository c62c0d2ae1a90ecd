"""The command line: read flags, build, walk, print. No logic of its own lives here.

Every import that costs time stands inside the command that needs it, so that `svbench --help`
answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from svbench import cli_pages, cli_reports, cli_sweep, cli_training
from svbench._version import __version__
from svbench.errors import SvbenchError

if TYPE_CHECKING:
    from svbench.config import RunConfig, ScoreConfig
    from svbench.run import Plan
    from svbench.types import ResultTable

app = typer.Typer(
    name="svbench",
    help="The benchmark for sounding video generation: video and sound, made together.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

weights = typer.Typer(
    help="List, fetch, verify and import the weights of other people's networks.",
    no_args_is_help=True,
)
app.add_typer(weights, name="weights")

Metrics = Annotated[
    str | None,
    typer.Option(help="Comma-separated, e.g. av-align-corrected@published; default: the usual."),
]
Seed = Annotated[int, typer.Option(help="Decides draws, pairs and intervals.")]
Workers = Annotated[int, typer.Option(help="Threads; changes the time, never the result.")]
Json = Annotated[bool, typer.Option("--json", help="Print results.json instead of the table.")]
AllowMissing = Annotated[
    bool, typer.Option(help="Leave out clips that cannot be judged; the table says how many.")
]
Strict = Annotated[
    bool, typer.Option(help="Fail where a column cannot be filled, say for want of weights.")
]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"svbench {__version__}")
        raise typer.Exit


@app.command()
def run(
    dataset: Annotated[str, typer.Option(help="greatesthits, landscape or vggsound.")],
    out: Annotated[
        Path | None, typer.Option(help="The run folder; default: runs/<dataset>-<scale>.")
    ] = None,
    scale: Annotated[str, typer.Option(help="mini (drawn data, a laptop) or paper.")] = "mini",
    systems: Annotated[str | None, typer.Option(help="Comma-separated; default: all.")] = None,
    metrics: Metrics = None,
    limit: Annotated[int | None, typer.Option(help="Judge only the first so many clips.")] = None,
    repeats: Annotated[int, typer.Option(help="Samples per caption.")] = 1,
    seed: Seed = 0,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder of the real data set.", envvar="SVBENCH_DATA")
    ] = None,
    captions: Annotated[Path | None, typer.Option(help="Caption list (CSV: file, text).")] = None,
    weights: Annotated[list[str] | None, typer.Option(help="FOLDER or SYSTEM=FOLDER.")] = None,
    preset: Annotated[str, typer.Option(help="paper, or official-code.")] = "paper",
    steps: Annotated[int | None, typer.Option(help="Sampler steps; default: preset's.")] = None,
    gamma: Annotated[str | None, typer.Option(help="Of Eq. 8; 1,1.5: a row for each.")] = None,
    guidance: Annotated[str | None, typer.Option(help="Sound and video: 2.5,7.5.")] = None,
    device: Annotated[str, typer.Option(help="Of joint models: auto, cpu, cuda:1.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    batch: Annotated[int | None, typer.Option(help="Clips that are sampled together.")] = None,
    compile: Annotated[bool, typer.Option(help="Compile the U-Nets by block.")] = False,  # noqa: A002
    allow_missing: AllowMissing = False,
    strict: Strict = False,
    workers: Workers = CORES,
    json: Json = False,
) -> None:
    """Generate and score the systems of a table on a data set; the same command resumes.

    Example: svbench run --dataset greatesthits
    """
    from svbench.catalog import DATASETS, known, plan_run
    from svbench.config import RunConfig

    known(DATASETS, dataset, "dataset")  # before its name becomes that of a folder
    config = RunConfig.of(
        dataset=dataset,
        scale=scale,
        systems=_names(systems),
        metrics=_names(metrics),
        limit=limit,
        repeats=repeats,
        seed=seed,
        data_root=data_root if scale != "mini" or "SVBENCH_DATA" not in os.environ else None,
        captions=captions,
        weights=tuple(weights or ()),
        **{"preset": preset, "steps": steps, "gamma": _names(gamma), "device": device},
        guidance=_names(guidance) or None,
        **{"dtype": dtype, "batch": batch, "compile": compile},
        allow_missing=allow_missing,
        strict=strict,
    )
    folder = out or Path("runs") / f"{config.dataset}-{config.scale}"
    _walk(config, folder, lambda: plan_run(config, folder), workers, json)


@app.command()
def score(
    generated: Annotated[list[Path], typer.Argument(help="Folders or .jsonl lists of clips.")],
    reference: Annotated[Path, typer.Option(help="Folder or list of real clips.")],
    out: Annotated[Path | None, typer.Option(help="Default: runs/score-<name>.")] = None,
    captions: Annotated[
        Path | None, typer.Option(help="Captions by id: .jsonl, or CSV (file, text).")
    ] = None,
    metrics: Metrics = None,
    frames: Annotated[int, typer.Option(help="Frames judged per clip.")] = 32,
    fps: Annotated[float, typer.Option(help="Frames per second judged.")] = 8.0,
    size: Annotated[str, typer.Option(help="Pixels judged: 256, or HEIGHTxWIDTH.")] = "256",
    sample_rate: Annotated[int, typer.Option(help="Audio samples per second judged.")] = 16000,
    pad: Annotated[bool, typer.Option(help="Fill up clips that are too short.")] = False,
    seed: Seed = 0,
    allow_missing: AllowMissing = False,
    strict: Strict = False,
    workers: Workers = CORES,
    json: Json = False,
) -> None:
    """Score clips made elsewhere; each folder (or `system` in a list) becomes a row.

    Example: svbench score my-model/ --reference test-set/
    """
    from svbench.catalog import plan_score
    from svbench.config import ScoreConfig

    config = ScoreConfig.of(
        generated=tuple(generated),
        reference=reference,
        captions=captions,
        metrics=_names(metrics),
        frames=frames,
        fps=fps,
        size=_size(size),
        sample_rate=sample_rate,
        pad=pad,
        seed=seed,
        allow_missing=allow_missing,
        strict=strict,
    )
    folder = out or Path("runs") / f"score-{generated[0].resolve().stem}"
    _walk(config, folder, lambda: plan_score(config), workers, json)


@app.command("tune-avalign")
def tune_avalign(
    data_root: Annotated[
        Path | None, typer.Option(help="Annotated Greatest Hits; default: drawn, hard clips.")
    ] = None,
    actions: Annotated[str, typer.Option(help="What counts as a hit.")] = "hit,scratch,None",
    tolerance: Annotated[float, typer.Option(help="Seconds a hit may be missed by.")] = 1 / 15,
    clips: Annotated[int, typer.Option(help="At most so many clips to train, and to test.")] = 64,
    fps: Annotated[float, typer.Option(help="Frames per second real clips are read at.")] = 15.0,
    out: Annotated[Path, typer.Option(help="Folder of the figures.")] = Path("runs/tune-avalign"),
    seed: Seed = 0,
    workers: Workers = CORES,
) -> None:
    """Choose onset and motion-peak settings on annotated hits; report them on others.

    Example: svbench tune-avalign --data-root vis-data-256 --actions hit
    """
    from svbench.engine import Local
    from svbench.errors import ConfigError
    from svbench.tune import Asked, tune

    if workers < 1:
        raise ConfigError(f"--workers: got {workers}, expected 1 or more")
    asked = Asked(data_root, _names(actions), tolerance, clips, fps, seed)
    with _progress() as progress:
        typer.echo(tune(asked, out, Local(workers), progress))
    typer.echo(f"settings and figures: {out / 'tuned.json'}   worst clips: {out / 'worst.svg'}")


@app.command("train-extractors")
def train_extractors(
    out: Annotated[Path, typer.Option(help="Folder to write; the drawn clips lie in data/.")],
    clips: Annotated[int, typer.Option(help="Drawn clips to learn from.")] = 1600,
    seed: Annotated[int, typer.Option(help="Decides clips, first weights and order.")] = 1000,
    threads: Annotated[int, typer.Option(help="Threads; with more, sums round otherwise.")] = 1,
    scenes: Annotated[
        bool, typer.Option("--scenes", help="The ImageBind of Landscape and VGGSound instead.")
    ] = False,
) -> None:
    """Train the miniature I3D, VGGish and ImageBind that svbench ships: some 10 minutes.

    Example: svbench train-extractors --out runs/extractors
    """
    from svbench import train_extractors, train_scenes

    course = train_extractors.Course(clips=clips, seed=seed, threads=threads)
    (train_scenes if scenes else train_extractors).train(out, course, typer.echo)
    typer.echo(f"weights, and how they came about: {out / 'MADE.json'}")


@weights.command("list")
def weights_list() -> None:
    """Show which weights there are, under which licence, and which lie in the folder.

    Example: svbench weights list
    """
    from rich.console import Console
    from rich.table import Table

    from svbench import weights as store

    table = Table(title=f"weights in {store.folder()}", title_justify="left", show_lines=True)
    for heading in ("name", "what", "file", "size", "licence", "here"):
        table.add_column(heading, overflow="fold")
    for name, known in store.PUBLISHED.items():
        found = store.find(name)
        here = f"yes, sha256 {found.sha256[:12]}" if found else "no"
        size = f"{known.size / 1e6:,.1f} MB"
        table.add_row(name, known.what, known.file, size, known.licence, here)
    Console().print(table)


@weights.command("fetch")
def weights_fetch(
    names: Annotated[list[str], typer.Argument(help="Names as in `svbench weights list`.")],
    offline: Annotated[bool, typer.Option(help="Download nothing: fail if absent.")] = False,
) -> None:
    """Download weights; an interrupted download is gone on with.

    Example: svbench weights fetch i3d vggish
    """
    from rich.progress import DownloadColumn, Progress

    from svbench import weights as store

    for name in names:
        known = store.entry(name)
        if offline:
            typer.echo(f"{name}: {store.require(name).path}")
            continue
        typer.echo(f"{name}: {known.what}; licence: {known.licence}; from {known.address}")
        with Progress(*Progress.get_default_columns(), DownloadColumn()) as bars:
            task = bars.add_task(known.file, total=known.size)
            found = store.fetch(
                name,
                lambda done, whole, task=task: bars.update(  # type: ignore[misc]
                    task, completed=done, total=whole or None
                ),
            )
        typer.echo(f"{name}: {found.path} (sha256 {found.sha256})")


@weights.command("verify")
def weights_verify() -> None:
    """Read every byte of the weights in the folder and compare digests.

    Example: svbench weights verify
    """
    from svbench import weights as store

    for name in store.PUBLISHED:
        found = store.verify(name)
        typer.echo(f"{name}: {'absent' if found is None else f'right, sha256 {found.sha256}'}")


@weights.command("import")
def weights_import(
    name: Annotated[str, typer.Argument(help="A name as in `svbench weights list`.")],
    file: Annotated[Path, typer.Argument(help="The file you already have.")],
) -> None:
    """Copy a file that you have into the folder of weights, if it is the right one.

    Example: svbench weights import imagebind ~/imagebind_huge.pth
    """
    from svbench import weights as store

    found = store.put(name, file)
    typer.echo(f"{name}: {found.path} (sha256 {found.sha256})")


def main() -> None:
    """Run the command line; errors of ours become one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a sign that it cannot show is no error
    try:
        app(standalone_mode=True)
    except SvbenchError as error:
        for line in str(error).split("\n"):
            print(f"svbench: {_printable(line)}", file=sys.stderr)
        sys.exit(error.exit_code)


def _printable(line: str) -> str:
    """Return a line that any terminal takes: names of files may hold bytes that are no text."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)


def _walk(
    config: RunConfig | ScoreConfig,
    folder: Path,
    build: Callable[[], Plan],
    workers: int,
    as_json: bool,
) -> None:
    from svbench.engine import Local
    from svbench.errors import ConfigError
    from svbench.run import walk

    if workers < 1:
        raise ConfigError(f"--workers: got {workers}, expected 1 or more")
    with cli_training.stoppable(), _progress() as progress:
        table = walk(config, folder, build, Local(workers), progress)
    _print(table, folder, as_json)


def _print(table: ResultTable, folder: Path, as_json: bool) -> None:
    from svbench.reports.table import arrange
    from svbench.reports.text import show
    from svbench.results import dump_table, load_scores

    if as_json:
        typer.echo(dump_table(table), nl=False)
        return
    show([arrange(table, load_scores(folder))])
    typer.echo(f"results: {folder / 'results.json'}   per clip: {folder / 'scores.csv'}")


@contextmanager
def _progress() -> Iterator[Any]:
    """Show bars with an estimate on a terminal, one plain line per step elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())

    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        @contextmanager
        def step(label: str, total: int) -> Iterator[Callable[[int], None]]:
            if not console.is_terminal:
                print(f"{label} ({total})", file=sys.stderr, flush=True)
            task = bars.add_task(label, total=total)
            yield lambda count: bars.advance(task, count)

        yield step


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


def _size(text: str) -> tuple[int, int]:
    from svbench.errors import ConfigError

    try:
        sides = [int(side) for side in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise ConfigError(f"--size: got {text!r}, expected 256 or HEIGHTxWIDTH")
    return sides[0], sides[-1]


cli_training.register(app, _progress, _names)
cli_sweep.register(app, _walk, _names)
cli_reports.register(app, _names)
cli_pages.register(app, _names)
