"""What sets of clips are compared with: halves of the real clips, or others that are kept apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from svbench.baselines import controls
from svbench.config import RunConfig
from svbench.datasets import manifest
from svbench.errors import ScoreError
from svbench.walk.halves import halves
from tests.factories.clips import write_folder
from tests.whole_walk.test_walk import Levels, MeanGrey, Toy, go, plan, real

__all__ = ["real"]  # a fixture


def test_rows_of_real_clips_and_models_meet_halves_of_equal_counts(
    tmp_path: Path, real: tuple
) -> None:
    metric = MeanGrey(Levels(), needs_reference=True)
    table = go(tmp_path / "run", plan(real, systems=[Toy(), controls.real], metrics=[metric]))
    (toy, all_real), (half, other), (ours, theirs) = metric.judged
    assert len(toy) == len(all_real or ()) == 6
    assert (len(half), len(other or ())) == (3, 3)
    assert set(half) | set(other or ()) == {f"c{i}/0" for i in range(6)}
    assert (ours, theirs) == (half, other)  # the same requests, the same real clips
    assert [column.metric for column in table.columns] == ["grey", "grey+halves"]
    model, control = table.rows
    assert [model.scores[name].reference_count for name in ("grey", "grey+halves")] == [6, 3]
    assert control.scores["grey+halves"].reference_count == 3
    assert "see the column of halves" in control.absent["grey"]
    assert any(note.startswith("halves: a row's clips of one half") for note in table.notes)


def test_where_all_rows_are_made_of_real_clips_only_halves_are_shown(
    tmp_path: Path, real: tuple
) -> None:
    metric = MeanGrey(Levels(), needs_reference=True)
    table = go(tmp_path / "run", plan(real, systems=[controls.real], metrics=[metric]))
    assert [column.metric for column in table.columns] == ["grey+halves"]


def test_a_row_that_answers_other_requests_lends_as_many_clips_as_a_half(
    tmp_path: Path, real: tuple
) -> None:
    write_folder(tmp_path / "mine", 5, first_seed=20)
    (mine,) = manifest.load(tmp_path / "mine").values()
    folders = {
        "mine": tuple(replace(example, id=f"m{i}") for i, example in enumerate(mine)),
        "few": tuple(replace(example, id=f"m{i}") for i, example in enumerate(mine[:2])),
    }
    metric = MeanGrey(Levels(), needs_reference=True)
    made = replace(plan(real, metrics=[metric], folders=folders), systems=())
    rows = go(tmp_path / "run", made).rows
    one, few, control = (row for row in rows if row.floor_of is None)
    score = one.scores["grey+halves"]
    assert (score.count, score.reference_count) == (3, 3)
    assert control.scores["grey+halves"].count == 3
    assert few.absent["grey+halves"] == "a distance between sets needs at least 4 clips here"
    assert few.scores["grey"].count == 2


def test_clips_of_the_other_half_never_meet_their_own_real_clips(
    tmp_path: Path, real: tuple
) -> None:
    one, other = halves([f"{example.id}/0" for example in real], 0)
    write_folder(tmp_path / "mine", 6, first_seed=20)
    (mine,) = manifest.load(tmp_path / "mine").values()
    answered = [*sorted(other), *sorted(one)[:2]]  # two of its half, and all of the other
    folder = tuple(
        replace(example, id=request.removesuffix("/0"))
        for example, request in zip(mine, answered, strict=False)
    )
    metric = MeanGrey(Levels(), needs_reference=True)
    made = replace(plan(real, metrics=[metric], folders={"mine": folder}), systems=())
    row = next(row for row in go(tmp_path / "run", made).rows if row.system == "mine")
    assert row.absent["grey+halves"].startswith("has 2 clips of other requests than those of one")


def test_with_real_clips_kept_apart_every_row_meets_all_of_them(
    tmp_path: Path, real: tuple
) -> None:
    metric = MeanGrey(Levels(), needs_reference=True)
    systems = [Toy(), controls.real]
    made = plan(real[:3], systems=systems, metrics=[metric], reference=real[3:])
    table = go(tmp_path / "run", made)
    (toy, theirs), (ours, same) = metric.judged
    assert toy == ours == ("c0/0", "c1/0", "c2/0")
    assert theirs == same == ("c3/0", "c4/0", "c5/0")
    assert [column.metric for column in table.columns] == ["grey"]
    assert table.record["reference set"] != table.record["real set"]


def test_reference_rows_are_judged_whole_where_no_reference_is_needed(
    tmp_path: Path, real: tuple
) -> None:
    table = go(tmp_path / "run", plan(real, systems=[controls.real]))
    assert table.rows[0].scores["grey"].count == 6


def test_reference_rows_are_asked_once_however_many_repeats(tmp_path: Path, real: tuple) -> None:
    toy = Toy()
    config = RunConfig(dataset="toys", repeats=2)
    table = go(tmp_path / "run", plan(real, systems=[toy, controls.real]), config)
    assert [row.asked for row in table.rows] == [12, 6]
    assert len(set(toy.made)) == 12


def test_halves_are_disjoint_seeded_and_whole() -> None:
    names = [f"c{i}/0" for i in range(9)]
    one, other = halves(names, 0)
    assert (len(one), len(other)) == (4, 5)
    assert one | other == set(names)
    assert halves(names, 0) == (one, other)
    assert halves(names, 1) != (one, other)
    with pytest.raises(ScoreError, match="at least 4 real clips, got 3"):
        halves(names[:3], 0)


# --- missing clips -----------------------------------------------------------------------------
