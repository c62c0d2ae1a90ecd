"""Sound of the clips beside the golden data, as reference implementations read WAV files of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def pcm(name: str) -> tuple[NDArray[np.int16], int]:
    """Decode the sound of a clip: interleaved 16-bit samples (S, channels), and their rate."""
    with av.open(str(clip_file(name))) as file:
        stream = file.streams.audio[0]
        rate, count = stream.rate, stream.channels
        s16 = av.AudioResampler("s16", stream.layout, rate)
        parts = [part.to_ndarray() for frame in file.decode(stream) for part in s16.resample(frame)]
        parts += [part.to_ndarray() for part in s16.resample(None)]
    return np.concatenate(parts, axis=1).reshape(-1, count), rate


def channels(name: str) -> tuple[NDArray[np.float32], int]:
    """Decode the sound of a clip: (channels, S), -1..1, and its rate."""
    samples, rate = pcm(name)
    return (samples.T / 32768).astype(np.float32), rate


def golden_sound(entry: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the mono sound (S,) of an input of golden data, of the samples that it records."""
    samples, rate = pcm(entry["file"])
    assert (rate, len(samples)) == (entry["sr"], entry["s16_samples"])
    assert hashlib.sha256(samples.tobytes()).hexdigest() == entry["s16_sha256"]
    waves = (samples / 32768).astype(np.float32)
    return waves.sum(axis=1) / np.float32(entry["channels"])


def mono(names: str | list[str], rate: int, *, precise: bool) -> NDArray[np.float32]:
    """Return the mean of the channels of clips, each resampled, then joined."""
    found = []
    for name in [names] if isinstance(names, str) else names:
        sound, native = channels(name)
        wave = torch.from_numpy(sound.mean(axis=0))
        found.append(resample(wave, native, rate, precise=precise).numpy())
    return np.concatenate(found)
