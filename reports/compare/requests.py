"""Which requests of several runs are the same, so that their rows can be compared in pairs.

A request is the same in two runs where its id names the same real clip (the same files from the
same start, as `requests.jsonl` of a run folder records) and the same caption; a caption that one
of them does not know does not count. So a run may be a part of another, and a table of `svbench
score` may join that of `svbench run`. Of runs without such a record (made before there was one, or
of which results.json alone was kept) only the set of real clips as a whole is known: their ids name
the same requests where those sets are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from svbench.files.results import Asked, ClipValues
from svbench.types import ResultTable

REAL: Final = "real set"  # of a table's record: the digest of its real clips
UNSCORED: Final = "no scores of single clips (scores.csv), so nothing of it is paired"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was read; what was not at hand is None."""

    name: str
    table: ResultTable
    scores: ClipValues | None
    requests: Mapping[str, Asked] | None = None  # by example id


@dataclass(slots=True)
class SharedRequests:
    """Names for the requests of several runs: equal where the requests are."""

    known: dict[str, Asked] = field(default_factory=dict)  # example, as named -> what it is
    names: dict[str, dict[str, str]] = field(default_factory=dict)  # run -> example -> name
    runs: list[Run] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Add the requests of one more run."""
        like = self._like(run)
        named = {} if like is None else self.names[like.name]
        for example in _examples(run):
            asked = (run.requests or {}).get(example)
            if like is None:
                named[example] = self._name(run, example, asked)
            else:
                named.setdefault(example, self._name(like, example, asked))
        self.names[run.name] = named
        self.runs.append(run)

    def named(self, run: Run, values: Mapping[str, float]) -> Mapping[str, float]:
        """Return the values of clips by the names that their requests have here."""
        names = self.names[run.name]
        return {_renamed(request, names): value for request, value in values.items()}

    def shared(self, run: Run, first: Run) -> int:
        """Return how many examples of a run are examples of another as well."""
        return len(self._in(run) & self._in(first))

    def note(self, run: Run, first: Run) -> str:
        """Return what a reader must know of how a run is paired with the first; "" if all is."""
        if run.scores is None:
            return f"{run.name}: {UNSCORED}"
        one, other = self._in(run), self._in(first)
        if one == other or not one or not other:
            return ""
        if not one & other:
            return f"{run.name}: no request in common with {first.name}: {_why(run, first)}"
        return (
            f"{run.name}: {len(one & other)} of its {len(one)} requests are among the "
            f"{len(other)} of {first.name}; paired differences rest on those"
        )

    def _in(self, run: Run) -> set[str]:
        return {self.names[run.name][example] for example in _examples(run)}

    def _like(self, run: Run) -> Run | None:
        """Return an earlier run on the same real clips as a whole."""
        real = run.table.record.get(REAL)
        same = (other for other in self.runs if real and real == other.table.record.get(REAL))
        return next(same, None)

    def _name(self, run: Run, example: str, asked: Asked | None) -> str:
        """Return the name of an example that is known already, or a new one."""
        places = [example, *(f"{other.name}: {example}" for other in self.runs)]
        for place in places if asked is not None else ():
            if place in self.known and _same(self.known[place], asked):
                return place
        new = f"{run.name}: {example}" if self._taken(example) else example
        if asked is not None:
            self.known[new] = asked
        return new

    def _taken(self, example: str) -> bool:
        """Return whether an earlier run has that id for a request that need not be the same."""
        return any(example in names for names in self.names.values())


def _same(one: Asked, other: Asked | None) -> bool:
    if other is None or one.source != other.source:
        return False
    return not (one.caption and other.caption) or one.caption == other.caption


def _examples(run: Run) -> list[str]:
    """Return the examples that a run was scored on, or asked for where no scores are at hand."""
    scored = (request for values in (run.scores or {}).values() for request in values)
    return list(dict.fromkeys(map(_example, scored)) or run.requests or {})


def _example(request: str) -> str:
    return request.rpartition("/")[0] or request


def _renamed(request: str, names: Mapping[str, str]) -> str:
    example = _example(request)
    return names[example] + request.removeprefix(example)


def _why(run: Run, first: Run) -> str:
    """Return why no request of two runs is the same."""
    if run.requests is None or first.requests is None:
        bare = run if run.requests is None else first
        return (
            f"their real clips differ as sets, and {bare.name} has no requests.jsonl that tells "
            "single ones (the command that made it, run again, writes one)"
        )
    alike = run.requests.keys() & first.requests.keys()
    if not alike:
        return f"other ids, e.g. {min(_ids(run))!r:.60} and {min(_ids(first))!r:.60}"
    clips = [i for i in alike if run.requests[i].source != first.requests[i].source]
    what = "real clips" if clips else "captions"
    return f"their {len(alike)} equal ids have other {what}"


def _ids(run: Run) -> list[str]:
    return list(run.requests or ()) or _examples(run) or [""]
