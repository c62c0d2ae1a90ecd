"""The page of a run in a browser: it loads from disk, plays, sorts, filters, and has audio.

Needs Chromium (Debian's `chromium`, or the path in SVBENCH_BROWSER) and the package `playwright`,
which drives it; where one is absent these tests are skipped. The check of accessibility also
needs axe-core: the path of its `axe.min.js` in SVBENCH_AXE.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svbench.catalog.gallery import gallery_of
from svbench.engines.local import Local
from svbench.reports.analysis.clip_scores import read_clip_scores
from svbench.reports.page.clip_choice import choose
from svbench.reports.page.html import write_page
from tests.factories.pages import ALIGN, make_table, write_page_run
from tests.factories.processes import PATIENCE

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("SVBENCH_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
AXE = os.environ.get("SVBENCH_AXE")
SERIOUS = ("serious", "critical")
SIZES = [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")]

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_page_run(tmp_path_factory.mktemp("run"))
    table, scores, out = make_table(), read_clip_scores(run), run / "report"
    choice = choose(table, scores, 3)
    gallery = gallery_of(run, table, list(choice.why), out, Local())
    return write_page(run, out, gallery=gallery, choice=choice)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, page_file: Path) -> Iterator[Any]:
    """Yield the page, opened from disk; after the test, check that it logged nothing."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(1000 * PATIENCE)
    problems: list[str] = []
    opened.on("console", lambda line: problems.append(line.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("requestfailed", lambda request: problems.append(f"{request.url} failed"))
    opened.goto(page_file.as_uri())
    opened.wait_for_selector(".card")
    yield opened
    opened.close()
    assert problems == []


def settled(page: Any) -> str:
    """Wait for the list of clips, and return the text above it."""
    # A word is looked for 200 ms after the typing: of equal timers the earlier one is first.
    page.evaluate("new Promise(done => setTimeout(done, 200))")
    page.wait_for_selector(".list:not([aria-busy])")
    return str(page.inner_text(".found"))


def titles(page: Any) -> list[str]:
    return [str(text) for text in page.locator(".card h3").all_inner_texts()]


def test_a_video_plays_and_the_cursor_follows(page: Any) -> None:
    video, cursor = page.locator("video").first, page.locator(".strip .cursor").first
    video.evaluate("video => video.play()")
    page.wait_for_function("document.querySelector('video').currentTime > 0.3")
    assert video.evaluate("video => [video.videoWidth, video.videoHeight]") == [32, 32]
    assert video.evaluate("video => video.webkitAudioDecodedByteCount") > 0
    assert float(cursor.evaluate("cursor => parseFloat(cursor.style.left)")) > 20
    other = page.locator("video").nth(1)
    other.evaluate("video => video.play()")
    page.wait_for_function("document.querySelector('video').paused")  # one sounds at a time


def test_a_click_into_the_strip_moves_the_clip_there(page: Any) -> None:
    strip = page.locator(".strip.seekable").first
    box = strip.bounding_box()
    strip.click(position={"x": box["width"] / 2, "y": box["height"] - 20})
    page.wait_for_function("Math.abs(document.querySelector('video').currentTime - 0.5) < 0.05")


def test_clips_play_in_turn(page: Any) -> None:
    page.locator(".card button").first.click()
    page.wait_for_function("document.querySelectorAll('video')[1].currentTime > 0.1")
    assert page.locator("video").first.evaluate("video => video.ended")


def test_the_table_is_sorted_by_click_and_by_key(page: Any) -> None:
    rows = page.locator("table.results").first.locator("tbody th")

    def order() -> list[str]:
        return [text.splitlines()[0] for text in rows.all_inner_texts()]

    first = ["CMC-PE, gamma 1.5", "cross-attention"]
    assert order()[:2] == first
    heading = page.locator("th[data-better] button").nth(2)  # AV-Align
    heading.click()
    assert order()[:2] == first  # the best first
    heading.focus()
    page.keyboard.press("Enter")
    assert order()[:2] == first[::-1]
    assert order()[2].startswith("real clips")  # a ceiling does not compete
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"


def test_filters_leave_the_clips_that_are_asked_for(page: Any) -> None:
    assert settled(page).startswith("3 of 4 requests")  # those with video first
    page.locator("text=Show all").click()
    assert settled(page).startswith("4 of 4 requests")
    page.fill("input[type=search]", "WOOD stick")
    assert settled(page).startswith("2 of 4 requests")
    assert titles(page) == ["a stick scratches <b>wood</b> & glass", "a stick hits wood"]
    page.fill("input[type=search]", "")
    page.select_option("#clips-of-system", label="CMC-PE, gamma 1.5")
    page.select_option("#clips-order", "best")
    settled(page)
    assert titles(page)[:2] == ["a stick hits metal", "a stick hits wood"]
    page.select_option("#clips-order", "worst")
    settled(page)
    assert titles(page)[-1] == "a stick hits metal"
    for kind, found in (("all", 1), ("some", 1), ("none", 2)):
        page.select_option("#clips-events", kind)
        assert settled(page).startswith(f"{found} of 4 request")
    page.get_by_label("cross-attention", exact=True).uncheck()
    settled(page)
    assert page.locator(".card").first.locator(".lane").count() == 2


def test_a_number_leads_to_its_clips_and_back(page: Any) -> None:
    page.locator("a[href^='#clips?row=cmc-pe']").last.click()
    assert settled(page).startswith("4 of 4 requests")
    assert titles(page)[-1] == "a stick hits metal"  # the worst first
    lane = page.locator(".card").last.locator(".lane").first
    assert "2 of 2 onsets have a motion peak, 2 of 2 peaks have an onset." in lane.inner_text()
    assert ALIGN in page.url.replace("%40", "@")
    page.go_back()
    assert page.url.endswith("index.html")


def test_one_table_by_category_is_shown_at_a_time(page: Any) -> None:
    shown = page.locator(".by-category:visible h3")
    assert shown.all_inner_texts() == ["IB-AV ↑ by material"]
    page.select_option("#categories-by", "action")
    page.select_option("#categories-metric", label="AV-Align (corrected, published detectors)")
    (title,) = shown.all_inner_texts()
    assert title.endswith("by action")
    table = page.locator(".by-category:visible table")
    names = table.locator("tbody th")
    assert [t.split()[0] for t in names.all_inner_texts()] == ["hit", "scratch", "all"]
    table.locator("thead button").first.click()  # the alphabet backwards at the second click
    table.locator("thead button").first.click()
    assert [t.split()[0] for t in names.all_inner_texts()] == ["scratch", "hit", "all"]


def test_a_category_leads_to_its_clips_and_can_be_chosen(page: Any) -> None:
    page.locator(".by-category:visible a").nth(1).click()
    assert settled(page).startswith("1 of 4 requests")
    assert titles(page) == ["a stick scratches <b>wood</b> & glass"]
    tags = page.locator(".card .tag").all_inner_texts()
    assert tags[1:3] == ["material: <b>wood</b> & glass", "action: scratch"]
    assert page.locator("#clips-kind-0").evaluate("one => one.selectedOptions[0].text") == (
        "<b>wood</b> & glass"
    )
    page.select_option("#clips-kind-0", label="without material")
    assert settled(page).startswith("1 of 4 requests")
    assert titles(page) == ["nothing moves"]
    page.reload()  # the address alone leads there
    assert settled(page).startswith("1 of 4 requests")
    assert titles(page) == ["nothing moves"]
    page.select_option("#clips-kind-0", label="any")
    page.select_option("#clips-kind-1", label="hit")
    assert settled(page).startswith("3 of 4 requests")
    page.locator("text=Show all").click()
    assert settled(page).startswith("4 of 4 requests")


def test_every_number_of_every_clip_can_be_read(page: Any) -> None:
    page.locator("text=Show all").click()
    page.select_option("#clips-view", "table")
    settled(page)
    table = page.locator("table.clips")
    assert table.locator("tbody tr").count() == 12
    first = table.locator("tbody tr").first.locator("th, td").all_inner_texts()
    assert first[:3] == ["c0/0", "CMC-PE, gamma 1.5", "a stick hits metal"]
    assert first[3:5] == ["metal", "hit"]
    assert first[5:] == ["0.500", "1.000", "1.000", "1.000", "2", "2"]
    table.locator("thead button").nth(0).click()  # IB-AV: c3 has the most
    settled(page)
    assert table.locator("tbody th").first.inner_text() == "c3/0"
    table.locator("tbody a").first.click()
    assert settled(page).startswith("1 of 4 requests")


@pytest.mark.parametrize(
    ("events", "fps", "label", "marks"),
    [
        (
            "{onsets: [0.5], peaks: [0.5, 0.9]}",
            "8",
            "1 of 1 onsets have a motion peak",
            ["", "alone"],
        ),
        # a clip that keeps its own frame rate and has no view: what matches is not known
        ("{onsets: [0.5], peaks: [0.5]}", "null", "1 onset, 1 motion peak", ["unknown"]),
        ("null", "8", "the sound", []),
    ],
)
def test_a_strip_describes_what_is_known_and_no_more(
    page: Any, events: str, fps: str, label: str, marks: list[str]
) -> None:
    asked = f"{{events: {events}, fps: {fps}, duration: 1, label: 'mine'}}"
    drawn = page.evaluate(
        f"(() => {{ const made = svbench.strip.draw({asked}); const kinds = "
        "[...made.whole.querySelectorAll('.peak')].map(mark => mark.className);"
        "return [made.whole.querySelector('svg').getAttribute('aria-label'), kinds]; })()"
    )
    assert drawn[0].startswith(f"mine: {label}")
    assert drawn[1] == [f"peak {kind}" for kind in marks]


def test_the_theme_can_be_chosen(page: Any) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    for _ in range(2):  # system -> light -> dark
        page.locator("#theme").click()
    assert page.evaluate(ground) != light
    assert page.locator("#theme").inner_text() == "Theme: dark"
    assert not page.locator("img.on-light").first.is_visible()
    page.locator("#theme").click()  # the choice is kept for all pages from disk: give it back
    assert page.locator("#theme").inner_text() == "Theme: system"


def test_nothing_is_wider_than_a_telephone(browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.goto(page_file.as_uri())
    page.wait_for_selector(".card")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.close()


@pytest.mark.skipif(AXE is None, reason="SVBENCH_AXE does not name axe.min.js")
@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_axe_finds_nothing_serious(browser: Any, page_file: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(page_file.as_uri())
    for layout in ("cards", "table"):
        page.wait_for_selector(".card")
        page.select_option("#clips-view", layout)
        settled(page)
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run()")["violations"]
        serious = [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in SERIOUS]
        assert serious == []
    page.close()
