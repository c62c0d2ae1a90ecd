"""What is to be judged, and by what, before anything of it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from svbench.protocols import Metric, RealClips, System
from svbench.types import Better, ClipSpec, Example


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A column that cannot be filled here, and why: its network's weights are absent, say."""

    name: str
    title: str
    better: Better
    reason: str  # one line, with the command that would mend it


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be judged, by what, and how the table is called."""

    title: str
    dataset: str
    scale: str
    spec: ClipSpec
    real: tuple[Example, ...]
    columns: tuple[Metric | Unavailable, ...]
    systems: tuple[Callable[[RealClips], System], ...] = ()  # built on the usable real clips
    folders: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)  # made elsewhere
    notes: tuple[str, ...] = ()
    # Real clips of which no row is made, that sets are compared with; none: `real` itself.
    reference: tuple[Example, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return the columns that can be filled."""
        return tuple(c for c in self.columns if not isinstance(c, Unavailable))

    @property
    def unavailable(self) -> dict[str, str]:
        """Return the reasons why the others cannot."""
        return {c.name: c.reason for c in self.columns if isinstance(c, Unavailable)}
