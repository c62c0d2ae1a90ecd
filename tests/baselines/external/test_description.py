"""Descriptions: what is read, and one line for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.baselines.external.description import read_description
from svbench.baselines.external.places import FOLDER, shipped
from svbench.errors import ConfigError, DataError
from tests.factories.external_systems import write_system


def faults(path: Path) -> list[str]:
    with pytest.raises(DataError) as raised:
        read_description(path)
    lines = str(raised.value).split("\n")
    assert all(line.startswith(f"{path}") for line in lines)
    return [line.removeprefix(f"{path}").removeprefix(": ") for line in lines]


def test_a_description_is_read_into_frozen_dataclasses(tmp_path: Path) -> None:
    weights = [{"file": "a.pt", "licence": "MIT", "modes": ["fixed"]}]
    modes = {"faithful": "as published", "fixed": "mended"}
    path = write_system(
        tmp_path, weights=weights, modes=modes, settings={"steps": 25, "fast": True}
    )
    found = read_description(path)
    assert (found.name, found.task, found.native.size) == ("stub", "uncond", (32, 32))
    assert found.usual_mode == "faithful"
    assert found.weights_of("faithful") == ()
    assert [weight.file for weight in found.weights_of("fixed")] == ["a.pt"]
    assert (found.settings["steps"], found.settings["fast"]) == (25, True)
    with pytest.raises(AttributeError):
        found.name = "another"  # type: ignore[misc]
    with pytest.raises(ConfigError, match="x: found the mode 'fast', expected one of faithful, fi"):
        found.check_mode("fast", "x")


def test_what_each_task_makes_and_reads(tmp_path: Path) -> None:
    wanted = {"t2av": (1, 1, 1), "uncond": (0, 1, 1), "a2v": (0, 1, 0), "v2a": (0, 0, 1)}
    for task, expected in wanted.items():
        found = read_description(write_system(tmp_path, task=task))
        assert (found.reads_captions, found.makes_picture, found.makes_sound) == expected


def test_all_faults_are_named_one_line_each(tmp_path: Path) -> None:
    path = write_system(tmp_path, task="t2v", native={"fps": -8}, batch=0, licence="", colour="red")
    assert faults(path) == [
        "task: found 't2v', expected 't2av', 'a2v', 'v2a' or 'uncond'",
        "licence: found '', expected some text",
        "native.fps: found -8, expected greater than 0",
        "batch: found 0, expected greater than 0",
        "found 'colour', expected no such key",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"name": "../up"}, "name: found '../up', expected lower-case letters"),
        ({"name": "a>b"}, "name: found 'a>b', expected lower-case"),
        ({"modes": {}}, "modes: found none, expected at least one"),
        ({"modes": {"a@b": "x"}}, "modes: found 'a@b', expected lower-case"),
        ({"native": {"sample_rate": 1}}, "native: found no fps or size, expected both of a system"),
        ({"native": {"fps": 1, "size": [2, 2]}}, "native: found no sample_rate, expected it"),
        ({"given": {"length": 8.2}}, "given: found it beside task uncond, expected it beside a2v"),
        (
            {"weights": [{"file": "../a", "licence": "MIT"}]},
            "weights: found '../a', expected a name below the folder",
        ),
        (
            {"weights": [{"file": "a", "licence": "MIT", "modes": ["fast"]}]},
            "weights: found the mode 'fast', expected one of faithful",
        ),
        (
            {"repository": {"url": "x", "commit": "main"}},
            "repository.commit: found 'main', expected",
        ),
        ({"native": None}, "native: found None, expected"),
        ({"settings": {"a": float("nan")}}, "settings.a: found nan, expected a finite number"),
        (
            {"weights": [{"file": "a", "licence": "MIT"}, {"file": "a", "licence": "BSD"}]},
            "weights: found 'a' twice, expected each file once",
        ),
        ({"batch": True}, "batch: found True, expected a number"),
        ({"limits": {"sample": True}}, "limits.sample: found True, expected a number"),
        ({"title": "a\nb"}, "title: found 'a\\nb', expected one printable line"),
        ({"traps": "none"}, "traps: found 'none', expected a list"),
        ({"name": 123}, "name: found 123, expected text (in quotes"),
        ({"duration": {"policy": "cut", "because": "x"}}, "duration.policy: found 'cut', expected"),
    ],
)
def test_what_makes_no_sense_is_named(
    changes: dict[str, object], line: str, tmp_path: Path
) -> None:
    assert faults(write_system(tmp_path, **changes))[0].startswith(line)


def test_a_setting_of_no_kind_is_one_fault(tmp_path: Path) -> None:
    expected = "expected a name with text, a finite number, true or false"
    path = write_system(tmp_path, settings={"a": [1], "b": None})
    assert faults(path) == [
        f"settings.a: found (1,), {expected}",
        f"settings.b: found None, {expected}",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [", ", line 1: expected the node content"),
        ("name: a\nname: b\n", "found 'name' twice, expected each key once"),
        ("native: {fps: 1, fps: 2}\n", "found 'fps' twice, expected each key once"),
        ("", "the file: found None, expected a mapping of names to values"),
        ("- a\n", "the file: found ('a',), expected"),
        ("a: !!python/object:os.system x\n", ", line 1: could not determine a constructor"),
        ("x: 2026-02-31\n", "ValueError, expected"),
    ],
)
def test_a_file_of_another_kind_is_named(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    (found,) = faults(path)
    assert line in found


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    assert faults(tmp_path / "none.yaml") == [
        "found nothing there, expected the description of a system in YAML"
    ]


@pytest.mark.parametrize("name", shipped())
def test_what_comes_with_svbench_is_named_as_its_folder(name: str) -> None:
    found = read_description(FOLDER / name / "system.yaml")
    assert found.name == name
    assert (FOLDER / name / found.driver).is_file()
    assert found.repository is not None
