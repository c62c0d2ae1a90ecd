"""Input of VGGish: log-mel examples of sound, and the sizes of the network. torch is not needed.

Conventions
-----------
Sound is (S,), mono, at 16 kHz, -1..1; examples are float32 (n, 96, 64).

- Spectrum: 25 ms window (periodic Hann), 10 ms hop, FFT of 512, magnitude (not power), no
  padding at either end.
- Mel: HTK's scale, 64 triangles from 125 to 7500 Hz, linear in mel, DC excluded; then
  log(x + 0.01). torchaudio's HTK filters are linear in Hz and differ by 4e-3.

References
----------
- S. Hershey et al.: CNN architectures for large-scale audio classification. ICASSP 2017.
- https://github.com/tensorflow/models/tree/master/research/audioset/vggish
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from svbench.metrics.networks.batches import BatchSize

SAMPLE_RATE: Final = 16000  # Hz
WINDOW: Final = 400  # samples, 25 ms
HOP: Final = 160  # samples, 10 ms
FFT: Final = 512  # the next power of two
BANDS: Final = 64
LOWEST, HIGHEST = 125.0, 7500.0  # Hz, edges of the first and the last triangle
OFFSET: Final = 0.01  # keeps the logarithm of silence finite
FRAMES: Final = 96  # per example, 0.96 s
LEAST_SAMPLES: Final = WINDOW + (FRAMES - 1) * HOP  # of one example
EMBEDDING: Final = 128
BATCH: Final = BatchSize(cpu=8, gpu=16)  # examples; by fours, each takes 1.2 times as long

Spectrum = NDArray[np.float64]


def mel_matrix() -> Spectrum:
    """Compute the weights of each frequency of the FFT in each band, shape (257, 64)."""

    def mel(hertz: Spectrum) -> Spectrum:
        return 1127.0 * np.log1p(hertz / 700.0)

    lowest, highest = mel(np.array([LOWEST, HIGHEST]))
    edges = np.linspace(lowest, highest, BANDS + 2)
    places = mel(np.linspace(0.0, SAMPLE_RATE / 2, FFT // 2 + 1))[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (places - lower) / (centre - lower)
    falling = (upper - places) / (upper - centre)
    weights: Spectrum = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0
    return weights


def log_mel(sound: NDArray[np.floating]) -> NDArray[np.float32]:
    """Compute the log-mel examples of a sound.

    Parameters
    ----------
    sound : np.ndarray, shape=(S,)
        mono, at 16 kHz

    Returns
    -------
    examples : np.ndarray of float32, shape=(n, 96, 64)
        n = 0 for fewer than 15600 samples
    """
    count = max(0, (len(sound) - LEAST_SAMPLES) // (FRAMES * HOP) + 1)
    if count == 0:
        return np.zeros((0, FRAMES, BANDS), np.float32)
    frames = sliding_window_view(sound.astype(np.float64), WINDOW)[::HOP][: count * FRAMES]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitude = np.abs(np.fft.rfft(frames * hann, FFT))
    mel = np.log(magnitude @ mel_matrix() + OFFSET)
    return mel.reshape(count, FRAMES, BANDS).astype(np.float32)
