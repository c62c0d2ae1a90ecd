"""Shared requests: which requests of several runs are the same, so that rows can be paired.

A request is the same in two runs if its id names the same real clip (the same files from the same
start, as recorded in `requests.jsonl` of a run folder) and the same caption; a caption that is
unknown in one of them does not count. Where one of the runs was scored without a reference, id and
caption decide. So a run may be a subset of another, and a table of `svbench
score` may be merged with that of `svbench run`. Of runs without such a record (older ones, or those
of which results.json alone was kept) only the set of real clips as a whole is known: their ids name
the same requests if those sets are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from svbench.files.results import ClipValues, RequestIdentity
from svbench.intervals import example_of
from svbench.reports.compare.comparability import REAL
from svbench.types import ResultTable

UNSCORED: Final = "no scores of single clips (scores.csv), so nothing of it is paired"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was loaded; parts that it lacks are None."""

    name: str
    table: ResultTable
    scores: ClipValues | None
    requests: Mapping[str, RequestIdentity] | None = None  # by example id


@dataclass(slots=True)
class SharedRequests:
    """Names for the requests of several runs: equal if and only if the requests are."""

    known: dict[str, RequestIdentity] = field(default_factory=dict)  # by name of the example
    names: dict[str, dict[str, str]] = field(default_factory=dict)  # run -> example -> name
    runs: list[Run] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Name the requests of one more run."""
        like = self._like(run)
        named = {} if like is None else self.names[like.name]
        for example in _examples(run):
            identity = (run.requests or {}).get(example)
            if like is None:
                named[example] = self._name(run, example, identity)
            else:
                named.setdefault(example, self._name(like, example, identity))
        self.names[run.name] = named
        self.runs.append(run)

    def named(self, run: Run, values: Mapping[str, float]) -> Mapping[str, float]:
        """Return values per clip by the shared names of their requests."""
        names = self.names[run.name]
        return {_renamed(request, names): value for request, value in values.items()}

    def shared(self, run: Run, first: Run) -> int:
        """Return how many examples of a run are examples of another as well."""
        return len(self._in(run) & self._in(first))

    def note(self, run: Run, first: Run) -> str:
        """Return a note on how a run is paired with the first; "" if all requests are shared."""
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
        """Return an earlier run on the same set of real clips, or None."""
        real = run.table.record.get(REAL)
        same = (other for other in self.runs if real and real == other.table.record.get(REAL))
        return next(same, None)

    def _name(self, run: Run, example: str, identity: RequestIdentity | None) -> str:
        """Return the name of an example that is known already, or a new one."""
        names = [example, *(f"{other.name}: {example}" for other in self.runs)]
        for name in names if identity is not None else ():
            if name in self.known and _same(self.known[name], identity):
                return name
        new = f"{run.name}: {example}" if self._taken(example) else example
        if identity is not None:
            self.known[new] = identity
        return new

    def _taken(self, example: str) -> bool:
        """Return whether an earlier run has that id, for a request that may be another."""
        return any(example in names for names in self.names.values())


def _same(one: RequestIdentity, other: RequestIdentity | None) -> bool:
    if other is None or (one.source and other.source and one.source != other.source):
        return False
    return not (one.caption and other.caption) or one.caption == other.caption


def _examples(run: Run) -> list[str]:
    """Return the examples that a run was scored on, or those requested if it has no scores."""
    scored = (request for values in (run.scores or {}).values() for request in values)
    return list(dict.fromkeys(map(example_of, scored)) or run.requests or {})


def _renamed(request: str, names: Mapping[str, str]) -> str:
    example = example_of(request)
    return names[example] + request.removeprefix(example)


def _why(run: Run, first: Run) -> str:
    """Return why no request of two runs is the same."""
    if run.requests is None or first.requests is None:
        bare = run if run.requests is None else first
        return (
            f"their real clips differ as sets, and {bare.name} has no requests.jsonl to identify "
            "single ones (the command that made it, run again, writes one)"
        )
    common = run.requests.keys() & first.requests.keys()
    if not common:
        return f"other ids, e.g. {min(_ids(run))!r:.60} and {min(_ids(first))!r:.60}"
    pairs = [(run.requests[name].source, first.requests[name].source) for name in common]
    clips = any(one and other and one != other for one, other in pairs)
    what = "real clips" if clips else "captions"
    return f"their {len(common)} equal ids have other {what}"


def _ids(run: Run) -> list[str]:
    return list(run.requests or ()) or _examples(run) or [""]
