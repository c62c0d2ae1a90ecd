"""Clips to latents and back: the autoencoders of AudioLDM and Stable Diffusion, and the vocoder.

Both work clip by clip, and on video a fixed number of frames at a time, so that the latents and
pictures of a clip never depend on its company, and memory does not grow with the batch.

Conventions
-----------
Latents are scaled, as the U-Nets were trained. Sound: (C, Ta, F), a row is 4 mel frames = 40 ms,
a column 4 of 64 mel bands. A U-Net halves the rows thrice, so a sampler starts from a multiple of
8 rows: 104 for 4 s, of which the last 4 are cut off again as sound. Video: (C, T, H / 8, W / 8).

Mel features are those of AudioLDM and of the released code: 64 bands between 0 and 8000 Hz of the
magnitude spectrum, windows of 64 ms every 10 ms, natural logarithm of at least 1e-5.

References
----------
H. Liu et al.: AudioLDM, ICML 2023. J. Kong et al.: HiFi-GAN, NeurIPS 2020. R. Rombach et al.:
High-resolution image synthesis with latent diffusion models, CVPR 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import SpeechT5FeatureExtractor, SpeechT5HifiGan

from svbench.errors import ConfigError, DataError
from svbench.types import Clip, ClipSpec

HOP: Final = 10  # ms between mel frames
WINDOW: Final = 64  # ms
BAND: Final = (0.0, 8000.0)  # Hz
FLOOR: Final = 1e-5  # the least magnitude; its logarithm is silence
FRAMES_AT_ONCE: Final = 8  # of a video: 8 frames of 256 x 256 px take some 2 GB in float32


class AudioCodec:
    """AudioLDM's autoencoder of mel features, and the vocoder that makes sound of them.

    Parameters
    ----------
    vae : AutoencoderKL
        with one channel
    vocoder : SpeechT5HifiGan
        its sampling rate is that of the sound
    halvings : int
        how often the U-Net halves the rows of the latents
    """

    def __init__(self, vae: AutoencoderKL, vocoder: SpeechT5HifiGan, halvings: int = 3) -> None:
        self._vae: Any = vae
        self._vocoder: Any = vocoder
        self._halvings = halvings
        self._factor = _factor(vae)
        self._rate: int = self._vocoder.config.sampling_rate
        self._bands: int = self._vocoder.config.model_in_dim
        self._hop = HOP * self._rate // 1000
        if math.prod(self._vocoder.config.upsample_rates) != self._hop:
            raise DataError(
                f"vocoder: found {math.prod(self._vocoder.config.upsample_rates)} samples per mel "
                f"frame, expected {self._hop} at {self._rate} Hz"
            )
        self._features = SpeechT5FeatureExtractor(
            sampling_rate=self._rate,
            num_mel_bins=self._bands,
            hop_length=HOP,
            win_length=WINDOW,
            fmin=BAND[0],
            fmax=BAND[1],
        )

    def shape(self, spec: ClipSpec) -> tuple[int, int, int]:
        """Give the latents' shape (C, Ta, F) that a sampler starts from."""
        step = self._factor * 2**self._halvings
        rows = step * math.ceil(self._rows(spec) / step)
        channels: int = self._vae.config.latent_channels
        return channels, rows // self._factor, self._bands // self._factor

    def mel(self, clip: Clip) -> Tensor:
        """Give the mel features of a clip (rows, bands), natural logarithm."""
        rows = self._rows(clip.spec)
        said = self._features(audio_target=clip.audio, sampling_rate=self._rate)
        magnitude = torch.from_numpy(10.0 ** np.asarray(said["input_values"][0], np.float64))
        return magnitude[:rows].clamp(min=FLOOR).log().float()

    def encode(self, clips: Sequence[Clip], drawn_by: torch.Generator | None = None) -> Tensor:
        """Give (B, C, rows, F): the means, or draws by a generator around them."""
        return torch.stack([self._encoded(clip, drawn_by) for clip in clips])

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.float32]]:
        """Give one sound (spec.samples,) in -1..1 per latent."""
        self._rows(spec)
        return [self._decoded(one, spec.samples) for one in latents]

    def _rows(self, spec: ClipSpec) -> int:
        if spec.sample_rate != self._rate:
            raise ConfigError(
                f"clip format: found {spec.sample_rate} Hz, expected {self._rate} Hz: "
                "the vocoder speaks no other"
            )
        return math.ceil(spec.samples / self._hop)

    @torch.no_grad()
    def _encoded(self, clip: Clip, drawn_by: torch.Generator | None) -> Tensor:
        mel = self.mel(clip)
        missing = -len(mel) % self._factor  # silence up to a whole row of latents
        mel = functional.pad(mel, (0, 0, 0, missing), value=math.log(FLOOR))
        like = _like(self._vae)
        return _latents(self._vae, mel[None, None].to(like.device, like.dtype), drawn_by)[0]

    @torch.no_grad()
    def _decoded(self, latents: Tensor, samples: int) -> NDArray[np.float32]:
        mel = _pictures(self._vae, latents[None])[:, 0]
        like = _like(self._vocoder)
        sound = self._vocoder(mel.to(like.device, like.dtype))[0].float().cpu()
        kept: NDArray[np.float32] = sound[:samples].clamp(-1, 1).numpy()
        return np.pad(kept, (0, samples - len(kept)))


class VideoCodec:
    """Stable Diffusion's autoencoder, applied to frames.

    Parameters
    ----------
    vae : AutoencoderKL
        with three channels
    at_once : int
        frames that it is given at a time
    """

    def __init__(self, vae: AutoencoderKL, at_once: int = FRAMES_AT_ONCE) -> None:
        self._vae: Any = vae
        self._factor = _factor(vae)
        self._at_once = at_once

    def shape(self, spec: ClipSpec) -> tuple[int, int, int, int]:
        """Give the latents' shape (C, T, H, W) that a sampler starts from."""
        height, width = spec.size
        if height % self._factor or width % self._factor:
            raise ConfigError(
                f"clip format: found {width} x {height} px, "
                f"expected sides that are multiples of {self._factor}"
            )
        channels: int = self._vae.config.latent_channels
        return channels, spec.frames, height // self._factor, width // self._factor

    def encode(self, clips: Sequence[Clip], drawn_by: torch.Generator | None = None) -> Tensor:
        """Give (B, C, T, H, W): the means, or draws by a generator around them."""
        return torch.stack([self._encoded(clip, drawn_by) for clip in clips])

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.uint8]]:
        """Give one video (T, H, W, 3) per latent; greys are rounded (released code: cut off)."""
        self.shape(spec)
        return [self._decoded(one) for one in latents]

    @torch.no_grad()
    def _encoded(self, clip: Clip, drawn_by: torch.Generator | None) -> Tensor:
        self.shape(clip.spec)
        like = _like(self._vae)
        found = []
        for frames in _slices(torch.from_numpy(clip.video), self._at_once):
            pictures = frames.movedim(-1, 1).to(like.device, torch.float32) / 255 * 2 - 1
            found.append(_latents(self._vae, pictures.to(like.dtype), drawn_by))
        return torch.cat(found).transpose(0, 1)

    @torch.no_grad()
    def _decoded(self, latents: Tensor) -> NDArray[np.uint8]:
        found = []
        for frames in _slices(latents.transpose(0, 1), self._at_once):
            pictures = (_pictures(self._vae, frames) / 2 + 0.5).clamp(0, 1)
            found.append((pictures * 255).round().to(torch.uint8).movedim(1, -1).cpu())
        whole: NDArray[np.uint8] = torch.cat(found).contiguous().numpy()
        return whole


def _slices(frames: Tensor, size: int) -> Iterator[Tensor]:
    """Cut frames into slices of at most `size`."""
    for first in range(0, len(frames), size):
        yield frames[first : first + size]


def _factor(vae: Any) -> int:
    """Give how many pixels a side of a latent stands for."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def _like(network: Any) -> Tensor:
    """Give a weight, for the device and the precision of what the network reads."""
    weight: Tensor = next(network.parameters())
    return weight


def _latents(vae: Any, pictures: Tensor, drawn_by: torch.Generator | None) -> Tensor:
    """Encode (B, C, H, W) into scaled latents, float32."""
    found = vae.encode(pictures).latent_dist
    latents: Tensor
    if drawn_by is None:
        latents = found.mean.float()
    else:  # drawn on the generator's own device: the same draws wherever the network runs
        noise = torch.randn(found.mean.shape, generator=drawn_by, device=drawn_by.device)
        latents = found.mean.float() + found.std.float() * noise.to(found.mean.device)
    scale: float = vae.config.scaling_factor
    return latents * scale


def _pictures(vae: Any, latents: Tensor) -> Tensor:
    """Decode scaled latents into (B, C, H, W), float32."""
    like = _like(vae)
    plain = (latents.to(like.device, torch.float32) / vae.config.scaling_factor).to(like.dtype)
    pictures: Tensor = vae.decode(plain, return_dict=False)[0].float()
    return pictures
