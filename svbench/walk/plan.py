"""The plan of a run: all that the walk needs, settled before any clip is made.

The catalog builds a plan from a validated configuration, of which the walk sees nothing else. A
plan stands before its data are read, as a miniature is drawn into the run
folder, which is held by one process at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from svbench.protocols import Metric, PairedMetric, RealClips, System
from svbench.types import Better, ClipSpec, Example, HumanAgreement, Setting


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A column that cannot be filled, e.g. because the weights of its network are absent."""

    name: str
    title: str
    better: Better
    reason: str  # one line, with the command that would mend it


Columns = tuple[Metric | Unavailable, ...]
Build = Callable[[RealClips], System]  # on the usable real clips


@dataclass(frozen=True, slots=True)
class AbsentRow:
    """A row of the paper's table that cannot be made here."""

    system: str
    title: str
    reason: str  # one line, with the command that would mend it


@dataclass(frozen=True, slots=True)
class Data:
    """The clips that a run begins with, none of them opened yet, and the title of the table."""

    title: str
    spec: ClipSpec  # the format in which clips are judged
    real: tuple[Example, ...]
    # Real clips of which no row is made, with which sets are compared; none: `real` itself.
    reference: tuple[Example, ...] = ()
    folders: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)  # made elsewhere
    notes: tuple[str, ...] = ()
    # For the record: which clips of a data set the real ones are; none: not of a data set.
    selection: Mapping[str, str | int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Joined:
    """Clips made elsewhere that answer the requests of a run: a row beside those of its systems."""

    name: str
    clips: tuple[Example, ...]  # their ids are those of the requests, in whose order they come
    absent: Mapping[str, str] = field(default_factory=dict)  # request without a clip -> why
    settings: Mapping[str, Setting] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Join = Callable[[Sequence[Example]], Sequence[Joined]]  # real clips -> rows for their requests


# A column on clips of a format -> whether it follows people; None: nobody looked it up.
KnownValidity = Callable[[Metric, ClipSpec], HumanAgreement | None]


def _unknown(_column: Metric, _spec: ClipSpec) -> None:
    return None


def _none(_examples: Sequence[Example]) -> Sequence[Joined]:
    return ()


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of a run as run.json holds them, and what each of them decides.

    A setting that is named in none of the last three fields decides every clip or score.
    """

    command: str
    values: Mapping[str, Any]  # plain JSON
    defaults: Mapping[str, Any] = field(default_factory=dict)  # of what older versions lack
    growing: frozenset[str] = frozenset()  # decide what is there, not what it looks like
    sampling: tuple[str, ...] = ()  # decide the clips of models
    coding: tuple[str, ...] = ()  # decide the clips of controls that have weights
    scores: frozenset[str] = frozenset()  # of these, what decides scores as well: it never changes


@dataclass(frozen=True, slots=True)
class Plan:
    """What is judged, by which metrics, and how."""

    dataset: str
    scale: str
    columns: Columns
    read: Callable[[], Data]  # called once, when the run folder is held
    settings: RunSettings
    systems: tuple[Build, ...] = ()
    # Of these, the ones that nobody named: what they cannot make is stated, and stops nothing.
    unnamed: frozenset[Build] = frozenset()
    absent: tuple[AbsentRow, ...] = ()
    captioned: frozenset[str] = frozenset()  # names of columns that read captions
    join: Join = _none  # clips made elsewhere, for the usable real clips
    seed: int = 0
    repeats: int = 1  # clips per example of each model
    pad: bool = False  # fill up recorded clips that are too short
    allow_missing: bool = False  # leave out clips that cannot be judged
    strict: bool = False  # an absent cell is an error
    # For the record: a name that a plug-in gave -> name and version of the plug-in.
    plugins: Mapping[str, str] = field(default_factory=dict)
    # For the record: the protocol of another benchmark that the run follows, its settings and the
    # exceptions from it; none: none.
    protocol: Mapping[str, Any] = field(default_factory=dict)
    validity: KnownValidity = _unknown  # a finding for the table: no score depends on it


def metrics_of(columns: Sequence[Metric | Unavailable]) -> tuple[Metric, ...]:
    """Return the columns that can be filled."""
    return tuple(column for column in columns if not isinstance(column, Unavailable))


def is_paired(metric: Metric) -> bool:
    """Return whether a metric compares each clip with the real clip of its own example."""
    return isinstance(metric, PairedMetric) and metric.paired


def reasons_of(columns: Sequence[Metric | Unavailable]) -> dict[str, str]:
    """Return why the other columns cannot be filled, by name."""
    return {column.name: column.reason for column in columns if isinstance(column, Unavailable)}
