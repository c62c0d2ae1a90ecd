"""Clips to latents and back: the autoencoders of AudioLDM and Stable Diffusion, and the vocoder.

Both work clip by clip, and on video a fixed number of frames at a time, so that the latents and
frames of a clip do not depend on the others of its batch, and memory does not grow with it.

Conventions
-----------
Latents are scaled, as the U-Nets were trained. Audio: (C, Ta, F), a row is 4 mel frames = 40 ms,
a column 4 of 64 mel bands. A U-Net halves the rows three times, so a sampler starts from a multiple
of 8 rows: 104 for 4 s, of which the waveform is cut to 100. Video: (C, T, H / 8, W / 8).

Mel features are those of AudioLDM and of the released code: 64 bands between 0 and 8000 Hz of the
magnitude spectrum, windows of 64 ms every 10 ms, natural logarithm of at least 1e-5.

References
----------
H. Liu et al.: AudioLDM, ICML 2023. J. Kong et al.: HiFi-GAN, NeurIPS 2020. R. Rombach et al.:
High-resolution image synthesis with latent diffusion models, CVPR 2022.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
FLOOR: Final = 1e-5  # smallest magnitude, that of silence
FRAMES_AT_ONCE: Final = 4  # of a video: 4 frames of 256 x 256 px take some 1 GB in float32


class AudioCodec:
    """AudioLDM's autoencoder of mel features, and its vocoder.

    Parameters
    ----------
    vae : AutoencoderKL
        with one channel
    vocoder : SpeechT5HifiGan
        its sampling rate is that of the audio
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
        """Return the latents' shape (C, Ta, F) that a sampler starts from."""
        step = self._factor * 2**self._halvings
        rows = step * math.ceil(self._rows(spec) / step)
        channels: int = self._vae.config.latent_channels
        return channels, rows // self._factor, self._bands // self._factor

    def mel(self, clip: Clip) -> Tensor:
        """Return the mel features of a clip (rows, bands), natural logarithm."""
        rows = self._rows(clip.spec)
        features = self._features(audio_target=clip.audio, sampling_rate=self._rate)
        magnitude = torch.from_numpy(10.0 ** np.asarray(features["input_values"][0], np.float64))
        return magnitude[:rows].clamp(min=FLOOR).log().float()

    def encode(self, clips: Sequence[Clip], drawn_by: torch.Generator | None = None) -> Tensor:
        """Return (B, C, rows, F): the posterior's means, or samples of it by a generator."""
        return torch.stack([self._encoded(clip, drawn_by) for clip in clips])

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.float32]]:
        """Return one waveform (spec.samples,) in -1..1 per latent."""
        self._rows(spec)
        return [self._decoded(one, spec.samples) for one in latents]

    def _rows(self, spec: ClipSpec) -> int:
        if spec.sample_rate != self._rate:
            raise ConfigError(
                f"clip format: found {spec.sample_rate} Hz, expected {self._rate} Hz: "
                "the rate of the vocoder"
            )
        return math.ceil(spec.samples / self._hop)

    @torch.no_grad()
    def _encoded(self, clip: Clip, drawn_by: torch.Generator | None) -> Tensor:
        mel = self.mel(clip)
        missing = -len(mel) % self._factor  # padded with silence to a whole row of latents
        mel = functional.pad(mel, (0, 0, 0, missing), value=math.log(FLOOR))
        like = _like(self._vae)
        return _latents(self._vae, mel[None, None].to(like.device, like.dtype), drawn_by)[0]

    @torch.no_grad()
    def _decoded(self, latents: Tensor, samples: int) -> NDArray[np.float32]:
        mel = _reconstruct(self._vae, latents[None])[:, 0]
        like = _like(self._vocoder)
        waveform = self._vocoder(mel.to(like.device, like.dtype))[0].float().cpu()
        kept: NDArray[np.float32] = waveform[:samples].clamp(-1, 1).numpy()
        return np.pad(kept, (0, samples - len(kept)))


class VideoCodec:
    """Stable Diffusion's autoencoder, applied to frames.

    Parameters
    ----------
    vae : AutoencoderKL
        with three channels
    at_once : int
        frames in a batch
    """

    def __init__(self, vae: AutoencoderKL, at_once: int = FRAMES_AT_ONCE) -> None:
        self._vae: Any = vae
        self._factor = _factor(vae)
        self._at_once = at_once

    def shape(self, spec: ClipSpec) -> tuple[int, int, int, int]:
        """Return the latents' shape (C, T, H, W) that a sampler starts from."""
        height, width = spec.size
        if height % self._factor or width % self._factor:
            raise ConfigError(
                f"clip format: found {width} x {height} px, "
                f"expected sides that are multiples of {self._factor}"
            )
        channels: int = self._vae.config.latent_channels
        return channels, spec.frames, height // self._factor, width // self._factor

    def encode(self, clips: Sequence[Clip], drawn_by: torch.Generator | None = None) -> Tensor:
        """Return (B, C, T, H, W): the posterior's means, or samples of it by a generator."""
        return torch.stack([self._encoded(clip, drawn_by) for clip in clips])

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.uint8]]:
        """Return one video (T, H, W, 3) per latent; rounded (released code: truncated)."""
        self.shape(spec)
        return [self._decoded(one) for one in latents]

    @torch.no_grad()
    def _encoded(self, clip: Clip, drawn_by: torch.Generator | None) -> Tensor:
        self.shape(clip.spec)
        like = _like(self._vae)
        latents = []
        for frames in torch.split(torch.from_numpy(clip.video), self._at_once):
            images = frames.movedim(-1, 1).to(like.device, torch.float32) / 255 * 2 - 1
            latents.append(_latents(self._vae, images.to(like.dtype), drawn_by))
        return torch.cat(latents).transpose(0, 1)

    @torch.no_grad()
    def _decoded(self, latents: Tensor) -> NDArray[np.uint8]:
        frames = []
        for part in torch.split(latents.transpose(0, 1), self._at_once):
            images = (_reconstruct(self._vae, part) / 2 + 0.5).clamp(0, 1)
            frames.append((images * 255).round().to(torch.uint8).movedim(1, -1).cpu())
        video: NDArray[np.uint8] = torch.cat(frames).contiguous().numpy()
        return video


def _factor(vae: Any) -> int:
    """Return the downsampling factor of an autoencoder."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def _like(network: Any) -> Tensor:
    """Return a weight, for the device and dtype of the network's inputs."""
    weight: Tensor = next(network.parameters())
    return weight


def _latents(vae: Any, images: Tensor, drawn_by: torch.Generator | None) -> Tensor:
    """Encode (B, C, H, W) into scaled latents, float32."""
    posterior = vae.encode(images).latent_dist
    latents: Tensor
    if drawn_by is None:
        latents = posterior.mean.float()
    else:  # drawn on the generator's own device: the same noise wherever the network runs
        noise = torch.randn(posterior.mean.shape, generator=drawn_by, device=drawn_by.device)
        latents = posterior.mean.float() + posterior.std.float() * noise.to(posterior.mean.device)
    scale: float = vae.config.scaling_factor
    return latents * scale


def _reconstruct(vae: Any, latents: Tensor) -> Tensor:
    """Decode scaled latents into (B, C, H, W), float32."""
    like = _like(vae)
    unscaled = (latents.to(like.device, torch.float32) / vae.config.scaling_factor).to(like.dtype)
    images: Tensor = vae.decode(unscaled, return_dict=False)[0].float()
    return images
