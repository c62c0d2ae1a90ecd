"""Pipelines by name: one or two, from folders as the hub has them; what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from svbench.baselines.diffusers_av.folder import find_folders
from svbench.errors import ConfigError, DataError


def write_index(folder: Path, kind: str, **parts: Any) -> Path:
    """Write a folder whose index names a class and components, which have a file each."""
    folder.mkdir(parents=True)
    parts = parts or {"vae": ["diffusers", "AutoencoderKL"], "image_encoder": [None, None]}
    for name, (module, *_) in parts.items():
        if module is not None and name.isidentifier():
            (folder / name).mkdir()
            (folder / name / "config.json").write_text("{}")
    name = "modular_model_index.json" if "Modular" in kind else "model_index.json"
    (folder / name).write_text(json.dumps({"_class_name": kind, **parts}))
    return folder


def test_one_joint_pipeline(tmp_path: Path) -> None:
    place = write_index(tmp_path / "ltx 2+x", "LTX2Pipeline")
    (folder,) = find_folders(f"LTX2Pipeline={place}")
    assert (folder.kind, folder.path, folder.label) == ("LTX2Pipeline", place, "ltx 2+x")
    assert folder.files() == [place / "model_index.json", place / "vae" / "config.json"]


def test_two_halves_in_any_order(tmp_path: Path) -> None:
    seen = write_index(tmp_path / "a+b", "AnimateDiffPipeline")
    heard = write_index(tmp_path / "c", "StableAudioPipeline")
    halves = [f"AnimateDiffPipeline={seen}", f"StableAudioPipeline={heard}"]
    for named in (halves, halves[::-1]):
        found = find_folders("+".join(named))
        assert [folder.path for folder in found] == [seen, heard]


def test_files_beside_the_components_decide_nothing(tmp_path: Path) -> None:
    place = write_index(tmp_path / "x", "LTX2Pipeline")
    for name in ("ltx-2-dev.safetensors", "README.md", "vae/.gitattributes"):
        (place / name).write_text("")
    (folder,) = find_folders(f"LTX2Pipeline={place}")
    assert len(folder.files()) == 2


def test_components_of_a_modular_one_lie_in_its_folder(tmp_path: Path) -> None:
    spec = {"pretrained_model_name_or_path": "somebody/else", "subfolder": "decoder"}
    place = write_index(
        tmp_path / "x", "EchoModularPipeline", vae=["diffusers", "Autoencoder", spec]
    )
    (folder,) = find_folders(f"EchoModularPipeline={place}")
    assert folder.components() == {"vae": place / "decoder"}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("", "expected diffusers:CLASS=FOLDER"),
        ("LTX2Pipeline", "expected diffusers:CLASS=FOLDER"),
        ("LTX2Pipeline=", "expected diffusers:CLASS=FOLDER"),
        ("FluxPipeline=FOLDER", "found no such pipeline of sound or video, expected one of LTX2"),
        ("StableAudioPipeline={0}/sound", "found pipelines for sound, expected one for both, or"),
        ("LTX2Pipeline={0}/ltx+LTX2Pipeline={0}/ltx", "found pipelines for both and both"),
    ],
)
def test_wrong_names_are_refused(tmp_path: Path, argument: str, message: str) -> None:
    write_index(tmp_path / "sound", "StableAudioPipeline")
    write_index(tmp_path / "ltx", "LTX2Pipeline")
    with pytest.raises(ConfigError, match=message):
        find_folders(argument.format(tmp_path))


def test_wrong_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def refused(place: object, message: str, kind: str = "LTX2Pipeline") -> None:
        with pytest.raises(DataError, match=message):
            find_folders(f"{kind}={place}")

    refused(tmp_path / "none", "none: found no model_index.json there, expected the folder of")
    refused("nobody/nothing-here", "get it by: hf download nobody/nothing-here")
    other = write_index(tmp_path / "other", "LTXPipeline")
    refused(other, "found the class 'LTXPipeline', expected LTX2Pipeline")
    refused(other, "found no modular_model_index.json", "LTX2ModularPipeline")
    listed = write_index(tmp_path / "listed", "LTX2Pipeline")
    text = (listed / "model_index.json").read_text().replace('"LTX2Pipeline"', '["x", "Y"]')
    (listed / "model_index.json").write_text(text)
    refused(listed, "found the class \\['x', 'Y'\\], expected LTX2Pipeline")
    (listed / "model_index.json").write_text("{half")
    refused(listed, "model_index.json")


def test_a_folder_brings_no_code_and_leads_nowhere_else(tmp_path: Path) -> None:
    place = write_index(tmp_path / "code", "LTX2Pipeline")
    (place / "vae" / "model.py").write_text("raise SystemExit")
    with pytest.raises(DataError, match="found code of its own, expected classes of diffusers"):
        find_folders(f"LTX2Pipeline={place}")
    place = write_index(tmp_path / "away", "LTX2Pipeline", **{"../vae": ["diffusers", "X"]})
    with pytest.raises(DataError, match=r"found the folder '../vae', expected a name beside it"):
        find_folders(f"LTX2Pipeline={place}")
    place = write_index(tmp_path / "half", "LTX2Pipeline")
    (place / "vae" / "config.json").unlink()
    (place / "vae").rmdir()
    with pytest.raises(DataError, match="found no folder vae, expected one there"):
        find_folders(f"LTX2Pipeline={place}")
