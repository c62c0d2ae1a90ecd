"""Clips made elsewhere that join a run as rows: `--systems NAME=FOLDER` or `NAME=LIST`.

They are judged as `svbench score` judges them, at the format of the data set, and paired with the
other rows by request: see `svbench.datasets.answers`. A set that a run of svbench stored
(`RUN/samples/SYSTEM`) is paired by the requests in its manifest. Nothing of them is copied, and a
clip that changed is measured anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from svbench.catalog.systems import SYSTEMS
from svbench.config import PLACE, RunConfig
from svbench.datasets.answers import Answers, find_answers
from svbench.datasets.manifest import Found, find
from svbench.datasets.scored import RESERVED
from svbench.errors import ConfigError, DataError
from svbench.files.destinations import read_path
from svbench.files.set_manifest import MANIFEST, read_listed
from svbench.files.text import shown
from svbench.types import Example
from svbench.walk.plan import Join, Joined

SOURCE: Final = "clips of"  # of the settings of a row


def plan_joined(config: RunConfig, out: Path) -> Join:
    """Return what finds the clips of each joined row for the real clips of a run.

    Raises ConfigError for a name that is taken, DataError for places that hold no clips.
    """
    places = config.joined
    taken = {*RESERVED, *(SYSTEMS.names(config.plugins) if places else ())}
    if clashing := [name for name in places if name in taken]:
        raise ConfigError(
            f"{_where(config, clashing[0])}: found the name of a system, expected another name for "
            "clips made elsewhere"
        )
    sets = joined_sets(config, out)

    def join(examples: Sequence[Example]) -> list[Joined]:
        return [
            _row(name, places[name], found)
            for name, found in joined_answers(config, sets, examples).items()
        ]

    return join


def joined_sets(config: RunConfig, out: Path) -> dict[str, Found]:
    """Return the clips of the place of each joined row, but those below the run folder `out`.

    Raises ConfigError or DataError where there are none.
    """
    return {name: _find(config, name, out) for name in config.joined}


def joined_answers(
    config: RunConfig, sets: Mapping[str, Found], examples: Sequence[Example]
) -> dict[str, Answers]:
    """Return the answers of each joined row to the requests of examples."""
    return {
        name: find_answers(
            name,
            _where(config, name),
            found,
            examples,
            config.repeats,
            allow_missing=config.allow_missing,
        )
        for name, found in sets.items()
    }


def _row(name: str, place: Path, found: Answers) -> Joined:
    source = shown(place.resolve().name)
    count = "1 clip" if len(found.clips) == 1 else f"{len(found.clips)} clips"
    note = (
        f"{shown(name)}: {count} made elsewhere ({source}), each brought to the "
        "format of this table from its start, and judged by the caption of its request"
    )
    return Joined(name, found.clips, found.absent, {SOURCE: source}, (note, *found.notes))


def _where(config: RunConfig, name: str) -> str:
    return f"--systems {name}{PLACE}{config.joined[name]}"


def _find(config: RunConfig, name: str, out: Path) -> Found:
    """Return the clips of a place; where it was cut at a comma, the error says so."""
    place = read_path(config.joined[name], f"--systems {name}")
    try:
        return _with_requests(find(place, out=out), place)
    except DataError as error:
        word = f"{name}{PLACE}{place}"
        following = (
            config.systems[config.systems.index(word) + 1 :] if word in config.systems else ()
        )
        if following and Path(f"{place},{following[0]}").exists():
            raise ConfigError(
                f"--systems {word}: found a path with a comma, which ends a name here; expected "
                "another path (a link will do), or a list of names in Python"
            ) from error
        raise DataError(f"--systems {name}: {error}") from error


def _with_requests(found: Found, place: Path) -> Found:
    """Return clips with the ids of the requests that a run of svbench stored them for, if any."""
    stored = {
        PurePosixPath(file).with_suffix("").as_posix(): listed.request
        for file, listed in read_listed(place / MANIFEST).items()
    }
    if not any(stored.values()) or len(found.sets) != 1:
        return found
    ((name, clips),) = found.sets.items()
    clips = tuple(replace(clip, id=stored.get(clip.id) or clip.id) for clip in clips)
    return replace(found, sets={name: clips}, named=frozenset({name}))
