"""The miniature's audio codec: a small autoencoder of spectrograms, and Griffin-Lim.

Each clip is encoded and decoded alone, so the result does not depend on the others of its batch. A
row of latents holds the principal components of 40 ms of the autoencoder's latents.

Conventions
-----------
As in `svbench.baselines.joint.model`. Spectrograms are AudioLDM's: 64 mel bands of 0 to 8000 Hz, 10
ms a row, natural logarithm of magnitudes, (rows, 64).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import SpeechT5FeatureExtractor

from svbench.baselines.miniature.components import Codec, Components
from svbench.baselines.miniature.griffin_lim import griffin_lim
from svbench.baselines.miniature.nets import (
    AUDIO_CHANNELS,
    AUDIO_COMPONENTS,
    FOLD,
    MEL_BANDS,
    audio_autoencoder,
)
from svbench.types import Clip, ClipSpec

RATE: Final = 16000  # Hz
HOP: Final = 160  # samples a row
FFT: Final = 1024  # samples
FLOOR: Final = 1e-5  # smallest magnitude
ITERATIONS: Final = 16  # of Griffin-Lim
FACTOR: Final = 4  # rows of a spectrogram in a row of latents
ROWS_MULTIPLE: Final = 2  # the audio U-Net halves the rows once
COLUMNS: Final = 2  # of the autoencoder's latents


class AudioCodec:
    """Audio at 16 kHz to latents (12, rows, 1), 40 ms a row."""

    def __init__(self) -> None:
        self.components = Components(AUDIO_CHANNELS * COLUMNS, AUDIO_COMPONENTS)
        self.codec = Codec(audio_autoencoder(), components=self.components)

    def shape(self, spec: ClipSpec) -> tuple[int, int, int]:
        """Return the latents' shape."""
        rows = math.ceil(spec.duration * RATE / HOP / FACTOR / ROWS_MULTIPLE) * ROWS_MULTIPLE
        return AUDIO_COMPONENTS, rows, 1

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Return (B, C, rows, 1)."""
        with torch.inference_mode():
            spectrograms = [folded(self.spectrogram(clip.audio)) for clip in clips]
            latents = [self.components.project(self.moments(each)) for each in spectrograms]
        return torch.stack(latents).transpose(1, 2)[..., None].contiguous().clone()

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.float32]]:
        """Return one waveform (spec.samples,) in -1..1 per latent."""
        with torch.inference_mode():
            # (rows, size) each
            moments = [self.components.reconstruct(each.flatten(1).T) for each in latents]
            wide = [each.view(-1, AUDIO_CHANNELS, COLUMNS).transpose(0, 1) for each in moments]
            spectrograms = [unfolded(self.codec.decode(each[None])[0]) for each in wide]
        return [self.waveform(each.numpy(), spec.samples) for each in spectrograms]

    def fit_components(self, clips: Sequence[Tensor]) -> None:
        """Compute the components of clips' moments, (rows, size) each."""
        self.components.fit(torch.cat(list(clips)))

    def moments(self, spectrogram: Tensor) -> Tensor:
        """Return the autoencoder's latents of a folded spectrogram, row by row: (rows, size)."""
        return self.codec.encode(spectrogram[None])[0].transpose(0, 1).flatten(1)

    def spectrogram(self, audio: NDArray[np.float32]) -> Tensor:
        """Return the log-mel spectrogram, (rows, 64), scaled to about -2..5."""
        features = self._extractor(audio_target=audio, sampling_rate=RATE, return_tensors="np")
        magnitudes = np.clip(10.0 ** features["input_values"][0], FLOOR, None)
        rows = len(audio) // HOP // FACTOR * FACTOR
        return scaled(torch.from_numpy(np.log(magnitudes[:rows]).astype(np.float32)))

    def waveform(self, spectrogram: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
        """Invert a scaled spectrogram (rows, 64) by Griffin-Lim."""
        magnitudes = np.exp(unscaled(spectrogram))
        magnitudes[magnitudes < 2 * FLOOR] = 0
        frames = samples // HOP + 1  # one at every hop, both ends included
        magnitudes = np.pad(magnitudes, ((0, frames), (0, 0)), mode="edge")[:frames]
        linear = torch.from_numpy(magnitudes @ self._inverse)
        waveform = griffin_lim(linear, samples, HOP, ITERATIONS)
        return waveform.clamp_(-1, 1).numpy()

    @cached_property
    def _extractor(self) -> Any:
        return SpeechT5FeatureExtractor(
            sampling_rate=RATE,
            num_mel_bins=MEL_BANDS,
            hop_length=1000 * HOP // RATE,
            win_length=1000 * FFT // RATE,
            fmin=0,
            fmax=RATE // 2,
            return_attention_mask=False,
        )

    @cached_property
    def _inverse(self) -> NDArray[np.float32]:
        """Return an approximate inverse of the mel filter bank, (64, 513)."""
        bands: NDArray[np.float64] = self._extractor.mel_filters  # (513, 64)
        # Every frequency takes the level of the bands over it: never negative, unlike the
        # pseudo-inverse, whose ringing is audible between partials.
        weight = bands / np.maximum(bands.sum(1, keepdims=True), 1e-12)
        inverse: NDArray[np.float64] = weight / np.maximum(bands.sum(0, keepdims=True), 1e-12)
        return np.ascontiguousarray(inverse.T, np.float32)


# Mean and standard deviation of the miniature's spectrograms, rounded.
_MEAN: Final = -6.4
_DEVIATION: Final = 1.44


def scaled(spectrogram: Tensor) -> Tensor:
    """Scale logarithms of magnitudes to about mean 0 and variance 1."""
    return (spectrogram - _MEAN) / _DEVIATION


def unscaled(spectrogram: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo `scaled`; magnitudes are at least `FLOOR`."""
    logs: NDArray[np.float32] = spectrogram * np.float32(_DEVIATION) + np.float32(_MEAN)
    return np.maximum(logs, np.float32(math.log(FLOOR)), dtype=np.float32)


def folded(spectrogram: Tensor) -> Tensor:
    """Reshape neighbouring bands into channels, (rows, 64) to (8, rows, 8)."""
    rows = len(spectrogram)
    return spectrogram.view(rows, -1, FOLD).permute(2, 0, 1).contiguous()


def unfolded(channels: Tensor) -> Tensor:
    """Undo `folded`."""
    return channels.permute(1, 2, 0).flatten(1)
