"""Every network of a column: any dtype on a CPU, keys that say so, batches that are halved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svbench.compute import DTYPES, Machine
from svbench.metrics.networks.batches import Forward
from svbench.metrics.networks.sharing import LastOutputs
from svbench.protocols import Extractor
from tests.factories.clips import make_clip
from tests.factories.small_columns import SPEC, small_columns

CLIP = make_clip(1, SPEC)
CAPTION = "a stick hits wood"


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


def extractors_on(networks: Path, machine: Machine) -> list[Extractor]:
    """Return the extractors that have a network, each once."""
    found = {column.extractor.key: column.extractor for column in small_columns(networks, machine)}
    return [extractor for extractor in found.values() if hasattr(extractor, "machine")]


def rows(extractor: Extractor) -> np.ndarray:
    (found,) = extractor([CLIP], [CAPTION])
    return found


def test_any_dtype_gives_numbers_of_the_same_form_under_a_key_of_its_own(networks: Path) -> None:
    expected = [rows(e) for e in extractors_on(networks, Machine("cpu"))]
    keys: set[str] = set()
    for dtype in DTYPES:
        extractors = extractors_on(networks, Machine("cpu", dtype))
        assert len(extractors) == len(expected) == 11
        for extractor, exact in zip(extractors, expected, strict=True):
            found = rows(extractor)
            assert found.shape == exact.shape, extractor.key
            assert np.isfinite(found).all(), extractor.key
            assert np.array_equal(found, exact) == (dtype == "float32"), extractor.key
            assert (f"-cpu-{dtype}" in extractor.key) == (dtype != "float32")
        keys |= {extractor.key for extractor in extractors}
    assert len(keys) == len(DTYPES) * len(expected)


def test_batches_that_do_not_fit_are_halved(
    networks: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = Forward._outputs

    def short(self: Forward, network: Any, some: Any, size: int, about: Any) -> Any:
        if size > 1:
            raise torch.OutOfMemoryError("tried to allocate 3 GiB")
        return original(self, network, some, size, about)

    monkeypatch.setattr(Forward, "_outputs", short)
    monkeypatch.setattr(LastOutputs, "get", lambda *_: None)  # what another view computed
    for extractor in extractors_on(networks, Machine("cpu", batch=2)):
        caplog.clear()
        assert np.isfinite(rows(extractor)).all()
        assert "out of memory on cpu; going on with batches of 1" in caplog.text, extractor.key
