"""What `svbench score` judges and prints by default: an adjusted column, a floor, no winner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.catalog.gallery import find_elsewhere
from svbench.engines.local import Local
from svbench.files.results import load_requests, load_scores, load_table
from svbench.types import Clip
from svbench.walk.gallery import find_sets
from svbench.walk.shuffled_floor import ALONE
from tests.factories.clips import SPEC, make_clip, write_clip, write_folder
from tests.factories.commands import Command

SMALL = ("--frames", 8, "--fps", 8, "--size", 32)
PLAIN, ADJUSTED = "av-align-corrected@published", "av-align-adjusted-corrected@published"
SYNCHRONY = "synchrony@impacts+native"


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "no-weights"))


@pytest.fixture
def scored(svbench: Command, tmp_path: Path) -> Path:
    """Score five clips against four by default, and return the run folder."""
    write_folder(tmp_path / "mine", 5)
    write_folder(tmp_path / "real", 4, first_seed=9)
    words = (tmp_path / "mine", "--reference", tmp_path / "real", "--out", tmp_path / "run")
    done = svbench("score", *words, *SMALL)
    assert done.code == 0, done.err
    return tmp_path / "run"


def rows(run: Path) -> Mapping[str, Any]:
    return {row.system: row for row in load_table(run).rows}


def test_a_floor_stands_below_the_set_it_is_made_from(scored: Path) -> None:
    table = load_table(scored)
    names = [column.metric for column in table.columns]
    assert names[2:] == ["ib-av@published", PLAIN, ADJUSTED, SYNCHRONY]
    assert [row.system for row in table.rows] == ["mine", "mine-shuffled", "real"]
    mine, floor, _ = table.rows
    assert floor.floor_of == "mine"
    assert set(floor.scores) == set(mine.scores) == {PLAIN, ADJUSTED, SYNCHRONY}
    assert floor.absent == mine.absent  # for want of weights
    scores = load_scores(scored)
    for metric, score in floor.scores.items():
        clips = scores["mine-shuffled", metric]
        assert clips.keys() == scores["mine", metric].keys()
        assert score.value == pytest.approx(np.mean(list(clips.values())))
    assert table.scale == "elsewhere"


def test_the_table_at_80_columns_has_the_floor_and_no_winner(
    svbench: Command, scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = svbench("report", scored).out
    assert max(map(len, printed.splitlines())) <= 80
    text = " ".join(printed.split())
    for part in ("mine, shuffled", "(floor)", "AV-Align (adjusted,", "clips made elsewhere"):
        assert part in text
    assert "floor in Align adj: " in text
    assert "· Align adj: AV-Align (adjusted, corrected, published detectors)" in text
    assert "· Align adj: sound and motion that" in text
    for part in ("scale: paper", "bold", "best", "tempotokens"):
        assert part not in text


def test_the_page_shows_the_floor_and_no_clips_of_it(svbench: Command, scored: Path) -> None:
    assert svbench("report", scored, "--format", "html").code == 0
    html = (scored / "report" / "index.html").read_text(encoding="utf-8")
    headline = html[html.index('<div class="headline">') : html.index('<section id="results"')]
    assert "of its shuffled floor" in headline or "of its floor in AV-Align (adjusted" in headline
    assert "best" not in headline
    assert html.count('<tr class="floor">') == 1
    script = (scored / "report" / "data" / "view-0.js").read_text(encoding="utf-8")
    views = json.loads(script[script.index("\n") : script.rindex(")")])
    assert [view is None for view in views] == [False, True, False]
    found = find_sets(scored, load_table(scored), Local(), find_elsewhere(scored))
    assert set(found) == {"mine", "real"}


def test_clips_are_judged_without_a_reference(svbench: Command, tmp_path: Path) -> None:
    """What compares with real clips is absent for that reason, not for want of weights."""
    write_folder(tmp_path / "mine", 3)
    words = ("score", tmp_path / "mine", *SMALL, "--out", tmp_path / "run")
    done = svbench(*words)
    assert done.code == 0, done.err
    found = rows(tmp_path / "run")
    assert list(found) == ["mine", "mine-shuffled"]
    assert set(found["mine"].scores) == {PLAIN, ADJUSTED, SYNCHRONY}
    reasons = {n: found["mine"].absent[n] for n in ("fvd@stylegan-v-16f", "ib-av@published")}
    assert [text.split()[0] for text in reasons.values()] == ["it", "no"]  # compares; no weights
    assert "real set" not in load_table(tmp_path / "run").record
    assert svbench("report", tmp_path / "run", "--format", "html").code == 0
    for option in ("--metrics", "fvd"), ("--strict",):
        refused = svbench("score", tmp_path / "mine", *option, *SMALL)
        assert refused.problem(code=2).startswith(f"{option[0]}: found fvd@stylegan-v-16f")
    refused = svbench("score", tmp_path / "mine", "--metrics", "fvd,synchrony@impacts", *SMALL)
    assert refused.problem(code=2) == (
        "--metrics: found fvd@stylegan-v-16f without real clips to compare with, expected "
        "--reference DIR, or metrics that need none"
    )


def test_without_a_reference_clips_are_asked_for_by_their_own_lists(
    svbench: Command, tmp_path: Path
) -> None:
    for seed, name in enumerate("ab"):
        write_folder(tmp_path / name, 3, first_seed=9 * seed)
    entries = [
        {"id": f"p{n}", "system": name, "file": f"{name}/c{n}.mp4", "caption": f"a {n}"}
        for name in "ab"
        for n in range(3)
    ]
    entries[0]["category"], entries[4]["category"] = "dog", "cat"
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    (tmp_path / "both.jsonl").write_text(lines, encoding="utf-8")
    words = (*SMALL, "--metrics", PLAIN)
    assert svbench("score", tmp_path / "both.jsonl", *words, "--out", tmp_path / "two").code == 0
    requests = load_requests(tmp_path / "two")
    assert requests is not None
    assert [(i, one.caption, one.source) for i, one in requests.items()] == [
        (f"p{n}", f"a {n}", "") for n in range(3)
    ]
    assert [one.categories for one in requests.values()] == [
        {"category": "dog"},
        {"category": "cat"},
        {},
    ]
    assert svbench("report", tmp_path / "two", "--by", "category").code == 0
    alone = lines.splitlines()[:3]  # the same requests, beside real clips
    (tmp_path / "a.jsonl").write_text("\n".join(alone), encoding="utf-8")
    real = [
        json.dumps({"id": f"p{n}", "file": f"b/c{n}.mp4", "caption": f"a {n}"}) for n in range(3)
    ]
    (tmp_path / "real.jsonl").write_text("\n".join(real), encoding="utf-8")
    with_real = ("--reference", tmp_path / "real.jsonl", "--out", tmp_path / "one")
    assert svbench("score", tmp_path / "a.jsonl", *words, *with_real).code == 0
    compared = svbench("compare", tmp_path / "one", tmp_path / "two")
    assert compared.code == 0, compared.err
    assert "no request in common" not in compared.out
    assert "left out" not in compared.out


def test_native_clips_have_no_floor(svbench: Command, scored: Path) -> None:
    folder = scored.parent
    words = (folder / "mine", "--reference", folder / "real", "--out", folder / "native")
    metrics = ("--metrics", f"{PLAIN}+native,fad@audioldm-eval+miniature")
    done = svbench("score", *words, *SMALL, *metrics)
    assert done.code == 0, done.err
    floor = rows(folder / "native")["mine-shuffled"]
    assert not floor.scores
    reasons = sorted(floor.absent.values())
    assert [reason.split()[0] for reason in reasons] == ["has", "has", "native"]  # FAD, halves


def test_one_clip_alone_is_judged_without_a_floor(svbench: Command, tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", 1)
    words = (tmp_path / "mine", "--reference", tmp_path / "mine", "--out", tmp_path / "run")
    done = svbench("score", *words, *SMALL)
    assert done.code == 0, done.err
    assert {
        rows(tmp_path / "run")["mine-shuffled"].absent[m] for m in (PLAIN, ADJUSTED, SYNCHRONY)
    } == {ALONE}
    assert ALONE in done.out


def test_still_silent_clips_leave_the_adjusted_cell_blank(svbench: Command, tmp_path: Path) -> None:
    clip = make_clip(silent=True)
    for name in "ab":  # black all over, so that the codec adds no motion
        dark = Clip(np.zeros_like(clip.video), clip.audio, SPEC)
        write_clip(tmp_path / "still" / f"{name}.mp4", dark)
    write_folder(tmp_path / "real", 2)
    words = ("score", tmp_path / "still", "--reference", tmp_path / "real", *SMALL)
    done = svbench(*words, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    found = rows(tmp_path / "run")
    for system in ("still", "still-shuffled"):
        assert "none of 2 clips has an onset or a motion peak" in found[system].absent[ADJUSTED]
        assert found[system].scores[PLAIN].value == 0.0
    strict = svbench(*words, "--strict", "--metrics", ADJUSTED, "--out", tmp_path / "strict")
    assert "none of 2 clips has an onset" in strict.problem(code=4)


def test_a_set_called_like_a_floor_is_refused_before_the_work(
    svbench: Command, tmp_path: Path
) -> None:
    for name in ("a", "a-shuffled", "real"):
        write_folder(tmp_path / name, 1)
    words = (tmp_path / "a", tmp_path / "a-shuffled", "--reference", tmp_path / "real")
    done = svbench("score", *words, *SMALL, "--out", tmp_path / "run")
    assert "found a set called 'a-shuffled'" in done.problem(code=2)
    assert not (tmp_path / "run").exists()
