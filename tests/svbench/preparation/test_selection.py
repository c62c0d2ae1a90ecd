"""Rules by which clips are left out: closed forms, and properties of any selection."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from svbench.errors import DataError
from svbench.preparation.selection import (
    Clip,
    Rule,
    Selection,
    absent,
    contaminated,
    excluded,
    rare,
    repeated,
)


def clip(text: str) -> Clip:
    """Return the clip that is written `video.part label split`."""
    name, label, split = text.split()
    return Clip(name, name.partition(".")[0], label, split)


def chosen(*texts: str) -> Selection:
    return Selection([clip(text) for text in texts])


def kept(selection: Selection) -> list[str]:
    return [found.id for found in selection.clips]


def why(selection: Selection) -> list[tuple[str, str, str]]:
    return [(found.id, reason.why, reason.detail) for found, reason in selection.left_out]


def test_a_training_clip_of_a_tested_video_is_left_out() -> None:
    found = chosen("a.1 x train", "b.1 x train", "a.2 y test", "a.3 y train")
    found.apply(contaminated(found.clips))
    assert kept(found) == ["b.1", "a.2"]
    reason = "its video is in the test split, too"
    assert why(found) == [("a.1", reason, "a.2"), ("a.3", reason, "a.2")]


def test_the_first_of_equal_ids_is_kept() -> None:
    found = chosen("a.1 x train", "b.1 x test", "a.1 y train", "b.1 x test", "b.1 x test")
    found.apply(repeated())
    assert kept(found) == ["a.1", "b.1"]
    assert [reason for _, reason, _ in why(found)] == ["listed before"] * 3
    assert found.left_out[0][1].detail == "as x"


def test_an_exclusion_is_of_the_training_split_alone() -> None:
    found = chosen("a.1 x train", "a.2 x train", "b.1 x train", "b.2 x train", "a.3 x test")
    found.apply(excluded({"a", "b.1"}))
    assert kept(found) == ["b.2", "a.3"]


@pytest.mark.parametrize(("least", "left"), [(0, "xyz"), (1, "xy"), (2, "xy"), (3, "x"), (4, "")])
def test_rare_classes_go_from_both_splits(least: int, left: str) -> None:
    train = ["x train"] * 3 + ["y train"] * 2
    tests = ["x test", "y test"] + ["z test"] * 5
    found = chosen(*(f"v{number}.1 {rest}" for number, rest in enumerate(train + tests)))
    found.apply(rare(found.clips, least))
    assert sorted({clip.label for clip in found.clips}) == list(left)
    for label in left:
        assert {"train", "test"} >= {clip.split for clip in found.clips if clip.label == label}
    if least == 3:
        reason = "its class has fewer than 3 training clips (--min-clips)"
        assert ("v3.1", reason, "y: 2") in why(found)


def test_clips_without_a_file() -> None:
    found = chosen("a.1 x train", "b.1 x test")
    found.apply(absent({"a.1"}))
    assert kept(found) == ["a.1"]
    assert why(found) == [("b.1", "no file", "")]


def drawn(seed: int) -> list[Clip]:
    draw = random.Random(seed)
    return [
        clip(f"v{draw.randrange(30)}.{draw.randrange(3)} {draw.choice('xyz')} {split}")
        for split in draw.choices(("train", "test"), (4, 1), k=80)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_every_clip_is_kept_or_left_out_once_and_in_order(seed: int) -> None:
    listed = drawn(seed)
    found = Selection(list(listed))
    rules: list[Rule] = [contaminated(listed), repeated(), excluded({"v1", "v2.0"})]
    for rule in rules:
        found.apply(rule)
    found.apply(rare(found.clips, 5))
    left = [clip for clip, _ in found.left_out]
    assert len(found.clips) + len(left) == len(listed)
    places = {id(clip): place for place, clip in enumerate(listed)}
    assert [places[id(clip)] for clip in found.clips] == sorted(places[id(c)] for c in found.clips)
    assert sorted([places[id(c)] for c in [*found.clips, *left]]) == list(range(len(listed)))
    assert len({clip.id for clip in found.clips}) == len(found.clips)
    videos = [{clip.video for clip in found.of(split)} for split in ("train", "test")]
    assert not set.intersection(*videos)
    assert sum(found.counts.values()) == len(listed)


def test_what_is_left_out_is_counted_and_written() -> None:
    found = chosen("-a.1 x train", "-a.1 x train", "-a.1 x train", "b.1 x test")
    found.apply(repeated())
    assert found.reasons == ("2 train clips: listed before",)
    assert found.table() == (
        b"id,split,why,detail\n-a.1,train,listed before,as x\n-a.1,train,listed before,as x\n"
    )
    assert found.summary == "1 train and 1 test clips of 1 class; 2 in left_out.csv"
    found.check(Path("list.csv"))


def test_an_empty_split_is_an_error_with_its_reasons() -> None:
    found = chosen("a.1 x train", "b.1 y test")
    found.apply(rare(found.clips, 1))
    with pytest.raises(DataError) as caught:
        found.check(Path("list.csv"))
    assert str(caught.value) == (
        "list.csv: no test clip is left, expected some "
        "(1 test clip: its class has fewer than 1 training clips (--min-clips))"
    )
    with pytest.raises(DataError, match=r"no train clip is left, expected some \(none is listed\)"):
        chosen("b.1 y test").check(Path("list.csv"))
