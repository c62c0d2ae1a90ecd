"""Preparation of a data set by its name: what it reads is checked before any work."""

from __future__ import annotations

from typing import Any, get_args

from svbench.catalog.datasets import DATASETS
from svbench.catalog.plugins import blaming
from svbench.datasets.lists import check_folder, reached
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError
from svbench.limits import flag
from svbench.pace import Progress, silent
from svbench.preparation.settings import Preparation, PrepareConfig, Report
from svbench.types import Channels, FrameChoice


def check_config(**settings: Any) -> PrepareConfig:
    """Return checked settings of a preparation.

    Raises
    ------
    ConfigError
        for an unknown data set, one that needs no preparation, an option that it does not read,
        and an unknown choice
    """
    config = PrepareConfig(**settings)
    config.check_read(_preparation(config.dataset).reads)
    for name, choices in (("timing", FrameChoice), ("channels", Channels)):
        found = getattr(config, name)
        if found is not None and found not in get_args(choices):
            expected = " or ".join(get_args(choices))
            raise ConfigError(f"{flag(name)}: found {found!r:.80}, expected {expected}")
    return config


def prepare_dataset(config: PrepareConfig, engine: Engine, progress: Progress = silent) -> Report:
    """Prepare a data set, and return a report of what was written.

    Raises
    ------
    ConfigError
        for settings that do not fit each other or what `config.out` holds
    DataError
        where the archive, or a recording of it, is absent or broken
    """
    found = DATASETS.find(config.dataset)
    check_folder(config.data_root, found.entry.title)
    preparation = _preparation(config.dataset)
    with reached(config.data_root):
        if not found.origin:
            return preparation.prepare(config, engine, progress)
        with blaming(found.origin, DataError):
            return preparation.prepare(config, engine, progress)


def _preparation(dataset: str) -> Preparation:
    found = DATASETS.known(dataset).prepare
    if found is None:
        able = ", ".join(name for name, entry in DATASETS.items() if entry.prepare is not None)
        raise ConfigError(f"--dataset {dataset}: it needs no preparation, expected one of {able}")
    return found
