"""Clips made elsewhere as answers to the requests of a run, as `--systems NAME=PLACE` names them.

Ids
---
A clip answers the request of its id, `<example id>/<repeat>`; an example's id alone stands for its
first repeat. Where the ids of a set are derived from its paths, and are those of no request or
those of other captions, the k-th clip of a caption answers the k-th request of it, as in
`svbench.datasets.scored`; the first repeats of all examples come before the second ones.

A set is asked for as many repeats as it has clips of, and at most for those of the run. Clips have
the captions of their requests, whatever their own are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from svbench.datasets.manifest import Found
from svbench.datasets.scored import named, pair_by_caption
from svbench.errors import DataError
from svbench.files.text import shown
from svbench.types import Example

REQUESTS: Final = "the requests"
LACKING: Final = "its folder or list has no such clip"


@dataclass(frozen=True, slots=True)
class Answers:
    """The clips of a set that answer requests.

    Parameters
    ----------
    clips : tuple of Example
        their ids and captions are those of the requests, in whose order they come
    absent : mapping
        request without a clip -> one line
    notes : tuple of str
        what was passed over, surplus or paired by caption
    """

    clips: tuple[Example, ...]
    absent: Mapping[str, str]
    notes: tuple[str, ...]


def find_answers(
    name: str,
    where: str,
    found: Found,
    examples: Sequence[Example],
    repeats: int = 1,
    *,
    allow_missing: bool = False,
) -> Answers:
    """Return which clips of a set answer which requests.

    Parameters
    ----------
    name : str
        of the row
    where : str
        the option that named the set, for messages
    found : Found
        the set
    examples : sequence of Example
        of the run, in its order
    repeats : int
        requests per example (Default value = 1)
    allow_missing : bool
        whether some requests may stay without a clip (Default value = False)

    Raises
    ------
    ConfigError
        where there are several sets
    DataError
        where two clips answer a request, or none does
    """
    own, clips = found.only(where)
    asked = {f"{e.id}/{k}": replace(e, id=f"{e.id}/{k}") for k in range(repeats) for e in examples}
    sets = {name: _as_requests(clips, {e.id for e in examples}, where)}
    unnamed = [] if own in found.named else [name]
    paired = pair_by_caption(tuple(asked.values()), sets, unnamed, REQUESTS)
    given = {clip.id: clip for clip in sets[name]}
    wanted = _wanted(examples, asked.keys() & given.keys())
    absent = [request for request in wanted if request not in given]
    _check_answered(where, wanted, absent, clips, allow_missing=allow_missing)
    return Answers(
        clips=tuple(replace(given[r], caption=asked[r].caption) for r in wanted if r in given),
        absent=dict.fromkeys(absent, LACKING),
        notes=(*found.notes, *paired, *_surplus(name, [i for i in given if i not in asked])),
    )


def _as_requests(clips: Sequence[Example], examples: set[str], where: str) -> tuple[Example, ...]:
    """Return clips that have an example's id with that of its first request."""
    ids = [f"{clip.id}/0" if clip.id in examples else clip.id for clip in clips]
    twice = [request for request, count in Counter(ids).items() if count > 1]
    if twice:
        raise DataError(
            f"{where}: found two clips of {shown(twice[0])} (one of them called without the "
            "repeat), expected one"
        )
    return tuple(replace(clip, id=i) for clip, i in zip(clips, ids, strict=True))


def _wanted(examples: Sequence[Example], answered: set[str]) -> list[str]:
    """Return the requests that a set is asked for, in their order: of the repeats that it has."""
    last = max((int(request.rpartition("/")[2]) for request in answered), default=0)
    return [f"{e.id}/{k}" for e in examples for k in range(last + 1)]


def _check_answered(
    where: str,
    wanted: Sequence[str],
    absent: Sequence[str],
    clips: Sequence[Example],
    *,
    allow_missing: bool,
) -> None:
    """Raise DataError where no request has a clip, or one has none and that is not allowed."""
    first = {request.rpartition("/")[2] for request in wanted} == {"0"}
    ids = [request.rpartition("/")[0] for request in absent] if first else absent
    if wanted and len(absent) == len(wanted):
        raise DataError(
            f"{where}: found {len(clips)} clips ({named([c.id for c in clips])}), none by id or "
            f"caption of a request of this run, expected clips of {named(ids)}"
        )
    if absent and not allow_missing:
        raise DataError(
            f"{where}: found no clip of {len(absent)} of {len(wanted)} requests ({named(ids)}), "
            "expected all; leave them out knowingly by --allow-missing"
        )


def _surplus(name: str, ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    clips = "1 clip answers" if len(ids) == 1 else f"{len(ids)} clips answer"
    return [f"{shown(name)}: {clips} no request of this run, and not judged ({named(ids)})"]
