"""The miniature's codecs: small autoencoders, and Griffin-Lim in place of a vocoder.

Each clip passes through alone, so what becomes of it does not depend on its company. An
autoencoder's latents of one moment (a frame; 40 ms of sound) are told by principal components.
Each is divided by the fourth root of its variance over the clips that the codec learned from, and
all of a kind by one number. Of a video, these are the components of what it shows and of what moves
in it; the motion itself is a course over time (`VideoCodec`).

Conventions
-----------
As in `svbench.baselines.model`. Spectrograms are AudioLDM's: 64 mel bands of 0 to 8000 Hz, 10 ms a
row, natural logarithm of magnitudes, (rows, 64).

References
----------
D. Griffin, J. Lim: Signal estimation from modified short-time Fourier transform. IEEE TASSP 1984
(librosa's form, with momentum).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import SpeechT5FeatureExtractor

from svbench.baselines.miniature.nets import (
    AUDIO_CHANNELS,
    AUDIO_COMPONENTS,
    FOLD,
    MEL_BANDS,
    PATTERN_COMPONENTS,
    PICTURE_COMPONENTS,
    STILL_VARIANCE,
    VIDEO_CHANNELS,
    VIDEO_LATENTS,
    WINDOW,
    audio_autoencoder,
    video_autoencoder,
)
from svbench.types import Clip, ClipSpec

RATE: Final = 16000  # Hz
HOP: Final = 160  # samples a row
FFT: Final = 1024  # samples
SILENCE: Final = 1e-5  # smallest magnitude
ROUNDS: Final = 16  # of Griffin-Lim
FACTOR: Final = 4  # rows of a spectrogram in a row of latents
HALVINGS: Final = 2  # a sound's rows must suit the U-Net's one halving
PLACES: Final = 4  # of the autoencoder's latents along a picture's side
COLUMNS: Final = 2  # of the autoencoder's latents of a sound


class Components(nn.Module):
    """The principal components that tell vectors of numbers.

    Parameters
    ----------
    size : int
        numbers of a vector
    count : int
        components that tell it
    variance : float
        mean variance of the components (Default value = 1)
    """

    def __init__(self, size: int, count: int, variance: float = 1.0) -> None:
        super().__init__()
        self.variance = variance
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("axes", torch.eye(count, size))
        self.register_buffer("unit", torch.ones(count))

    def told(self, vectors: Tensor) -> Tensor:
        """Tell vectors (..., size) by components (..., count)."""
        axes, mean = self.get_buffer("axes"), self.get_buffer("mean")
        return (vectors - mean) @ axes.T / self.get_buffer("unit")

    def vectors(self, told: Tensor) -> Tensor:
        """Undo `told`, as far as the components go."""
        axes, mean = self.get_buffer("axes"), self.get_buffer("mean")
        return (told * self.get_buffer("unit")) @ axes + mean

    def settle(self, vectors: Tensor) -> None:
        """Take the components from vectors (N, size)."""
        exact = vectors.double()
        mean = exact.mean(0)
        spread, axes = torch.linalg.eigh((exact - mean).T @ (exact - mean) / len(exact))
        axes = axes.flip(1)[:, : len(self.get_buffer("axes"))].T
        # The sign of an axis is anybody's guess: its largest entry is made positive.
        largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
        self.get_buffer("mean").copy_(mean)
        self.get_buffer("axes").copy_(axes * largest.sign())
        # Half way to equal variance: the first components, which are seen and heard most, stay
        # larger than the last.
        spread = spread.flip(0)[: len(axes)]
        self.get_buffer("unit").copy_(spread**0.25 * (spread.sqrt().mean() / self.variance).sqrt())


class Codec(nn.Module):
    """An autoencoder, and the components that tell its latents.

    Parameters
    ----------
    autoencoder : AutoencoderKL
        gives latents (N, C, H, W)
    components : Components
        by the names of what they tell
    """

    def __init__(self, autoencoder: Any, **components: Components) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        for name, told in components.items():
            self.add_module(name, told)

    def encode(self, inputs: Tensor) -> Tensor:
        """Give the autoencoder's latents (N, C, H, W)."""
        found: Tensor = self.autoencoder.encode(inputs).latent_dist.mode()
        return found

    def decode(self, latents: Tensor) -> Tensor:
        """Give what has these latents (N, C, H, W)."""
        found: Tensor = self.autoencoder.decode(latents).sample
        return found


class VideoCodec:
    """Frames of 64 x 64 px to latents (23, T, 1, 1): what a clip shows, and how it moves.

    The autoencoder's latents of a clip are told as mean + course(t) * pattern: the best
    approximation of rank one, from a singular value decomposition. Components of the mean and of
    the pattern are the same in every frame, and averaged when they are decoded, so that what stands
    still cannot flicker. The course has mean 0 and variance 1; each frame tells it of the `WINDOW`
    frames around it, and what several frames tell of one is averaged.
    """

    def __init__(self, codec: Codec | None = None) -> None:
        size = VIDEO_CHANNELS * PLACES**2
        self.codec = codec or Codec(
            video_autoencoder(),
            picture=Components(size, PICTURE_COMPONENTS, STILL_VARIANCE),
            pattern=Components(size, PATTERN_COMPONENTS, STILL_VARIANCE),
        )
        self.picture: Any = self.codec.get_submodule("picture")
        self.pattern: Any = self.codec.get_submodule("pattern")

    def shape(self, spec: ClipSpec) -> tuple[int, int, int, int]:
        """Give the latents' shape."""
        return VIDEO_LATENTS, spec.frames, 1, 1

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Give (B, C, T, 1, 1)."""
        with torch.inference_mode():
            found = [self._told(self.moments(self.frames(clip.video))) for clip in clips]
        # Out of inference mode: tensors of it cannot be trained on.
        return torch.stack(found)[..., None, None].clone()

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.uint8]]:
        """Give one video (T, H, W, 3) per latent."""
        del spec
        with torch.inference_mode():
            moments = (self._moments(each.flatten(1)) for each in latents)
            shape = (-1, VIDEO_CHANNELS, PLACES, PLACES)
            return [self._video(self.codec.decode(each.view(shape))) for each in moments]

    def settle(self, clips: Sequence[Tensor]) -> None:
        """Take the components from clips' moments, (T, size) each."""
        parts = [motion(clip) for clip in clips]
        self.picture.settle(torch.stack([mean for mean, _, _ in parts]))
        self.pattern.settle(torch.stack([pattern for _, pattern, _ in parts]))

    def _told(self, moments: Tensor) -> Tensor:
        """Tell a clip (T, size) by components (C, T)."""
        mean, pattern, course = motion(moments)
        still = torch.cat([self.picture.told(mean), self.pattern.told(pattern)])
        return torch.cat([still[:, None].expand(-1, len(course)), windows(course)])

    def _moments(self, told: Tensor) -> Tensor:
        """Undo `_told`, as far as the components go."""
        still = told[:-WINDOW].mean(1)
        mean = self.picture.vectors(still[:PICTURE_COMPONENTS])
        pattern = self.pattern.vectors(still[PICTURE_COMPONENTS:])
        course = unit(averaged(told[-WINDOW:]))
        found: Tensor = mean + course[:, None] * pattern
        return found

    def moments(self, frames: Tensor) -> Tensor:
        """Give what the autoencoder says of frames (T, 3, H, W): (T, size)."""
        return self.codec.encode(frames).flatten(1)

    @staticmethod
    def frames(video: NDArray[np.uint8]) -> Tensor:
        """Give frames (T, H, W, 3) as the autoencoder sees them, (T, 3, H, W) in -1..1."""
        return torch.from_numpy(np.array(video)).permute(0, 3, 1, 2).float() / 127.5 - 1

    @staticmethod
    def _video(frames: Tensor) -> NDArray[np.uint8]:
        levels = ((frames.clamp(-1, 1) + 1) * 127.5).round().byte()
        return levels.permute(0, 2, 3, 1).contiguous().numpy()


def motion(moments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tell moments (T, size) as mean (size,) + course (T,) times pattern (size,).

    The course goes up where the clip changes fastest: a stroke's fall is quicker than its rise.
    """
    mean = moments.mean(0)
    left, strength, right = torch.linalg.svd(moments - mean, full_matrices=False)
    course = unit(left[:, 0] * strength[0])  # 0 where nothing moves
    pattern = right[0] * strength[0] / len(moments) ** 0.5
    down = course.diff().pow(3).sum() < 0
    return (mean, -pattern, -course) if down else (mean, pattern, course)


def unit(course: Tensor) -> Tensor:
    """Bring numbers to mean 0 and variance 1; none of them differing, to 0."""
    differs = course - course.mean()
    return differs / differs.square().mean().sqrt().clamp(min=1e-6)


def windows(course: Tensor) -> Tensor:
    """Tell (T,) numbers with those around each, (WINDOW, T); the ends are repeated."""
    side = WINDOW // 2
    ends = functional.pad(course[None], (side, side), mode="replicate")[0]
    return ends.unfold(0, len(course), 1)


def averaged(told: Tensor) -> Tensor:
    """Give the mean of all that `windows` tell of each number, (T,)."""
    side, count = WINDOW // 2, told.shape[1]
    total, times = torch.zeros(count), torch.zeros(count)
    for row, shift in zip(told, range(-side, side + 1), strict=True):
        # Place t of this row speaks of t + shift.
        into = slice(max(shift, 0), count + min(shift, 0))
        total[into] += row[max(-shift, 0) : count + min(-shift, 0)]
        times[into] += 1
    return total / times


class AudioCodec:
    """Sound at 16 kHz to latents (12, rows, 1), 40 ms a row."""

    def __init__(self, codec: Codec | None = None) -> None:
        size = AUDIO_CHANNELS * COLUMNS
        self.codec = codec or Codec(
            audio_autoencoder(), components=Components(size, AUDIO_COMPONENTS)
        )
        self.components: Any = self.codec.get_submodule("components")

    def shape(self, spec: ClipSpec) -> tuple[int, int, int]:
        """Give the latents' shape."""
        rows = math.ceil(spec.duration * RATE / HOP / FACTOR / HALVINGS) * HALVINGS
        return AUDIO_COMPONENTS, rows, 1

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Give (B, C, rows, 1)."""
        with torch.inference_mode():
            heard = [folded(self.spectrogram(clip.audio)) for clip in clips]
            found = [self.components.told(self.moments(each)) for each in heard]
        return torch.stack(found).transpose(1, 2)[..., None].contiguous().clone()

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.float32]]:
        """Give one sound (spec.samples,) in -1..1 per latent."""
        with torch.inference_mode():
            rows = [self.components.vectors(each.flatten(1).T) for each in latents]  # (rows, size)
            wide = [each.view(-1, AUDIO_CHANNELS, COLUMNS).transpose(0, 1) for each in rows]
            found = [unfolded(self.codec.decode(each[None])[0]) for each in wide]
        return [self.sound(spectrogram.numpy(), spec.samples) for spectrogram in found]

    def settle(self, clips: Sequence[Tensor]) -> None:
        """Take the components from clips' moments, (rows, size) each."""
        self.components.settle(torch.cat(list(clips)))

    def moments(self, spectrogram: Tensor) -> Tensor:
        """Give what the autoencoder says of a folded spectrogram: (rows, size)."""
        return self.codec.encode(spectrogram[None])[0].transpose(0, 1).flatten(1)

    def spectrogram(self, audio: NDArray[np.float32]) -> Tensor:
        """Give the log-mel spectrogram, (rows, 64), scaled to about -2..5."""
        told = self._extractor(audio_target=audio, sampling_rate=RATE, return_tensors="np")
        magnitudes = np.clip(10.0 ** told["input_values"][0], SILENCE, None)
        rows = len(audio) // HOP // FACTOR * FACTOR
        return scaled(torch.from_numpy(np.log(magnitudes[:rows]).astype(np.float32)))

    def sound(self, spectrogram: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
        """Find a sound that has about this scaled spectrogram (rows, 64)."""
        magnitudes = np.exp(unscaled(spectrogram)).T  # (64, rows)
        magnitudes[magnitudes < 2 * SILENCE] = 0
        frames = samples // HOP + 1  # a frame stands at every hop, the ends included
        magnitudes = np.pad(magnitudes, ((0, 0), (0, frames)), mode="edge")[:, :frames]
        linear = self._inverse @ magnitudes
        found = librosa.griffinlim(
            linear, n_iter=ROUNDS, hop_length=HOP, n_fft=FFT, length=samples, random_state=0
        )
        kept: NDArray[np.float32] = np.clip(found, -1, 1).astype(np.float32)
        return kept

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
    def _inverse(self) -> NDArray[np.float64]:
        """Give the matrix that undoes the mel bands as well as a matrix can, (513, 64)."""
        bands: NDArray[np.float64] = self._extractor.mel_filters  # (513, 64)
        # Every frequency takes the level of the bands over it: never negative, unlike the
        # pseudo-inverse, whose ringing is heard between partials.
        weight = bands / np.maximum(bands.sum(1, keepdims=True), 1e-12)
        inverse: NDArray[np.float64] = weight / np.maximum(bands.sum(0, keepdims=True), 1e-12)
        return inverse


# Mean and spread of the miniature's spectrograms, rounded.
_CENTRE: Final = -6.4
_SPREAD: Final = 1.44


def scaled(spectrogram: Tensor) -> Tensor:
    """Bring logarithms of magnitudes to about unit variance."""
    return (spectrogram - _CENTRE) / _SPREAD


def unscaled(spectrogram: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo `scaled`; nothing is softer than silence."""
    found: NDArray[np.float32] = spectrogram * np.float32(_SPREAD) + np.float32(_CENTRE)
    return np.maximum(found, np.float32(math.log(SILENCE)), dtype=np.float32)


def folded(spectrogram: Tensor) -> Tensor:
    """Turn neighbouring bands into channels, (rows, 64) to (8, rows, 8)."""
    rows = len(spectrogram)
    return spectrogram.view(rows, -1, FOLD).permute(2, 0, 1).contiguous()


def unfolded(channels: Tensor) -> Tensor:
    """Undo `folded`."""
    return channels.permute(1, 2, 0).flatten(1)
