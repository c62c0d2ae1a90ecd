"""Plug-ins: metrics, systems and data sets of other packages.

A plug-in is a package with entry points, or a module that is named by `--plugin`:

| table    | group of entry points | attribute of a module | entry                                 |
|----------|-----------------------|-----------------------|---------------------------------------|
| metrics  | `svbench.metrics`     | `METRICS`             | `svbench.MetricEntry`                 |
| systems  | `svbench.systems`     | `SYSTEMS`             | `svbench.SystemEntry`                 |
| datasets | `svbench.datasets`    | `DATASETS`            | `svbench.Dataset`                     |

An entry point's name is the name on the command line; its value is the entry, or a function without
parameters that returns it. The attribute of a module is a mapping from names to the same. Packages
are searched when a name is looked up that svbench does not have, or when all names are listed; one
is imported when a name of its own is looked up. The modules of a call are part of its settings, so
they are unknown to the next call.

Origin
------
The origin of an entry is the name and version of its package, or of its module; a module without a
`__version__` is known by the digest of its file. The origin is part of the key of a plug-in's
features and of what decides its clips, so another version extracts and generates anew.

References
----------
https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from types import ModuleType
from typing import Final, ParamSpec, TypeVar

from svbench.errors import ConfigError, SvbenchError

P = ParamSpec("P")
R = TypeVar("R")

TABLES: Final = ("metrics", "systems", "datasets")
REASON: Final = 300  # characters of an exception's message


@dataclass(frozen=True, slots=True)
class Offer:
    """An entry that a plug-in offers, not loaded yet."""

    name: str
    origin: str
    load: Callable[[], object]


def installed(table: str) -> Iterator[Offer]:
    """Yield what installed packages offer for a table; none of them is imported."""
    from importlib.metadata import entry_points

    for point in entry_points(group=f"svbench.{table}"):
        package = point.dist
        origin = f"{package.name} {package.version}" if package is not None else point.value
        yield Offer(point.name, origin, point.load)


def of_modules(table: str, modules: Sequence[str]) -> Iterator[Offer]:
    """Import modules and yield what they offer for a table.

    Raises
    ------
    ConfigError
        if a module cannot be imported, or offers nothing for any table
    """
    for name in dict.fromkeys(modules):
        module = _imported(name)
        origin = _origin(module)
        offered = getattr(module, table.upper(), {})
        if not isinstance(offered, Mapping):
            raise ConfigError(
                f"plug-in {origin}: found {type(offered).__name__} {table.upper()}, expected a "
                "mapping from names to entries"
            )
        for key, value in offered.items():
            yield Offer(str(key), origin, partial(_identity, value))


def _identity(value: object) -> object:
    return value


def _imported(name: str) -> ModuleType:
    with blaming(name, ConfigError):
        module = importlib.import_module(name)
    attributes = [table.upper() for table in TABLES]
    if not any(hasattr(module, attribute) for attribute in attributes):
        raise ConfigError(f"--plugin {name}: found none of {', '.join(attributes)} in it")
    return module


def _origin(module: ModuleType) -> str:
    from svbench.compute import digest_file

    name, file = module.__name__, getattr(module, "__file__", None)
    if (version := getattr(module, "__version__", None)) is not None:
        return f"{name} {version}"
    return name if file is None else f"{name} sha256:{digest_file(Path(file))[:12]}"


# --- errors ------------------------------------------------------------------------------------


@contextmanager
def blaming(origin: str, kind: type[SvbenchError]) -> Iterator[None]:
    """Raise what a plug-in raises as an error of svbench that names the plug-in.

    Parameters
    ----------
    origin : str
        of the plug-in
    kind : type
        of the error in place of an exception that is none of svbench's; those of svbench keep
        their type

    Raises
    ------
    SvbenchError
        in place of any exception, but a device that is out of memory: the batch was too large
    """
    try:
        yield
    except SvbenchError as error:
        lines = (f"plug-in {origin}: {line}" for line in str(error).split("\n"))
        raise type(error)("\n".join(lines)) from error
    except (Exception, SystemExit) as error:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(error, torch.OutOfMemoryError):
            raise
        text = " ".join(str(error).split())
        reason = f": {text:.{REASON}}" if text else ""
        raise kind(f"plug-in {origin}: {type(error).__name__}{reason}") from error


def guarded(function: Callable[P, R], origin: str, kind: type[SvbenchError]) -> Callable[P, R]:
    """Return a function of a plug-in whose exceptions name the plug-in; see `blaming`."""

    @wraps(function)
    def called(*args: P.args, **keywords: P.kwargs) -> R:
        with blaming(origin, kind):
            return function(*args, **keywords)

    return called
