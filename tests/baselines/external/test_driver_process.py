"""Drivers as processes: nothing that they started is left, however they or svbench end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from svbench.baselines.external.driver_process import DriverEndedError, DriverProcess, Launch
from svbench.baselines.external.job import Job, Reply, Wanted
from svbench.baselines.external.places import own_place
from tests.factories.clips import SPEC
from tests.factories.external_systems import traced, write_system
from tests.factories.processes import ENDLESS, PATIENCE, lives, until
from tests.goldens.places import REPOSITORY

SAMPLES = [Wanted(f"c{n}/0", f"c{n}", None, n) for n in range(2)]
HOLDING = f"""
import sys, time
from pathlib import Path
from tests.baselines.external.test_driver_process import asked, started
driver = started(Path(sys.argv[1]))
asked(driver)
print(driver.out, flush=True)
time.sleep({ENDLESS})
"""


def started(description: Path) -> DriverProcess:
    """Start the driver of a system."""
    place = own_place(description)
    launch = Launch("stub", place.python, place.driver, place.checkout, place.description.limits)

    def job(out: Path, replies: str) -> Job:
        settings = place.description.settings
        return Job("stub", "uncond", "faithful", "cpu", out, {}, settings, 1.0, SPEC, replies)

    return DriverProcess(launch, job)


def asked(driver: DriverProcess) -> list[Reply]:
    return list(driver.ask(SAMPLES, lambda sample, _: sample))


def wait_until_gone(processes: list[str]) -> None:
    until(lambda: not any(lives(int(process)) for process in processes))


def test_a_driver_lives_until_it_is_closed_and_leaves_nothing(tmp_path: Path) -> None:
    path = write_system(tmp_path)
    driver = started(path)
    for _ in range(2):
        replies = asked(driver)
        assert [(reply.id, reply.status) for reply in replies] == [("c0/0", "ok"), ("c1/0", "ok")]
        assert all(reply.video and reply.video.is_file() for reply in replies)
    (process,) = traced(path, "start")
    assert lives(int(process))
    assert "garbage on stdout c0/0" in driver.log.read_text()
    driver.close()
    assert not lives(int(process))
    assert not driver.log.parent.exists()


def test_children_that_a_driver_leaves_are_ended(tmp_path: Path) -> None:
    path = write_system(tmp_path, settings={"fault": "children", "at": "c1"})
    driver = started(path)
    asked(driver)
    children = traced(path, "child")
    assert len(children) == 1
    assert lives(int(children[0]))
    driver.close()
    wait_until_gone(children)


def test_a_driver_that_is_dropped_is_ended(tmp_path: Path) -> None:
    path = write_system(tmp_path)
    driver = started(path)
    asked(driver)
    del driver
    wait_until_gone(traced(path, "start"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_driver_ends_with_svbench(number: signal.Signals, tmp_path: Path) -> None:
    path = write_system(tmp_path, settings={"fault": "children", "at": "c1"})
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLDING, path],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert holding.stdout is not None
    out = Path(holding.stdout.readline().strip())
    processes = [*traced(path, "start"), *traced(path, "child")]
    assert len(processes) == 2
    assert all(lives(int(process)) for process in processes)
    holding.send_signal(number)
    holding.wait()
    holding.stdout.close()
    wait_until_gone(processes)
    until(lambda: not out.exists())  # the files of samples; the log stays


HANGING = {"sample": 0.2}


@pytest.mark.parametrize(
    ("fault", "limits", "ready", "what"),
    [
        ("crash", {}, True, r"ended with exit code 11 \(Segmentation fault \(for show\)\)"),
        ("leaves", {}, True, "ended with exit code 0"),
        ("killed", {}, True, "was killed by signal 9"),
        ("hang", HANGING, True, r"showed no progress for 0\.[24] s"),
        ("hang at start", {"start": 0.2}, False, "showed no progress for 0.2 s"),
        ("garbage", {}, True, "wrote '100%.* it/s' as a reply, expected a JSON object"),
        ("escape", {}, True, r"named \.\./\.\./somewhere.mp4 as video, expected a file below out"),
        ("no start", {}, False, "ended with exit code 3"),
        ("no torch", {}, False, r"ended with exit code 1 \(ModuleNotFoundError: No module.*torch"),
    ],
)
def test_what_a_driver_did_is_named(
    fault: str, limits: dict[str, float], ready: bool, what: str, tmp_path: Path
) -> None:
    settings = {"fault": fault, "at": "c"}
    path = write_system(tmp_path, settings=settings, limits={"start": PATIENCE, **limits})
    driver = started(path)
    with pytest.raises(DriverEndedError, match=what) as raised:
        asked(driver)
    assert (raised.value.ready, raised.value.out_of_memory) == (ready, False)
    wait_until_gone(traced(path, "start"))
    assert driver.log.is_file()
    assert not driver.out.exists()


def test_a_driver_that_is_short_of_memory_says_so(tmp_path: Path) -> None:
    driver = started(write_system(tmp_path, settings={"fault": "memory"}))
    with pytest.raises(DriverEndedError, match="was short of memory") as raised:
        asked(driver)
    assert raised.value.out_of_memory


def no_program(path: Path) -> None:
    (path.parent / "env" / "bin" / "python").unlink()


def no_script(path: Path) -> None:
    (path.parent / "env" / "bin" / "python").write_text("#!/nowhere/sh\n")


@pytest.mark.parametrize("spoil", [no_program, no_script])
def test_a_python_that_cannot_be_started_is_named(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    path = write_system(tmp_path)
    spoil(path)
    driver = started(path)
    with pytest.raises(DriverEndedError, match=r"exit code 127 \(.*python: cannot be started \(No"):
        asked(driver)


def test_a_driver_gets_none_of_svbenchs_own_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    launch = Launch(
        "a", tmp_path, tmp_path, tmp_path, own_place(write_system(tmp_path)).description.limits, 3
    )
    found = launch.environment
    assert not {"PYTHONHOME", "PYTHONWARNINGS", "PYTHONPATH"} & found.keys()
    assert (found["OMP_NUM_THREADS"], found["HF_HUB_OFFLINE"]) == ("3", "0")
    assert found["TRANSFORMERS_OFFLINE"] == "1"
