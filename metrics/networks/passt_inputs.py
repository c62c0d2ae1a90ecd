"""Input of PaSST: the log-mel spectrogram of ten seconds of sound at 32 kHz.

Conventions
-----------
Sound is (S,), mono, at 32 kHz, -1..1; a spectrogram is float32 (128, 1000).

- Shorter sound is zero-padded to 10 s, as av-benchmark feeds it, and longer sound cut: 4 s of sound
  are a picture that is 60 % silence, and distances between such clips are the smaller for it.
- Pre-emphasis: x[i + 1] - 0.97 x[i], one sample shorter than the sound.
- Spectrum: 25 ms window (symmetric Hann of 800 samples in an FFT of 1024), 10 ms hop, power;
  frames are centred, the sound mirrored by half an FFT at either end.
- Mel: Kaldi's triangles, 128 bands from 0 to 15000 Hz: trained with a highest frequency drawn
  between 15 and 17 kHz, the network is used with the lowest. Then (log(x + 1e-5) + 4.5) / 5.

References
----------
- K. Koutini et al.: Efficient training of audio transformers with patchout. Interspeech 2022,
  https://arxiv.org/abs/2110.05069.
- https://github.com/kkoutini/PaSST, https://github.com/kkoutini/passt_hear21
- https://github.com/hkchengrex/av-benchmark
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from svbench.errors import ScoreError
from svbench.metrics.networks.imagebind_inputs import kaldi_filters

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE: Final = 32000  # Hz
SAMPLES: Final = 10 * SAMPLE_RATE  # of the network's input
WINDOW: Final = 800  # samples, 25 ms
HOP: Final = 320  # samples, 10 ms
FFT: Final = 1024  # the next power of two
BANDS: Final = 128
HIGHEST: Final = 15000.0  # Hz, edge of the last band; the first begins at 0
PREEMPHASIS: Final = 0.97
OFFSET: Final = 1e-5  # keeps the logarithm of silence finite
MEAN, SPREAD = -4.5, 5.0  # of the network's training spectrograms


@cache
def mel_matrix() -> Tensor:
    """Compute the weight of each frequency of the FFT in each band, float32 (128, 513)."""
    return kaldi_filters(BANDS, FFT, SAMPLE_RATE, 0.0, HIGHEST)


def ten_seconds(sound: Tensor) -> Tensor:
    """Return the first 10 s of a sound (S,), zero-padded if it is shorter.

    Raises ScoreError for a sound without samples.
    """
    from torch.nn import functional as F  # noqa: N812

    if not len(sound):
        raise ScoreError("PaSST: the clip has 0 samples, expected some sound")
    return F.pad(sound[:SAMPLES], (0, max(0, SAMPLES - len(sound))))


def log_mel(sound: Tensor) -> Tensor:
    """Compute the normalised log-mel spectrogram of the first 10 s of a sound.

    Parameters
    ----------
    sound : Tensor, shape=(S,)
        mono, at 32 kHz

    Returns
    -------
    spectrogram : Tensor of float32, shape=(128, 1000)

    Raises
    ------
    ScoreError
        if there is no sound
    """
    import torch

    whole = ten_seconds(sound)
    sharpened = whole[1:] - PREEMPHASIS * whole[:-1]
    window = torch.hann_window(WINDOW, periodic=False)
    spectrum = torch.stft(
        sharpened, FFT, HOP, WINDOW, window, center=True, pad_mode="reflect", return_complex=True
    )
    energies = mel_matrix() @ spectrum.abs().square()
    return ((energies + OFFSET).log() - MEAN) / SPREAD
