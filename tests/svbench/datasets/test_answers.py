"""Which clips made elsewhere answer which requests of a run: by id, or else by caption."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.datasets.answers import Answers, find_answers
from svbench.datasets.manifest import find
from svbench.errors import ConfigError, DataError
from svbench.types import Example, Recording
from tests.factories.clip_lists import listed, touch

NOWHERE = Recording(Path())
CAPTIONS = {"a": "a dog", "b": "rain", "x/c": "rain"}
EXAMPLES = [Example(name, caption, NOWHERE) for name, caption in CAPTIONS.items()]


def answers(
    place: Path, repeats: int = 1, *, limit: int | None = None, allow_missing: bool = False
) -> Answers:
    found = find(place)
    return find_answers(
        "mine", "HERE", found, EXAMPLES[:limit], repeats, allow_missing=allow_missing
    )


def files(found: Answers, place: Path) -> dict[str, str]:
    """Return the file that answers each request."""
    return {e.id: e.recording.path.relative_to(place).as_posix() for e in found.clips}


def test_ids_are_those_of_examples_or_of_requests(tmp_path: Path) -> None:
    plain = touch(tmp_path / "plain", "x/c.mp4", "b.mp4", "a.mp4")
    whole = touch(tmp_path / "whole", "x/c/0.mp4", "b/0.mp4", "a.mp4")
    for place in (plain, whole):
        found = answers(place)
        assert [clip.id for clip in found.clips] == ["a/0", "b/0", "x/c/0"]  # as the run has them
        assert [clip.caption for clip in found.clips] == ["a dog", "rain", "rain"]
        assert found.notes == ()
    assert files(answers(whole), whole) == {
        "a/0": "a.mp4",
        "b/0": "b/0.mp4",
        "x/c/0": "x/c/0.mp4",
    }


def test_a_set_is_asked_for_the_repeats_that_it_has(tmp_path: Path) -> None:
    once = touch(tmp_path / "once", "a.mp4", "b.mp4", "x/c.mp4")
    assert len(answers(once, 3).clips) == 3
    twice = touch(tmp_path / "twice", *(f"{e.id}/{k}.mp4" for e in EXAMPLES for k in range(2)))
    assert [clip.id for clip in answers(twice, 3).clips][:3] == ["a/0", "a/1", "b/0"]
    found = answers(twice, 1)
    assert len(found.clips) == 3
    assert found.notes == (
        "mine: 3 clips answer no request of this run, and not judged (a/1, b/1, x/c/1)",
    )
    (twice / "b/1.mp4").unlink()
    with pytest.raises(DataError, match=r"HERE: found no clip of 1 of 6 requests \(b/1\)"):
        answers(twice, 3)


def test_an_examples_own_id_comes_before_that_of_a_request(tmp_path: Path) -> None:
    place = touch(tmp_path / "m", "a.mp4", "a/0.mp4")
    examples = [Example("a", "", NOWHERE), Example("a/0", "", NOWHERE)]
    found = find_answers("mine", "HERE", find(place), examples)
    assert files(found, place) == {"a/0": "a.mp4", "a/0/0": "a/0.mp4"}


def test_missing_clips_are_named_or_left_out_knowingly(tmp_path: Path) -> None:
    place = touch(tmp_path / "m", "a.mp4")
    missing = r"HERE: found no clip of 2 of 3 requests \(b, x/c\), expected all; leave them out .*"
    with pytest.raises(DataError, match=f"^{missing}--allow-missing$"):
        answers(place)
    found = answers(place, allow_missing=True)
    assert [clip.id for clip in found.clips] == ["a/0"]
    assert found.absent == dict.fromkeys(["b/0", "x/c/0"], "its folder or list has no such clip")
    assert not answers(place, limit=1).absent


def test_a_set_that_answers_nothing_is_refused_whatever_is_allowed(tmp_path: Path) -> None:
    place = touch(tmp_path / "m", "0.mp4", "1.mp4")
    with pytest.raises(DataError, match=r"found 2 clips \(0, 1\), none by id or caption"):
        answers(place, allow_missing=True)


def test_two_clips_of_a_request_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found two clips of a/0"):
        answers(touch(tmp_path / "m", "a.mp4", "a/0.mp4", "b.mp4", "x/c.mp4"))


def test_clips_of_path_ids_answer_by_caption_and_place(tmp_path: Path) -> None:
    place = touch(tmp_path / "m", "0.mp4", "1.mp4", "2.mp4", "3.mp4")
    (place / "captions.csv").write_text("0,rain\n1,a dog\n2,rain\n3,snow\n")
    found = answers(place)
    assert files(found, place) == {"a/0": "1.mp4", "b/0": "0.mp4", "x/c/0": "2.mp4"}
    assert found.notes[1:] == (
        "mine: 3 of 4 clips paired with those of the requests by caption and place (the k-th "
        "clip of a caption), as their ids are paths alone",
        "mine: 1 clip answers no request of this run, and not judged (3)",
    )


def test_by_caption_every_example_comes_before_a_second_repeat(tmp_path: Path) -> None:
    place = touch(tmp_path / "m", *(f"{k}.mp4" for k in range(6)))
    (place / "captions.csv").write_text("0,rain\n1,rain\n2,a dog\n3,a dog\n4,rain\n5,rain\n")
    assert files(answers(place, 2), place) == {
        **{"a/0": "2.mp4", "a/1": "3.mp4", "b/0": "0.mp4", "b/1": "4.mp4"},
        **{"x/c/0": "1.mp4", "x/c/1": "5.mp4"},
    }


def test_ids_of_a_list_count_whatever_their_captions(tmp_path: Path) -> None:
    touch(tmp_path, "1.mp4", "2.mp4", "3.mp4")
    lines = [
        {"file": f"{k}.mp4", "id": name, "caption": "snow"} for k, name in enumerate(CAPTIONS, 1)
    ]
    found = answers(listed(tmp_path / "list.jsonl", *lines))
    assert files(found, tmp_path) == {"a/0": "1.mp4", "b/0": "2.mp4", "x/c/0": "3.mp4"}
    assert {clip.caption for clip in found.clips} == {"a dog", "rain"}  # of the requests
    assert "3 clips have other captions" in found.notes[0]


def test_a_list_of_several_systems_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "1.mp4")
    lines = [{"file": "1.mp4", "id": "a", "system": name} for name in ("one", "two")]
    with pytest.raises(ConfigError, match="HERE: found 2 systems in it, expected one set"):
        answers(listed(tmp_path / "list.jsonl", *lines))
