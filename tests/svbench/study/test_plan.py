"""Studies: what is compared, blinding, attention checks, and what is written."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.exports.sources import ExportClip, ExportSet, Source
from svbench.files import media
from svbench.study.key import load_key
from svbench.study.plan import _sets, _shared
from svbench.study.questions import coarse, question_of, with_sound_of
from svbench.study.write import write_study
from svbench.types import Recording
from tests.factories.clips import make_clip
from tests.factories.pages import CAPTIONS, MODEL, OTHER, REAL, write_page_run
from tests.factories.studies import ALL, make_study, plan


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page_run(tmp_path_factory.mktemp("run-of-secrets"))


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}


@pytest.mark.parametrize("embed", [False, True])
def test_what_is_handed_out_names_no_system(run: Path, tmp_path: Path, embed: bool) -> None:
    make_study(run, tmp_path / "study", embed=embed, systems=(MODEL, OTHER), trials=4)
    handed = bytes_of(tmp_path / "study" / "hand-out")
    assert list(handed) == ["index.html"] if embed else len(handed) > 10
    secrets = [MODEL, OTHER, "gamma1", "cross-att", "c0/0", run.name, "intact", "damaged"]
    for name, content in handed.items():
        for secret in secrets:
            assert secret.encode() not in name.encode() + content.lower(), (name, secret)


def test_dates_do_not_tell_which_clips_were_made_last(run: Path, tmp_path: Path) -> None:
    make_study(run, tmp_path / "one")
    files = [path for path in (tmp_path / "one/hand-out").rglob("*") if path.is_file()]
    assert len({path.stat().st_mtime_ns for path in files}) == 1


def test_codes_tell_neither_system_nor_kind(run: Path) -> None:
    key = plan(run).key
    codes = [*key.clips, *key.checks]
    trials = [trial.id for sheet in key.sheets for trial in sheet]
    assert len({*codes, *trials}) == len(codes) + len(trials)
    assert {len(code) for code in (*codes, *trials)} == {12}


def test_every_pair_is_of_one_request_by_two_systems(run: Path) -> None:
    key = plan(run).key
    for sheet in key.sheets:
        shown = [trial for trial in sheet if not key.is_check(trial)]
        assert len(shown) == 6
        for trial in shown:
            left, right = key.clips[trial.left], key.clips[trial.right]
            assert left.request == right.request
            assert left.system != right.system


def test_each_rater_has_attention_checks_on_either_side_and_never_first(run: Path) -> None:
    key = plan(run, raters=40).key
    answers = Counter[str]()
    for sheet in key.sheets:
        checks = [trial for trial in sheet if key.is_check(trial)]
        assert len(checks) == 2
        assert not key.is_check(sheet[0])
        for trial in checks:
            left, right = key.checks[trial.left], key.checks[trial.right]
            assert left.intact != right.intact
            assert left.request == right.request
            answers["left" if key.passes(trial, "left") else "right"] += 1
            assert not key.passes(trial, "tie")
    assert answers["left"] == answers["right"] == 40


def test_models_are_compared_unless_others_are_named(run: Path) -> None:
    assert set(plan(run, systems=(), trials=None).key.systems) == {MODEL, OTHER}
    assert set(plan(run, systems=(REAL, OTHER), trials=None).key.systems) == {REAL, OTHER}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"systems": ("nobody",)}, "--systems: found 'nobody', expected some of"),
        ({"systems": (MODEL,)}, "--systems: found 1 to compare"),
        ({"checks": 5}, "--checks: found 5 attention checks and 4 real clips"),
        ({"trials": 13}, "--trials: found 13, expected at most 12"),
        ({"question": "beauty"}, "--question: found 'beauty', expected sync or quality or caption"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    run: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(run, **settings)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found no run\.json"):
        plan(tmp_path)


def test_only_requests_that_all_systems_answered_are_used(run: Path, tmp_path: Path) -> None:
    table = json.loads((run / "results.json").read_text(encoding="utf-8"))
    other = tmp_path / "run"
    shutil.copytree(run, other)
    row = next(row for row in table["rows"] if row["system"] == OTHER)
    row["left_out"] = {"c2/0": "unreadable"}
    (other / "results.json").write_text(json.dumps(table), encoding="utf-8")
    planned = plan(other, trials=3)
    assert planned.left_out == 1
    assert "c2" not in {clip.example for clip in planned.key.clips.values()}


def test_equal_studies_have_equal_bytes_whatever_the_workers(run: Path, tmp_path: Path) -> None:
    make_study(run, tmp_path / "one")
    write_study(plan(run), run, tmp_path / "two", Local(3))
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_the_same_command_completes_what_was_stopped(run: Path, tmp_path: Path) -> None:
    make_study(run, tmp_path / "one")
    before = bytes_of(tmp_path / "one")
    (tmp_path / "one" / "hand-out" / "index.html").unlink()
    clips = sorted((tmp_path / "one" / "hand-out" / "clips").iterdir())
    clips[0].unlink()
    kept = clips[1].stat().st_ino
    make_study(run, tmp_path / "one")
    assert bytes_of(tmp_path / "one") == before
    assert clips[1].stat().st_ino == kept


def test_another_study_needs_another_folder(run: Path, tmp_path: Path) -> None:
    make_study(run, tmp_path / "one")
    with pytest.raises(ConfigError, match="of other settings or clips there"):
        make_study(run, tmp_path / "one", seed=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"found files but no key\.json"):
        make_study(run, tmp_path / "mine")


def test_an_edited_key_is_refused(run: Path, tmp_path: Path) -> None:
    make_study(run, tmp_path / "one")
    file = tmp_path / "one" / "key.json"
    file.write_text(
        file.read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8"
    )
    with pytest.raises(DataError, match="another content than was written"):
        load_key(tmp_path / "one")


def test_the_key_is_loaded_as_it_was_made(run: Path, tmp_path: Path) -> None:
    key = make_study(run, tmp_path / "one")
    assert load_key(tmp_path / "one") == (key, run.absolute())


def test_the_clips_are_those_of_the_systems(run: Path, tmp_path: Path) -> None:
    key = make_study(run, tmp_path / "one")
    names = [name.rpartition("/")[0] for name in CAPTIONS]
    drawn = [make_clip(place) for place in range(len(names))]
    for code, made in list(key.clips.items())[:4]:
        clip = media.read_native(Recording(tmp_path / f"one/hand-out/clips/{code}.mp4"))
        apart = [np.abs(clip.video.astype(int) - one.video).mean() for one in drawn]
        assert names[int(np.argmin(apart))] == made.example


def test_damage_to_sync_is_the_sound_of_another_clip_or_a_late_one() -> None:
    clip, other = make_clip(0), make_clip(1)
    swapped = with_sound_of(clip, other)
    assert (swapped.audio == other.audio).all()
    assert swapped.video is clip.video
    late = with_sound_of(clip, None)
    assert (np.roll(clip.audio, len(clip.audio) // 2) == late.audio).all()


def test_damage_to_quality_leaves_blocks_and_two_bits() -> None:
    clip = make_clip(0)
    damaged = coarse(clip, None)
    assert len(np.unique(damaged.audio)) <= 4
    assert (damaged.video[:, :4, :4] == damaged.video[:, :1, :1]).all()


def test_captions_are_asked_about_where_there_are_any(run: Path) -> None:
    key = plan(run, question="caption").key
    assert question_of("caption").needs_captions
    for clip in key.checks.values():
        assert clip.other is None or clip.other != clip.request


def test_all_systems_are_named_in_the_key_alone(run: Path, tmp_path: Path) -> None:
    make_study(run, tmp_path / "one")
    text = (tmp_path / "one" / "key.json").read_text(encoding="utf-8")
    assert all(f'"{name}"' in text for name in ALL)


def test_several_samples_of_an_example_are_requests_of_their_own() -> None:
    def of(system: str, number: int) -> ExportSet:
        clips = (ExportClip(n, "", Recording(Path(n)), f"{system}{number}{n}") for n in "ab")
        return ExportSet(f"{system}-repeat{number}", tuple(clips))

    sets = _sets(Source((of("one", 0), of("one", 1), of("two", 0)), of("reference", 0)))
    assert list(sets) == ["one", "two", REAL]
    assert list(sets["one"]) == ["a/0", "b/0", "a/1", "b/1"]
    assert _shared(sets, ("one", "two"), question_of("sync")) == ("a/0", "b/0")
