"""The conditions under which clips are judged: each distortion at each of its levels.

The seed of a distorted clip depends on the run seed, the id of the clip, the distortion and the
level alone: it is the same whatever else is asked for. The digest of a distorted clip, by which its
features are kept, names all that decides its arrays: the clip, the distortion and its code, the
level, the seed if the distortion draws, and how a clip is brought to the judged format in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from svbench.errors import ConfigError
from svbench.metrics.validity import distortions
from svbench.metrics.validity.distortions import DISTORTIONS, Distortion
from svbench.types import Sample
from svbench.walk.requests import seed_for

INTENDED: Final = "+intended"  # behind the name of a distortion of PEAVS
VERSION: Final = 1  # of digests: raise it whenever the arrays of a distorted clip could change


@dataclass(frozen=True, slots=True)
class Condition:
    """One distortion at one level; without a distortion, the clips as they are."""

    distortion: str = ""
    level: float = 0.0

    def __str__(self) -> str:
        """Return its name, as in scores.csv: "audio_shift -0.5"."""
        return f"{self.distortion} {self.level:g}" if self.distortion else "undistorted"

    def seed(self, sample: Sample, run_seed: int) -> int:
        """Return the seed of one clip."""
        return seed_for(run_seed, f"{sample.example}/{self.distortion}/{self.level!r}")

    def of(self, sample: Sample, run_seed: int) -> Sample:
        """Return a clip under this condition, with its own digest; its recording is the same."""
        decides = [VERSION, sample.digest, self.distortion]
        if self.distortion:
            draws = DISTORTIONS[self.distortion].draws
            seed = self.seed(sample, run_seed) if draws else 0
            decides += [repr(self.level), distortions.CODE_VERSION, seed]
        return replace(sample, digest=hashlib.sha256(json.dumps(decides).encode()).hexdigest())


UNDISTORTED: Final = Condition()


def chosen(names: Sequence[str], levels: int) -> Mapping[str, Distortion]:
    """Return distortions by name; without names, the published forms of all.

    Parameters
    ----------
    names : sequence of str
        of distortions
    levels : int
        of each distortion that nobody rated, spread over those of its table; the rated ones keep
        all of theirs, which is what the ratings are of

    Raises
    ------
    ConfigError
        if a name is unknown
    """
    for name in names:
        if name not in DISTORTIONS:
            raise ConfigError(
                f"--distortions: found {name!r:.60}, expected some of {', '.join(DISTORTIONS)}"
            )
    usual = [name for name in DISTORTIONS if not name.endswith(INTENDED)]
    found = (DISTORTIONS[name] for name in names or usual)
    return {one.name: one if one.rated else _thinned(one, levels) for one in found}


def _thinned(distortion: Distortion, count: int) -> Distortion:
    """Return a distortion with some of its levels, the first and the last among them."""
    last = len(distortion.levels) - 1
    kept = np.unique(np.linspace(0, last, min(count, last + 1)).round().astype(int)).tolist()
    arms = {
        name: tuple(kept.index(place) for place in places if place in kept)
        for name, places in distortion.arms.items()
    }
    return replace(
        distortion,
        levels=tuple(distortion.levels[place] for place in kept),
        arms={name: places for name, places in arms.items() if places},
    )


def conditions_of(named: Mapping[str, Distortion]) -> Iterator[Condition]:
    """Yield the undistorted condition, then each distortion's levels in the order of its table."""
    yield UNDISTORTED
    for name, distortion in named.items():
        yield from (Condition(name, level) for level in distortion.levels)
