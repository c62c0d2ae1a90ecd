"""Onsets: the moments at which a sound begins.

A thin, frozen setting of librosa 0.11 (McFee et al. 2015): the sound is resampled, the rise
of its mel spectrogram from frame to frame is its onset strength (spectral flux), and the
local maxima of that curve that stand out by `delta` are onsets.

Conventions
-----------
Sound is mono float32, -1..1. Times are seconds from the first sample and lie on a grid of
`hop_length / sample_rate` (23.22 ms for the published settings).

What happens at the edges
-------------------------
- No samples, one sample, silence: no onset.
- A constant or a steady tone that is there from the first sample: one onset near its start
  (librosa finds it at 0.070 s), since the sound before the clip counts as silence.
- A clip shorter than the analysis window is analysed as librosa does, zeros around it.

References
----------
- S. Böck, F. Krebs, M. Schedl: Evaluating the online capabilities of onset detection
  methods. ISMIR 2012.
- B. McFee et al.: librosa: Audio and music signal analysis in Python. SciPy 2015.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError

# librosa.load's resampler since 0.10. Named, because another one finds other onsets.
RESAMPLER: Final = "soxr_hq"


@dataclass(frozen=True, slots=True)
class OnsetSettings:
    """How onsets are found; the defaults are those of librosa 0.11."""

    sample_rate: int = 22050  # Hz the sound is analysed at
    hop_length: int = 512  # samples between analysis frames
    n_fft: int = 2048  # samples in an analysis frame
    n_mels: int = 128  # mel bands up to half the sample rate
    delta: float = 0.07  # how far an onset stands above the local mean, 1 = the clip's range
    wait: float = 0.03  # s that must pass between two onsets
    min_strength: float = 0.0  # dB of mean rise that an onset has at least, whatever the clip

    def __post_init__(self) -> None:
        sizes = (self.sample_rate, self.hop_length, self.n_fft, self.n_mels)
        if min(sizes) < 1 or min(self.delta, self.wait, self.min_strength) < 0:
            raise ConfigError(f"onset settings need positive numbers, got {self}")


PUBLISHED: Final = OnsetSettings()


def onset_times(
    audio: NDArray[np.float32], sample_rate: int, settings: OnsetSettings = PUBLISHED
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the onsets of a sound.

    Parameters
    ----------
    audio : np.ndarray, shape=(S,)
        mono sound, float32
    sample_rate : int
        samples per second of `audio`
    settings : OnsetSettings
        how to look (Default value = PUBLISHED)

    Returns
    -------
    times : np.ndarray, shape=(K,)
        when they begin, in seconds, rising
    strengths : np.ndarray, shape=(K,)
        the onset strength there, in librosa's units (mean rise in dB over the mel bands)
    """
    if audio.ndim != 1:
        raise ScoreError(f"onsets need mono sound of shape (S,), got {audio.shape}")
    if audio.size == 0:
        return np.empty(0), np.empty(0)
    strength = onset_strength(audio, sample_rate, settings)
    frames = onset_frames(strength, settings)
    times = frames * settings.hop_length / float(settings.sample_rate)
    return times.astype(np.float64), strength[frames].astype(np.float64)


def onset_strength(
    audio: NDArray[np.float32], sample_rate: int, settings: OnsetSettings
) -> NDArray[np.float32]:
    """Give the onset strength of each analysis frame; `audio` holds at least one sample."""
    import librosa

    with warnings.catch_warnings():
        # librosa says so when a clip is shorter than its window or a mel band holds no
        # frequency; both are defined above, and neither is news to the reader of a table.
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        warnings.filterwarnings("ignore", message="Empty filters detected")
        sound = librosa.resample(
            audio, orig_sr=sample_rate, target_sr=settings.sample_rate, res_type=RESAMPLER
        )
        strength = librosa.onset.onset_strength(
            y=sound,
            sr=settings.sample_rate,
            hop_length=settings.hop_length,
            n_fft=settings.n_fft,
            n_mels=settings.n_mels,
        )
    return np.asarray(strength, dtype=np.float32)


def onset_frames(strength: NDArray[np.float32], settings: OnsetSettings) -> NDArray[np.int64]:
    """Give the analysis frames at which an onset lies."""
    import librosa

    frames = librosa.onset.onset_detect(
        onset_envelope=strength,
        sr=settings.sample_rate,
        hop_length=settings.hop_length,
        units="frames",
        delta=settings.delta,
        wait=settings.wait * settings.sample_rate // settings.hop_length,
    )
    found = np.asarray(frames, dtype=np.int64)
    return found[strength[found] >= settings.min_strength]
