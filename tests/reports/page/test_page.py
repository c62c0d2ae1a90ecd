"""The page of a run: the content of its files, as text; `test_page_browser` opens it."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from svbench.catalog.gallery import gallery_of
from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.files.clip_view import Gallery
from svbench.files.results import RequestIdentity, dump_table
from svbench.reports.analysis.clip_scores import read_clip_scores
from svbench.reports.page.categories import MOST
from svbench.reports.page.clip_choice import choose
from svbench.reports.page.data import event_groups
from svbench.reports.page.html import SCRIPTS, STYLES, TEMPLATE, plain, write_page
from tests.factories.commands import Command
from tests.factories.pages import (
    ALIGN,
    EVENTS,
    FVD,
    IB,
    MODEL,
    MOTION,
    REAL,
    make_table,
    write_page_run,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_page_run(tmp_path / "run")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a page, which no test may change."""
    return page_of(write_page_run(tmp_path_factory.mktemp("page") / "run"))


def page_of(run: Path, count: int = 24) -> Path:
    """Write the page of a run with views of `count` requests, and return its folder."""
    table, scores, out = make_table(), read_clip_scores(run), run / "report"
    choice = choose(table, scores, count)
    gallery = gallery_of(run, table, list(choice.why), out, Local())
    return write_page(run, out, gallery=gallery, choice=choice).parent


def data(folder: Path, name: str) -> Any:
    """Return the value of a data file."""
    text = (folder / "data" / f"{name}.js").read_text(encoding="utf-8")
    found = re.fullmatch(rf'svbench\.put\("{name}",\n(.*)\);\n', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


class Links(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]
        self.ids += [value or "" for name, value in attrs if name == "id"]


def test_the_page_needs_nothing_from_outside_its_folder(page: Path) -> None:
    links = Links((page / "index.html").read_text(encoding="utf-8"))
    files = [link for link in links.found if not link.startswith(("#", "data:"))]
    assert files
    for link in files:
        assert (page / link).is_file(), link
    inner = [link[1:] for link in links.found if link.startswith("#") and "?" not in link]
    assert set(inner) <= set(links.ids)
    assert len(links.ids) == len(set(links.ids))
    for file in [page / "index.html", *(page / "assets").iterdir()]:
        addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text(encoding="utf-8"))
        assert set(addresses) <= {"http://www.w3.org"}, file  # the name space of SVG


def test_its_parts_are_packed_into_a_wheel() -> None:
    parts = {file.name for file in (ROOT / "reports" / "page" / "files").iterdir()}
    assert parts == {*STYLES, *SCRIPTS, TEMPLATE}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "files/*" in project["tool"]["setuptools"]["package-data"]["svbench.reports.page"]
    assert any(line.startswith("jinja2") for line in project["project"]["dependencies"])


def test_it_states_what_was_scored_and_what_not_to_conclude(page: Path) -> None:
    text = (page / "index.html").read_text(encoding="utf-8")
    assert "2 models and 1 control made of real clips, 4 clips each" in text
    assert "Miniature: not comparable with published figures." in text
    body = text[text.index("<tbody>") :]
    assert body.index("CMC-PE, gamma 1.5") < body.index("real clips (ceiling)")
    assert "FVD, every row: no weights here" in text
    assert "0.0.test" in text  # versions
    assert "c0ffee" in text  # digests
    assert "delta" in text  # settings of the detectors


def test_every_number_leads_to_its_clips(page: Path) -> None:
    links = Links((page / "index.html").read_text(encoding="utf-8")).found
    assert [link for link in links if link.startswith("#clips?row=")] == [
        f"#clips?row={row}&by={metric}&order=worst"
        for row in ("cmc-pe-gamma1.5", "cross-attention-gamma1", "real")
        for metric in (IB, ALIGN)
    ]


def test_every_kind_and_metric_has_a_table_by_category(page: Path) -> None:
    text = (page / "index.html").read_text(encoding="utf-8")
    tables = re.findall(r'data-by="(\w+)" data-metric="([^"]+)"', text)
    titles = ("IB-AV", "AV-Align (corrected, published detectors)")
    assert tables == [(kind, title) for kind in ("material", "action") for title in titles]
    part = text[text.index('<section id="categories"') : text.index('<section id="figures"')]
    assert "FVD, every row: no weights here" in part  # which is why it has no table
    assert part.index(">metal</a>") < part.index("&lt;b&gt;wood&lt;/b&gt; &amp; glass</a>")
    assert part.index("glass</a>") < part.index(">without material</a>") < part.index("all clips")


def test_a_category_leads_to_its_clips_and_every_request_has_its_own(page: Path) -> None:
    links = Links((page / "index.html").read_text(encoding="utf-8")).found
    found = [parse_qs(link.partition("?")[2], keep_blank_values=True) for link in links]
    materials = [of["in.material"][0] for of in found if "in.material" in of and of["by"] == [IB]]
    assert materials == ["metal", "<b>wood</b> & glass", ""]
    (kinds,) = re.findall(r'"kinds": (\[\{.*?\}\])', (page / "index.html").read_text())
    assert [kind["categories"] for kind in json.loads(kinds)] == [
        *(["<b>wood</b> & glass", "metal"], ["hit", "scratch"])
    ]
    assert data(page, "requests")["categories"] == [[1, 0, 1, -1], [0, 1, 0, 0]]


def test_a_kind_of_too_many_categories_is_left_to_the_command(run: Path) -> None:
    requests = {
        f"c{i}": RequestIdentity("", "", {"name": f"clip {i}", "material": "wood"})
        for i in range(MOST + 1)
    }
    page = write_page(run, run / "report", requests=requests)
    text = page.read_text(encoding="utf-8")
    assert "By name there are too many categories for a page" in text
    assert set(re.findall(r'data-by="(\w+)"', text)) == {"material"}
    assert "By category" not in write_page(run, run / "plain", requests={}).read_text()


def test_text_of_a_run_is_never_markup(page: Path, run: Path) -> None:
    text = (page / "index.html").read_text(encoding="utf-8")
    assert "Made &lt;i&gt;by hand&lt;/i&gt;" in text
    assert "<i>by hand" not in text
    captions = data(page, "requests")["captions"]
    assert captions[1] == "a stick scratches <b>wood</b> & glass"
    table = replace(make_table(), title="</script><script>alert(1)</script>")
    (run / "results.json").write_text(dump_table(table), encoding="utf-8")
    text = write_page(run, run / "page").read_text(encoding="utf-8")
    assert "alert(1)" in text
    assert "<script>alert" not in text


def test_data_files_hold_every_number_of_every_clip(run: Path) -> None:
    folder = page_of(run, count=1)
    requests = data(folder, "requests")
    assert requests["ids"] == ["c0/0", "c1/0", "c2/0", "c3/0"]
    assert requests["views"] == {"1": "between"}  # equal scores of the middle keep their order
    row = data(folder, "row-0")  # models first
    assert row["1"] == [0.5, 0.6, 0.7, 0.8]
    assert row["2"] == [1, 0, 0.33333, 0]
    assert row["2.precision"] == [1, 0, 0.33333, 0]
    assert row["2.recall"] == [1, 0, 1, 0]
    onsets, peaks = data(folder, "events-0-0")[0]
    assert onsets == ["0.25 0.5", "0.25 0.5", "0.25 0.5 0.75", ""]
    assert peaks == ["0.25 0.5", "0.75", "0.25", ""]
    model, _, real = data(folder, "view-1")
    assert model["motion"] == [{"fps": 8.0, "values": list(MOTION)}]
    assert len(real["envelope"]) == 240
    assert (folder / real["video"]).is_file()
    assert not (folder / "data" / "view-0.js").exists()


def test_metrics_of_equal_events_share_them(run: Path) -> None:
    table, scores = make_table(), read_clip_scores(run)
    (group,) = event_groups(table, scores)
    assert (group.columns, group.metric, group.extractor, group.fps) == ((2,), ALIGN, EVENTS, 8.0)
    sibling = replace(table.columns[2], metric="av-align-adjusted-corrected@published")
    rows = []
    for row in table.rows:
        score = replace(row.scores[ALIGN], metric=sibling.metric)
        rows.append(replace(row, scores={**row.scores, sibling.metric: score}))
    both = replace(table, columns=(*table.columns, sibling), rows=tuple(rows))
    assert [g.columns for g in event_groups(both, scores)] == [(2, 3)]
    settings = {**table.columns[2].settings, "view": "native"}
    native = replace(table, columns=(replace(table.columns[2], settings=settings),))
    assert event_groups(native, scores)[0].fps is None  # each clip has its own


def test_a_page_without_clips_shows_what_there_is(run: Path) -> None:
    problems = {("real", "c0/0"): "real.mkv: found an empty file"}
    table, scores = make_table(), read_clip_scores(run)
    choice = choose(table, scores, 24)
    folder = write_page(run, run / "a", gallery=Gallery({}, (), problems), choice=choice).parent
    assert data(folder, "view-0") == [None, None, {"problem": "real.mkv: found an empty file"}]
    assert data(folder, "requests")["captions"] == ["", "", "", ""]
    bare = write_page(run, run / "b").parent
    assert data(bare, "requests")["views"] == {}


def test_imported_scores_are_shown_clip_by_clip_as_own_ones_are(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    """As a histogram, and in the table of clips: of the one model that they were imported for."""
    values = {"c0": 0.5, "c1": 40.0, "c3": 20.0}
    file = tmp_path / "judge.json"
    file.write_text(json.dumps({name: {"score": value} for name, value in values.items()}))
    word = f"{MODEL}={file}"
    written = svbench("report", run, "--format", "html", "--gallery", 0, "--import-scores", word)
    assert written.code == 0, written.err
    page = run / "report"
    text = (page / "index.html").read_text(encoding="utf-8")
    meta = json.loads(re.findall(r"svbench\.meta = (.*);</script>", text)[0])
    place = [column["metric"] for column in meta["columns"]].index("imported-plain@score")
    assert meta["columns"][place]["fields"] == ["value"]
    rows = [row["system"] for row in meta["rows"]]
    assert data(page, f"row-{rows.index(MODEL)}")[str(place)] == [0.5, 40, None, 20]
    assert str(place) not in data(page, f"row-{rows.index(REAL)}")
    panels = (page / "figures" / "distributions.svg").read_text(encoding="utf-8")
    assert "score (plain, not computed here)" in panels


def test_columns_without_scores_of_clips_have_no_histogram(svbench: Command, run: Path) -> None:
    written = svbench("report", run, "--format", "html", "--gallery", 0, "--metrics", FVD)
    assert written.code == 0, written.err
    assert not (run / "report" / "figures" / "distributions.svg").exists()


def test_a_run_without_versions_is_shown_without(run: Path) -> None:
    (run / "run.json").write_text('{"command": "run", "config": {}}', encoding="utf-8")
    text = write_page(run, run / "page").read_text(encoding="utf-8")
    assert "Versions" not in text
    assert "Data and seeds" in text


def test_figures_that_others_published_stand_beside_a_run_of_their_protocol(run: Path) -> None:
    table = make_table()
    assert "Beside the benchmark" not in write_page(run, run / "a").read_text(encoding="utf-8")
    followed = {"name": "javisbench", "source": "x", "settings": {}, "except": ["--frames 32"]}
    table = replace(table, record={**table.record, "protocol": followed})
    (run / "results.json").write_text(dump_table(table), encoding="utf-8")
    text = write_page(run, run / "b").read_text(encoding="utf-8")
    assert "Published figures, protocol javisbench" in text
    assert "<td>520.7</td>" in text
    assert "OmniForcing/OmniForcing#26" in text
    assert "rows of this run are judged otherwise: --frames 32" in text


def test_the_same_run_gives_the_same_bytes(page: Path, run: Path) -> None:
    def files(folder: Path) -> dict[Path, bytes]:
        found = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder): path.read_bytes() for path in found}

    assert len(files(page)) > 30
    assert files(page_of(run)) == files(page)


def test_what_cannot_be_read_or_written_is_one_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_page(run, tmp_path / "file" / "page")
    (run / "run.json").write_text('{"command": "run"}')
    with pytest.raises(DataError, match=r"run\.json: found no `config`"):
        write_page(run, tmp_path / "page")
    (run / "run.json").unlink()
    with pytest.raises(DataError, match=r"run\.json: found nothing there"):
        write_page(run, tmp_path / "page")


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (None, "–"),
        (True, "yes"),
        (0.07, "0.07"),
        (1e-6, "1e-06"),
        ([1, 2.5, None], "1, 2.5, –"),
        ([], "–"),
        ("published", "published"),
    ],
)
def test_settings_are_printed_as_people_write_them(value: object, printed: str) -> None:
    assert plain(value) == printed
