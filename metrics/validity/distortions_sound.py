"""Losses of a sound: noise, another pitch, another level, and those of a codec.

Conventions
-----------
Sound is mono float32 (S,), -1..1, and keeps its number of samples. Results are cut at -1 and 1, as
a player does: noise and gain may clip.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from svbench.first_import import import_librosa
from svbench.types import Clip

Sound = NDArray[np.float32]

WINDOW: Final = 2048  # samples of the phase vocoder, librosa's default
OPUS_RATES: Final = (8000, 12000, 16000, 24000, 48000)  # Hz; others are resampled to the last
OPUS_MOST, OPUS_LEAST = 256, 6  # kbit/s of one channel: libsndfile's compression levels 0 and 1


def noise(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip with white Gaussian noise, `level` dB below the RMS of its sound.

    Silence stays silent: it has no level that noise could be relative to.
    """
    power = np.sqrt(np.mean(np.square(clip.audio, dtype=np.float64)))
    white = np.random.default_rng(seed).standard_normal(clip.audio.size)
    return _with_sound(clip, clip.audio + power * 10 ** (-level / 20) * white)


def shift_pitch(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip with its sound higher by `level` semitones, as long as before.

    By librosa's phase vocoder; a sound shorter than its window gets a window of its own length.
    """
    del seed
    librosa = import_librosa()
    window = min(WINDOW, max(4, clip.audio.size))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        shifted = librosa.effects.pitch_shift(
            clip.audio, sr=clip.spec.sample_rate, n_steps=level, n_fft=window
        )
    return _with_sound(clip, shifted)


def change_gain(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip with its sound `level` dB louder."""
    del seed
    return _with_sound(clip, clip.audio * 10 ** (level / 20))


def encode(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip with its sound encoded by Opus at `level` kbit/s, and decoded.

    Opus knows few sample rates; sound of another one is resampled to 48 kHz and back.
    """
    del seed
    rate, size = clip.spec.sample_rate, clip.audio.size
    if rate in OPUS_RATES:
        return _with_sound(clip, _decoded(clip.audio, rate, level))
    high = soxr.resample(clip.audio, rate, OPUS_RATES[-1], quality="HQ")
    back = soxr.resample(_decoded(high, OPUS_RATES[-1], level), OPUS_RATES[-1], rate, quality="HQ")
    return _with_sound(clip, np.resize(np.pad(back, (0, max(0, size - back.size))), size))


def _decoded(sound: Sound, rate: int, rate_of_bits: float) -> Sound:
    """Return sound encoded by Opus in an Ogg file, and decoded; it is not delayed."""
    import soundfile

    compression = (OPUS_MOST - rate_of_bits) / (OPUS_MOST - OPUS_LEAST)
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="OGG", subtype="OPUS", compression_level=compression)
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0])


def _with_sound(clip: Clip, sound: NDArray[np.floating]) -> Clip:
    """Return the clip with another sound, cut at -1 and 1."""
    audio = np.clip(sound, -1, 1).astype(np.float32)
    return replace(clip, audio=audio, times=clip.frame_times)
