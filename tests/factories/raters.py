"""Raters who answer a study as they are told, and the files that its page would write for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from svbench.study.key import Key, Trial
from svbench.study.results import checksum_of

Chooses = Callable[[Trial], str]  # left, tie or right


def prefers(key: Key, order: Iterable[str], *, careless: bool = False) -> Chooses:
    """Return a rater who always prefers the system that comes first; careless: fails checks."""
    places = {system: place for place, system in enumerate(order)}

    def choose(trial: Trial) -> str:
        if key.is_check(trial):
            return "left" if key.checks[trial.left].intact != careless else "right"
        left, right = (places[key.clips[code].system] for code in (trial.left, trial.right))
        return "left" if left < right else "right"

    return choose


def result_of(key: Key, sheet: int, choose: Chooses, rater: int = 0) -> dict[str, Any]:
    """Return what the page writes for a rater, without checksum; `sheet` counts from 1."""
    time = "2026-01-01T12:00:00.000Z"
    answers = [
        {"trial": trial.id, "choice": choose(trial), "at": time, "ms": 5000, "plays": [1, 2]}
        for trial in key.sheets[sheet - 1]
    ]
    return {
        "kind": "svbench study result",
        "version": 1,
        "study": key.study,
        "sheet": sheet,
        "rater": f"{rater or sheet:012x}",
        "agent": "Mozilla/5.0 (näive)",
        "started": time,
        "finished": time,
        "answers": answers,
    }


def write_result(path: Path, record: dict[str, Any]) -> Path:
    """Write the file of a rater, with its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {**record, "checksum": checksum_of(record)}
    path.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    return path


def careful(key: Key, shares: np.ndarray, seed: int) -> Chooses:
    """Return a rater who passes checks, and prefers system i to j with probability shares[i, j]."""
    rng, places = np.random.default_rng(seed), {name: i for i, name in enumerate(key.systems)}

    def choose(trial: Trial) -> str:
        if key.is_check(trial):
            return "left" if key.checks[trial.left].intact else "right"
        left, right = (places[key.clips[code].system] for code in (trial.left, trial.right))
        return "left" if rng.random() < shares[left, right] else "right"

    return choose
