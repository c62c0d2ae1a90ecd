from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from svbench.doctor.estimate import most_bytes
from svbench.files import media
from svbench.types import Clip, ClipSpec


@pytest.mark.parametrize("side", [8, 48, 128])
def test_not_even_noise_is_larger_than_the_bound(side: int, tmp_path: Path) -> None:
    spec = ClipSpec(frames=8, fps=8.0, size=(side, side), sample_rate=16000)
    random = np.random.default_rng(0)
    video = random.integers(0, 256, (spec.frames, side, side, 3), dtype=np.uint8)
    audio = media.quantise(random.uniform(-1, 1, spec.samples).astype(np.float32))
    media.write_lossless(tmp_path / "noise.mkv", Clip(video, audio, spec), "a comment" * 20)
    size = (tmp_path / "noise.mkv").stat().st_size
    assert video.nbytes < size < most_bytes(spec)
