"""Stand-ins for other people's systems: description, driver, checkout, a Python without torch.

The driver is of the standard library. What it makes depends on the seed alone: a grey picture whose
brightness steps, and a tone. By its settings it has faults: `fault` happens at samples whose id
begins with `at`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.factories.processes import ENDLESS, PATIENCE

UPSTREAM = '''"""What stands for a model, in the checkout."""


def load():
    print("loading the model, 100%")
    return lambda seed, count: [(seed + 7 * i) % 256 for i in range(count)]
'''
DRIVER = (
    f"ENDLESS = {ENDLESS}\n"
    + """import math, os, signal, struct, subprocess, sys, time, wave

from svbench_driver import Job

job = Job()
import upstream  # lies in the checkout

settings = job.settings
fault, at = settings.get("fault", ""), settings.get("at", "")
if fault == "no torch":
    import torch
if fault == "no start":
    sys.exit(3)
if fault == "hang at start":
    time.sleep(ENDLESS)
with open(settings["trace"], "a") as file:
    file.write("start %d\\n" % os.getpid())
model = upstream.load()
FPS, SIDE, RATE = 8, 32, 16000


def length(sample):
    short = fault == "short" and sample.id.startswith(at)
    return 0.25 if short else settings.get("makes", job.length)


def write_video(path, levels):
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\\n" % (SIDE, SIDE, FPS))
        for level in levels:
            file.write(b"FRAME\\n" + bytes([level]) * SIDE * SIDE + b"\\x80" * (SIDE * SIDE // 2))


def write_sound(path, seed, seconds):
    with wave.open(path, "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        pitch = 200 + seed % 800
        steps = (math.sin(2 * math.pi * pitch * i / RATE) for i in range(round(seconds * RATE)))
        file.writeframes(b"".join(struct.pack("<h", round(9000 * s)) for s in steps))


def strike(samples):
    with open(settings["trace"], "a") as file:
        file.write("make %s\\n" % " ".join(s.id for s in samples))
    print("garbage on stdout", samples[0].id)
    doom = settings["trace"] + ".doom"  # a fault that no setting names: the id of a sample
    if os.path.exists(doom) and open(doom).read() in [s.id for s in samples]:
        os._exit(9)
    if fault == "memory" and len(samples) > settings.get("room", 1):
        raise MemoryError
    if not any(s.id.startswith(at) for s in samples):
        return
    if fault == "once":
        if not os.path.exists(settings["trace"] + ".once"):
            open(settings["trace"] + ".once", "w").close()
            os._exit(1)
    if fault == "crash":
        with open(samples[0].file(".mp4"), "wb") as file:
            file.write(b"half a fi")
        print("Segmentation fault (for show)")
        sys.stdout.flush()
        os._exit(11)
    if fault == "leaves":
        os._exit(0)
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "hang":
        with open(settings["trace"], "a") as file:
            file.write("hang %s\\n" % samples[0].id)
        time.sleep(ENDLESS)
    if fault == "raise":
        raise ValueError("no peaks\\nin this sound")
    if fault == "garbage":
        job._replies.write("100%|####| it/s\\n")
        job._replies.flush()
    if fault == "escape":
        job._reply(id=samples[0].id, status="ok", video="../../somewhere.mp4")
    if fault == "children":
        sleeping = "import time; time.sleep(%f)" % ENDLESS
        child = subprocess.Popen([sys.executable, "-S", "-c", sleeping])
        with open(settings["trace"], "a") as file:
            file.write("child %d\\n" % child.pid)
        if settings.get("and_crash"):
            os._exit(1)


def make(samples):
    strike(samples)
    made = []
    for sample in samples:
        seconds = length(sample)
        files = {}
        if job.task != "v2a":
            files["video"] = sample.file(".y4m")
            write_video(files["video"], model(sample.seed, math.ceil(seconds * FPS)))
        if job.task != "a2v":
            files["sound"] = sample.file(".wav")
            write_sound(files["sound"], sample.seed, seconds)
        if fault == "half" and sample.id.startswith(at):
            name = files.get("video") or files["sound"]
            with open(name, "r+b") as file:
                file.truncate(200)
        if fault == "empty" and sample.id.startswith(at):
            open(files.get("video") or files["sound"], "w").close()
        if job.task in ("a2v", "v2a"):
            with open(settings["trace"], "a") as file:
                file.write("given %d\\n" % os.path.getsize(sample.sound or sample.video))
        made.append(files)
    return made


job.run_batches(make)
"""
)


def write_system(folder: Path, **changes: Any) -> Path:
    """Write a system of one's own into a folder; return its description.

    `changes` replace keys of the description; `settings` are added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkout").mkdir(exist_ok=True)
    (folder / "checkout" / "upstream.py").write_text(UPSTREAM)
    (folder / "driver.py").write_text(DRIVER)
    write_python(folder / "env" / "bin" / "python")
    settings = {"trace": str(folder / "trace.txt"), **changes.pop("settings", {})}
    description: Mapping[str, Any] = {
        "name": "stub",
        "title": "Stub",
        "task": "uncond",
        "licence": "MIT",
        "native": {"fps": 8, "size": [32, 32], "sample_rate": 16000},
        "duration": {"policy": "trim", "because": "it makes any length"},
        "limits": {"start": PATIENCE, "sample": PATIENCE},
        "settings": settings,
        **changes,
    }
    path = folder / "system.yaml"
    path.write_text(yaml.safe_dump(dict(description)))
    return path


def write_python(path: Path) -> None:
    """Write a Python that has the standard library alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    path.chmod(0o755)


def commit(folder: Path) -> str:
    """Make a folder a repository of one commit; return the commit."""
    author = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    for words in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "All")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    done = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.run(done, check=True, capture_output=True, text=True).stdout.strip()


def traced(description: Path, word: str) -> list[str]:
    """Return what the driver noted under a word, such as "start" or "make"."""
    trace = description.parent / "trace.txt"
    lines = trace.read_text().splitlines() if trace.exists() else []
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{word} ")]
