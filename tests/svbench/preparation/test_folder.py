"""The prepared folder: nobody else's files, no other settings, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from svbench.datasets.prepared import RECORD, prepared_settings, read_prepared
from svbench.errors import ConfigError, DataError
from svbench.files.writing import MARK
from svbench.preparation.folder import are_there, check_outside, prepared_folder

SETTINGS = {"timing": "nearest"}
VERSIONS = {"av": "1"}
ITEM = {"read": {"a.mp4": "1"}, "written": {"a-000.mp4": "2"}}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def test_a_complete_folder_has_a_record_of_what_it_holds(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with prepared_folder(raw, out, SETTINGS, VERSIONS) as folder:
        with pytest.raises(DataError, match="a preparation that was stopped, expected a complete"):
            prepared_settings(out)
        folder.add("a", ITEM)
        folder.save({"segments": 1})
    assert prepared_settings(out) == SETTINGS
    record = read_prepared(out)
    assert record is not None
    assert (record["versions"], record["items"]) == (VERSIONS, {"a": ITEM})
    assert record["counts"] == {"segments": 1}
    assert prepared_settings(raw) is None


def test_what_was_added_is_kept_whatever_ends_the_work(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def interrupted() -> None:
        with prepared_folder(raw, out, SETTINGS, VERSIONS) as folder:
            folder.add("a", ITEM)
            folder.add("b", ITEM)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (out / f".b.mp4.1{MARK}").touch()
    with prepared_folder(raw, out, SETTINGS, VERSIONS) as folder:
        assert folder.items == {"a": ITEM, "b": ITEM}
        assert not (out / f".b.mp4.1{MARK}").exists()


def test_a_complete_folder_has_no_leftovers_of_workers_that_outlived_their_command(
    raw: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with prepared_folder(raw, out, SETTINGS, VERSIONS, ("video",)) as folder:
        (out / "video").mkdir()
        for late in (out / f".b.mp4.1{MARK}", out / "video" / f".c.mp4.1{MARK}"):
            late.touch()
        folder.save({"segments": 1})
    assert not list(out.rglob(f"*{MARK}"))


def test_a_complete_folder_stays_complete_where_nothing_comes_of_another_try(
    raw: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with prepared_folder(raw, out, SETTINGS, VERSIONS) as folder:
        folder.save({})
    with pytest.raises(DataError), prepared_folder(raw, out, SETTINGS, VERSIONS):
        raise DataError("the archive is gone")
    assert prepared_settings(out) == SETTINGS


def test_other_settings_and_versions_are_refused_by_name(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with prepared_folder(raw, out, SETTINGS, VERSIONS):
        pass
    before = (out / RECORD).read_bytes()
    for settings, versions, message in (
        ({"timing": "official"}, VERSIONS, r"\(timing was 'nearest', is 'official'\)"),
        (SETTINGS, {"av": "2"}, r"\(version of av was '1', is '2'\)"),
    ):
        with (
            pytest.raises(ConfigError, match=message),
            prepared_folder(raw, out, settings, versions),
        ):
            pass
    assert (out / RECORD).read_bytes() == before


def test_a_folder_of_others_is_left_alone(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a-000.mp4").write_text("theirs")
    with (
        pytest.raises(ConfigError, match=r"found a-000\.mp4 in it, but no prepared\.json"),
        prepared_folder(raw, out, SETTINGS, VERSIONS),
    ):
        pass
    assert [path.name for path in out.iterdir()] == ["a-000.mp4"]


def test_an_edited_record_is_refused(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with prepared_folder(raw, out, SETTINGS, VERSIONS) as folder:
        folder.save({})
    record = json.loads((out / RECORD).read_text())
    record["settings"]["timing"] = "official"
    (out / RECORD).write_text(json.dumps(record))
    with pytest.raises(DataError, match="found an edited or damaged record"):
        prepared_settings(out)


def test_neither_folder_may_lie_in_the_other(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(raw)
    for out in (raw, raw / "deep" / "out", tmp_path / "link" / "out"):
        with pytest.raises(ConfigError, match="nothing is written into an archive"):
            check_outside(raw, out)
    with pytest.raises(ConfigError, match="expected a folder apart from it"):
        check_outside(raw, tmp_path)
    check_outside(raw, tmp_path / "raw-8fps")
    assert not list(raw.iterdir())


def test_files_count_as_there_with_their_digests_alone(raw: Path) -> None:
    (raw / "a").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert are_there(raw, {"a": empty})
    assert not are_there(raw, {"a": empty, "b": empty})
    (raw / "a").write_bytes(b"x")
    assert not are_there(raw, {"a": empty})
