"""FVD: how far generated videos lie from real ones, as I3D sees them.

A clip is described by the 400 logits of I3D over windows of 16 frames, averaged over the places
in time that are left; FVD is the Fréchet distance between the two sets of rows.

Conventions
-----------
What papers call FVD is several measures. Each is a `Protocol` with a name, and the name stands
in the table:

| protocol            | generated | real          | to 224 x 224       | eps  | ddof |
|---------------------|-----------|---------------|--------------------|------|------|
| stylegan-v-16f      | first     | any one       | stretched          | 1e-3 | 0    |
| stylegan-v-16f-ddof1| first     | any one       | stretched          | 1e-3 | 1    |
| first-16            | first     | first         | stretched          | 1e-3 | 1    |
| all-windows         | all       | all           | stretched          | 1e-3 | 1    |
| cd-fvd-16f          | first     | first         | stretched          | 1e-5 | 0    |
| common-metrics-16f  | first     | first         | short side, cropped| 1e-3 | 1    |
| videogpt-16f        | first     | first         | short side, cropped| 1e-5 | 1    |

- first: the window at frame 0; any one: 16 frames in a row from anywhere; all: windows that
  follow each other without overlap from frame 0, the rest dropped, every window a row.
- `first-16` is the original measure of Unterthiner et al.; `stylegan-v-16f` is what StyleGAN-V's
  script `fvd2048_16f` prints, the twin with ddof 1 what universome/fvd-comparison gives.
- Frames are resized bilinearly (half-pixel centres, no antialiasing), then scaled to -1..1.

Where we depart from StyleGAN-V: its window of a real clip is drawn anew at each call, without a
seed. Ours follows from the pixels of the clip and a seed, so it is the same whatever the order
and number of clips. An extractor does not know which side it describes: it gives a clip both
rows, the window at 0 and the drawn one, and the metric keeps the one that is wanted.

References
----------
- T. Unterthiner et al.: Towards accurate generative models of video. arXiv:1812.01717.
- I. Skorokhodov et al.: StyleGAN-V. CVPR 2022. https://github.com/universome/stylegan-v
- S. Ge et al.: On the content bias in Fréchet video distance. CVPR 2024. arXiv:2404.12391.
- https://github.com/JunyaoHu/common_metrics_on_video_quality
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from svbench.errors import ConfigError, ScoreError
from svbench.metrics import i3d
from svbench.metrics.frechet import Frechet
from svbench.metrics.networks import Once, digest, dtype_of, in_full_batches, inference, loaded
from svbench.types import Clip, Features, Judgement, Values, View
from svbench.weights import WeightFile
from svbench.weights import load as load_weights

# Part of the cache key: raise it whenever the code gives other numbers for equal settings.
CODE_VERSION: Final = 1

BATCH: Final = 4  # windows at a time: alone, each takes 1.4 times as long

Windows = Literal["first", "drawn", "all"]
Resize = Literal["stretch", "crop"]  # both sides to the size | short side to it, centre cut out


@dataclass(frozen=True, slots=True)
class Protocol:
    """Which frames of a clip are judged, and how."""

    name: str
    generated: Windows = "first"
    reference: Windows = "first"
    frames: int = 16  # in a window
    resize: Resize = "stretch"
    eps: float = i3d.EPS  # of batch norm
    ddof: int = 1

    @property
    def pairs(self) -> bool:
        """Tell whether a clip has two rows, one for each side."""
        return self.generated != self.reference


PROTOCOLS: Final[Mapping[str, Protocol]] = {
    protocol.name: protocol
    for protocol in (
        Protocol("stylegan-v-16f", reference="drawn", ddof=0),
        Protocol("stylegan-v-16f-ddof1", reference="drawn"),
        Protocol("first-16"),
        Protocol("all-windows", "all", "all"),
        Protocol("cd-fvd-16f", eps=1e-5, ddof=0),
        Protocol("common-metrics-16f", resize="crop"),
        Protocol("videogpt-16f", resize="crop", eps=1e-5),
    )
}


def window_starts(
    video: NDArray[np.uint8], windows: Windows, frames: int, seed: int = 0
) -> list[int]:
    """Give the first frame of each window of a clip.

    Parameters
    ----------
    video : np.ndarray of uint8, shape=(T, H, W, 3)
        a clip; its pixels decide which window is drawn
    windows : "first", "drawn" or "all"
        which windows are wanted
    frames : int
        frames in a window
    seed : int
        another seed draws other windows (Default value = 0)
    """
    spare = len(video) - frames
    if spare < 0:
        raise ScoreError(f"the clip has {len(video)} frames, expected at least {frames} in a row")
    if windows == "first" or spare == 0:
        return [0]
    if windows == "all":
        return list(range(0, spare + 1, frames))
    pixels = hashlib.sha256(f"{seed} {video.shape}".encode())
    pixels.update(np.ascontiguousarray(video).data)
    return [int.from_bytes(pixels.digest()[:8], "big") % (spare + 1)]


def network_input(window: NDArray[np.uint8], size: int, resize: Resize) -> Tensor:
    """Bring frames (T, H, W, 3) to what I3D reads: (3, T, size, size), -1..1."""
    frames = torch.from_numpy(np.ascontiguousarray(window)).permute(0, 3, 1, 2).float()
    height, width = frames.shape[2:]
    target = size, size
    if resize == "crop":
        short = min(height, width)
        target = -(-height * size // short), -(-width * size // short)  # rounded up
    if (height, width) != target:
        frames = F.interpolate(frames, target, mode="bilinear", align_corners=False)
    top, left = (target[0] - size) // 2, (target[1] - size) // 2
    cut = frames[:, :, top : top + size, left : left + size]
    return (2.0 * cut / 255.0 - 1.0).permute(1, 0, 2, 3)


@dataclass(frozen=True, slots=True)
class I3DLogits:
    """The extractor behind FVD: rows of logits, averaged over time.

    A clip has one row per window; where the sides of a protocol want different windows, two:
    first the generated side's, then the reference side's. The weights are read at the first call.
    """

    weights: WeightFile
    protocol: Protocol
    device: str = "cpu"
    dtype: str = "float32"
    width: float = 1.0
    classes: int = i3d.CLASSES
    size: int = i3d.SIZE  # px, what frames are resized to
    seed: int = 0  # of drawn windows
    view: View = "conformed"
    _network: Once[i3d.I3D] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        dtype_of(self.dtype)
        object.__setattr__(self, "_network", Once(partial(_made, self)))

    @property
    def key(self) -> str:
        """Name all that decides the rows; protocols that differ in ddof alone share them."""
        protocol = self.protocol
        sides = dict.fromkeys((protocol.generated, protocol.reference))
        decides = {
            "weights": self.weights.sha256,
            "windows": [*sides, protocol.frames],
            "seed": self.seed if "drawn" in sides else None,
            "resize": [protocol.resize, self.size],
            "network": [self.width, self.classes, protocol.eps],
            "compute": [torch.device(self.device).type, self.dtype],
            "view": self.view,
            "code": CODE_VERSION,
        }
        return f"i3d-{'-'.join(sides)}-{protocol.frames}f-{digest(decides)}"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Give one block of rows per clip; the captions do not matter."""
        del captions
        starts = [self._starts(clip) for clip in clips]
        # a window that both sides of a protocol want is looked at once
        windows = [(n, start) for n, mine in enumerate(starts) for start in sorted(set(mine))]
        with self._network.use() as network, inference(self.device):
            inputs = (self._input(clips[n], start) for n, start in windows)
            logits = in_full_batches(partial(self._logits, network), inputs, BATCH)
        rows = dict(zip(windows, (row.numpy() for row in logits), strict=True))
        return [np.stack([rows[n, start] for start in mine]) for n, mine in enumerate(starts)]

    def _starts(self, clip: Clip) -> list[int]:
        protocol = self.protocol
        sides = dict.fromkeys((protocol.generated, protocol.reference))
        try:
            return [
                start
                for windows in sides
                for start in window_starts(clip.video, windows, protocol.frames, self.seed)
            ]
        except ScoreError as error:
            raise ScoreError(f"FVD ({protocol.name}): {error}") from error

    def _input(self, clip: Clip, start: int) -> Tensor:
        """Give one window as the network reads it."""
        window = clip.video[start : start + self.protocol.frames]
        return network_input(window, self.size, self.protocol.resize)

    def _logits(self, network: i3d.I3D, windows: Tensor) -> Tensor:
        """Give the logits (B, classes) of windows, averaged over time."""
        logits: Tensor = network(windows.to(self.device, dtype_of(self.dtype)))
        return logits.float().mean(2).cpu()


def _made(extractor: I3DLogits) -> i3d.I3D:
    """Read the weights and make the network ready."""
    state = i3d.piergiaj_names(load_weights(extractor.weights))
    build = partial(i3d.I3D, extractor.classes, extractor.width, extractor.protocol.eps)
    network = i3d.prepared(loaded(build, state, extractor.weights.path))
    return network.to(extractor.device, dtype_of(extractor.dtype))


@dataclass(frozen=True)
class FVD(Frechet):
    """The distance between the windows that a protocol compares."""

    protocol: Protocol = PROTOCOLS["stylegan-v-16f"]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Tell the protocol beside what every Fréchet distance tells."""
        return {**super().settings, "protocol": asdict(self.protocol)}

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Measure how far generated clips lie from real ones."""
        if self.protocol.pairs and reference is not None:
            generated, reference = _side(generated, 0), _side(reference, 1)
        return super().score(generated, reference)


def _side(features: Features, side: int) -> Features:
    """Keep the first or the second of each clip's two rows."""
    counts = np.bincount(features.owner)
    if (counts != 2).any():
        raise ScoreError(
            f"{features.extractor}: found clips with {counts.min()} to {counts.max()} rows, "
            "expected 2 each: the generated side's window and the reference side's"
        )
    return Features(
        features.extractor, features.values[side::2], features.owner[side::2], features.requests
    )


def fvd(
    protocol: str,
    weights: WeightFile,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    width: float = 1.0,
    classes: int = i3d.CLASSES,
    size: int = i3d.SIZE,
    resamples: int = 200,
    seed: int = 0,
) -> FVD:
    """Build the metric of a protocol by name; `seed` draws windows and bootstrap samples."""
    if protocol not in PROTOCOLS:
        raise ConfigError(
            f"fvd: found protocol {protocol!r}, expected one of {', '.join(PROTOCOLS)}"
        )
    chosen = PROTOCOLS[protocol]
    extractor = I3DLogits(weights, chosen, device, dtype, width, classes, size, seed)
    return FVD(
        name=f"fvd@{protocol}",
        title=f"FVD ({protocol})",
        extractor=extractor,
        ddof=chosen.ddof,
        resamples=resamples,
        seed=seed,
        protocol=chosen,
    )
