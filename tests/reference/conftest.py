"""Parity with other people's implementations: how far apart the numbers are, as a table.

    tox -e reference                                     compare, and print the table
    tox -e reference -- --write-table docs/parity.md     the same, and put it into the page

Files are called `reference_*.py`, so that the usual run does not collect them. Nothing but packages
is downloaded: all networks have random weights. A package that cannot be imported skips its tests,
with the reason.
"""

from __future__ import annotations

import platform
import sys
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import ArrayLike

from tests.reference.packages import Compare, importable

HEAD: Final = "| quantity | against | largest deviation | allowed |\n|---|---|---|---|\n"
BEGIN: Final = "<!-- written by: tox -e reference -- --write-table docs/parity.md -->\n"
END: Final = "<!-- end -->\n"
FOUND: Final = pytest.StashKey[dict[tuple[str, str], tuple[float, float]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "page whose table of deviations is written anew"
    parser.addoption("--write-table", type=Path, metavar="PATH", help=about)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND] = {}


@pytest.fixture
def compare(request: pytest.FixtureRequest) -> Compare:
    """Compare ours with theirs: the largest deviation, as a share of the largest value."""

    def measure(
        quantity: str, package: str, ours: ArrayLike, theirs: ArrayLike, within: float
    ) -> None:
        ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        assert ours.shape == theirs.shape
        assert np.isfinite(ours).all()
        assert np.abs(theirs).max() > 0
        deviation = np.abs(ours - theirs).max() / np.abs(theirs).max()
        found, named = request.config.stash[FOUND], (quantity, f"{package} {version(package)}")
        found[named] = max(found.get(named, (0.0, within)), (float(deviation), within))
        assert deviation <= within, f"{quantity}: found {deviation:.1e} from {package}"

    return measure


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    lines = [
        f"| {quantity} | {package} | {deviation:.1e} | {within:.0e} |\n"
        for (quantity, package), (deviation, within) in sorted(config.stash[FOUND].items())
    ]
    python = platform.python_version()
    made = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scipy"))
    table = f"{HEAD}{''.join(lines)}\nPython {python}, {made}, on a CPU.\n"
    terminalreporter.write(f"\n{table}")
    page: Path | None = config.getoption("--write-table")
    if page is not None and config.stash[FOUND]:
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


@pytest.fixture
def audio_distance(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return frechet_audio_distance without CLAP, which downloads tokenizers when imported."""
    monkeypatch.setitem(sys.modules, "laion_clap", types.ModuleType("laion_clap"))
    return importable("frechet_audio_distance")


@pytest.fixture
def imagebind(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return imagebind, whose pytorchvideo asks for a module that torchvision 0.17 renamed."""
    functional = importable("torchvision.transforms.functional")
    monkeypatch.setitem(sys.modules, "torchvision.transforms.functional_tensor", functional)
    return importable("imagebind")
