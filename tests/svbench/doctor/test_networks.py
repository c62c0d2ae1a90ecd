from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from svbench.doctor.networks import base_models, networks
from svbench.files.weights import folder as store
from svbench.files.weights import published as catalogue
from svbench.files.weights.random_files import network_file
from tests.factories.weights import write_state


@pytest.fixture(autouse=True)
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_absent_weights_name_the_command_that_gets_them(weights: Path) -> None:
    place, *found = networks()
    assert place.facts["path"] == str(weights)
    assert [f.name for f in found] == list(catalogue.PUBLISHED)
    assert {f.state for f in found} == {"missing"}
    assert found[0].mend == f"svbench weights fetch {found[0].name}"
    assert not weights.exists()


@pytest.mark.usefixtures("published")
def test_weights_are_ok_once_they_were_checked_and_while_they_stay(
    tmp_path: Path,
) -> None:
    name = next(iter(catalogue.PUBLISHED))
    path = store.weights_folder() / catalogue.PUBLISHED[name].file
    store.put(name, write_state(tmp_path / "mine.pt"))
    found = {f.name: f for f in networks()}
    assert found[name].state == "ok"
    assert found[name].facts["sha256"] == store.require(name).sha256
    path.write_bytes(path.read_bytes())  # touched: its time of change is another
    assert {f.name: f for f in networks()}[name].state == "note"
    store.verify(name)
    assert {f.name: f for f in networks()}[name].state == "ok"


def test_random_weights_are_a_note(weights: Path) -> None:
    network_file("clip-bpe", Path()).write(weights, seed=0)
    store.verify("clip-bpe")
    found = {f.name: f for f in networks()}["clip-bpe"]
    assert (found.state, "random weights" in found.found) == ("note", True)


def test_a_damaged_record_is_missing_not_a_crash(weights: Path) -> None:
    weights.mkdir()
    (weights / "digests.json").write_text("{")
    name = next(iter(catalogue.PUBLISHED))
    (weights / catalogue.PUBLISHED[name].file).write_bytes(b"x")
    found = {f.name: f for f in networks()}[name]
    assert found.state == "missing"
    assert "digests.json" in found.found


def test_a_folder_of_weights_that_cannot_be_one_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "file" / "weights"))
    [found] = networks()
    assert (found.name, found.state) == ("folder", "missing")


def test_base_models_are_looked_for_in_the_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
    cache, *bases = base_models()
    assert cache.state == "note"
    assert {base.state for base in bases} == {"missing"}
    assert bases[0].mend == f"hf download {bases[0].facts['name']}"
    folder = hub / f"models--{bases[0].facts['name'].replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    assert base_models()[1].found.endswith("no file of weights in it")
    (folder / "snapshots" / "abc" / "model.safetensors").write_bytes(bytes(2_000_000))
    cache, found, *_ = base_models()
    assert (cache.state, found.state, found.facts["size"]) == ("ok", "ok", 2_000_000)
