"""Files of scores that other programs computed: every form as it is written, and refusals."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from svbench.errors import ConfigError, DataError
from svbench.files.score_forms import ForeignScores, read_foreign_scores
from svbench.types import Better


def written(folder: Path, content: Any, name: str = "scores.json") -> Path:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def columns(found: ForeignScores) -> dict[str, tuple[str, str, dict[str, float]]]:
    return {one.name: (one.form, one.better, dict(one.values)) for one in found.columns}


def test_vbench(tmp_path: Path) -> None:
    clips = [{"video_path": f"out/m/{n}.mp4", "video_results": n / 4} for n in (1, 2)]
    answers = [{"video_path": "out/m/1.mp4", "video_results": True}]
    content = {"subject_consistency": [0.375, clips], "dynamic_degree": [1.0, answers]}
    file = written(tmp_path, content)
    found = read_foreign_scores(file, {})
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert columns(found) == {
        "subject_consistency": ("vbench", "higher", {"out/m/1.mp4": 0.25, "out/m/2.mp4": 0.5}),
        "dynamic_degree": ("vbench", "higher", {"out/m/1.mp4": 1.0}),
    }


def test_dover(tmp_path: Path) -> None:
    """Its heading has blanks behind the commas, and so have its lines."""
    heading = "path, aesthetic score, technical score, overall/final score\n"
    file = written(tmp_path, f"{heading}m/1.mp4, 51.5000, 40.2500,45.125000\n", "dover.csv")
    assert columns(read_foreign_scores(file, {})) == {
        "aesthetic score": ("dover", "higher", {"m/1.mp4": 51.5}),
        "technical score": ("dover", "higher", {"m/1.mp4": 40.25}),
        "overall/final score": ("dover", "higher", {"m/1.mp4": 45.125}),
    }


def test_avgen_bench(tmp_path: Path) -> None:
    """Judges' JSON, of which failed entries have no score; and the CSV of its networks."""
    results = [
        {"video_path": "m/1.mp4", "status": "ok", "plot_alignment_score": 80, "summary": "fine"},
        {"video_path": "m/2.mp4", "status": "failed", "error": "timeout"},
    ]
    file = written(tmp_path, {"model": "judge", "results": results})
    expected = {"plot_alignment_score": ("avgen-bench", "higher", {"m/1.mp4": 80.0})}
    found = read_foreign_scores(file, {})
    assert (columns(found), found.failed) == (expected, {"m/2.mp4": "failed"})
    heading = "folder,video_path,used_path,pred_offset_sec_cont,abs_pred_offset_sec_cont\n"
    sync = written(tmp_path, f"{heading}ads,m/1.mp4,tmp/1.mp4,-0.25,0.25\n", "sync.csv")
    expected = {"abs_pred_offset_sec_cont": ("avgen-bench", "lower", {"m/1.mp4": 0.25})}
    assert columns(read_foreign_scores(sync, {})) == expected
    stated = "video_path,score,status\nm/1.mp4,0.5,ok\nm/2.mp4,,out of memory\nm/3.mp4,0.25,\n"
    found = read_foreign_scores(written(tmp_path, stated, "judge.csv"), {})
    assert found.columns[0].values == (("m/1.mp4", 0.5), ("m/3.mp4", 0.25))
    assert found.failed == {"m/2.mp4": "out of memory"}


def test_plain(tmp_path: Path) -> None:
    better: dict[str, Better] = {"wer": "lower", "scores": "higher"}
    file = written(tmp_path, {"a": 0.5, "b": 2})
    assert columns(read_foreign_scores(file, better)) == {
        "scores": ("plain", "higher", {"a": 0.5, "b": 2.0})
    }
    several = written(tmp_path, {"a": {"wer": 0.5, "who": "me"}, "b": {"wer": 0.25}})
    assert columns(read_foreign_scores(several, better)) == {
        "wer": ("plain", "lower", {"a": 0.5, "b": 0.25})
    }
    table = written(tmp_path, "id,wer\na,0.5\n", "scores.csv")
    assert columns(read_foreign_scores(table, better)) == {"wer": ("plain", "lower", {"a": 0.5})}


def test_a_direction_that_is_stated_counts_before_the_known_one(tmp_path: Path) -> None:
    file = written(tmp_path, {"a": {"score": 1.0}})
    assert columns(read_foreign_scores(file, {"score": "lower"}))["score"][1] == "lower"


def test_a_file_without_known_direction_is_refused_and_says_how_to_state_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found the columns wer, .* --import-better NAME=higher"):
        read_foreign_scores(written(tmp_path, {"a": {"wer": 1.0}}), {})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([1, 2], "found list, expected scores per clip"),
        ({}, "found no scored clip, expected"),
        ({"results": []}, "found no scored clip, expected"),
        (
            {"results": [{"video_path": "a", "score": 1, "status": "error"}]},
            r"1 entries, .* \(a: status er",
        ),
        ({"color": [0.5, []]}, "found no scored clip in color, expected"),
        ({"color": [0.5]}, r"color: found no \[mean, clips\]"),
        ({"color": [0.5, [{"video": "a"}]]}, "entry 1: found no video_path and video_results"),
        ({"color": [0.5, [{"video_path": "a", "video_results": None}]]}, "found color None, exp"),
        ({"a": {"score": "much"}}, r"a: found score 'much', expected a finite number"),
        ({"a": {"score": "nan"}}, "expected a finite number"),
        ({"results": [{"score": 1}]}, "entry 1: found no clip, expected video_path or path"),
        ({"results": [{"id": "a", "score": 1}, {"id": "a", "score": 2}]}, "found a twice"),
    ],
)
def test_what_is_no_score_is_refused(tmp_path: Path, content: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        read_foreign_scores(written(tmp_path, content), {})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,score,score\na,1,2\n", "found a column twice"),
        ("id,score\na,1,2\n", "line 2: found 3 fields, expected 2"),
        ("score\n1\n", "entry 1: found no clip"),
        ("", "found no scored clip, expected"),
        ("id,score\n", "found no scored clip, expected"),
        ("id,score\na,1\na,2\n", "found a twice, expected each clip once"),
    ],
)
def test_csv_that_is_no_table_of_scores_is_refused(
    tmp_path: Path, content: str, expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        read_foreign_scores(written(tmp_path, content, "scores.csv"), {})
