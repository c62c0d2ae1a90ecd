"""The ranges of the numbers of the command line, stated once, and the check of names.

Conventions
-----------
A setting is named as in code (`sample_rate`) and printed as its flag (`--sample-rate`). The bounds
are wide: they exclude what cannot be meant (no clip, a gigapixel), not what is unusual.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Final, TypeVar, cast

from svbench.errors import ConfigError

T = TypeVar("T")
GIB: Final = 2**30
MOST_BYTES: Final = 4 * GIB  # of the frames, and of the samples, of one clip in memory
# Threads that this process may use, and usually does.
CORES: Final = (
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
)
GAMMAS: Final = (1.0, 1.25, 1.5, 1.75, 2.0)  # of Eq. 8, in the paper's Table 1
# By flag: what `svbench list` calls the names that it takes.
LISTS: Final = {
    "metrics": "metrics",
    "systems": "systems",
    "dataset": "datasets",
    "protocol": "protocols",
}
LEAST_SECONDS: Final = 0.05  # of a clip: ImageBind's spectrogram needs 0.025


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`; NaN lies in no range."""

    low: float
    high: float
    above: bool = False  # `low` itself is left out

    def __contains__(self, number: float) -> bool:
        """Return whether a number lies in the range."""
        return (self.low < number if self.above else self.low <= number) and number <= self.high

    @property
    def whole(self) -> bool:
        """Return whether it is a range of integers."""
        return isinstance(self.high, int)

    def __str__(self) -> str:
        """Return the range as messages print it."""
        low, high = (str(end) if self.whole else f"{end:g}" for end in (self.low, self.high))
        ends = f"more than {low}, at most {high}" if self.above else f"{low} to {high}"
        return f"a whole number, {ends}" if self.whole else f"a number, {ends}"


SEED: Final = Range(0, 2**63 - 1)  # what every generator of random numbers here takes
RANGES: Final[Mapping[str, Range]] = {
    "frames": Range(2, 10_000),  # in a single picture nothing moves
    "fps": Range(0.1, 1000.0),
    "size": Range(8, 8192),  # each side, pixels
    "sample_rate": Range(1000, 384_000),
    "limit": Range(1, 10_000_000),
    "repeats": Range(1, 10_000),
    "seed": SEED,
    "seeds": SEED,
    "split_seed": Range(0, 2**32 - 1),  # of NumPy's RandomState
    "min_clips": Range(0, 1_000_000),
    "resamples": Range(100, 1_000_000),
    "steps": Range(1, 1000),  # of the sampler; the schedules have 1000
    "gamma": Range(0.01, 100.0),
    "gammas": Range(0.01, 100.0),
    "guidance": Range(1.0, 1000.0),
    "batch": Range(1, 65_536),
    "scoring_batch": Range(1, 65_536),
    "workers": Range(1, 4096),
    "gpus_per_worker": Range(0.0, 64.0),
    "cpus_per_worker": Range(0.01, 1024.0),
    "threads": Range(1, 4096),
    "clips": Range(2, 1_000_000),
    "tolerance": Range(0.0, 1.0, above=True),  # s
    "levels": Range(2, 1000),
    "share": Range(0.0, 1.0, above=True),
    "clearer": Range(0.01, 100.0),
    "gallery": Range(0, 1_000_000),
    "n": Range(2, 1_000_000_000),  # captions of a planned comparison
    "difference": Range(0.0, 1e12, above=True),
    "rows": Range(2, 100_000),
    "unrated_levels": Range(2, 10),
    "power": Range(0.5, 0.999),
    "planned": Range(2, 1_000_000),
    "raters": Range(1, 10_000),
    "trials": Range(1, 10_000),  # of one rater
    "checks": Range(0, 1000),
    "overlap": Range(1, 10_000),
}
COUNT: Final = Range(1, 100_000_000)  # of steps
TRAINING: Final[Mapping[str, Range]] = {
    "steps": COUNT,
    "batch": RANGES["batch"],
    "at_once": RANGES["batch"],
    "save_every": COUNT,
    "warm_up": Range(0, COUNT.high),
    "preview_every": Range(0, COUNT.high),
    "seed": SEED,
    "weight_decay": Range(0.0, 10.0),
    "rate": Range(0.0, 10.0, above=True),
    "clip": Range(0.0, 1e6, above=True),
    "self_conditioning": Range(0.0, 1.0),
    "caption_drop": Range(0.0, 1.0),
    "ema_decay": Range(0.0, 1.0),
}


def flag(setting: str) -> str:
    """Return the flag of a setting."""
    return "--" + setting.replace("_", "-")


def check(setting: str, number: object, allowed: Range | None = None) -> None:
    """Raise ConfigError for a number outside the range of its setting; None is not checked."""
    allowed = RANGES[setting] if allowed is None else allowed
    if number is None:
        return
    is_number = isinstance(number, Real) and not isinstance(number, bool)
    if not is_number or not _fits(cast("float", number), allowed):
        raise ConfigError(f"{flag(setting)}: found {number!r}, expected {allowed}")


def _fits(number: float, allowed: Range) -> bool:
    return number in allowed and (not allowed.whole or number == int(number))


def known(table: Mapping[str, T], name: str, flag: str) -> T:
    """Return the value of a name in a table.

    Raises
    ------
    ConfigError
        if there is no such name; the message lists those of the table, with `flag` the option
        that was given (without dashes; what follows its first word names the value's owner)
    """
    if name not in table:
        see = LISTS.get(flag.split()[0])
        listed = f" (see svbench list {see})" if see else ""
        raise ConfigError(f"--{flag}: found {name!r}, expected one of {', '.join(table)}{listed}")
    return table[name]


def check_distinct(name: str, items: Sequence[object]) -> None:
    """Raise ConfigError for a list that holds an item twice; `name` is its flag."""
    twice = [item for item, count in Counter(items).items() if count > 1]
    if twice:
        raise ConfigError(f"{name}: found {twice[0]!r} twice, expected each once")


def check_clip(frames: int, fps: float, size: tuple[int, int], sample_rate: int) -> None:
    """Raise ConfigError for a format whose clips do not fit into memory, or are too short.

    `fps` in frames / s, `size` (height, width) in pixels, `sample_rate` in audio samples / s.
    """
    if frames / fps < LEAST_SECONDS:
        raise ConfigError(
            f"--frames, --fps: found {frames / fps:g} s, expected at least {LEAST_SECONDS:g} s"
        )
    pixels, samples = frames * size[0] * size[1] * 3, round(frames / fps * sample_rate) * 4
    for flags, what, needed in (
        ("--frames, --size", f"{frames} frames of {size[0]}x{size[1]} pixels", pixels),
        ("--frames, --fps, --sample-rate", f"{frames / fps:g} s at {sample_rate} Hz", samples),
    ):
        if needed > MOST_BYTES:
            raise ConfigError(
                f"{flags}: found {what}, which take {needed / GIB:.1f} GiB a clip, "
                f"expected at most {MOST_BYTES // GIB} GiB"
            )
