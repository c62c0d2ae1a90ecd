"""Other people's systems in the paper's Tables 2 and 3, as rows of a run at full size.

A run that names no systems makes those of its data set's table (`published_in` of a description),
as far as all that they need is on this machine; of the others it states how they come here. What a
system needs is given as in the paper: to those that make one half only, the other half of the
proposed model's clips.

References
----------
M. Ishii et al.: A simple but strong baseline for sounding video generation, arXiv:2409.17550,
section 4.1 and Tables 2 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from svbench.baselines.joint.mixers import MixerKind
from svbench.catalog.external import HALVES, Named, find_system
from svbench.catalog.external_names import EXTERNAL
from svbench.catalog.systems import SYSTEMS, Build
from svbench.errors import DataError
from svbench.walk.plan import AbsentRow

if TYPE_CHECKING:
    from svbench.config import RunConfig

PROPOSED: Final[MixerKind] = "cmc-pe"  # the paper's own model


@dataclass(frozen=True, slots=True)
class PaperRows:
    """Rows that nobody named.

    Parameters
    ----------
    builds : tuple of callable
        what builds those that can be made here
    reads : mapping of str to sequence of str
        the settings that decide their clips, by system
    absent : tuple of AbsentRow
        the others
    """

    builds: tuple[Build, ...] = ()
    reads: Mapping[str, Sequence[str]] = field(default_factory=dict)
    absent: tuple[AbsentRow, ...] = ()


def rows_of_the_paper(config: RunConfig) -> PaperRows:
    """Return the rows of other people's systems in the paper's table of a run's data set.

    There are none where systems are named, or at the miniature's scale. Raises DataError for absent
    ones if `strict` is set.
    """
    if config.systems or config.scale != "paper":
        return PaperRows()
    found, reads, absent = list[Build](), dict[str, Sequence[str]](), list[AbsentRow]()
    for system in map(find_system, EXTERNAL):
        if config.dataset not in published_in(system):
            continue
        name = as_published(system)
        entry = SYSTEMS.known(name)
        try:
            found += entry.rows(config)
            reads[name] = entry.reads
        except DataError as error:
            absent.append(AbsentRow(system.name, entry.title, _reason(system, error)))
    if absent and config.strict:
        lines = [f"--strict: {row.title} cannot be made: {row.reason}" for row in absent]
        raise DataError.of(lines)
    return PaperRows(tuple(found), reads, tuple(absent))


def as_published(system: Named) -> str:
    """Return what `--systems` calls a system's row of the paper's table: itself, or a relay."""
    half = next((half for half, task in HALVES.items() if task == system.task), "")
    return f"{half}:{PROPOSED}>{system.name}" if half else system.name


def published_in(system: Named) -> Sequence[str]:
    """Return the data sets in whose table of the paper a system has a row, in this mode."""
    described = system.place.description
    rows = (row.partition("@") for row in described.published_in)
    return [name for name, _, mode in rows if system.mode == (mode or described.usual_mode)]


def _reason(system: Named, error: DataError) -> str:
    """Return in one line why a row cannot be made here, with the command that would mend it."""
    if system.place.lacks(system.mode):
        return f"not on this machine; what it lacks: svbench systems check {system.name}"
    return " ".join(str(error).split("\n"))
