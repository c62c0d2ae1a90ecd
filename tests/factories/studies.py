"""A small study: the run of `tests.factories.pages`, compared on its four requests."""

from __future__ import annotations

from pathlib import Path

from svbench.engines.local import Local
from svbench.study.key import Key
from svbench.study.plan import Planned, StudySettings, plan_study
from svbench.study.write import write_study
from tests.factories.pages import MODEL, OTHER, REAL

ALL = (MODEL, OTHER, REAL)


def plan(run: Path, **settings: object) -> Planned:
    """Plan a study of all rows by three raters, with two attention checks each."""
    chosen = {"systems": ALL, "raters": 3, "trials": 6, "checks": 2, **settings}
    return plan_study(run, StudySettings(**chosen), Local(1))  # type: ignore[arg-type]


def make_study(run: Path, out: Path, *, embed: bool = False, **settings: object) -> Key:
    """Write the study, and return its key."""
    planned = plan(run, **settings)
    write_study(planned, run, out, Local(1), embed=embed)
    return planned.key
