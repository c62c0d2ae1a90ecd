"""The sounds that golden numbers of audio networks were computed from, as their README decodes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.goldens.places import golden_root


def golden_sound(entry: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the mono sound (S,) of an input at its own rate; skip the test if it is absent."""
    path = golden_root().parent / "clips" / entry["file"]
    if not path.exists():
        pytest.skip(f"no clip at {path} (set SVBENCH_GOLDEN)")
    pcm = _decoded(path, entry["channels"])
    assert hashlib.sha256(pcm.tobytes()).hexdigest() == entry["s16_sha256"]
    channels = (pcm / 32768).astype(np.float32)
    return channels.sum(axis=1) / np.float32(entry["channels"])


def _decoded(path: Path, channels: int) -> NDArray[np.int16]:
    """Decode interleaved 16-bit samples, (S, channels)."""
    convert = av.AudioResampler("s16")
    with av.open(str(path)) as container:
        pieces = [
            ready.to_ndarray()
            for frame in container.decode(audio=0)
            for ready in convert.resample(frame)
        ]
    return np.concatenate(pieces, axis=1).reshape(-1, channels)
