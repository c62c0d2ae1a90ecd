"""Checks before a plan is made: settings without effect, paths of the wrong kind.

A setting that a run would ignore is an error, for whoever sets it believes that it decides the
table. Nothing is written here, so a refused command leaves no folder behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from svbench.catalog.metrics import reads_captions
from svbench.compute import Machine
from svbench.config import RunConfig
from svbench.datasets.scored import REFERENCE, Scored, missing_captions
from svbench.errors import ConfigError, DataError
from svbench.limits import flag
from svbench.protocols import Metric
from svbench.types import Example
from svbench.walk.plan import Unavailable

SHOWN: Final = 5  # clips that a message names
# These change the clips of models alone; controls are made of real clips.
OF_MODELS: Final = tuple(
    name for name in ("repeats", "gamma", *RunConfig.sampling) if name not in RunConfig.scores
)


def check_effects(config: RunConfig, reads: Mapping[str, Sequence[str]]) -> None:
    """Raise ConfigError for a setting of models that no system reads; `reads` is by system."""
    used = {name for of in reads.values() for name in of}
    settings = dict(config)
    for name in OF_MODELS:
        value = settings[name]
        if name not in used and value != RunConfig.model_fields[name].default:
            raise ConfigError(
                f"{flag(name)}: found {_shown(value)}, expected it only beside a joint model; "
                f"the rows are {', '.join(reads)}"
            )


def check_scoring(
    machine: Machine, columns: Sequence[Metric | Unavailable], prefix: str = ""
) -> None:
    """Refuse a device that is not there, and what no network of a metric computes with.

    That are a precision and a size of batches, whose settings begin with `prefix`. A column that is
    not available may be one of a network, so it is no reason to refuse.
    """
    if machine.device != "auto":
        _ = machine.kind
    networks = (
        isinstance(column, Unavailable) or hasattr(column.extractor, "machine")
        for column in columns
    )
    given = {"dtype": machine.dtype, "batch": machine.batch}
    changed = [name for name, value in given.items() if value not in ("float32", None)]
    if changed and not any(networks):
        raise ConfigError(
            f"{flag(prefix + changed[0])}: found {given[changed[0]]}, expected it only beside a "
            "metric that runs a network; the columns are "
            f"{', '.join(column.name for column in columns)}"
        )


def check_data(config: RunConfig) -> None:
    """Raise ConfigError for paths of data that a scale does not read, or of the wrong kind."""
    if config.scale == "mini":
        for name, path in (("data_root", config.data_root), ("captions", config.captions)):
            if path is not None:
                raise ConfigError(
                    f"{flag(name)} {path}: the miniature is drawn by svbench itself, "
                    "expected no data; for the real data set add --scale paper"
                )
        return
    root = real_root(config)
    if root.exists() and not root.is_dir():
        raise ConfigError(f"--data-root {root}: found a file, expected a folder")
    check_captions(config.captions)


def check_captions(path: Path | None) -> None:
    """Raise ConfigError for a folder where a list of captions is meant."""
    if path is not None and path.is_dir():
        raise ConfigError(f"--captions {path}: found a folder, expected a file")


def real_root(config: RunConfig) -> Path:
    """Return the folder of the real data set; raise ConfigError where none is set."""
    if config.data_root is None:
        raise ConfigError(
            f"--data-root: not given, expected the folder of the {config.dataset} data set "
            "(or set SVBENCH_DATA); without data, use --scale mini"
        )
    return config.data_root


def check_captioned(
    columns: Sequence[Metric | Unavailable],
    sets: Mapping[str, Sequence[Example]],
    plugins: Sequence[str] = (),
) -> None:
    """Raise DataError where metrics read captions that clips lack, before any clip is read."""
    filled = [column.name for column in columns if not isinstance(column, Unavailable)]
    reading = ", ".join(name for name in filled if reads_captions(name, plugins))
    if not reading:
        return
    problems = []
    for name, examples in sets.items():
        bare = [example.id for example in examples if not example.caption.strip()]
        if bare:
            more = ", ..." if len(bare) > SHOWN else ""
            problems.append(
                f"--metrics {reading}: {len(bare)} of {len(examples)} clips of {name} have no "
                f"caption, expected one for each (see --captions): {', '.join(bare[:SHOWN])}{more}"
            )
    if problems:
        raise DataError.of(problems)


def usual_of_captions(
    columns: Sequence[Metric | Unavailable], found: Scored, strict: bool
) -> tuple[tuple[Metric | Unavailable, ...], tuple[str, ...]]:
    """Return the columns that read captions, as far as clips have them, and notes.

    A row of clips that all have one is judged, whatever others lack: their cells are absent, with
    the reason. Where there is no such row the columns stay empty; where no clip has a caption,
    there are no such columns, and a note instead.
    """
    sets = {**found.folders, REFERENCE: found.real}
    missing = missing_captions(sets)
    whole = any(not missing_captions({name: clips}) for name, clips in found.folders.items())
    if not missing or (whole and not strict):
        return tuple(columns), ()
    if not any(example.caption.strip() for examples in sets.values() for example in examples):
        titles = " and ".join(column.name.partition("@")[0].upper() for column in columns)
        return (), (f"no clip has a caption (see --captions), so {titles} are not judged",)
    if strict:
        raise DataError(f"--strict: {columns[0].title} cannot be computed: {missing}")
    return tuple(Unavailable(c.name, c.title, c.better, missing) for c in columns), ()


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
