"""Input transforms of ImageBind: windows of video and sound, crops and spectrograms.

Video: five windows of 2 s, the first and the last frame of each, the short side resized to 224 px,
three square crops along the long side. Sound: three windows of 2 s at 16 kHz, each a log-mel
spectrogram as Kaldi computes it. Texts are tokenized by `imagebind_text`. A protocol of `pairs`
takes its frames otherwise: see `imagebind_pairs`.

Conventions
-----------
Times are seconds. Video is uint8 (T, H, W, 3); its crops are float32 (crops, 3, F, S, S). Sound is
float32 (samples,); its spectrograms are float32 (windows, 1, bins, frames).

Starts of windows
-----------------
Window i starts at i * last / (n - 1), the last start being the clip's length minus 2 s, as in the
release of pytorchvideo that ImageBind requires. In release 0.1.5, which others install, it starts
at i * last / n, so the end of a clip is never used. Starts are exact fractions until multiplied by
a rate; a window holds the frames ceil(fps * start) to ceil(fps * end) - 1, or the samples
int(rate * start) to int(rate * end) - 1.

Channels
--------
The published code uses the first channel alone. Clips here are mono: the mean of the channels, or
the first one with `--channels first`.

Leaky protocols
---------------
The published code subtracts each window's mean in place from the sound, not from a copy, so a
window that overlaps an earlier one contains sound that was already shifted (up to 0.06 in a
normalised spectrogram). Only the protocols named leaky do so.

Edge cases
----------
- A clip shorter than 2 s is one window, repeated as often as the protocol has windows, as in the
  published code. Its spectrogram is zero-padded before it is normalised.
- A clip shorter than 25 ms has no spectrogram: a ScoreError (the published code raises, too).
- A frame rate so low that a window holds no frame: a ScoreError.

References
----------
- ImageBind's data loading: https://github.com/facebookresearch/ImageBind (its paper,
  https://arxiv.org/abs/2305.05665, appendix B, states it; no code of it is used).
- Kaldi's filter bank: https://kaldi-asr.org/doc/feat.html; computed in the order of
  torchaudio.compliance.kaldi in float32, because the narrow lowest filters amplify rounding.
- Resampling: `resampling`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.networks.imagebind_config import ImageBindConfig
from svbench.metrics.networks.readers import Video
from svbench.metrics.networks.resampling import resample
from svbench.types import View

if TYPE_CHECKING:
    from torch import Tensor

Starts = Literal["first-to-last", "first-to-before-last"]

SAMPLE_RATE: Final = 16000  # 1 / s
# Of CLIP's training images, per channel, 0..1.
PIXEL_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
PIXEL_SPREAD: Final = (0.26862954, 0.26130258, 0.27577711)
# Of ImageBind's training spectrograms.
MEL_MEAN: Final = -4.268
MEL_SPREAD: Final = 9.138
# Kaldi's defaults at 16 kHz.
WINDOW: Final = 400  # samples: 25 ms
HOP: Final = 160  # samples: 10 ms
FFT: Final = 512  # samples: the next power of two
PREEMPHASIS: Final = 0.97
LOWEST: Final = 20.0  # Hz; the highest is half the sample rate
FLOOR: Final = float(np.finfo(np.float32).eps)  # of mel energies


@dataclass(frozen=True, slots=True)
class InputProtocol:
    """Settings of windows and crops."""

    name: str
    starts: Starts = "first-to-last"
    leaky: bool = False  # whether a window's mean is subtracted from the sound of all windows
    video_windows: int = 5
    audio_windows: int = 3
    seconds: float = 2.0  # length of a window
    crops: int = 3  # squares along a frame's long side; 1 is the middle one
    pairs: float | None = None  # frames/s whose neighbours are an input; None: windows of video

    def __post_init__(self) -> None:
        if min(self.video_windows, self.audio_windows) < 1 or self.seconds <= 0:
            raise ConfigError(f"ImageBind needs windows of some length, got {self}")
        if self.crops not in (1, 3):
            raise ConfigError(f"ImageBind takes 1 crop or 3 of a frame, got {self.crops}")

    @property
    def view(self) -> View:
        """Return in which form clips are usually read: in their own where pairs are taken."""
        return "conformed" if self.pairs is None else "native"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return every setting as JSON values, `pairs` only where it is used."""
        return {name: value for name, value in asdict(self).items() if value is not None}


PROTOCOLS: Final[Mapping[str, InputProtocol]] = {
    protocol.name: protocol
    for protocol in (
        InputProtocol("published"),
        InputProtocol("published-leaky", leaky=True),  # the published code, bit for bit
        InputProtocol("pytorchvideo-0.1.5", "first-to-before-last"),
        InputProtocol("pytorchvideo-0.1.5-leaky", "first-to-before-last", leaky=True),
        InputProtocol("av-benchmark", leaky=True, pairs=0.5),
        InputProtocol("miniature"),  # the same windows, for the small network
    )
}


def windows(
    length: float, count: int, seconds: float, starts: Starts
) -> list[tuple[Fraction, Fraction]]:
    """Return start and end (s) of each window of a clip of `length` s."""
    last = Fraction(max(length - seconds, 0))
    step = last / (max(count - 1, 1) if starts == "first-to-last" else count)
    return [(step * i, step * i + Fraction(seconds)) for i in range(count)]


# --- video -------------------------------------------------------------------------------------


def frame_indices(
    count: int, fps: float, protocol: InputProtocol, frames: int
) -> list[tuple[int, ...]]:
    """Return the frame indices of each window: evenly spaced from its first to its last frame."""
    return [
        tuple(_spread(math.ceil(fps * start), min(math.ceil(fps * end), count), frames, fps))
        for start, end in windows(
            count / fps, protocol.video_windows, protocol.seconds, protocol.starts
        )
    ]


def _spread(first: int, end: int, frames: int, fps: float) -> Sequence[int]:
    """Return evenly spaced frame indices from the first to the one before the end."""
    if end <= first:
        raise ScoreError(
            f"ImageBind's windows hold no frame at {fps:g} frames/s, expected a higher rate"
        )
    return [int(i) for i in first + np.linspace(0, end - first - 1, frames)]


def frames_read(
    count: int, fps: float, protocol: InputProtocol, config: ImageBindConfig
) -> list[int]:
    """Return the frames that the windows of a video of so many frames take, rising."""
    of_windows = frame_indices(count, fps, protocol, config.frames)
    return sorted({frame for window in of_windows for frame in window})


def video_crops(
    video: Video, fps: float, protocol: InputProtocol, config: ImageBindConfig
) -> tuple[Tensor, NDArray[np.int64]]:
    """Compute the distinct crops of a video, and the index of each crop of the protocol in them.

    Crops of equal pixels are computed once: of a square video, one of the three. The full input,
    window by window and in each the crops from left (or top), is crops[which]. No frames but
    `frames_read` are looked at.

    Returns
    -------
    crops : Tensor, shape=(distinct, 3, F, S, S)
    which : np.ndarray of int, shape=(windows * crops,)
    """
    import torch

    sampled = frame_indices(len(video), fps, protocol, config.frames)
    places = corners(*_resized(video.shape[1:3], config.image), config.image, protocol.crops)
    crops_of_protocol = [(frames, corner) for frames in sampled for corner in places]
    distinct = list(dict.fromkeys(crops_of_protocol))
    number = {f: i for i, f in enumerate(frames_read(len(video), fps, protocol, config))}
    pixels = _normalised(video[list(number)], config.image)
    side = config.image
    crops = [
        pixels[:, [number[f] for f in frames], y : y + side, x : x + side]
        for frames, (y, x) in distinct
    ]
    return torch.stack(crops), np.array([distinct.index(one) for one in crops_of_protocol])


def _normalised(frames: NDArray[np.uint8], side: int) -> Tensor:
    """Resize the short side and normalise as for CLIP: (T, H, W, 3) -> (3, T, h, w)."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    pixels = torch.from_numpy(np.ascontiguousarray(frames.transpose(3, 0, 1, 2))).float() / 255.0
    size = _resized(frames.shape[1:3], side)
    pixels = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False)
    mean, spread = (torch.tensor(v).view(-1, 1, 1, 1) for v in (PIXEL_MEAN, PIXEL_SPREAD))
    return (pixels - mean) / spread


def _resized(size: Sequence[int], side: int) -> tuple[int, int]:
    """Return the size (height, width) with short side `side`, the long side rounded down."""
    height, width = size
    if width < height:
        return math.floor(height / width * side), side
    return side, math.floor(width / height * side)


def corners(height: int, width: int, side: int, crops: int) -> list[tuple[int, int]]:
    """Return (y, x) of each square crop: left, middle, right, or top, middle, bottom."""
    middle = math.ceil((height - side) / 2), math.ceil((width - side) / 2)
    if crops == 1:
        return [middle]
    if height > width:
        return [(0, middle[1]), middle, (height - side, middle[1])]
    return [(middle[0], 0), middle, (middle[0], width - side)]


# --- sound -------------------------------------------------------------------------------------


def spectrograms(
    audio: NDArray[np.float32], rate: int, protocol: InputProtocol, config: ImageBindConfig
) -> Tensor:
    """Compute the normalised log-mel spectrogram of each window: (windows, 1, bins, frames)."""
    import torch

    sound = resample(torch.from_numpy(np.array(audio, np.float32)), rate, SAMPLE_RATE)
    return window_spectrograms(sound, protocol, config)


def window_spectrograms(sound: Tensor, protocol: InputProtocol, config: ImageBindConfig) -> Tensor:
    """Compute the same of a sound (samples,) at 16 kHz; a leaky protocol changes it in place."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    if len(sound) < WINDOW:
        raise ScoreError(
            f"ImageBind: the clip has {len(sound)} samples at {SAMPLE_RATE} Hz, "
            f"expected at least {WINDOW} (25 ms)"
        )
    found = []
    length = len(sound) / SAMPLE_RATE
    for start, end in windows(length, protocol.audio_windows, protocol.seconds, protocol.starts):
        part = sound[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
        if not protocol.leaky:
            part = part.clone()
        part -= part.mean()
        mels = fbank(part, config.bins).T[:, : config.bin_frames]
        padded = F.pad(mels, (0, config.bin_frames - mels.shape[1]))
        found.append((padded - MEL_MEAN) / MEL_SPREAD)
    return torch.stack(found).unsqueeze(1)


def fbank(sound: Tensor, bins: int) -> Tensor:
    """Compute Kaldi's log-mel energies: (samples,) -> (frames, bins); no dither, no energy."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    frames = sound.unfold(0, WINDOW, HOP)
    frames = frames - frames.mean(dim=1, keepdim=True)
    before = F.pad(frames.unsqueeze(0), (1, 0), mode="replicate").squeeze(0)[:, :-1]
    frames = (frames - PREEMPHASIS * before) * torch.hann_window(WINDOW, periodic=False)
    power = torch.fft.rfft(F.pad(frames, (0, FFT - WINDOW))).abs().pow(2.0)
    energies: Tensor = power @ kaldi_filters(bins, FFT, SAMPLE_RATE, LOWEST, SAMPLE_RATE / 2).T
    return energies.clamp(min=FLOOR).log()


@cache
def kaldi_filters(bins: int, fft: int, rate: int, lowest: float, highest: float) -> Tensor:
    """Compute Kaldi's triangles, linear in mel: (bins, fft / 2 + 1), 0 at half the rate.

    Parameters
    ----------
    bins, fft : int
        triangles, and samples of the Fourier transform
    rate : int
        samples per second
    lowest, highest : float
        Hz, where the first triangle begins and the last one ends
    """
    import torch
    from torch.nn import functional as F  # noqa: N812

    low, high = (1127.0 * math.log(1.0 + f / 700.0) for f in (lowest, highest))
    step = (high - low) / (bins + 1)
    number = torch.arange(bins).unsqueeze(1)
    left, centre, right = (low + (number + i) * step for i in (0.0, 1.0, 2.0))
    mel = 1127.0 * (1.0 + rate / fft * torch.arange(fft // 2) / 700.0).log().unsqueeze(0)
    rising, falling = (mel - left) / (centre - left), (right - mel) / (right - centre)
    return F.pad(torch.minimum(rising, falling).clamp(min=0.0), (0, 1))
