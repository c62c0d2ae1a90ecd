"""External systems by name: modes, descriptions of one's own, relays."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from svbench.baselines.external.description import read_description
from svbench.baselines.external.places import FOLDER, shipped
from svbench.catalog.external import find_system, lacks
from svbench.catalog.external_names import EXTERNAL
from svbench.catalog.systems import SYSTEMS, build_systems
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from svbench.protocols import System
from tests.factories.clips import TwoClips
from tests.factories.external_systems import write_system


def rows(*named: str, **settings: Any) -> list[System]:
    config = RunConfig.of(dataset="greatesthits", systems=named, device="cpu", **settings)
    return [build(TwoClips()) for build in build_systems(config)]


def test_the_table_names_what_comes_with_svbench_in_all_its_modes() -> None:
    expected = []
    for name in shipped():
        found = read_description(FOLDER / name / "system.yaml")
        others = [mode for mode in found.modes if mode != found.usual_mode]
        expected += [name, *(f"{name}@{mode}" for mode in others)]
    assert sorted(EXTERNAL) == sorted(expected)


def test_one_of_ones_own_is_a_row(tmp_path: Path) -> None:
    modes = {"faithful": "as published", "fixed": "mended"}
    path = write_system(tmp_path / "a@b", modes=modes)
    (row,) = rows(f"external:{path}")
    assert (row.name, row.title, row.made_of_real_clips) == ("stub", "Stub", False)
    (row,) = rows(f"external:{path}@fixed")
    assert (row.name, row.title) == ("stub-fixed", "Stub (fixed)")
    with pytest.raises(ConfigError, match="found the mode 'fast', expected one of faithful, fixed"):
        rows(f"external:{path}@fast")


def test_what_completes_real_clips_is_made_of_them(tmp_path: Path) -> None:
    name = f"external:{write_system(tmp_path, task='a2v')}"
    (row,) = rows(name)
    assert row.made_of_real_clips
    assert (row.title, row.made_of_real_clips) == (
        SYSTEMS.known(name).title,
        SYSTEMS.known(name).made_of_real_clips,
    )


def test_a_relay_has_a_row_for_each_row_that_it_completes(tmp_path: Path) -> None:
    path = write_system(tmp_path, task="a2v")
    found = rows(f"audio-of:cmc-pe>external:{path}", gamma=(1, 2))
    assert [row.name for row in found] == [
        *("cmc-pe-gamma1", "cmc-pe-gamma2"),  # which are made as well
        *("stub-audio-of-cmc-pe-gamma1", "stub-audio-of-cmc-pe-gamma2"),
    ]
    assert not any(row.made_of_real_clips for row in found)
    found = rows("shuffled", f"audio-of:shuffled>external:{path}")
    assert [row.name for row in found] == ["shuffled", "stub-audio-of-shuffled"]
    assert found[1].made_of_real_clips


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("audio-of:cmc-pe", "expected audio-of:SYSTEM>EXTERNAL, in quotes"),
        ("audio-of:>external:PATH", "expected audio-of:SYSTEM>EXTERNAL"),
        ("audio-of:nobody>external:PATH", "found 'nobody', expected one of real, "),
        ("audio-of:real>nobody", "nobody: found no such external system, expected one of "),
        ("picture-of:real>external:PATH", "is of task a2v, expected a system of task v2a"),
        ("extern:PATH", "--systems: found 'extern:"),
    ],
)
def test_what_names_no_relay_is_refused(name: str, message: str, tmp_path: Path) -> None:
    path = write_system(tmp_path, task="a2v")
    with pytest.raises((ConfigError, DataError)) as raised:
        rows(name.replace("PATH", str(path)))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_has_no_rows_cannot_be_completed(tmp_path: Path) -> None:
    name = f"audio-of:cross-attention>external:{write_system(tmp_path, task='a2v')}"
    with pytest.raises(DataError, match="found no row of cross-attention, expected its weights"):
        build_systems(RunConfig.of(dataset="landscape", systems=(name,)))


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    path = write_system(tmp_path, weights=[{"file": "a.pt", "licence": "MIT"}])
    (tmp_path / "driver.py").unlink()
    with pytest.raises(DataError) as raised:
        rows(f"external:{path}")
    lines = str(raised.value).split("\n")
    assert len(lines) == 2
    assert all(line.startswith(f"--systems external:{path}: {tmp_path}") for line in lines)


def test_weights_are_on_record_and_those_of_another_digest_refused(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    path = write_system(tmp_path, weights=[{"file": "a.pt", "licence": "MIT", "sha256": digest}])
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.pt").write_bytes(b"weights")
    (row,) = rows(f"external:{path}")
    assert row.settings["weights a.pt"] == digest[:12]
    (tmp_path / "weights" / "a.pt").write_bytes(b"other")
    (lack,) = lacks(find_system(f"external:{path}"))
    assert lack.what.endswith(f"expected {digest[:12]}")
    with pytest.raises(DataError, match=r"a.pt: found the SHA-256 \w{12}, expected"):
        rows(f"external:{path}")
