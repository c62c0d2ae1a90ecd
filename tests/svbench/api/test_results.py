"""Results as Python has them: categories of clips, also of older runs and of a part of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import svbench
from svbench.reports.analysis.categories import group_tables
from svbench.types import ResultTable
from tests.factories.clips import write_folder
from tests.factories.commands import Command
from tests.factories.results import ALIGN, FVD, REQUESTS, make_table, write_requests, write_run

EXAMPLES = [request.rpartition("/")[0] for request in REQUESTS]
UNLABELLED: dict[str, dict[str, str]] = {name: {} for name in EXAMPLES}
METRICS = ["av-align-corrected", "av-align-adjusted-corrected", "synchrony"]
SMALL: Any = {"frames": 8, "fps": 8, "size": (32, 32), "metrics": METRICS}
MATERIALS = ["wood", "metal", "wood", "wood", "metal"]


def test_clips_have_a_column_for_each_kind_of_categories(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_table())
    categories = {name: {"material": "wood", "value": "odd"} for name in EXAMPLES[:4]}
    write_requests(run, {**UNLABELLED, **categories})
    frame = svbench.load_results(run).clips_to_pandas()
    assert list(frame.columns) == [
        *("request", "system", "metric", "value", "caption", "material", "value (category)")
    ]
    first = frame[frame["system"] == "real"]
    assert list(first["material"].isna()) == [False] * 4 + [True] * 12
    assert set(first["caption"][:2]) == {"caption of clip-00", "caption of clip-01"}


def test_a_frame_by_category_has_the_rows_of_each(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_table())
    labels = {name: {"class": "rain" if i < 12 else "fire"} for i, name in enumerate(EXAMPLES)}
    write_requests(run, {**labels, EXAMPLES[-1]: {}})
    frame = svbench.load_results(run).to_pandas(by="class", min_clips=4)
    assert list(frame.columns[:4]) == ["group", "category", "system", "title"]
    assert list(frame["category"].unique()) == ["rain", "other (1 category)", "without class"]
    assert list(frame["group"].unique()) == ["category", "other", "without"]
    cells = frame.set_index(["category", "system", "metric"])
    rain = cells.loc[("rain", "real", ALIGN)]
    assert (rain["value"], rain["count"], rain["absent"]) == (0.75, 12, "")
    assert cells.loc[("rain", "real", FVD)]["absent"].startswith("compares whole sets")
    with pytest.raises(svbench.ConfigError, match="found 'material', expected one of class"):
        svbench.load_results(run).to_pandas(by="material")


def test_older_runs_get_the_categories_that_their_data_set_has(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_table(dataset="landscape"))
    write_requests(run, {name: {} for name in ("fire_crackling/a", "raining/b")})
    requests = svbench.load_results(run).requests or {}
    assert [one.categories for one in requests.values()] == [
        *({"class": "fire crackling"}, {"class": "raining"})
    ]
    write_requests(run, {"fire_crackling/a": {"class": "mine"}, "raining/b": {}})
    requests = svbench.load_results(run).requests or {}
    assert [one.categories for one in requests.values()] == [{"class": "mine"}, {}]


@pytest.mark.parametrize("dataset", ["greatesthits", "gone"])
def test_other_older_runs_have_none(tmp_path: Path, dataset: str) -> None:
    run = write_run(tmp_path / "run", make_table(dataset=dataset))
    write_requests(run, UNLABELLED)
    assert not any(one.categories for one in (svbench.load_results(run).requests or {}).values())


# --- whole runs --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of five clips, in `real` and in `mine`."""
    root = tmp_path_factory.mktemp("clips")
    write_folder(root / "mine", 5)
    write_folder(root / "real", 5, first_seed=5)
    return root


def listed(root: Path, name: str, places: list[int], *, bare: bool = False) -> Path:
    """Write a list of some of the clips, with their materials."""
    lines = [
        {
            "id": f"c{place}",
            "file": f"{name}/c{place}.mp4",
            "system": name,
            **({} if bare else {"categories": {"material": MATERIALS[place]}}),
        }
        for place in places
    ]
    path = root / f"{name}-{'-'.join(map(str, places))}{'-bare' if bare else ''}.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def score(root: Path, places: list[int], out: Path) -> svbench.Results:
    made, real = (listed(root, name, places) for name in ("mine", "real"))
    return svbench.score(made, reference=real, out=out, **SMALL)


def cells(table: ResultTable) -> dict[tuple[str, str], object]:
    """Return value, count and interval of each cell but those of shuffled sounds."""
    return {
        (row.system, metric): (cell.value, cell.count, cell.interval)
        for row in table.rows
        if row.floor_of is None
        for metric, cell in row.scores.items()
    }


def test_a_category_is_scored_as_a_run_on_its_clips_alone(clips: Path, tmp_path: Path) -> None:
    whole = score(clips, [0, 1, 2, 3, 4], tmp_path / "whole")
    groups = group_tables(whole.table, whole.scores_of_clips(), whole.requests or {}, "material")
    assert [one.group.name for one in groups] == ["wood", "metal"]
    for one, places in zip(groups, ([0, 2, 3], [1, 4]), strict=True):
        alone = score(clips, places, tmp_path / one.group.name)
        assert len(cells(alone.table)) >= 4
        assert cells(one.table) == cells(alone.table)


def test_categories_of_generated_clips_are_those_of_their_requests(
    clips: Path, tmp_path: Path
) -> None:
    places = [0, 1, 2, 3, 4]
    made, real = listed(clips, "mine", places), listed(clips, "real", places, bare=True)
    found = svbench.score(made, reference=real, out=tmp_path / "run", **SMALL)
    requests = found.requests or {}
    assert [requests[f"c{i}"].categories["material"] for i in places] == MATERIALS


def test_a_run_without_categories_resumes_and_gets_them(
    clips: Path, tmp_path: Path, svbench: Command
) -> None:
    made, real = (listed(clips, name, [0, 1]) for name in ("mine", "real"))
    words = ("--frames", 8, "--fps", 8, "--size", 32, "--metrics", "av-align-corrected")
    run = ("score", made, "--reference", real, "--out", tmp_path / "run", *words)
    assert svbench(*run).code == 0
    files = [tmp_path / "run" / name for name in ("results.json", "scores.csv", "requests.jsonl")]
    before = [file.read_bytes() for file in files]
    lines = [json.loads(line) for line in files[2].read_text().splitlines()]
    for line in lines:
        del line["categories"]
    files[2].write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert svbench("report", tmp_path / "run", "--by", "material").code == 2
    assert svbench(*run).code == 0
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("categories", ["wood"], r"found categories \['wood'\], expected an object"),
        ("categories", {"material": 1.5}, "found 'material' 1.5, expected text"),
        ("categories", {"material": "a\nb"}, r"found the category 'a\\nb' of kind 'material'"),
        ("categories", {" ": "wood"}, "found the category 'wood' of kind ' '"),
    ],
)
def test_malformed_categories_of_a_run_are_one_line(
    tmp_path: Path, field: str, value: object, found: str
) -> None:
    run = write_run(tmp_path / "run", make_table())
    line = {"id": "a", "caption": "", "source": "a", field: value}
    (run / "requests.jsonl").write_text(f"{json.dumps(line)}\n")
    with pytest.raises(svbench.DataError, match=f"line 1: {found}"):
        svbench.load_results(run).requests  # noqa: B018


def test_the_scores_of_clips_are_asked_for_by_name(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_table())
    assert ("real", ALIGN) in svbench.load_results(run).scores_of_clips()
    (run / "scores.csv").unlink()
    with pytest.raises(svbench.DataError, match=r"scores\.csv"):
        svbench.load_results(run).scores_of_clips()
