"""Sound of the clips beside the golden data, as reference implementations read WAV files of it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svbench.metrics.networks.resampling import resample
from tests.goldens.places import golden_root


def clip_file(name: str) -> Path:
    """Return a clip named as in the golden data ("real/a.mp4"); skip the test if it is absent."""
    path = golden_root().parent / "clips" / name
    if not path.exists():
        pytest.skip(f"no clip at {path} (set SVBENCH_GOLDEN)")
    return path


def channels(name: str) -> tuple[NDArray[np.float32], int]:
    """Decode the sound of a clip: (channels, S) of 16-bit samples, and its rate."""
    with av.open(str(clip_file(name))) as file:
        stream = file.streams.audio[0]
        rate, count = stream.rate, stream.channels
        s16 = av.AudioResampler("s16", stream.layout, rate)
        parts = [part.to_ndarray() for frame in file.decode(stream) for part in s16.resample(frame)]
        parts += [part.to_ndarray() for part in s16.resample(None)]
    samples = np.concatenate(parts, axis=1).reshape(-1, count).T
    return (samples / 32768).astype(np.float32), rate


def mono(names: str | list[str], rate: int, *, precise: bool) -> NDArray[np.float32]:
    """Return the mean of the channels of clips, each resampled, then joined."""
    found = []
    for name in [names] if isinstance(names, str) else names:
        sound, native = channels(name)
        wave = torch.from_numpy(sound.mean(axis=0))
        found.append(resample(wave, native, rate, precise=precise).numpy())
    return np.concatenate(found)
