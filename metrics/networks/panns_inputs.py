"""Input of PANNs' Cnn14 at 16 kHz: the log-mel spectrogram of a sound.

Conventions
-----------
Sound is (S,), mono, at 16 kHz, -1..1; a spectrogram is float32 (frames, 64) in dB, with
frames = 1 + floor(S / 160).

- Spectrum: 32 ms window (periodic Hann) of 512 samples, 10 ms hop, power; frames are centred, the
  sound mirrored by half a window at either end.
- Mel: Slaney's scale with filters of equal area, as librosa's, 64 bands from 50 to 8000 Hz; then
  10 log10(max(x, 1e-10)), which is not normalised: the network begins with a batch norm per band.

Edge cases
----------
Sound shorter than 32 frames (310 ms), of which five poolings would leave nothing: a ScoreError.

References
----------
- Q. Kong et al.: PANNs: large-scale pretrained audio neural networks for audio pattern recognition.
  IEEE/ACM TASLP 28, 2020, https://arxiv.org/abs/1912.10211.
- https://github.com/qiuqiangkong/audioset_tagging_cnn, https://github.com/hkchengrex/av-benchmark
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from svbench.errors import ScoreError
from svbench.first_import import import_librosa

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE: Final = 16000  # Hz
WINDOW: Final = 512  # samples, also of the FFT
HOP: Final = 160  # samples, 10 ms
BANDS: Final = 64
LOWEST, HIGHEST = 50.0, 8000.0  # Hz, edges of the first and the last band
FLOOR: Final = 1e-10  # least power of a band
POOLINGS: Final = 5  # each halves the frames
LEAST_FRAMES: Final = 1 << POOLINGS
LEAST_SAMPLES: Final = (LEAST_FRAMES - 1) * HOP


@cache
def mel_matrix() -> Tensor:
    """Compute the weight of each frequency of the FFT in each band, float32 (257, 64)."""
    import torch

    filters = import_librosa().filters.mel(
        sr=SAMPLE_RATE, n_fft=WINDOW, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST
    )
    return torch.from_numpy(filters.T.copy())


def power_spectrogram(sound: Tensor) -> Tensor:
    """Compute the power spectrogram (frames, 257) of a sound (S,)."""
    import torch

    window = torch.hann_window(WINDOW, dtype=sound.dtype)
    spectrum = torch.stft(
        sound, WINDOW, HOP, window=window, center=True, pad_mode="reflect", return_complex=True
    )
    return spectrum.abs().square().T


def log_mel(sound: Tensor) -> Tensor:
    """Compute the log-mel spectrogram of a sound.

    Parameters
    ----------
    sound : Tensor, shape=(S,)
        mono, at 16 kHz

    Returns
    -------
    spectrogram : Tensor of float32, shape=(frames, 64)
        in dB; sums are float64, so that quiet bands are not rounding errors of loud ones

    Raises
    ------
    ScoreError
        if the sound is shorter than 32 frames
    """
    if len(sound) < LEAST_SAMPLES:
        raise ScoreError(
            f"PANNs: the clip has {len(sound)} samples at {SAMPLE_RATE} Hz, expected at least "
            f"{LEAST_SAMPLES} ({LEAST_SAMPLES / SAMPLE_RATE:g} s)"
        )
    energies = power_spectrogram(sound.double()) @ mel_matrix().double()
    return 10.0 * energies.clamp(min=FLOOR).log10().float()
