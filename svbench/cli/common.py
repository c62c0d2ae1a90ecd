"""How the command line reads what is typed: paths, lists and pairs, each refused in one line.

Numbers are bounded by `svbench.limits`; this file turns words into them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object
from svbench.limits import RANGES, SEED, Range, check, check_distinct

# As many threads as this process may use.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_path(text: str) -> Path:
    """Read a path; an empty one would be the current folder."""
    if not text.strip():
        raise typer.BadParameter(f"found {text!r}, expected a path")
    return Path(text)


def path_option(about: str, **more: Any) -> Any:
    """Return an option that takes a path."""
    return typer.Option(help=about, parser=read_path, metavar="PATH", **more)


def path_argument(about: str) -> Any:
    """Return an argument that takes a path."""
    return typer.Argument(help=about, parser=read_path)


def read_word(text: str) -> str:
    """Read a name or a folder; an empty one names nothing."""
    if not text.strip():
        raise typer.BadParameter(f"found {text!r}, expected FOLDER or NAME=FOLDER")
    return text


def number(setting: str, about: str, allowed: Range | None = None) -> Any:
    """Return an option that takes a number in the range of its setting, which its help names."""
    bounds = RANGES[setting] if allowed is None else allowed
    low, high = (str(n) if bounds.whole else f"{n:g}" for n in (bounds.low, bounds.high))
    return typer.Option(
        help=f"{about} [{'above ' if bounds.above else ''}{low} to {SHORT.get(high, high)}]",
        parser=lambda text: read_number(str(text), bounds),
        metavar="INT" if bounds.whole else "FLOAT",
    )


def read_number(text: str, allowed: Range) -> float:
    """Read a number of a range."""
    try:
        found = int(text) if allowed.whole else float(text)
    except ValueError:
        found = None
    if found is None or found not in allowed:
        raise typer.BadParameter(f"found {text!r}, expected {allowed}")
    return found


# What a run keeps in its folder and other commands never write; `report` is for pages.
OWN_FILES: Final = ("run.json", "results.json", "scores.csv", "requests.jsonl", ".lock")
OWN_FOLDERS: Final = ("data", "samples", "features")
SHORT: Final = {str(SEED.high): "2^63-1"}
Workers = Annotated[int, number("workers", "Threads; they never change the result.")]
Seed = Annotated[int, number("seed", "Decides draws, pairs, noise and intervals.")]
Limit = Annotated[int | None, number("limit", "Use only the first so many clips; default: all.")]
FrameChoice = Annotated[
    str, typer.Option(help="nearest, or official: late, as ffmpeg -r cut the paper's segments.")
]
Channels = Annotated[
    str, typer.Option(help="Of recorded sound: mean, or first, as ImageBind's own loader reads.")
]
Repeats = Annotated[int, number("repeats", "Samples per caption.")]
Steps = Annotated[int | None, number("steps", "Sampler steps; default: the preset's.")]
Batch = Annotated[int | None, number("batch", "Clips that are sampled together.")]
Device = Annotated[str, typer.Option(help="Of all networks: auto, cpu, cuda:1.")]
Dtype = Annotated[str, typer.Option(help="Of the U-Nets: float32, bfloat16 or float16.")]
ScoringDtype = Annotated[
    str, typer.Option(help="Of the networks of metrics: float32, bfloat16 or float16.")
]
Guided = Annotated[str | None, typer.Option(help="Sound and video, 1 or more each: 2.5,7.5.")]
DataRoot = Annotated[
    Path | None, path_option("Folder of the real data set; not at mini.", envvar="SVBENCH_DATA")
]
Captions = Annotated[Path | None, path_option("Caption list (CSV: file, text); not at mini.")]
Folders = Annotated[
    list[str] | None, typer.Option(help="FOLDER or SYSTEM=FOLDER.", parser=read_word)
]


def names(flag: str, text: str | None) -> tuple[str, ...]:
    """Read a comma-separated list of distinct names; None was not asked for."""
    if text is None:
        return ()
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise ConfigError(f"{flag}: found {text!r}, expected names between commas, none empty")
    check_distinct(flag, found)
    return found


def numbers(flag: str, text: str | None) -> tuple[float, ...]:
    """Read a comma-separated list of distinct numbers, each in the range of its setting."""
    if text is None:
        return ()
    found = _floats(flag, text, "numbers between commas, such as 1,1.5")
    for number in found:
        check(flag.removeprefix("--"), number)
    check_distinct(flag, [f"{number:g}" for number in found])  # as rows are called
    return found


def pair(flag: str, text: str | None) -> tuple[float, ...] | None:
    """Read two numbers, of sound and of video."""
    if text is None:
        return None
    wanted = "two numbers, of sound and of video, such as 2.5,7.5"
    found = _floats(flag, text, wanted)
    if len(found) != 2:
        raise ConfigError(f"{flag}: found {text!r}, expected {wanted}")
    return found


def seeds(text: str) -> list[int]:
    """Read a list of distinct seeds."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise ConfigError(f"--seeds: found {text!r}, expected whole numbers such as 0,1,2")
    found = [int(word) for word in words]
    for seed in found:
        check("seeds", seed)
    check_distinct("--seeds", found)
    return found


def size(text: str) -> tuple[int, int]:
    """Read 256 or HEIGHTxWIDTH."""
    try:
        sides = [int(side) for side in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise ConfigError(f"--size: found {text!r}, expected 256 or HEIGHTxWIDTH")
    for side in sides:
        check("size", side)
    return sides[0], sides[-1]


def data_root(context: typer.Context, scale: str, given: Path | None) -> Path | None:
    """Return the data set's folder; what only SVBENCH_DATA says is not meant for a miniature."""
    source = context.get_parameter_source("data_root")
    from_environment = source is not None and source.name == "ENVIRONMENT"
    return None if scale == "mini" and from_environment else given


def check_folder(path: Path, flag: str = "--out") -> None:
    """Refuse a folder that cannot be made or written to, before anything is."""
    there = next((p for p in (path, *path.parents) if os.path.lexists(p)), None)
    if there is None:
        return
    if not there.is_dir():
        what = "a file" if there.exists() else "a link to nothing"
        raise ConfigError(f"{flag} {path}: found {what} at {there}, expected a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"{flag} {path}: cannot be written to (Permission denied)")


def check_file(path: Path | None, flag: str, runs: Sequence[Path] = ()) -> None:
    """Refuse a file that cannot be written because of what lies there, or that a run keeps.

    Parameters
    ----------
    path : Path or None
        the file to write; None was not asked for
    flag : str
        the option that named it
    runs : Sequence[Path]
        run folders, or files of results, that the command reads (Default value = (): none)
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"{flag} {path}: found a folder, expected a file to write")
    check_folder(path.parent, flag)
    check_apart(path, flag, runs)


def check_apart(path: Path, flag: str, runs: Sequence[Path] = ()) -> None:
    """Refuse to write over what a run keeps of its own: its table, its scores, its clips."""
    place = Path(os.path.realpath(path.parent), path.name)  # a link would be replaced itself
    read = {Path(os.path.realpath(run)) for run in runs}
    given = read | {run.parent for run in read if run.is_file()}
    for folder in place.parents:
        name = place.relative_to(folder).parts[0]
        files = name in OWN_FILES and folder in given
        if files or place in read or (name in (*OWN_FILES, *OWN_FOLDERS) and _is_run(folder)):
            raise ConfigError(
                f"{flag} {path}: found {name} of the run in {folder}, expected a place apart "
                "from it"
            )


def _is_run(folder: Path) -> bool:
    """Return whether `svbench run` or `svbench score` wrote a folder."""
    file = folder / "run.json"
    try:
        return file.is_file() and read_object(file, "a run").get("command") in ("run", "score")
    except (DataError, OSError):
        return False


def check_together(flag: str, given: bool, wanted: str) -> None:
    """Refuse an option that has no effect here; `wanted` says beside what it has one."""
    if given:
        raise ConfigError(f"{flag}: found it where it has no effect, expected it only {wanted}")


def _floats(flag: str, text: str, wanted: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise ConfigError(f"{flag}: found {text!r}, expected {wanted}") from error
