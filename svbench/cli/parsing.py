"""Options that read what is typed: paths, numbers, lists and pairs, each refused in one line.

Numbers are bounded by `svbench.limits`; this module turns words into them. A reader also takes
values that are none of its words as they are: they are defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from svbench.errors import ConfigError
from svbench.files import destinations
from svbench.limits import RANGES, SEED, Range, check, check_distinct, flag

SHORT: Final = {str(SEED.high): "2^63-1"}


def path_option(about: str) -> Any:
    """Return an option that takes a path."""
    return typer.Option(help=about, parser=read_path, metavar="PATH")


def path_argument(about: str) -> Any:
    """Return an argument that takes a path."""
    return typer.Argument(help=about, parser=read_path)


def number(
    setting: str, about: str, allowed: Range | None = None, *, flags: Sequence[str] = ()
) -> Any:
    """Return an option that takes a number in the range of its setting, which its help names.

    `flags` are given where it is called by others than its name.
    """
    bounds = RANGES[setting] if allowed is None else allowed
    low, high = (str(n) if bounds.whole else f"{n:g}" for n in (bounds.low, bounds.high))
    return typer.Option(
        *flags,
        help=f"{about} [{'above ' if bounds.above else ''}{low} to {SHORT.get(high, high)}]",
        parser=lambda text: read_number(str(text), bounds),
        metavar="INT" if bounds.whole else "FLOAT",
    )


def names(setting: str, about: str, default: str = "") -> Any:
    """Return an option that takes distinct names between commas; the default is for its help."""
    return _words(about, "NAMES", lambda text: read_names(flag(setting), text), default)


def numbers(setting: str, about: str, default: str = "") -> Any:
    """Return an option that takes distinct numbers between commas, each in its setting's range."""
    return _words(about, "FLOATS", lambda text: read_numbers(flag(setting), text), default)


def seeds(about: str) -> Any:
    """Return an option that takes distinct seeds between commas."""
    return _words(about, "INTS", read_seeds, "0")


def pair(setting: str, about: str) -> Any:
    """Return an option that takes two numbers, of sound and of video."""
    return _words(about, "SOUND,VIDEO", lambda text: read_pair(flag(setting), text))


def size(about: str, default: str = "") -> Any:
    """Return an option that takes the height and width of a frame."""
    return _words(about, "SIZE", read_size, default)


def _words(about: str, metavar: str, read: Callable[[str], Any], default: str = "") -> Any:
    """Return an option whose text is read by `read`, with a ConfigError as Typer's own error.

    Typer takes a ValueError, as which a ConfigError counts, for one of its own and words it anew.
    """

    def parse(given: Any) -> Any:
        if not isinstance(given, str):
            return given
        try:
            return read(given)
        except ConfigError as error:
            raise typer.BadParameter(str(error).partition(": ")[2]) from error

    # Typer would print a default that is given as text in parentheses.
    about = f"{about.removesuffix('.')}; default: {default}." if default else about
    return typer.Option(help=about, metavar=metavar, parser=parse, show_default=False)


def read_path(text: str) -> Path:
    """Read a path; an empty one would be the current folder."""
    try:
        return destinations.read_path(text, "")
    except ConfigError as error:
        raise typer.BadParameter(str(error).removeprefix(": ")) from error


def read_word(text: str) -> str:
    """Read a name or a folder; an empty one names nothing."""
    if not text.strip():
        raise typer.BadParameter(f"found {text!r}, expected FOLDER or NAME=FOLDER")
    return text


def read_number(text: str, allowed: Range) -> float:
    """Read a number of a range."""
    try:
        plain = text.isascii() and "_" not in text  # Python takes 1_0 and signs of other scripts
        found = (int(text) if allowed.whole else float(text)) if plain else None
    except ValueError:
        found = None
    if found is None or found not in allowed:
        raise typer.BadParameter(f"found {text!r}, expected {allowed}")
    return found


def read_names(flag: str, text: str) -> tuple[str, ...]:
    """Read a comma-separated list of distinct names."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise ConfigError(f"{flag}: found {text!r}, expected names between commas, none empty")
    check_distinct(flag, found)
    return found


def read_numbers(flag: str, text: str) -> tuple[float, ...]:
    """Read a comma-separated list of distinct numbers, each in the range of its setting."""
    found = _floats(flag, text, "numbers between commas, such as 1,1.5")
    for one in found:
        check(flag.removeprefix("--"), one)
    check_distinct(flag, [f"{one:g}" for one in found])  # as rows are called
    return found


def read_pair(flag: str, text: str) -> tuple[float, float]:
    """Read two numbers, of sound and of video."""
    wanted = "two numbers, of sound and of video, such as 2.5,7.5"
    found = _floats(flag, text, wanted)
    if len(found) != 2:
        raise ConfigError(f"{flag}: found {text!r}, expected {wanted}")
    for one in found:
        check(flag.removeprefix("--"), one)
    return found[0], found[1]


def read_seeds(text: str) -> tuple[int, ...]:
    """Read a comma-separated list of distinct seeds."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise ConfigError(f"--seeds: found {text!r}, expected whole numbers such as 0,1,2")
    found = tuple(int(word) for word in words)
    for seed in found:
        check("seeds", seed)
    check_distinct("--seeds", found)
    return found


def read_size(text: str) -> tuple[int, int]:
    """Read 256, HEIGHTxWIDTH or, as lists in files come, HEIGHT,WIDTH."""
    try:
        sides = [int(side) for side in text.lower().replace(",", "x").split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise ConfigError(f"--size: found {text!r}, expected 256 or HEIGHTxWIDTH")
    for side in sides:
        check("size", side)
    return sides[0], sides[-1]


def _floats(flag: str, text: str, wanted: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise ConfigError(f"{flag}: found {text!r}, expected {wanted}") from error
