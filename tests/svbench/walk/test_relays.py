"""Systems that complete the clips of another one are asked once these are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from svbench.errors import ConfigError
from svbench.types import Recording, Sample, SampleSet
from svbench.walk.relays import parent_of, requests_on, waves, with_parents
from svbench.walk.requests import seed_for
from tests.factories.clips import SPEC
from tests.factories.plugins import Black


@dataclass
class Completing(Black):
    completes: str = ""


def sample(name: str) -> Sample:
    return Sample(name, "a caption", Recording(Path("x")), f"digest of {name}")


def test_those_that_complete_come_after_what_they_complete() -> None:
    first, second = Black("first"), Completing("second", completes="first")
    third, other = Completing("third", completes="second"), Completing("other")
    found = [[system.name for system in wave] for wave in waves([third, second, other, first])]
    assert found == [["other", "first"], ["second"], ["third"]]
    assert [parent_of(system) for system in (first, second, other)] == ["", "first", ""]


def test_what_completes_a_row_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="--systems: b completes clips of a, expected that among"):
        list(waves([Completing("b", completes="a")]))
    with pytest.raises(ConfigError, match="completes clips of"):
        list(waves([Completing("b", completes="c"), Completing("c", completes="b")]))


def test_requests_are_those_of_the_clips_and_carry_them() -> None:
    (request,) = requests_on([sample("a/3")], run_seed=7)
    assert (request.id, request.caption, request.seed) == ("a/3", "a caption", seed_for(7, "a/3"))
    assert request.given == sample("a/3")


def test_a_clip_that_was_not_made_cannot_be_completed() -> None:
    parents = SampleSet("first", SPEC, (sample("a/0"),), "", not_made={"b/0": "no peaks"})
    own = SampleSet("second", SPEC, (), "", not_made={"a/0": "it crashed"})
    found = with_parents(own, parents).not_made
    assert found == {"a/0": "it crashed", "b/0": "no clip of first to complete"}
    assert with_parents(own, None) is own
