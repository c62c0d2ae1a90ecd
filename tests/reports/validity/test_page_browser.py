"""The page of a validation in a browser: it opens from disk, needs nothing else, fits its window.

Needs Chromium and `playwright`, as `tests/reports/page/test_page_browser.py` does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svbench.reports.validity.write import write_validity
from tests.factories.validity import make_validity

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("SVBENCH_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_validity(make_validity(), tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_opens_and_fits(browser: Any, page_file: Path, width: int, theme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    problems: list[str] = []
    page.on("console", lambda line: problems.append(line.text))
    page.on("request", lambda request: problems.append(request.url))
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    first, second = page.locator("details figure svg").all()
    assert first.is_visible()
    assert not second.is_visible()  # until its line is opened
    page.locator("#responses summary").nth(1).click()
    assert second.is_visible()
    ink = page.evaluate(
        "getComputedStyle(document.querySelector('figure svg text, figure svg g[style]')).fill"
    )
    assert ink == {"light": "rgb(28, 33, 38)", "dark": "rgb(231, 233, 236)"}[theme]
    page.close()
    assert problems == [page_file.as_uri()]
