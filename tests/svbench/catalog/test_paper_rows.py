"""Other people's systems of the paper's tables: made, or absent with the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from svbench.baselines.external import places
from svbench.baselines.external.places import VARIABLE
from svbench.catalog import paper_rows, systems
from svbench.catalog.external import find_system
from svbench.catalog.external_names import EXTERNAL
from svbench.catalog.paper_rows import PaperRows, as_published, rows_of_the_paper
from svbench.catalog.systems import SYSTEMS, build_systems
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from tests.factories.clips import TwoClips
from tests.factories.external_systems import write_system


def at_full_size(dataset: str = "landscape", **settings: Any) -> RunConfig:
    return RunConfig.of(dataset=dataset, scale="paper", device="cpu", **settings)


ROWS = {  # of Tables 1 to 3, but for the paper's own
    "greatesthits": [],
    "landscape": ["mm-diffusion", "tempotokens@landscape"],
    "vggsound": ["diff-foley", "specvqgan", "tempotokens"],
}


@pytest.mark.parametrize("dataset", ROWS)
def test_what_the_papers_table_has_and_cannot_be_made_is_a_row_with_the_command(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    found = rows_of_the_paper(at_full_size(dataset))
    assert [row.system for row in found.absent] == ROWS[dataset]
    for row in found.absent:
        assert row.reason.endswith(f"svbench systems check {row.system}")
    assert found.builds == ()
    assert rows_of_the_paper(RunConfig.of(dataset=dataset)).absent == ()
    assert rows_of_the_paper(at_full_size(dataset, systems=("real",))).absent == ()


def test_a_row_of_the_papers_table_that_is_named_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=r"--systems mm-diffusion: .*found nothing there"):
        build_systems(at_full_size(systems=("mm-diffusion",)))
    with pytest.raises(DataError, match=r"--strict: MM-Diffusion .* cannot be made: not on this"):
        rows_of_the_paper(at_full_size(strict=True))


@pytest.mark.parametrize(
    ("task", "name"), [("uncond", "stub"), ("a2v", "audio-of:cmc-pe>stub"), ("t2av", "stub")]
)
def test_what_is_there_is_made_and_may_be_repeated(
    task: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_system(tmp_path / "stub", task=task, published_in=["landscape"])
    monkeypatch.setattr(places, "FOLDER", tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(paper_rows, "EXTERNAL", ("stub",))
    known = {name: load for name, load in SYSTEMS.loaders.items() if name not in EXTERNAL}
    loaders = {**known, "stub": lambda: systems._external("stub")}
    monkeypatch.setattr(SYSTEMS, "loaders", loaders)
    assert as_published(find_system("stub")) == name
    found = rows_of_the_paper(at_full_size())
    if task == "a2v":  # its parent has no weights here
        (row,) = found.absent
        assert row.reason == f"--systems {name}: found no row of cmc-pe, expected its weights"
        return
    assert found.absent == ()
    assert [build(TwoClips()).name for build in found.builds] == ["stub"]
    for others in (at_full_size(systems=("stub",)), at_full_size("vggsound")):
        assert rows_of_the_paper(others) == PaperRows()
    repeated = at_full_size(repeats=2)
    assert build_systems(repeated, found.reads)
    with pytest.raises(ConfigError, match="--repeats"):
        build_systems(repeated)
