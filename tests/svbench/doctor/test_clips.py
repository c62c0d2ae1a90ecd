"""The figures of a plan against a run that was really made."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from svbench.api import run
from svbench.api.planned import Planned, planned_run, planned_score
from svbench.baselines.checkpoints.find import EXACT
from svbench.catalog.datasets import drawn
from svbench.doctor.clips import survey
from svbench.doctor.estimate import Measured, estimate, most_bytes
from svbench.doctor.memory import memory
from svbench.errors import ConfigError, DataError
from tests.factories.clips import write_folder
from tests.factories.model_folders import write_parts

METRICS = ("av-align-corrected@miniature", "fad")
SETTINGS = {
    "systems": ("real", "cmc-pe"),
    "gamma": (1.5,),
    "metrics": METRICS,
    "steps": 2,
    "batch": 1,
}


def plan(out: Path, limit: int = 2, **changed: object) -> Planned:
    return planned_run("greatesthits", out=out, limit=limit, **{**SETTINGS, **changed})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of two clips."""
    out = tmp_path_factory.mktemp("made") / "run"
    run("greatesthits", out=out, limit=2, workers=1, **SETTINGS)  # type: ignore[arg-type]
    return out


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def space(folder: Path, pattern: str, seconds: float) -> None:
    """Set times of change of files so many seconds apart."""
    for number, path in enumerate(sorted(folder.rglob(pattern))):
        os.utime(path, (1000.0 + seconds * number, 1000.0 + seconds * number))


def test_a_run_that_is_not_begun_makes_everything(tmp_path: Path) -> None:
    found = survey(plan(tmp_path / "run", limit=6))
    assert [(row.name, row.clips, row.to_make) for row in found.rows] == [
        ("real", 6, 6),
        ("cmc-pe-gamma1.5", 6, 6),
    ]
    # AV-Align of both rows; FAD of both and of the clips that are kept apart
    assert (found.features.needed, found.features.there) == (6 * 4 + 6, 0)
    assert (found.features.clips, found.features.clips_left) == (18, 18)
    assert not list(tmp_path.iterdir())


def test_a_finished_run_has_nothing_left_and_is_not_touched(made: Path) -> None:
    before = files(made)
    found = survey(plan(made))
    assert [row.to_make for row in found.rows] == [0, 0]
    assert (found.features.needed, found.features.there) == (10, 10)
    assert found.features.clips_left == 0
    by_name = {finding.name: finding for finding in estimate(found)}
    assert by_name["disk"].facts["bytes"] == 0
    assert by_name["time"].facts["seconds"] == 0
    assert files(made) == before


def test_a_run_that_grows_makes_the_rest(made: Path) -> None:
    found = survey(plan(made, limit=5))
    assert [(row.clips, row.to_make) for row in found.rows] == [(5, 3), (5, 3)]
    assert (found.features.needed, found.features.there) == (25, 10)
    sizes = [p.stat().st_size for p in (made / "samples" / "real").rglob("*.mkv")]
    assert found.rows[0].size == sum(sizes) / 2


def test_the_bytes_and_seconds_of_a_plan_are_those_of_the_folder(made: Path) -> None:
    for row in ("real", "cmc-pe-gamma1.5"):
        space(made / "samples" / row, "*.mkv", 3.0)
    for key in (made / "features").iterdir():
        space(key, "*.npz", 2.0)
    found = {f.name: f for f in estimate(survey(plan(made, limit=12)))}
    assert not found["disk"].facts["bound"]
    folder = sum(p.stat().st_size for p in (made / "samples").rglob("*.mkv"))
    assert found["disk"].facts["bytes"] == pytest.approx(10 * folder / 2)
    assert found["time"].facts["making"] == pytest.approx(2 * 10 * 3.0)
    assert found["time"].facts["extraction"] == pytest.approx(30 * 2.0)
    assert found["time"].found == "2 min: 60 s to make clips, 60 s to extract (as earlier clips)"


def test_where_nothing_was_made_no_time_is_made_up(made: Path, tmp_path: Path) -> None:
    found = {f.name: f for f in estimate(survey(plan(tmp_path, limit=4)))}
    assert found["time"].found == "not measured: 8 clips to make and 12 clips to extract from"
    assert found["time"].facts["seconds"] is None
    assert found["disk"].facts["bound"]
    # one more column: how long it takes is not to be seen in this folder
    more = survey(plan(made, limit=4, metrics=(*METRICS, "ib-av")))
    assert {f.name: f for f in estimate(more)}["time"].facts["extraction"] is None


def test_another_gamma_is_estimated_by_the_rows_that_are_made_alike(made: Path) -> None:
    found = survey(plan(made, gamma=(1.5, 2.0)))
    assert [row.to_make for row in found.rows] == [0, 0, 2]
    disk = {f.name: f for f in estimate(found)}["disk"]
    assert disk.facts["bytes"] == pytest.approx(2 * float(found.rows[1].size or 0))


def test_settings_that_the_folder_refuses_are_refused_as_by_the_run(made: Path) -> None:
    with pytest.raises(ConfigError, match="steps was 2, is 3"):
        survey(plan(made, steps=3))
    with pytest.raises(ConfigError, match="it holds another run"):
        survey(plan(made, seed=1))


def test_a_clip_that_was_made_otherwise_counts_as_not_there(made: Path) -> None:
    path = next((made / "samples" / "cmc-pe-gamma1.5").rglob("*.mkv"))
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: len(whole) // 2])
        assert [row.to_make for row in survey(plan(made)).rows] == [0, 1]
    finally:
        path.write_bytes(whole)


def test_a_score_makes_nothing_and_measures_each_set(tmp_path: Path) -> None:
    for name, count in (("mine", 3), ("real-clips", 4)):
        write_folder(tmp_path / name, count)
    found = survey(
        planned_score(
            tmp_path / "mine",
            reference=tmp_path / "real-clips",
            metrics=("av-align-corrected@miniature",),
            frames=8,
            out=tmp_path / "out",
        )
    )
    assert [(row.name, row.clips, row.to_make) for row in found.rows] == [
        ("mine", 3, 0),
        ("real", 4, 0),
    ]
    assert (found.features.needed, found.features.there) == (7, 0)
    assert not (tmp_path / "out").exists()


def test_a_clip_that_is_gone_is_named(tmp_path: Path) -> None:
    paths = write_folder(tmp_path / "mine", 2)
    listed = tmp_path / "list.jsonl"
    listed.write_text("".join(f'{{"file": "{p}"}}\n' for p in paths))
    paths[1].unlink()
    planned = planned_score(listed, reference=paths[0].parent, frames=8, out=tmp_path / "out")
    with pytest.raises(DataError, match=r"c1\.mp4"):
        survey(planned)


def test_at_full_size_data_are_read_and_models_are_found_but_not_loaded(tmp_path: Path) -> None:
    root = tmp_path / "data"
    drawn("greatesthits").draw(root, seed=0, test=3)
    weights = write_parts(tmp_path / "parts")
    found = survey(
        planned_run(
            "greatesthits",
            scale="paper",
            data_root=root,
            weights=(str(weights),),
            systems=("real", "cmc-pe"),
            repeats=2,
            metrics=("av-align-corrected@published",),
            limit=3,
            out=tmp_path / "out",
        )
    )
    rows = {row.name: row.clips for row in found.rows}
    clips = rows.pop("real")
    assert set(rows.values()) == {2 * clips}
    assert len(rows) == 5  # the gammas of the paper's table
    [disk] = [f for f in estimate(found) if f.name == "disk"]
    assert disk.facts["bound"]
    assert disk.facts["bytes"] == pytest.approx(11 * clips * most_bytes(found.spec))
    halved = found.planned.config.model_copy(update={"dtype": "bfloat16"})
    half = replace(found, planned=replace(found.planned, config=halved))
    whole, less = (memory(one, Measured(), 1).facts["joint"] for one in (found, half))
    files = [file for name in EXACT for file in (weights / name).glob("*.safetensors")]
    exact = 4 * sum(tensor.numel() for file in files for tensor in load_file(file).values())
    assert 0 < exact < less < whole
    assert less == (whole - exact) / 2 + exact
