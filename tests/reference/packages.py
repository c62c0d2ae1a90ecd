"""What tests of parity share: packages that may be absent, and how they are compared."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from numpy.typing import ArrayLike

# quantity, package, ours, theirs, the largest deviation allowed (see `conftest.compare`)
Compare = Callable[[str, str, ArrayLike, ArrayLike, float], None]


def importable(name: str) -> Any:
    """Return a module, or skip with the reason why it cannot be imported."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # packages fail in many ways where a dependency moved on
        pytest.skip(f"{name}: {type(error).__name__}: {error}")
