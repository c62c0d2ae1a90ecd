"""Systems that complete the clips of another one are asked once these are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.files.store import Store
from svbench.types import NotMade, Recording, Request, Sample, SampleSet
from svbench.walk.generate import generate
from svbench.walk.recorded import raise_not_made
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


def test_clips_that_were_not_made_are_named_by_reason() -> None:
    same = {f"c{n}/0": "it did not start" for n in range(7)}
    sets = [
        SampleSet("first", SPEC, (sample("a/0"),), "", not_made=same),
        SampleSet("second", SPEC, (), "", not_made={"a/0": "it crashed"}),
    ]
    with pytest.raises(DataError) as raised:
        raise_not_made(sets)
    assert str(raised.value).split("\n") == [
        "first: 7 clips not made (c0/0, c1/0, c2/0, c3/0, c4/0, ...): it did not start",
        "second: 1 clip not made (a/0): it crashed",
        "8 of 9 clips were not made; all others are kept: run the same command again, or go on "
        "knowingly without them by --allow-missing",
    ]
    raise_not_made([SampleSet("third", SPEC, (sample("a/0"),), "")])


@dataclass
class Choosy(Black):
    """Makes no clip where the id begins with b."""

    def generate(self, requests: Sequence[Any], spec: Any) -> Iterator[Any]:
        for request in requests:
            if request.id.startswith("b"):
                yield NotMade(request.id, "no peaks")
            else:
                yield from super().generate([request], spec)


@pytest.mark.parametrize("workers", [1, 3])
def test_what_was_not_made_is_asked_for_again(workers: int, tmp_path: Path) -> None:
    requests = [Request(f"{name}/0", "", 1) for name in "abc"]
    store = Store(tmp_path)
    (found,) = generate([(Choosy(), requests)], SPEC, 0, store, Local(workers))
    assert [one.request_id for one in found.samples] == ["a/0", "c/0"]
    assert found.not_made == {"b/0": "no peaks"}
    (whole,) = generate([(Black(), requests)], SPEC, 0, store, Local(workers))
    assert [one.request_id for one in whole.samples] == ["a/0", "b/0", "c/0"]
    assert (whole.samples[0], whole.not_made) == (found.samples[0], {})
