"""The human scores that ship: PEAVS's statistics, and files that are refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from svbench.errors import DataError, ScoreError
from svbench.metrics.validity.human_scores import (
    DISTORTIONS,
    LEVELS,
    SCORES,
    HumanScores,
    condition_scores,
    load_human_scores,
    source,
    split_half,
)
from tests.goldens.places import fact

HUMAN = load_human_scores()
NAME = "AbC-_456789"


def written(folder: Path, *rows: str) -> Path:
    """Write a clip of every condition, and more rows."""
    whole = [
        f"{NAME}_output_{distortion:02}_{level}.mp4,3.5"
        for distortion in range(1, len(DISTORTIONS) + 1)
        for level in range(LEVELS)
    ]
    file = folder / "scores.csv"
    file.write_text("\n".join(["video_name,score", *whole, *rows, ""]), encoding="utf-8")
    return file


def test_all_ratings_of_peavs_are_there() -> None:
    assert HUMAN.scores.shape == (9, 10, 200)
    assert np.isfinite(HUMAN.scores).sum() == 15_018
    assert np.isfinite(HUMAN.originals).sum() == 46
    assert HUMAN.videos == tuple(sorted(HUMAN.videos))


def test_conditions_are_those_of_the_table() -> None:
    found = condition_scores(HUMAN)
    with fact("peavs_conditions.csv").open(encoding="utf-8") as lines:
        table = list(csv.DictReader(lines))
    for number, row in enumerate(table[:-1]):
        place = divmod(number, LEVELS)
        assert (row["distortion"], int(row["level_index"])) == (DISTORTIONS[place[0]], place[1])
        assert found.mean[place] == pytest.approx(float(row["mean"]), abs=5.1e-4)
        assert found.deviation[place] == pytest.approx(float(row["sd"]), abs=5.1e-4)
        assert found.count[place] == int(row["n"])
    assert table[-1]["distortion"] == "original"
    assert np.nanmean(HUMAN.originals) == pytest.approx(float(table[-1]["mean"]), abs=5.1e-4)
    assert np.nanstd(HUMAN.originals) == pytest.approx(float(table[-1]["sd"]), abs=5.1e-4)


def test_the_standard_error_is_that_of_a_mean() -> None:
    found = condition_scores(HUMAN)
    clips = HUMAN.scores[2, 7][np.isfinite(HUMAN.scores[2, 7])]
    assert found.error[2, 7] == pytest.approx(clips.std(ddof=1) / np.sqrt(len(clips)))


def test_the_split_half_figure_of_conditions_is_reproduced() -> None:
    found = split_half(HUMAN, splits=200)
    assert found.value == pytest.approx(0.997, abs=0.001)
    assert found.interval[0] < found.value < found.interval[1] < 1
    assert found.value > found.halves > found.interval[0] - 0.005
    assert found == split_half(HUMAN, splits=200)
    assert found.value != split_half(HUMAN, splits=200, seed=1).value


def test_halves_of_noise_do_not_correlate_and_of_one_rating_do_wholly() -> None:
    rng = np.random.default_rng(0)
    noise = HumanScores(HUMAN.videos, rng.standard_normal((9, 10, 200)), HUMAN.originals)
    assert abs(split_half(noise, 100).halves) < 0.1
    same = np.broadcast_to(np.arange(90.0).reshape(9, 10, 1), (9, 10, 200))
    assert split_half(HumanScores(HUMAN.videos, same, HUMAN.originals), 10).value == pytest.approx(
        1
    )


def test_the_scores_of_a_distortion_have_its_name() -> None:
    assert np.nanmean(HUMAN.of("audio_shift")[4]) == pytest.approx(4.619, abs=5.1e-4)
    with pytest.raises(ScoreError, match="people rated no 'blur'"):
        HUMAN.of("blur")


def test_the_source_and_its_licence_are_stated() -> None:
    assert source()["licence"] == "Apache-2.0"
    assert "amazon-science/avgen-eval-toolkit" in source()["source"]
    assert SCORES.exists()


def test_a_small_file_of_one_video_is_loaded(tmp_path: Path) -> None:
    found = load_human_scores(written(tmp_path, f"{NAME}_original.mp4,5"))
    assert found.videos == (NAME,)
    assert (found.scores == 3.5).all()
    assert found.originals.tolist() == [5.0]
    assert np.isnan(condition_scores(found).error).all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{NAME}_output_10_0.mp4,3", "line 92: found the clip 'AbC-_456789_output_10_0.mp4', exp"),
        (f"{NAME}_output_00_0.mp4,3", "expected <id>_output_<01-09>_<0-9>.mp4 or"),
        (f"{NAME}_output_01_10.mp4,3", "found the clip"),
        (f"{NAME}.mp4,3", "found the clip"),
        (f"../{NAME}_original.mp4,3", "found the clip"),
        (f"{NAME}_original.mp4,5.1", "found the score '5.1', expected 1 to 5"),
        (f"{NAME}_original.mp4,nan", "found the score 'nan'"),
        (f"{NAME}_original.mp4,", "found the score ''"),
        (f"{NAME}_original.mp4,good", "found the score 'good'"),
        (f"{NAME}_output_01_0.mp4,3", "found .* again, as in line 2"),
        (f"{NAME}_original.mp4", "found 1 fields, expected 2"),
    ],
)
def test_refuses_rows_of_another_form(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_human_scores(written(tmp_path, row))


def test_refuses_files_without_a_column_or_a_condition(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("video,score\n", encoding="utf-8")
    with pytest.raises(DataError, match="found no column 'video_name'"):
        load_human_scores(file)
    whole = written(tmp_path).read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(whole[:-1]), encoding="utf-8")
    with pytest.raises(DataError, match="found no clip of fragment_shuffle at level 9"):
        load_human_scores(file)
    file.write_text("video_name,score\n", encoding="utf-8")
    with pytest.raises(DataError, match="found no clip of audio_shift at level 0"):
        load_human_scores(file)
