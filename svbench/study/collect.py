"""From raters' files to what people prefer: who counts, the fit, and how far raters agree.

A rater is excluded who misses more than one in `ONE_IN` attention checks, a tie being a miss; with
the usual 4 that is any miss. Who answers by chance passes 4 checks in one of 16 studies at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.people import (
    PEOPLE_FILE,
    People,
    Preferred,
    dump_people,
    load_people,
    with_study,
)
from svbench.files.results import load_table
from svbench.files.writing import write_text
from svbench.study.bradley_terry import Answers, Fit, circular_triads, fit, triples
from svbench.study.key import Key, load_key
from svbench.study.questions import question_of
from svbench.study.reliability import agreement, shared
from svbench.study.results import Found, files_in, load_results

ONE_IN: Final = 5  # attention checks, of which one may be missed
RULE: Final = f"more than one in {ONE_IN} attention checks missed"
OUTCOMES: Final = {"left": 1.0, "tie": 0.5, "right": 0.0}  # of the left clip


@dataclass(frozen=True, slots=True)
class Collected:
    """What came out of a study, and where it was written."""

    people: People
    file: Path  # people.json
    excluded: tuple[str, ...]  # a line for each rater who does not count
    passed_over: tuple[Path, ...]  # what lies in folders and is no result


def collect(places: Sequence[Path], study: Path, run: Path | None = None) -> Collected:
    """Fit the answers of raters, and write people.json beside the results of their run.

    Parameters
    ----------
    places : sequence of Path
        files of raters, or folders of them
    study : Path
        the folder of the study, with its key
    run : Path, optional
        the run folder (Default value = None: where the key says)

    Raises
    ------
    DataError
        where files are foreign, edited, incomplete or there twice, nobody passes the attention
        checks, or the run is not that of the study
    """
    key, place = load_key(study)
    run = place if run is None else run
    _check_run(run, key)
    others = load_people(run)
    files, rest = files_in(places)
    found = load_results(files, key)
    counted = [one for one in found if missed(one, key) * ONE_IN <= _checks(one, key)]
    excluded = [one for one in found if one not in counted]
    if not counted:
        raise DataError(
            f"found no rater who counts: all {len(found)} excluded ({RULE}), expected some"
        )
    people = people_of(key, counted, [one.result.rater for one in excluded])
    file = run / PEOPLE_FILE
    write_text(file, dump_people(with_study(others, people)))
    return Collected(people, file, tuple(_excluded(one, key) for one in excluded), tuple(rest))


def _check_run(run: Path, key: Key) -> None:
    """Raise DataError where a run is not there, or has not the clips that a study shows."""
    if not run.is_dir():
        raise DataError(
            f"{run}: found nothing there, expected the run of the study; where it was moved, name "
            "its folder by --run"
        )
    rows = {row.system: row.settings.get("set") for row in load_table(run).rows}
    for system, digest in key.systems.items():
        if rows.get(system) != digest:
            what = "other clips" if system in rows else "no row"
            raise DataError(
                f"{run}: found {what} of {system}, expected those of the study; make a new study, "
                "or name its run by --run"
            )


def missed(found: Found, key: Key) -> int:
    """Return how many attention checks a rater missed."""
    trials = key.sheets[found.result.sheet - 1]
    pairs = zip(trials, found.result.answers, strict=True)
    return sum(key.is_check(t) and not key.passes(t, a.choice) for t, a in pairs)


def _checks(found: Found, key: Key) -> int:
    return sum(map(key.is_check, key.sheets[found.result.sheet - 1]))


def _excluded(found: Found, key: Key) -> str:
    return (
        f"{found.file}: rater {found.result.rater} excluded: {missed(found, key)} of "
        f"{_checks(found, key)} attention checks missed"
    )


def people_of(key: Key, counted: Sequence[Found], excluded: Sequence[str]) -> People:
    """Return what people prefer, by the answers of raters that count."""
    systems = list(key.systems)
    answers, requests = answers_of(key, counted)
    fitted = fit(answers, len(systems))
    return People(
        question=key.question,
        text=question_of(key.question).text,
        study=key.study,
        raters=len(counted),
        excluded=tuple(excluded),
        rule=RULE,
        answers=len(answers.outcome),
        separated=fitted.separated,
        alpha=agreement(answers, requests),
        shared=shared(answers, requests),
        circular=circular_triads(answers.wins(len(systems))),
        triples=triples(len(systems)),
        systems=tuple(_preferred(key, i, answers, fitted) for i in range(len(systems))),
    )


def answers_of(key: Key, counted: Sequence[Found]) -> tuple[Answers, NDArray[np.int64]]:
    """Return the answers of raters as arrays, and the request of each.

    Systems have their index in the key. Intervals are clustered by example.
    """
    systems = {name: place for place, name in enumerate(key.systems)}
    examples, requests = (
        {name: place for place, name in enumerate(sorted(set(names)))}
        for names in zip(*{(c.example, c.request) for c in key.clips.values()}, strict=True)
    )
    rows = []
    for rater, one in enumerate(counted):
        trials = key.sheets[one.result.sheet - 1]
        for trial, answer in zip(trials, one.result.answers, strict=True):
            if not key.is_check(trial):
                left, right = key.clips[trial.left], key.clips[trial.right]
                sides = systems[left.system], systems[right.system]
                of = examples[left.example], requests[left.request]
                rows.append((*sides, OUTCOMES[answer.choice], rater, *of))
    first, second, outcome, raters, example, request = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    return Answers(first, second, outcome, raters, example), request


def _preferred(key: Key, place: int, answers: Answers, fitted: Fit) -> Preferred:
    """Return the line of one system."""
    name = list(key.systems)[place]
    against = np.concatenate(
        [answers.outcome[answers.first == place], 1 - answers.outcome[answers.second == place]]
    )
    seen = (answers.first == place) | (answers.second == place)
    wins, ties = int((against == 1).sum()), int((against == 0.5).sum())
    return Preferred(
        system=name,
        set=key.systems[name],
        share=float(fitted.shares[place]),
        interval=fitted.intervals[place],
        count=len(np.unique(answers.request[seen])),
        wins=wins,
        ties=ties,
        losses=len(against) - wins - ties,
    )
