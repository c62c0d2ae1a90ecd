"""Fixtures shared by all tests; what needs no fixture lies in `tests.factories.clips`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from svbench.files.weights import published as catalogue
from svbench.files.weights import structure
from svbench.first_import import import_librosa
from tests.factories.commands import Command, Outcome, exit_code
from tests.factories.weight_server import Server, serving
from tests.factories.weights import publish, write_state

# No example fails for the time that it takes: the machine may be slow, or busy with others.
settings.register_profile("svbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("svbench")


def pytest_configure() -> None:
    """Compile librosa's kernels before worker processes do so side by side."""
    import_librosa()


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Note in reports of benchmarks what docs/make_performance.py says of their machine."""
    from performance_rows import machine

    machine_info["svbench"] = machine(machine_info)


@pytest.fixture
def svbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line in this process: `svbench("score", folder, "--reference", other)`."""
    monkeypatch.setenv("COLUMNS", "300")  # long lines stay whole, so tests can look for them
    monkeypatch.delenv("SVBENCH_DATA", raising=False)

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = exit_code(*words)
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Put a small network in place of all published weights (see `tests.factories.weights`)."""
    publish(monkeypatch, tmp_path / "published")
    yield
    structure.structure.cache_clear()


@pytest.fixture
def weight_server(
    published: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Server]]:
    """Serve weights that fit under the address of all that is published."""
    del published
    with serving() as (handler, address):
        handler.content = write_state(tmp_path / "served.pt").read_bytes()
        for name, entry in catalogue.PUBLISHED.items():
            monkeypatch.setitem(catalogue.PUBLISHED, name, replace(entry, address=address))
        yield handler
