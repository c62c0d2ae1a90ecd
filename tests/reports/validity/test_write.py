"""The files of a validation: all of them, nothing else, and a page that needs no other file."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from svbench.errors import ConfigError
from svbench.files.validity import Validity
from svbench.reports.analysis.following import FOLLOWS, NOT
from svbench.reports.validity.page import headline
from svbench.reports.validity.tables import FORMATS
from svbench.reports.validity.write import FIGURES, figure_names, write_validity
from tests.factories.validity import ALIGN, WEAK, make_validity, measured

FOUND = make_validity()
REPORTS = {"validity.md", "validity.csv", "validity.html"}


class Tags(HTMLParser):
    """What a page loads, the ids of its parts, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {"tag": tag, **dict(attrs)}
        self.ids += [str(of["id"])] if "id" in of else []
        self.loaded += [str(of[n]) for n in ("src", "href", "xlink:href") if n in of]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(page: Path) -> Tags:
    tags = Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    return tags


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the reports were written into."""
    return write_validity(FOUND, tmp_path_factory.mktemp("parent") / "new").parent


def test_reports_and_figures_are_written(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == {*REPORTS, FIGURES}
    assert {path.name for path in (out / FIGURES).iterdir()} == {
        *("overview.svg", "overview-dark.svg", "overview.pdf"),
        *(f"response-{m}{dark}.svg" for m in (ALIGN, WEAK) for dark in ("", "-dark")),
    }
    assert (out / "validity.csv").read_text(encoding="utf-8") == FORMATS["csv"](FOUND)
    assert (out / "validity.md").read_text(encoding="utf-8") == FORMATS["markdown"](FOUND)


def test_the_same_findings_give_the_same_bytes(out: Path, tmp_path: Path) -> None:
    write_validity(FOUND, tmp_path)
    for path in out.rglob("*.*"):
        other = tmp_path / path.relative_to(out)
        assert path.read_bytes() == other.read_bytes(), path.name


def test_the_page_loads_nothing_and_repeats_no_id(out: Path) -> None:
    tags = read(out / "validity.html")
    own = {f"#{name}" for name in tags.ids}
    assert {link for link in tags.loaded if link not in own} == {"data:,"}
    assert len(tags.ids) == len(set(tags.ids))
    page = (out / "validity.html").read_text(encoding="utf-8")
    assert set(re.findall(r"url\(([^)]*)\)", page)) <= own
    assert not re.findall(r"@import|<script", page)


def test_the_page_holds_the_tables_and_what_a_reader_must_know(out: Path) -> None:
    words = " ".join(" ".join(read(out / "validity.html").words).split())
    for part in (
        *("clips of Greatest Hits: 19 clips", "People rated the same distortions of other clips"),
        *("Intervals cover the choice of clips", "[0.70, 0.95]", FOLLOWS, NOT),
        *("FVD: no weights of i3d", "Mildest audio shift noticed (s)", "split-half"),
    ):
        assert part in words, part


def test_markup_in_names_stays_text(tmp_path: Path) -> None:
    one = replace(measured("<b>x</b>@<i>", 0.9, None), title="<script>alert(1)</script> & --> x")
    found = make_validity(metrics=(one,), responses=(), clips="</title><b>clips</b>")
    page = write_validity(found, tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_names_of_files_stay_inside_their_folder_and_differ(tmp_path: Path) -> None:
    names = ("../../x@a", "a/b@c", "a?b@c", "A b@c", "y" * 300, "y" * 300 + "z")
    found = make_validity(metrics=tuple(measured(name, 0.5, None) for name in names), responses=())
    files = figure_names(found)
    assert tuple(files) == names
    assert len({name.lower() for name in files.values()}) == len(names)
    for name in files.values():
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
        assert len(name) < 100


def test_the_headline_counts_verdicts() -> None:
    assert headline(FOUND) == f"Of 2 metrics compared with people: {FOLLOWS}: 1; {NOT}: 1."
    assert headline(replace(FOUND, metrics=FOUND.metrics[2:])) == ""


@pytest.mark.parametrize(
    "found",
    [
        make_validity(metrics=(), responses=(), people={}, record={}),
        make_validity(responses=()),
        make_validity(metrics=FOUND.metrics[2:], responses=()),
        make_validity(
            metrics=tuple(replace(one, agreement=None) for one in FOUND.metrics),
            responses=tuple(replace(one, people=None, correlation=None) for one in FOUND.responses),
        ),
    ],
    ids=["nothing", "no responses", "absent alone", "without people"],
)
def test_whatever_was_found_has_a_page(found: Validity, tmp_path: Path) -> None:
    tags = read(write_validity(found, tmp_path))
    assert "Do metrics follow people?" in tags.words
    assert {path.name for path in tmp_path.iterdir()} >= REPORTS


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"cannot be written \(Not a directory\)"):
        write_validity(FOUND, tmp_path / "file")


def test_figures_of_an_earlier_command_do_not_stay(tmp_path: Path) -> None:
    write_validity(FOUND, tmp_path)
    (tmp_path / "figures" / "my-own.svg").write_text("kept", encoding="utf-8")
    first = replace(FOUND, metrics=FOUND.metrics[:1], responses=FOUND.responses[:2])
    write_validity(first, tmp_path)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {path.name for path in draw_names(first, tmp_path / "again")} | {"my-own.svg"}


def draw_names(found: Validity, out: Path) -> list[Path]:
    """Return what a command writes into a folder of its own."""
    write_validity(found, out)
    return list((out / "figures").iterdir())
