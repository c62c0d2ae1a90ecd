"""The settings of `svbench data prepare`, and what a data set says of its preparation.

An option that some data sets do not read is None, False or empty by default, so that `given` knows
which ones were named: beside a data set that does not read one it would have no effect, and it is
refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from svbench.engines.protocol import Engine
from svbench.errors import ConfigError
from svbench.limits import flag
from svbench.pace import Progress
from svbench.types import Channels, FrameChoice

# What every preparation reads.
COMMON: Final = frozenset({"dataset", "data_root", "out", "allow_missing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareConfig:
    """The settings of a preparation.

    Parameters
    ----------
    dataset : str
        the name of the data set
    data_root : Path
        folder of the archive, as it is published; only read
    out : Path
        folder to write
    allow_missing : bool
        leave out what is absent or broken, and name it (Default value = False)
    captions : tuple of Path
        caption lists (Default value = (): none)
    timing : "nearest", "official" or None
        how frames are chosen (Default value = None: the data set's default)
    channels : "mean", "first" or None
        how channels are mixed down (Default value = None: the data set's default)
    official : bool
        as the paper's authors did, where that differs (Default value = False)
    listing : tuple of Path
        lists of clips (Default value = (): those in the archive)
    exclude : Path or None
        list of ids to leave out of the training split (Default value = None: none)
    min_clips : int or None
        the training clips that a class needs (Default value = None: the data set's default)
    split_seed : int or None
        decides which clips are for tests, where no list does (Default value = None: the data
        set's default)
    cut : bool
        write clips in the data set's format, and not links to those of the archive (Default
        value = False)
    """

    dataset: str
    data_root: Path
    out: Path
    allow_missing: bool = False
    captions: tuple[Path, ...] = ()
    timing: FrameChoice | None = None
    channels: Channels | None = None
    official: bool = False
    listing: tuple[Path, ...] = ()
    exclude: Path | None = None
    min_clips: int | None = None
    split_seed: int | None = None
    cut: bool = False

    @property
    def given(self) -> tuple[str, ...]:
        """Return the names of the options that not every data set reads, and that were named."""
        optional = (field for field in fields(self) if field.name not in COMMON)
        return tuple(f.name for f in optional if getattr(self, f.name) != f.default)

    def check_read(self, reads: Collection[str]) -> None:
        """Raise ConfigError for the first option named that is not among those that are read."""
        for name in self.given:
            if name not in reads:
                known = ", ".join(map(flag, sorted(reads))) or "none"
                raise ConfigError(
                    f"{flag(name)}: found it beside --dataset {self.dataset}, which does not read "
                    f"it, expected only its own options ({known})"
                )


@dataclass(frozen=True, slots=True)
class Report:
    """What a preparation wrote, for people.

    Parameters
    ----------
    lines : tuple of str
        counts, one a line
    left_out : tuple of str
        what was left out, with the reason, one a line
    """

    lines: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preparation:
    """How the archive of a data set becomes a folder that its loader reads.

    Parameters
    ----------
    prepare : callable
        settings, engine and progress -> a report of what was written to `config.out`
    reads : frozenset of str
        names of the optional settings that it reads
    about : str
        what it does, for the help of the command
    """

    prepare: Callable[[PrepareConfig, Engine, Progress], Report]
    reads: frozenset[str] = frozenset()
    about: str = ""
