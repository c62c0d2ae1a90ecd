"""Tiny pipelines, each written once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.factories.diffusers_pipelines import write_pipeline


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what returns the folder of a tiny pipeline of a class; it is not to be changed."""
    root = tmp_path_factory.mktemp("pipelines")
    return cache(lambda kind: write_pipeline(root / f"tiny-{kind}", kind))
