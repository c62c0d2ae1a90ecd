"""Runs grow in their folder: stored results are reused, and the result equals a fresh run.

Counted on toys, whose systems and extractors note their requests, and once on the command
line at the smallest scale.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from svbench.baselines import controls
from svbench.baselines.joint.system import Joint
from svbench.config import RunConfig
from svbench.datasets import manifest
from svbench.errors import ConfigError
from svbench.files.feature_store import CACHE
from svbench.miniature.drawing import drumstick
from svbench.types import Example, Request
from svbench.walk import extract_shard
from svbench.walk.plan import Plan
from tests.factories.clips import write_clip, write_folder
from tests.factories.commands import Command
from tests.whole_walk.test_walk import CONFIG, Levels, MeanGrey, Toy, go, plan

Changed = dict[str, Any]


# What settings and files were there last is not part of the result.
NOT_COMPARED = ("run.json", ".lock", "known-files.json")


def files(out: Path, *, but: Sequence[str] = NOT_COMPARED) -> dict[str, bytes]:
    """Return every file below a folder; those of the data set have to be alike, too."""
    found = (path for path in out.rglob("*") if path.is_file() and path.name not in but)
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(found)}


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, ...]:
    folder = tmp_path_factory.mktemp("twenty") / "real"
    write_folder(folder, 20)
    (examples,) = manifest.load(folder).values()
    return tuple(sorted(examples, key=lambda example: int(example.id[1:])))


def grey(levels: Levels, name: str = "grey", **settings: Any) -> MeanGrey:
    return MeanGrey(levels, name=name, **settings)


def config(limit: int | None = None, **settings: Any) -> RunConfig:
    """Return the settings of a run of toys, some of them changed."""
    return CONFIG.model_copy(update={"limit": limit, **settings})


def test_ten_clips_grow_to_twenty_and_one_metric_more(
    tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    def whole(toy: Toy, old: Levels, new: Levels, clips: int, *, more: bool) -> Plan:
        compared = grey(old, "grey-apart", needs_reference=True)
        metrics = [grey(old), compared, *([grey(new, "other")] if more else [])]
        return plan(twenty[:clips], systems=[toy, controls.real], metrics=metrics)

    first = Toy(), Levels(), Levels(key="levels-2")
    go(tmp_path / "run", whole(*first, 10, more=False), config(10))
    assert len(first[0].made) == 10
    toy, old, new = Toy(), Levels(), Levels(key="levels-2")
    go(tmp_path / "run", whole(toy, old, new, 20, more=True), config(20, metrics=("a", "b")))
    assert toy.made == [f"c{i}/0" for i in range(10, 20)]
    assert sum(old.batches) == 3 * 10  # ten new ones of the toy, the row of real clips, and real
    assert sum(new.batches) == 2 * 20
    fresh = tmp_path / "fresh"
    go(fresh, whole(Toy(), Levels(), Levels(key="levels-2"), 20, more=True), config(20))
    assert files(tmp_path / "run") == files(fresh)


def test_more_repeats_and_another_order_use_what_is_there(
    tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    go(tmp_path / "run", plan(twenty[:7]))
    toy, levels = Toy(), Levels()
    turned = plan(twenty[6::-1], systems=[toy], metrics=[grey(levels)])
    go(tmp_path / "run", turned, config(repeats=2))
    assert sorted(toy.made) == [f"c{i}/1" for i in range(7)]
    assert sum(levels.batches) == 7
    go(tmp_path / "fresh", plan(twenty[6::-1]), config(repeats=2))
    assert files(tmp_path / "run") == files(tmp_path / "fresh")


def test_a_new_clip_in_front_moves_no_other_out_of_sight(
    tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    go(tmp_path / "run", plan(twenty[1:10]))
    toy, levels = Toy(), Levels()
    go(tmp_path / "run", plan(twenty[:10], systems=[toy], metrics=[grey(levels)]))
    assert toy.made == ["c0/0"]
    assert levels.batches == [1]


def test_another_system_is_made_beside_those_that_are_there(
    tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    go(tmp_path / "run", plan(twenty[:4]))
    toy, other = Toy(), Toy(name="other")
    table = go(tmp_path / "run", plan(twenty[:4], systems=[toy, other]), config(systems=("x",)))
    assert (toy.made, len(other.made)) == ([], 4)
    assert [row.system for row in table.rows] == ["toy", "other"]


def test_what_is_not_asked_for_any_more_stays_and_comes_back(
    tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    run, fresh = tmp_path / "run", tmp_path / "fresh"
    both = [grey(Levels()), grey(Levels(key="levels-2"), "other")]
    go(run, plan(twenty, systems=[Toy(), Toy(name="other")], metrics=both))
    before = files(run)
    toy, levels = Toy(), Levels()
    go(run, plan(twenty[:5], systems=[toy], metrics=[grey(levels)]), config(5))
    go(fresh, plan(twenty[:5]), config(5))
    assert (toy.made, levels.batches) == ([], [])
    small = files(fresh)
    assert {name: files(run)[name] for name in small} == small
    assert before.keys() <= files(run).keys()
    toys, again = [Toy(), Toy(name="other")], [Levels(), Levels(key="levels-2")]
    metrics = [grey(again[0]), grey(again[1], "other")]
    go(run, plan(twenty, systems=toys, metrics=metrics))
    assert [toy.made for toy in toys] == [[], []]
    assert [levels.batches for levels in again] == [[], []]
    assert files(run) == before


def test_run_json_holds_the_latest_settings(tmp_path: Path, twenty: tuple[Example, ...]) -> None:
    for clips in (4, 6, 2):
        go(tmp_path / "run", plan(twenty[:clips]), config(clips))
        record = json.loads((tmp_path / "run/run.json").read_text())
        assert record["config"]["limit"] == clips


# --- what is refused -----------------------------------------------------------------------------

SAMPLING: dict[str, Changed] = {
    "preset": {"preset": "official-code"},
    "steps": {"steps": 4},
    "guidance": {"guidance": (1.0, 2.0)},
    "dtype": {"dtype": "bfloat16"},
    "batch": {"batch": 3},
    "compile": {"compile": True},
    "weights": {"weights": ("elsewhere",)},
}
FIXED: dict[str, Changed] = {
    "seed": {"seed": 1},
    "scale": {"scale": "paper"},
    "dataset": {"dataset": "others"},
    "split": {"split": "train"},
    "data_root": {"data_root": Path("elsewhere")},
    "frame_choice": {"frame_choice": "official"},
    "channels": {"channels": "first"},
    "device": {"device": "mps"},  # "cpu" may be what "auto" is
    "scoring_dtype": {"scoring_dtype": "bfloat16"},
    "scoring_batch": {"scoring_batch": 2},
}


@pytest.mark.parametrize("name", [*FIXED, *SAMPLING])
def test_a_setting_that_changes_what_is_there_is_refused_by_name(
    name: str, tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    go(tmp_path / "run", plan(twenty[:4]))
    before, record = files(tmp_path / "run"), (tmp_path / "run/run.json").read_bytes()
    with pytest.raises(ConfigError, match=f"--out .*{name} was .*, is .*; choose another --out"):
        go(tmp_path / "run", plan(twenty[:4]), config(**{**FIXED, **SAMPLING}[name]))
    assert files(tmp_path / "run") == before
    assert (tmp_path / "run/run.json").read_bytes() == record


@pytest.mark.parametrize("name", SAMPLING)
def test_a_setting_of_sampling_is_free_where_nothing_was_sampled_by_another(
    name: str, tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    run = tmp_path / "run"
    go(run, plan(twenty[:4], systems=[controls.real]))
    go(run, plan(twenty[:4], systems=[controls.real, Toy()]), config(**SAMPLING[name]))
    with pytest.raises(ConfigError, match=f"its clips of toy were made otherwise .*{name} was"):
        go(run, plan(twenty[:4]))
    go(run, plan(twenty[:4], systems=[controls.real]))  # it asks for none of them
    with pytest.raises(ConfigError, match=f"its clips of toy were made otherwise .*{name} was"):
        go(run, plan(twenty[:4]))


def test_folders_of_weights_may_join_others(tmp_path: Path, twenty: tuple[Example, ...]) -> None:
    run = tmp_path / "run"
    go(run, plan(twenty[:4]), config(weights=("a",)))
    both = [Toy(), Toy(name="other")]
    go(run, plan(twenty[:4], systems=both), config(weights=("a", "b")))
    assert both[0].made == []
    with pytest.raises(ConfigError, match=r"weights was \['a', 'b'\], is \['b', 'c'\]"):
        go(run, plan(twenty[:4]), config(weights=("b", "c")))


def test_a_list_of_captions_may_be_another_where_the_captions_are_the_same(
    tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    captioned = tuple(replace(example, caption=f"clip {example.id}") for example in twenty)
    run = tmp_path / "run"
    go(run, plan(captioned[:4]), config(captions=Path("one.csv")))
    toy = Toy()
    go(run, plan(captioned[5::-1], systems=[toy]), config(captions=Path("two.csv")))
    assert toy.made == ["c5/0", "c4/0"]
    other = (replace(captioned[0], caption="a hit"), *captioned[1:6])
    with pytest.raises(ConfigError, match="--captions: found 'a hit' for c0, expected 'clip c0'"):
        go(run, plan(other), config(captions=Path("three.csv")))


def test_a_run_of_an_older_version_names_what_was_sampled_otherwise(
    tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    go(tmp_path / "run", plan(twenty[:4]))
    file = tmp_path / "run/run.json"
    record = json.loads(file.read_text())
    del record["made"]
    file.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=r"it holds another run \(steps was None, is 4\)"):
        go(tmp_path / "run", plan(twenty[:4]), config(steps=4))
    go(tmp_path / "run", plan(twenty[:6]), config(6))


def test_a_folder_of_the_version_before_a_setting_came_goes_on_by_its_default(
    tmp_path: Path, twenty: tuple[Example, ...]
) -> None:
    go(tmp_path / "run", plan(twenty[:4]))
    file = tmp_path / "run/run.json"
    record = json.loads(file.read_text())
    del record["config"]["scoring_batch"]
    file.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match="scoring_batch was None, is 2"):
        go(tmp_path / "run", plan(twenty[:4]), config(scoring_batch=2))
    toy, levels = Toy(), Levels()
    go(tmp_path / "run", plan(twenty[:4], systems=[toy], metrics=[grey(levels)]))
    assert (toy.made, levels.batches) == ([], [])


# --- score, and the shared cache -----------------------------------------------------------------


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the clips that are decoded for feature extraction, e.g. made/c0."""
    names: list[str] = []
    read = extract_shard.read_sample

    def reading(sample: Any, *rest: Any) -> Any:
        names.append(f"{sample.recording.path.parent.name}/{sample.recording.path.stem}")
        return read(sample, *rest)

    monkeypatch.setattr(extract_shard, "read_sample", reading)
    return names


@pytest.fixture
def score(svbench: Command, tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """Score folders of `tmp_path`, and return the files of the run folder."""

    def run(out: str, *words: object, metrics: str = "corrected") -> dict[str, bytes]:
        form = ("--frames", 8, "--fps", 8, "--size", 32, "--workers", 1, "--out", tmp_path / out)
        names = ",".join(f"av-align-{name}@published" for name in metrics.split())
        done = svbench("score", *words, "--reference", tmp_path / "real", *form, "--metrics", names)
        assert done.code == 0, done.err
        return files(tmp_path / out)

    return run


def test_score_takes_another_folder_clip_and_metric(
    tmp_path: Path, measured: list[str], score: Callable[..., dict[str, bytes]]
) -> None:
    for number, name in enumerate(("real", "made", "other")):
        write_folder(tmp_path / name, 3, first_seed=10 * number)
    made, other = tmp_path / "made", tmp_path / "other"
    score("run", made)
    write_clip(made / "b.mp4", seed=40)  # the first by name
    measured.clear()
    grown = score("run", made, other, metrics="corrected tempotokens-2023")
    assert measured == ["made/b", "other/c0", "other/c1", "other/c2"]
    assert grown == score("fresh", made, other, metrics="corrected tempotokens-2023")


def test_runs_that_share_a_cache_measure_the_reference_once(
    tmp_path: Path,
    measured: list[str],
    score: Callable[..., dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, name in enumerate(("real", "made", "other")):
        write_folder(tmp_path / name, 3, first_seed=10 * number)
    fresh = score("fresh", tmp_path / "other")
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    score("one", tmp_path / "made")
    measured.clear()
    assert score("two", tmp_path / "other") == fresh
    assert measured == ["other/c0", "other/c1", "other/c2"]
    for file in (tmp_path / "cache").rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:-9])  # damaged: as none, and mended
    measured.clear()
    assert score("three", tmp_path / "other") == fresh
    assert len(measured) == 6
    assert score("four", tmp_path / "other") == fresh
    assert len(measured) == 6


def test_a_cache_that_cannot_be_written_is_a_wrong_setting(
    tmp_path: Path, svbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "real", 2)
    write_folder(tmp_path / "made", 2)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE, str(tmp_path / "file"))
    words = ("score", tmp_path / "made", "--reference", tmp_path / "real", "--out", tmp_path / "o")
    problem = svbench(*words).problem(2)
    assert problem == f"{CACHE} {tmp_path / 'file'}: found a file, expected a folder"
    assert not (tmp_path / "o").exists()


# --- the command line ----------------------------------------------------------------------------


def test_the_miniature_grows_on_the_command_line(
    svbench: Command, tmp_path: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more clips, a metric and a gamma, only what is new is drawn, sampled and extracted."""
    drawn: list[int] = []
    sampled: list[str] = []
    draw, sample = drumstick.draw, Joint.generate

    def drawing(*settings: Any, **more: Any) -> Any:
        drawn.append(more["frames"])
        return draw(*settings, **more)

    def sampling(self: Joint, requests: Sequence[Request], *rest: Any) -> Any:
        sampled.extend(f"{self.name} {request.id[-3:]}" for request in requests)
        return sample(self, requests, *rest)

    monkeypatch.setattr(drumstick, "draw", drawing)
    monkeypatch.setattr(Joint, "generate", sampling)

    def run(out: str, limit: int, gamma: str, metrics: str) -> dict[str, bytes]:
        for calls in (drawn, sampled, measured):
            calls.clear()
        words = ("--systems", "real,cmc-pe", "--steps", 2, "--limit", limit, "--gamma", gamma)
        done = svbench(
            *("run", "--dataset", "greatesthits", *words, "--metrics", metrics),
            *("--workers", 1, "--out", tmp_path / out),
        )
        assert done.code == 0, done.err
        return files(tmp_path / out)

    one, two = "av-align-corrected@miniature", "av-align-corrected@miniature,fad"
    run("run", 3, "1", one)
    assert len(drawn) == 2
    grown = run("run", 5, "1,2", two)
    assert len(drawn) == 1 + 3  # of the test clips the third recording, and the reference
    assert len([name for name in sampled if "gamma1 " in name]) == 2
    assert len([name for name in sampled if "gamma2 " in name]) == 5
    assert len(measured) == 3 * 5 + 5  # all by FAD; of the old clips nothing else
    assert grown == run("fresh", 5, "1,2", two)
    assert len(drawn) == 6
    run("run", 5, "1,2", two)
    assert (drawn, sampled, measured) == ([], [], [])
