"""The page of a study in a browser: keys, what must be heard, resuming, and the file at the end.

Needs Chromium (Debian's `chromium`, or the path in SVBENCH_BROWSER) and the package `playwright`,
which drives it; where one is absent these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svbench.study.collect import collect
from svbench.study.key import Key, load_key
from tests.factories.pages import MODEL, OTHER, REAL, write_page_run
from tests.factories.processes import PATIENCE
from tests.factories.raters import prefers
from tests.factories.studies import make_study

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("SVBENCH_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
SLOW = 1 / 16  # the slowest that Chromium plays
KEYS = {"left": "ArrowLeft", "tie": "ArrowDown", "right": "ArrowRight"}

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a run and two studies of it; one has its clips in the page."""
    root = tmp_path_factory.mktemp("study")
    run = write_page_run(root / "run")
    make_study(run, root / "beside", trials=3, checks=1)
    make_study(run, root / "embedded", trials=1, checks=1, embed=True)
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Yield an empty page; after the test, check that it logged nothing and used no network."""
    context = browser.new_context(viewport={"width": 1100, "height": 800}, accept_downloads=True)
    context.set_default_timeout(1000 * PATIENCE)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda line: problems.append(line.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    local = ("file:", "data:", "blob:")
    opened.on("request", lambda r: None if r.url.startswith(local) else problems.append(r.url))
    yield opened
    context.close()
    assert problems == []


def begin(page: Any, study: Path, sheet: int = 1) -> Key:
    page.goto((study / "hand-out" / "index.html").as_uri() + f"#{sheet}")
    page.wait_for_selector("#intro:not([hidden])")
    assert page.is_disabled("#begin")
    page.check("#agree")
    page.click("#begin")
    page.wait_for_selector("#trial:not([hidden])")
    return load_key(study)[0]


def hear(page: Any) -> None:
    """Play both clips by key, and wait for their ends."""
    page.keyboard.press("r")
    page.wait_for_selector("[data-choice=left]:enabled")


def play_at(page: Any, rate: float) -> None:
    """Set the speed of the left clip: what happens in its midst may come late on a busy machine."""
    page.evaluate(f"document.querySelector('#left video').playbackRate = {rate}")


def number(page: Any) -> int:
    return int(page.inner_text("#progress-text").split()[1])


def test_from_begin_to_file_by_keys_alone(page: Any, folder: Path, tmp_path: Path) -> None:
    key = begin(page, folder / "beside")
    choose = prefers(key, (REAL, MODEL, OTHER))
    chosen = []
    for trial in key.sheets[0]:
        hear(page)
        chosen.append(choose(trial))
        page.keyboard.press(KEYS[chosen[-1]])
    page.wait_for_selector("#end:not([hidden])")
    with page.expect_download() as download:
        page.click("#download")
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.read_text(encoding="utf-8") == page.input_value("#result")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert [answer["choice"] for answer in record["answers"]] == chosen
    assert all(answer["plays"] == [1, 1] for answer in record["answers"])
    assert all(answer["ms"] >= 1900 for answer in record["answers"])  # two clips of a second
    found = collect([file], folder / "beside")  # which refuses a file of another checksum
    assert (found.people.raters, found.people.answers) == (1, 3)


def test_nothing_can_be_answered_before_both_clips_ended(page: Any, folder: Path) -> None:
    begin(page, folder / "beside")
    for pressed in ("ArrowLeft", "1", "2", "3"):
        page.keyboard.press(pressed)
    page.click("#left .play")
    page.wait_for_function("document.querySelector('#left .heard').textContent === 'played'")
    assert page.is_disabled("[data-choice=left]")
    page.keyboard.press("ArrowRight")
    assert number(page) == 1
    page.click("#right .play")
    page.wait_for_selector("[data-choice=right]:enabled")
    page.keyboard.press("3")
    assert number(page) == 2


def test_the_space_key_pauses_and_goes_on(page: Any, folder: Path) -> None:
    begin(page, folder / "beside")
    video = "document.querySelector('#left video')"
    play_at(page, SLOW)
    page.keyboard.press(" ")
    page.wait_for_function(f"{video}.currentTime > 0.02")
    page.keyboard.press(" ")
    page.wait_for_function(f"{video}.paused")
    stopped = page.evaluate(f"{video}.currentTime")
    page.keyboard.press(" ")
    page.wait_for_function(f"{video}.currentTime > {stopped}")
    play_at(page, 1)
    page.wait_for_selector("[data-choice=left]:enabled")  # the right one followed
    assert page.evaluate("document.querySelectorAll('video').length") == 2


def test_a_replay_is_counted_and_one_clip_sounds_at_a_time(page: Any, folder: Path) -> None:
    begin(page, folder / "beside")
    hear(page)
    play_at(page, SLOW)
    page.keyboard.press("r")
    page.wait_for_function("!document.querySelector('#left video').paused")
    assert page.evaluate("document.querySelector('#right video').paused")
    play_at(page, 1)
    page.wait_for_function(
        "document.querySelector('#right .heard').textContent === 'played 2 times'"
    )
    page.keyboard.press("2")
    assert plays(page) == [[2, 2]]


def plays(page: Any) -> list[list[int]]:
    text = "JSON.parse(Object.values(localStorage)[0]).answers.map(one => one.plays)"
    found: list[list[int]] = page.evaluate(text)
    return found


def test_a_page_that_is_opened_again_goes_on_where_it_stopped(page: Any, folder: Path) -> None:
    begin(page, folder / "beside", sheet=2)
    hear(page)
    page.keyboard.press("1")
    code = page.evaluate("JSON.parse(Object.values(localStorage)[0]).rater")
    page.reload()
    page.wait_for_selector("#trial:not([hidden])")
    assert number(page) == 2
    assert page.is_disabled("[data-choice=left]")
    assert page.evaluate("JSON.parse(Object.values(localStorage)[0]).rater") == code
    page.goto((folder / "beside/hand-out/index.html").as_uri() + "#3")  # another rater's link
    page.wait_for_selector("#intro:not([hidden])")


def test_clips_in_the_page_play_on_a_narrow_screen(page: Any, folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(folder / "embedded" / "hand-out", alone / "hand-out")
    assert [path.name for path in (alone / "hand-out").iterdir()] == ["index.html"]
    shutil.copy(folder / "embedded" / "key.json", alone)
    page.set_viewport_size({"width": 320, "height": 640})
    begin(page, alone)
    hear(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("document.querySelector('#left video').videoWidth") == 32
    page.click("[data-choice=tie]")
    hear(page)
    page.click("[data-choice=right]")
    page.wait_for_selector("#end:not([hidden])")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#next-rater")
    page.wait_for_selector("#intro:not([hidden])")


def test_a_second_tab_goes_on_and_neither_loses_answers(page: Any, folder: Path) -> None:
    begin(page, folder / "beside")
    other = page.context.new_page()
    other.goto(page.url)
    hear(other)
    other.keyboard.press("1")
    page.wait_for_function("document.getElementById('progress-text').textContent[5] === '2'")
    assert number(other) == 2


def test_where_no_clip_begins_by_itself_the_rater_is_asked_to_begin_it(
    page: Any, folder: Path
) -> None:
    begin(page, folder / "beside")
    refuse = "() => Promise.reject(new DOMException('', 'NotAllowedError'))"
    page.evaluate(f"document.querySelector('#right video').play = {refuse}; 0")
    page.keyboard.press("r")
    page.wait_for_function("document.querySelector('#left .heard').textContent === 'played'")
    page.wait_for_function("document.getElementById('hint').textContent.includes('Play right')")
    page.evaluate("delete document.querySelector('#right video').play")
    page.click("#right .play")
    page.wait_for_selector("[data-choice=left]:enabled")


def test_the_file_is_a_link_and_says_so(page: Any, folder: Path) -> None:
    page.goto((folder / "beside" / "hand-out" / "index.html").as_uri())
    assert page.get_attribute("#download", "role") is None  # a button would need the space key
