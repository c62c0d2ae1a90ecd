"""Detectors of AV-Align from a file: what `svbench tune-avalign` chose, or values of one's own.

A file is a JSON object with `onsets`, `flow`, `peaks` and `curve`, each an object of settings (see
`OnsetSettings`, `FlowSettings`, `PeakSettings`, `CurveSettings`; what is left out has its published
value), or an object that holds such a one as `best`, as `tuned.json` does. With `impacts`, an
`ImpactModel`, motion peaks are impacts, and flow, peaks and curve do not matter. Other settings,
and values of another kind, are an error: a misspelt one would silently judge as published.

The detectors are called by the file's stem and the start of its digest; the whole digest goes on
record with the column, and into the key of what was extracted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object, shown
from svbench.metrics.avalign.events import DETECTORS, Detectors
from svbench.metrics.avalign.impacts import ImpactModel
from svbench.metrics.avalign.motion import CurveSettings, FlowSettings, PeakSettings
from svbench.metrics.avalign.onsets import OnsetSettings

WHAT: Final = "the detectors of AV-Align, as svbench tune-avalign writes them"
PARTS: Final = {
    "onsets": OnsetSettings,
    "flow": FlowSettings,
    "peaks": PeakSettings,
    "curve": CurveSettings,
}
IMPACTS: Final = "impacts"  # a model in place of flow, peaks and curve; every value is needed
SHOWN: Final = 10  # letters of the digest in a name


def find_detectors(name: str) -> Detectors:
    """Return detectors by name, or from a file that ends in .json.

    Raises ConfigError for a name that there is not.
    """
    if name.endswith(".json"):
        return read_detectors(Path(name))
    if name not in DETECTORS:
        raise ConfigError(
            f"--metrics: found detectors {name!r}, expected one of {', '.join(DETECTORS)} or a "
            "FILE.json as tune-avalign writes it, each also with +native"
        )
    return DETECTORS[name]


def read_detectors(path: Path) -> Detectors:
    """Read detectors; raise DataError in one line if the file holds anything else."""
    found = read_object(path, WHAT)
    best = found.get("best", found)
    if not isinstance(best, Mapping) or not {*PARTS, IMPACTS} & best.keys():
        raise DataError(f"{path}: found none of {', '.join(PARTS)}, expected {WHAT}")
    strange = [name for name in best if name not in (*PARTS, IMPACTS, "name")]
    if strange:
        expected = ", ".join((*PARTS, IMPACTS))
        raise DataError(f"{path}: found {shown(strange[0])!r}, expected {expected} alone")
    digest = digest_file(path, WHAT)
    stem = re.sub(r"[^\w.-]", "_", path.stem)
    parts = {part: _part(path, part, best[part]) for part in PARTS if part in best}
    if IMPACTS in best:
        parts[IMPACTS] = _impacts(path, best[IMPACTS])
    return Detectors(name=f"{stem}-{digest[:SHOWN]}", source=digest, **parts)


def _part(path: Path, part: str, values: Any) -> Any:
    """Build one group of settings."""
    kind = PARTS[part]
    if not isinstance(values, Mapping):
        raise DataError(f"{path}: {part}: found {shown(repr(values))}, expected an object")
    usual = {f.name: f.default for f in fields(kind)}
    for name, value in values.items():
        if name not in usual:
            raise DataError(
                f"{path}: {part}: found {shown(name)!r}, expected some of {', '.join(usual)}"
            )
        if not _alike(value, usual[name]):
            expected = type(usual[name]).__name__
            raise DataError(
                f"{path}: {part}.{name}: found {shown(repr(value))}, expected a value of type "
                f"{expected}"
            )
    try:
        return kind(**values)
    except ConfigError as error:
        raise DataError(f"{path}: {error}") from error


def _impacts(path: Path, values: Any) -> ImpactModel:
    """Build a model of impacts."""
    names = [f.name for f in fields(ImpactModel)]
    if not isinstance(values, Mapping) or set(values) != set(names):
        raise DataError(f"{path}: impacts: expected an object of {', '.join(names)}")
    weights, reach = values["weights"], values["reach"]
    numbers = (
        [*weights, *(values[n] for n in names if n not in ("weights", "reach"))]
        if (isinstance(weights, list))
        else [None]
    )
    if not all(_alike(number, 0.0) for number in numbers) or not _alike(reach, 0):
        raise DataError(f"{path}: impacts: expected finite numbers, and a list of them as weights")
    try:
        return ImpactModel(**{**values, "weights": tuple(map(float, weights))})
    except ConfigError as error:
        raise DataError(f"{path}: {error}") from error


def _alike(value: Any, usual: Any) -> bool:
    """Return whether a value is of the type of the usual one; a float may be written whole."""
    if isinstance(usual, float):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return type(value) is type(usual)
