"""Onsets: the moments at which a sound begins.

Onset detection by spectral flux, with librosa 0.11 (McFee et al. 2015): the sound is resampled, the
increase of its mel spectrogram from frame to frame is its onset strength envelope, and local maxima
of the envelope that exceed their surroundings by `delta` are onsets.

Conventions
-----------
Sound is mono float32, -1..1. Times are seconds from the first sample and lie on a grid of
`hop_length / sample_rate` (23.22 ms for the published settings).

Edge cases
----------
- No samples, one sample, silence: no onset.
- A constant or a steady tone that is there from the first sample: one onset near its start
  (librosa finds it at 0.070 s), since the sound before the clip counts as silence.
- A clip shorter than the analysis window is zero-padded by librosa.

References
----------
- S. Böck, F. Krebs, M. Schedl: Evaluating the online capabilities of onset detection
  methods. ISMIR 2012.
- B. McFee et al.: librosa: Audio and music signal analysis in Python. SciPy 2015.
  https://librosa.org/doc/0.11.0/onset.html
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.first_import import import_librosa

# The resampler of librosa.load since 0.10, stated because onsets depend on it.
RESAMPLER: Final = "soxr_hq"


@dataclass(frozen=True, slots=True)
class OnsetSettings:
    """Settings of onset detection; the defaults are those of librosa 0.11."""

    sample_rate: int = 22050  # Hz, of the analysed sound
    hop_length: int = 512  # samples between analysis frames
    n_fft: int = 2048  # samples in an analysis frame
    n_mels: int = 128  # mel bands up to half the sample rate
    delta: float = 0.07  # threshold above the local mean, 1 = the range of the clip
    wait: float = 0.03  # s, least time between two onsets
    min_strength: float = 0.0  # dB, least onset strength, absolute

    def __post_init__(self) -> None:
        sizes = (self.sample_rate, self.hop_length, self.n_fft, self.n_mels)
        if min(sizes) < 1 or min(self.delta, self.wait, self.min_strength) < 0:
            raise ConfigError(f"onset settings need positive numbers, got {self}")


PUBLISHED: Final = OnsetSettings()


def onset_times(
    audio: NDArray[np.float32], sample_rate: int, settings: OnsetSettings = PUBLISHED
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Detect the onsets of a sound.

    Parameters
    ----------
    audio : np.ndarray, shape=(S,)
        mono sound, float32
    sample_rate : int
        samples per second of `audio`
    settings : OnsetSettings
        settings of the detection (Default value = PUBLISHED)

    Returns
    -------
    times : np.ndarray, shape=(K,)
        times of the onsets, in seconds, rising
    strengths : np.ndarray, shape=(K,)
        onset strength there, in dB (mean increase over the mel bands)

    Raises
    ------
    ScoreError
        if the sound is not mono
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
    """Compute the onset strength envelope, dB, one value per analysis frame.

    `audio` has shape (S,), S >= 1.
    """
    librosa = import_librosa()
    with warnings.catch_warnings():
        # librosa warns of clips shorter than its window and of mel bands without a frequency bin;
        # both cases are defined above and need no warning.
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
            feature=_mel_spectrogram,
        )
    return np.asarray(strength, dtype=np.float32)


def _mel_spectrogram(
    y: NDArray[np.float32], sr: int, n_fft: int, hop_length: int, n_mels: int
) -> NDArray[np.float32]:
    """Compute the mel spectrogram (n_mels, frames) as `librosa.feature.melspectrogram` does.

    That one makes its filters anew for each sound, a fifth of the time.
    """
    power = np.abs(import_librosa().stft(y, n_fft=n_fft, hop_length=hop_length)) ** 2.0
    filters = _mel_filters(sr, n_fft, n_mels)
    return np.asarray(np.einsum("ft,mf->mt", power, filters, optimize=True), np.float32)


@cache
def _mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> NDArray[np.float32]:
    """Return librosa's mel filters up to half the sample rate, (n_mels, n_fft // 2 + 1)."""
    return np.asarray(
        import_librosa().filters.mel(
            sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmax=0.5 * sample_rate
        ),
        np.float32,
    )


def onset_frames(strength: NDArray[np.float32], settings: OnsetSettings) -> NDArray[np.int64]:
    """Detect onsets in an onset strength envelope; return their analysis frames, shape (K,)."""
    librosa = import_librosa()
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
