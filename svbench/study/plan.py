"""From the clips of a run to a study: which are compared, under which codes, on which sheets.

Compared are the models of the table, unless systems are named, on the requests for which each of
them has a clip. Several samples of one request are requests of their own to raters; intervals count
them as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError
from svbench.exports.sources import REPEAT, ExportClip, Source, find_source
from svbench.files.folders import is_run
from svbench.files.results import load_table
from svbench.study.design import MOST_TRIALS, Comparison, design, pairs_of
from svbench.study.key import CheckClip, Key, MadeClip, Trial
from svbench.study.questions import Question, question_of
from svbench.types import ResultTable

REAL: Final = "real"  # the row of real clips
CODE_BYTES: Final = 6

MOST_CHECKS: Final = 4  # of one rater, where no number is given

Clips = Mapping[str, ExportClip]  # by request
Pair = tuple[str, str]  # the codes of an intact clip and its damaged one


@dataclass(frozen=True, slots=True)
class StudySettings:
    """What a study is made of."""

    question: str = "sync"
    systems: tuple[str, ...] = ()  # (): the models of the table
    raters: int = 10
    trials: int | None = None  # of each rater; None: up to `MOST_TRIALS`
    checks: int | None = None  # of each rater, beside the trials; None: up to `MOST_CHECKS`
    overlap: int = 2  # raters of each comparison
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Material:
    """What the file of one code is made of."""

    clip: ExportClip
    damaged: bool = False
    other: ExportClip | None = None  # of another caption, to damage it with


@dataclass(frozen=True, slots=True)
class Planned:
    """A study that can be written."""

    key: Key
    files: Mapping[str, Material]  # by code
    requests: int  # that are used
    left_out: int  # requests for which some system has no clip


@dataclass(slots=True)
class _Codes:
    """Draws codes, none twice."""

    rng: np.random.Generator
    taken: set[str] = field(default_factory=set)

    def draw(self) -> str:
        while (code := self.rng.bytes(CODE_BYTES).hex()) in self.taken:
            pass
        self.taken.add(code)
        return code


def plan_study(run: Path, settings: StudySettings, engine: Engine) -> Planned:
    """Plan a study of the clips of a run.

    Parameters
    ----------
    run : Path
        a folder of `svbench run` or `svbench score`
    settings : StudySettings
        what is asked, and of how many
    engine : Engine
        digests the files of recorded clips

    Raises
    ------
    ConfigError
        where the settings do not fit the clips of the run
    DataError
        where clips are not those that the run judged
    """
    question = question_of(settings.question)
    if not is_run(run):
        raise DataError(f"{run}: found no run.json, expected a folder of svbench run or score")
    table, sets = load_table(run), _sets(find_source(run, engine))
    systems = _systems(table, sets, settings.systems)
    requests = _shared(sets, systems, question)
    trials = settings.trials or min(MOST_TRIALS, pairs_of(len(systems)) * len(requests))
    counts = (len(systems), len(requests), settings.raters, trials)
    sheets = design(*counts, settings.overlap, settings.seed)
    codes = _Codes(np.random.default_rng([settings.seed, 1]))
    used = dict.fromkeys((s, c.request) for sheet in sheets for c in sheet for s in _sides(c))
    coded = {place: codes.draw() for place in used}
    made = {code: (systems[s], requests[r]) for (s, r), code in coded.items()}
    checks, pairs, materials = _checks(sets.get(REAL, {}), settings, question, codes)
    key = Key(
        question=settings.question,
        seed=settings.seed,
        systems={r.system: r.settings["set"] for r in table.rows if r.system in systems},
        clips={code: _made(system, r, sets[system][r]) for code, (system, r) in made.items()},
        checks=checks,
        sheets=tuple(_sheet(sheet, coded, pairs, codes) for sheet in sheets),
    )
    files = {code: Material(sets[system][request]) for code, (system, request) in made.items()}
    every = {request for system in systems for request in sets[system]}
    left_out = len(every) - len(requests)
    return Planned(key, {**files, **materials}, len({r for _, r in used}), left_out)


def _sides(comparison: Comparison) -> tuple[int, int]:
    return comparison.left, comparison.right


def _made(system: str, request: str, clip: ExportClip) -> MadeClip:
    return MadeClip(system, request, clip.id, clip.caption, clip.digest)


# --- which clips -------------------------------------------------------------------------------


def _sets(source: Source) -> dict[str, dict[str, ExportClip]]:
    """Return the clips of each system by request; those of repeats have their number behind it."""
    found: dict[str, dict[str, ExportClip]] = {}
    for one in source.sets:
        system, _, number = one.name.partition(REPEAT)
        clips = found.setdefault(system, {})
        clips |= {f"{clip.id}/{number}".removesuffix("/"): clip for clip in one.clips}
    if source.reference is not None:
        found[REAL] = {clip.id: clip for clip in source.reference.clips}
    return found


def _systems(
    table: ResultTable, sets: Mapping[str, Clips], named: Sequence[str]
) -> tuple[str, ...]:
    """Return the systems to compare, in the order of the table."""
    known = [row.system for row in table.rows if row.system in sets]
    if strange := [name for name in named if name not in known]:
        raise ConfigError(
            f"--systems: found {strange[0]!r:.80}, expected some of {', '.join(known)}"
        )
    models = {row.system for row in table.rows if row.competes}
    found = tuple(name for name in known if name in (named or models))
    if len(found) < 2:
        raise ConfigError(
            f"--systems: found {len(found)} to compare ({', '.join(found) or 'none'}), expected "
            f"two or more; this run has clips of {', '.join(known)}"
        )
    return found


def _shared(
    sets: Mapping[str, Clips], systems: Sequence[str], question: Question
) -> tuple[str, ...]:
    """Return the requests for which every system has a clip."""
    first, *others = (sets[system] for system in systems)
    found = tuple(request for request in first if all(request in other for other in others))
    if not found:
        raise DataError(f"found no request for which all of {', '.join(systems)} have a clip")
    if not question.needs_captions:
        return found
    captioned = tuple(request for request in found if first[request].caption)
    if not captioned:
        raise ConfigError("--question caption: found no captions, expected some")
    return captioned


# --- attention checks and sheets ---------------------------------------------------------------


def _checks(
    real: Clips, settings: StudySettings, question: Question, codes: _Codes
) -> tuple[dict[str, CheckClip], list[Pair], dict[str, Material]]:
    """Return the clips of attention checks by code, their pairs, and what they are made of."""
    if not real and settings.checks is None:
        raise ConfigError(
            "--checks: found no real clips to make attention checks of, expected a run with some, "
            "or --checks 0"
        )
    usual = min(MOST_CHECKS, len(real))
    count = usual if settings.checks is None else settings.checks
    if count > len(real):
        raise ConfigError(
            f"--checks: found {count} attention checks and {len(real)} real clips to make them "
            "of, expected no more checks than clips (0: none)"
        )
    clips, rng = list(real.values()), np.random.default_rng([settings.seed, 2])
    checks, pairs, materials = dict[str, CheckClip](), list[Pair](), dict[str, Material]()
    for place in rng.permutation(len(clips))[:count]:
        clip = clips[int(place)]
        strangers = [one for one in clips if one.caption != clip.caption]
        other = strangers[int(rng.integers(len(strangers)))] if strangers else None
        if other is None and question.needs_captions:
            raise ConfigError("--question caption: found no two captions, expected different ones")
        pair = (codes.draw(), codes.draw())
        pairs.append(pair)
        materials |= {pair[0]: Material(clip), pair[1]: Material(clip, True, other)}
        about = (None, "") if other is None else (other.id, other.digest)
        checks[pair[0]] = CheckClip(clip.id, clip.caption, True, clip.digest)
        checks[pair[1]] = CheckClip(clip.id, clip.caption, False, clip.digest, *about)
    return checks, pairs, materials


def _sheet(
    comparisons: Sequence[Comparison],
    coded: Mapping[tuple[int, int], str],
    pairs: Sequence[Pair],
    codes: _Codes,
) -> tuple[Trial, ...]:
    """Return the trials of one rater: checks at random places among comparisons, never the first.

    The intact clip stands on either side equally often, plus or minus one.
    """
    rng, total = codes.rng, len(comparisons) + len(pairs)
    places = set(rng.choice(np.arange(1, total), len(pairs), replace=False).tolist())
    sides = rng.permutation(np.arange(len(pairs)) + rng.integers(2)) % 2
    mixed = [pairs[int(place)] for place in rng.permutation(len(pairs))]
    checks = iter(p[::-1] if side else p for p, side in zip(mixed, sides, strict=True))
    shown = iter((coded[c.left, c.request], coded[c.right, c.request]) for c in comparisons)
    both = (next(checks) if place in places else next(shown) for place in range(total))
    return tuple(Trial(codes.draw(), left, right) for left, right in both)
