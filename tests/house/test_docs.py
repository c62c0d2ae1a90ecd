"""Numbers in docs/ equal those that commands wrote: tables are rendered again from kept data.

If the data of a page are not kept, the page names the command and version that measured them, and
is compared with shipped files as far as possible.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import page_blocks
import pytest

from tests.goldens.places import REPOSITORY

DOCS = REPOSITORY / "docs"
INTERVALS: ModuleType = importlib.import_module("make_intervals")
AGREEMENT: ModuleType = importlib.import_module("make_agreement")
AV_ALIGN: ModuleType = importlib.import_module("make_av_align")
IMPACTS: ModuleType = importlib.import_module("make_impacts")
SYNCHRONY: ModuleType = importlib.import_module("make_synchrony")
CLUSTERS: ModuleType = importlib.import_module("make_clusters")
DATA: ModuleType = importlib.import_module("make_data")
DISTORTIONS: ModuleType = importlib.import_module("make_distortions")
DISTANCES: ModuleType = importlib.import_module("make_distances")
SYSTEMS: ModuleType = importlib.import_module("make_systems")
PLANNING: ModuleType = importlib.import_module("make_planning")
HUMAN_STUDY: ModuleType = importlib.import_module("make_human_study")
RANKING: ModuleType = importlib.import_module("make_ranking")
PROTOCOLS: ModuleType = importlib.import_module("make_protocols")


def made(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REPOSITORY / path / "MADE.json").read_text("utf-8"))
    return found


def text(page: str) -> str:
    return " ".join((DOCS / page).read_text(encoding="utf-8").split())


# --- tables from kept data ---------------------------------------------------------------------


@pytest.mark.parametrize("name", INTERVALS.BLOCKS)
def test_the_page_on_intervals_shows_what_was_measured(name: str) -> None:
    assert page_blocks.block(INTERVALS.PAGE, name) == INTERVALS.rendered(name)


@pytest.mark.parametrize("name", PLANNING.BLOCKS)
def test_the_page_on_intervals_shows_what_was_planned(name: str) -> None:
    assert page_blocks.block(PLANNING.PAGE, name) == PLANNING.rendered(name)


@pytest.mark.parametrize("name", RANKING.BLOCKS)
def test_the_page_on_ranking_shows_what_was_measured(name: str) -> None:
    assert page_blocks.block(RANKING.PAGE, name) == RANKING.rendered(name)


@pytest.mark.parametrize("name", DISTANCES.BLOCKS)
def test_the_page_on_distances_shows_what_was_measured(name: str) -> None:
    assert page_blocks.block(DISTANCES.PAGE, name) == DISTANCES.rendered(name)


def test_kernel_distances_of_halves_are_0_where_a_frechet_distance_is_not() -> None:
    found = page_blocks.load("distances")["halves"]["measured"]
    assert [int(n) for n in found] == [32, 64, 128, 256, 512, 1024, 2048]
    for of in found.values():
        for mean, deviation in (of["kvd"], of["kad"]):
            # of 10,000 halves: the mean's own standard error is 0.01 deviations
            assert abs(mean) <= 0.03 * deviation
            assert deviation < 0.02
    shares = [found[n]["frechet"][0] for n in ("256", "512", "1024", "2048")]
    assert shares == pytest.approx([0.376, 0.189, 0.095, 0.047], abs=0.01)


def test_the_page_on_agreement_shows_what_was_measured() -> None:
    assert page_blocks.block(AGREEMENT.PAGE, AGREEMENT.BLOCK) == AGREEMENT.rendered()


def test_the_page_on_av_align_shows_what_was_measured() -> None:
    assert page_blocks.block(AV_ALIGN.PAGE, AV_ALIGN.BLOCK) == AV_ALIGN.rendered()


@pytest.mark.parametrize("name", SYNCHRONY.BLOCKS)
def test_the_page_shows_what_was_measured_of_synchrony(name: str) -> None:
    assert page_blocks.block(SYNCHRONY.PAGE, name) == SYNCHRONY.rendered(name).strip("\n")


def test_the_page_on_data_lists_the_kinds_of_findings() -> None:
    assert page_blocks.block(DATA.PAGE, DATA.BLOCK) == DATA.rendered()


@pytest.mark.parametrize("name", SYSTEMS.BLOCKS)
def test_the_page_on_systems_lists_what_svbench_knows(name: str) -> None:
    assert page_blocks.block(SYSTEMS.PAGE, name) == SYSTEMS.rendered(name)


def test_the_page_on_distortions_lists_what_svbench_knows() -> None:
    assert page_blocks.block(DISTORTIONS.PAGE, DISTORTIONS.BLOCK) == DISTORTIONS.rendered()


@pytest.mark.parametrize("name", PROTOCOLS.BLOCKS)
def test_the_page_on_protocols_lists_what_svbench_knows(name: str) -> None:
    assert page_blocks.block(PROTOCOLS.PAGE, name) == PROTOCOLS.rendered(name)


def test_the_page_on_human_studies_shows_what_was_simulated() -> None:
    assert page_blocks.block(HUMAN_STUDY.PAGE, HUMAN_STUDY.BLOCK) == HUMAN_STUDY.rendered()


def test_the_page_shows_what_was_measured_of_impacts() -> None:
    assert page_blocks.block(IMPACTS.PAGE, IMPACTS.BLOCK) == IMPACTS.rendered()


def test_the_shipped_impacts_meet_what_is_promised_of_them() -> None:
    found = page_blocks.load("impacts")["impacts"]["measured"]
    left_out, *_ = found["peaks"]["impacts, each clip left out"]
    published, *_ = found["peaks"]["`published`"]
    assert left_out[0] >= max(0.55, published[0] + 0.15)
    assert found["onsets"]["`tuned-2`"][0] >= 0.93


def test_every_block_of_these_pages_has_data() -> None:
    blocks = {AV_ALIGN.BLOCK, IMPACTS.BLOCK, *SYNCHRONY.BLOCKS}
    intervals = {*INTERVALS.BLOCKS, *PLANNING.BLOCKS}
    every = ((INTERVALS, intervals), (AV_ALIGN, blocks), (AGREEMENT, {AGREEMENT.BLOCK}))
    for module, names in every:
        page = module.PAGE.read_text(encoding="utf-8")
        assert set(re.findall(r"<!-- begin (\w+) -->", page)) == names


def test_kept_data_name_what_measured_them() -> None:
    files = sorted(page_blocks.DATA.glob("*.json"))
    names = {"agreement", "av-align", "clusters", "distances", "human-study", "impacts", "metrics"}
    names |= {"intervals", "performance", "planning", "ranking", "synchrony"}
    validity = {"validity", "validity-miniature"}  # see tests/docs
    assert {file.stem for file in files} - validity == names
    for file in files:
        command = f"python docs/make_{file.stem.replace('-', '_')}"
        if file.stem == "performance":
            command = "tox -e bench"  # calls its make_performance.py with the peers installed
        if file.stem in validity:
            command = "python docs/make_validity.py"
        if file.stem == "clusters":
            command = "measured by hand"  # as the page says, until a GPU runs the benchmark
        for name, of in page_blocks.load(file.stem).items():
            assert of["command"].startswith(command), name
            assert re.fullmatch(r"\d+\.\d+\.\d+.*", of["svbench"]), name


def test_a_block_is_set_between_its_marks_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n<!-- begin y -->\n<!-- end y -->")
    page_blocks.put(page, "x", "| new |")
    assert page.read_text() == (
        "a\n<!-- begin x -->\n\n| new |\n\n<!-- end x -->\nb\n<!-- begin y -->\n<!-- end y -->"
    )
    assert page_blocks.block(page, "x") == "| new |"
    with pytest.raises(SystemExit, match="found no block 'z'"):
        page_blocks.put(page, "z", "")
    monkeypatch.setattr(page_blocks, "DATA", tmp_path)
    page_blocks.save("d", "command", {"x": {"a": (1 / 3, 2)}, "y": [1e-9 / 3]})
    page_blocks.save("d", "command", {"y": None})  # measured alone, the rest stays
    assert page_blocks.load("d")["x"]["measured"] == {"a": [0.333333, 2]}
    assert page_blocks.load("d")["y"]["measured"] is None


# --- sentences about kept data -----------------------------------------------------------------


def condition(clips: str, detectors: str, label: str) -> dict[str, float]:
    tables = page_blocks.load("av-align")[clips]["measured"]
    (found,) = [t["conditions"] for t in tables if t["detectors"] == detectors]
    chosen: dict[str, float] = found[label]["corrected"]
    return chosen


def test_what_the_page_on_av_align_concludes_is_in_its_data() -> None:
    page = text("av-align.md")
    true, shuffled = (condition("real clips", "published", name) for name in ("true", "shuffled"))
    assert f"{true['plain']:.3f} for true and {shuffled['plain']:.3f} for shuffled pairs" in page
    assert f"lie at {shuffled['adjusted']:.2f} with published detectors" in page
    drawn = [condition("miniature", name, "true") for name in ("miniature", "tuned")]
    low, high = (f"{found['adjusted']:.2f}" for found in drawn)
    assert f"miniature, true pairs {low} to {high}, shuffled within 0.03 of 0" in page
    for detectors in ("published", "miniature", "tuned"):
        assert abs(condition("miniature", detectors, "shuffled")["adjusted"]) < 0.03


def test_the_score_of_real_clips_on_the_page_is_in_the_golden_table() -> None:
    golden = REPOSITORY / "tests" / "goldens" / "tables" / "greatesthits-mini.json"
    rows = json.loads(golden.read_text(encoding="utf-8"))["results"]["rows"]
    (real,) = (row["scores"] for row in rows if row["system"] == "real")
    value = real["av-align-corrected@miniature"]["value"]
    assert f"judges clips with a stroke alone, where `real` is {value:.3f}" in text("av-align.md")


# --- what is compared with shipped files -------------------------------------------------------


def test_the_losses_of_the_shipped_systems_are_those_on_record() -> None:
    block = page_blocks.block(DOCS / "miniature-study.md", "losses")
    for name, curve in made("baselines/miniature")["losses"].items():
        title = name if name.startswith("base") else f"{name}, seed 0"
        (row,) = [line for line in block.splitlines() if line.startswith(f"| {title} |")]
        _, steps, sound, video = (cell.strip() for cell in row.strip("|").split("|"))
        assert float(steps) == curve["step"][-1]
        for part, cell in (("audio", sound), ("video", video)):
            assert (cell == "") == (part not in curve), title
            assert cell == "" or abs(float(cell) - curve[part][-1]) <= 0.0005 + 1e-9, title


def test_the_page_on_small_networks_states_what_their_record_holds() -> None:
    page = text("miniature-extractors.md")
    i3d = made("metrics/miniature")["networks"]["i3d"]["held out"]
    sentence = "classifies {:.0%} of the blurred correctly, {:.0%} of the noisy and {:.0%} of those"
    shares = (i3d[name] for name in ("blur", "noise", "dropped"))
    assert sentence.format(*shares).replace("%", " %") in page
    assert f"no better than guessing ({i3d['scratch']:.0%})".replace("%", " %") in page
    scenes = made("metrics/miniature/scenes")["networks"]["imagebind"]["held out"]
    kinds = {"picture and sound": "vision-audio", "caption and sound": "text-audio"}
    kinds["caption and picture"] = "text-vision"
    for words, kind in kinds.items():
        assert f"{scenes[f'{kind}, own']:.2f} ({words})".lstrip("0") in page
        assert abs(scenes[f"{kind}, other"]) < 0.005  # "of all other pairs 0.00"


@pytest.mark.parametrize("page", ["miniature-study.md", "miniature-extractors.md"])
def test_a_page_whose_data_are_not_kept_names_what_measured_it(page: str) -> None:
    assert re.search(r"Measured on svbench \d+\.\d+\.\d+, by `[^`]+`", text(page))


def test_the_page_on_clusters_shows_what_was_measured() -> None:
    rows = page_blocks.load(CLUSTERS.NAME)[CLUSTERS.BLOCK]["measured"]
    for name, render in (("sampling", CLUSTERS.sampling), ("tables", CLUSTERS.tables)):
        assert page_blocks.block(CLUSTERS.PAGE, name) == "\n".join(render(rows))
