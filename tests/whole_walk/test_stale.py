"""Stale data: bytes that change between two commands, or during one, are never reused.

Whatever changed, the same command gives the same result as in a fresh folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from svbench.baselines import controls
from svbench.catalog import systems
from svbench.catalog.columns.entries import MetricSettings
from svbench.catalog.datasets import DATASETS, Miniature
from svbench.catalog.metrics import build_metrics
from svbench.catalog.plans import plan_score, settings_of
from svbench.config import RunConfig, ScoreConfig
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.errors import StoppedError
from svbench.walk.plan import Data, Plan
from svbench.walk.run import walk
from tests.factories.clips import SPEC, make_clip, write_clip, write_folder
from tests.factories.commands import Command

CHECKED = ("results.json", "scores.csv")
METRIC = "av-align-corrected@published"
CONTROLS = ("real", "shuffled", "lagged", "codec")


def outputs(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in CHECKED]


def clips_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*.mkv"))}


# --- controls ------------------------------------------------------------------------------------


class Coarse:
    """A stand-in for a joint model on disk, whose codecs halve video and audio."""

    def weights(self) -> dict[str, str]:
        return {"video": "by halves", "audio": "by halves"}

    def load_codecs(self, *_: object) -> SimpleNamespace:
        def kept(of: str) -> SimpleNamespace:
            return SimpleNamespace(
                encode=lambda clips: [getattr(clip, of) for clip in clips],
                decode=lambda arrays, _spec: [(array / 2).astype(array.dtype) for array in arrays],
            )

        return SimpleNamespace(audio=kept("audio"), video=kept("video"))


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a data set of three clips, with fast codecs."""
    for number in range(3):
        write_clip(tmp_path / f"set/c{number}.mp4", make_clip(number, SPEC))

    def draw(_root: Path, *, seed: int, **clips: int) -> None:
        assert "reference" not in clips, seed  # no sets are compared

    small = Miniature(draw, lambda *_, **__: manifest.load(tmp_path / "set")["set"], SPEC, 1)
    entry = replace(DATASETS["greatesthits"], title="tiny", miniature=small)
    monkeypatch.setitem(DATASETS.loaders, "greatesthits", lambda: entry)
    monkeypatch.setattr(systems, "joint_models", lambda _config: {"cmc-pe": Coarse()})
    return tmp_path / "set"


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_follows_the_bytes_of_the_real_clips(
    name: str, tiny: Path, svbench: Command, tmp_path: Path
) -> None:
    def run(out: str) -> list[bytes]:
        words = ("--dataset", "greatesthits", "--systems", name, "--metrics", METRIC)
        done = svbench("run", *words, "--workers", 1, "--out", tmp_path / out)
        assert done.code == 0, done.err
        return outputs(tmp_path / out)

    first = run("run")
    before = clips_of(tmp_path / "run")
    write_clip(tiny / "c1.mp4", make_clip(9, SPEC))
    second = run("run")
    after = clips_of(tmp_path / "run")
    assert second != first
    assert second == run("fresh")
    assert after == clips_of(tmp_path / "fresh")
    changed = [path for path in before if before[path] != after[path]]
    assert len(changed) == (2 if name == "shuffled" else 1)  # picture of one, sound of another


# --- clips that change while a run is at work ----------------------------------------------------


def real_plan(folder: Path) -> Plan:
    return Plan(
        dataset="toys",
        scale="mini",
        read=lambda: Data("Toys", SPEC, manifest.load(folder)["real"]),
        settings=settings_of(RunConfig(dataset="toys", metrics=(METRIC,))),
        columns=build_metrics([METRIC], MetricSettings()),
        systems=(controls.lagged,),
    )


@contextmanager
def _step(label: str, begins: Callable[[str], None]) -> Iterator[Callable[[int], None]]:
    begins(label)
    yield lambda *_: None


@pytest.mark.parametrize(
    ("step", "where"),
    [("lagged: making", "real"), ("extracting", "mine"), ("extracting", "real")],
)
def test_a_clip_exchanged_while_the_run_goes_on_stops_it_and_the_same_command_goes_on(
    step: str, where: str, tmp_path: Path
) -> None:
    write_folder(tmp_path / "real", 4)
    write_folder(tmp_path / "mine", 2, first_seed=5)
    write_clip(tmp_path / "other.mp4", seed=11)
    victim = tmp_path / where / "c1.mp4"
    done = []

    def exchange(label: str) -> None:
        if label.startswith(step) and not done:
            done.append(shutil.copy(tmp_path / "other.mp4", victim))

    def go(out: Path, begins: Callable[[str], None]) -> list[bytes]:
        if step.startswith("lagged"):
            plan = real_plan(tmp_path / "real")
        else:
            made, reference = (tmp_path / "mine",), tmp_path / "real"
            form = {"frames": 8, "fps": 8.0, "size": (32, 32)}
            config = ScoreConfig.of(generated=made, reference=reference, metrics=[METRIC], **form)
            plan = plan_score(config)
        walk(plan, out, Local(1), lambda label, _total: _step(label, begins))
        return outputs(out)

    with pytest.raises(StoppedError) as caught:
        go(tmp_path / "run", exchange)
    assert str(caught.value) == (
        f"{victim}: changed while the run was going on; run the same command again"
    )
    assert not (tmp_path / "run" / "results.json").exists()
    assert go(tmp_path / "run", exchange) == go(tmp_path / "fresh", exchange)


# --- what lies in the run folder -----------------------------------------------------------------

MINI = ("run", "--dataset", "greatesthits", "--limit", 3, "--systems", "real", "--metrics", METRIC)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a completed run, for all tests to copy."""
    return tmp_path_factory.mktemp("drawn") / "run"


@pytest.fixture
def run(drawn: Path, svbench: Command, tmp_path: Path) -> Path:
    if not drawn.exists():
        assert svbench(*MINI, "--workers", 1, "--out", drawn).code == 0
    return Path(shutil.copytree(drawn, tmp_path / "run"))


def files_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lose_a_clip(run: Path) -> None:
    sorted(run.glob("data/*_thumb.mp4"))[0].unlink()


def lose_hits(run: Path) -> None:
    path = sorted(run.glob("data/*_times.txt"))[0]
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))


def lose_the_list(run: Path) -> None:
    (run / "data" / "flist_test.csv").write_text("")


def of_an_older_version(run: Path) -> None:
    marker = run / "data" / "MINIATURE.json"
    text = marker.read_text()
    marker.write_text(text[: text.index(',\n  "files"')] + "\n}\n")
    lose_hits(run)


def break_a_clip(run: Path) -> None:
    path = sorted(run.glob("samples/real/*/*.mkv"))[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def break_features(run: Path) -> None:
    next(run.glob("features/*/*/*.npz")).write_bytes(b"PK")


def edit_features(run: Path) -> None:
    path = next(run.glob("features/*/*/*.npz"))
    with np.load(path) as found:
        arrays = dict(found)
    arrays["values"] = arrays["values"][::-1]
    with path.open("wb") as file:
        np.savez(file, **arrays)


def hide_changed_hits(run: Path) -> None:
    marker = run / "data" / "MINIATURE.json"
    record = json.loads(marker.read_text())
    record["files"] = {"test.txt": record["files"]["test.txt"]}
    marker.write_text(json.dumps(record))
    lose_hits(run)


def nest_the_manifest(run: Path) -> None:
    (run / "samples" / "real" / "manifest.jsonl").write_text("[" * 99_999)


def cut_scores(run: Path) -> None:
    path = run / "scores.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    "damage",
    [
        lose_a_clip,
        lose_hits,
        lose_the_list,
        of_an_older_version,
        break_a_clip,
        break_features,
        edit_features,
        hide_changed_hits,
        nest_the_manifest,
        cut_scores,
    ],
)
def test_the_same_command_makes_whole_what_was_damaged(
    damage: Callable[[Path], None], run: Path, svbench: Command
) -> None:
    before = files_of(run)
    damage(run)
    assert files_of(run) != before
    assert svbench(*MINI, "--workers", 1, "--out", run).code == 0
    assert {**files_of(run), ".lock": b""} == {**before, ".lock": b""}


def test_files_of_others_in_drawn_data_stay(run: Path, svbench: Command) -> None:
    (run / "data" / "notes.txt").write_text("mine")
    lose_a_clip(run)
    assert svbench(*MINI, "--workers", 1, "--out", run).code == 0
    assert (run / "data" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("words", ["--format clips", "--format latex", "--format html"])
def test_scores_that_are_not_those_of_the_table_are_refused(
    words: str, run: Path, svbench: Command
) -> None:
    assert svbench("report", run, "--format", "clips").code == 0
    text = (run / "scores.csv").read_text()
    (run / "scores.csv").write_text(text.replace("0.", "0.1", 1))
    problem = svbench("report", run, *words.split()).problem(3)
    assert problem.startswith(
        f"{run / 'scores.csv'}: found other scores than were written with results.json, expected"
    )
    assert problem.endswith("run the same command again")
