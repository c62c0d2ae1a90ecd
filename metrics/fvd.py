"""FVD: how far generated videos lie from real ones, as I3D sees them.

A clip is described by the 400 logits of I3D over windows of 16 frames, averaged over the places
in time that are left; FVD is the Fréchet distance between the two sets of rows.

Conventions
-----------
What papers call FVD is several measures. Each is a `Protocol` with a name, and the name stands
in the table:

| protocol            | weights            | generated | real    | to 224 x 224      | eps  | ddof |
|---------------------|--------------------|-----------|---------|-------------------|------|------|
| stylegan-v-16f      | i3d-torchscript    | first     | any one | stretched         | own  | 0    |
| stylegan-v-16f-ddof1| i3d-torchscript    | first     | any one | stretched         | own  | 1    |
| first-16            | i3d-torchscript    | first     | first   | stretched         | own  | 1    |
| common-metrics-16f  | i3d-torchscript    | first     | first   | short side, middle| own  | 1    |
| all-windows         | i3d                | all       | all     | stretched         | 1e-3 | 1    |
| cd-fvd-16f          | i3d-pretrained-400 | first     | first   | stretched         | 1e-5 | 0    |
| cd-fvd-16f-folder   | i3d-pretrained-400 | any one   | any one | 256, then str.    | 1e-5 | 0    |
| videogpt-16f        | i3d-pretrained-400 | first     | first   | short side, middle| 1e-5 | 1    |

Weights
-------
Three I3Ds are published, so a protocol names the one that its published numbers rest on, loads
that, and refuses the others. Small networks of our own are named so (`+miniature`).

- `i3d-torchscript`: the network of tf.hub (i3d-kinetics-400/1), as StyleGAN-V and universome's
  fvd-comparison rewrote it. The file brings its own code, batch norm and resizing; it is called as
  they call it: frames as they are, with `rescale`, `resize` and `return_features` (common-metrics
  resizes, crops and scales by itself). It runs only if its digest is the one on record.
- `i3d`: `rgb_imagenet.pt` of the network's authors, other numbers than tf.hub's. `all-windows` is
  a protocol of ours, so nothing published rests on it.
- `i3d-pretrained-400`: the file of VideoGPT, TATS and cd-fvd, with the same names as `i3d`.

- first: the window at frame 0; any one: 16 frames in a row from anywhere; all: windows that
  follow each other without overlap from frame 0, the rest dropped, every window a row.
- `first-16` is the original measure of Unterthiner et al. (whose TensorFlow resizes by corners,
  not centres, of pixels); `stylegan-v-16f` is what StyleGAN-V's script `fvd2048_16f` prints, the
  twin with ddof 1 what universome/fvd-comparison gives.
- `cd-fvd-16f` is cd-fvd's call on arrays (`compute_fvd`); `cd-fvd-16f-folder` its loader of video
  folders, which draws a window on both sides and first makes 256 x 256 px of a frame: short side
  resized with antialiasing, centre cut out, values cut to whole numbers. That loader reads files at
  their own frame rate, ours at the set's.
- Frames are resized bilinearly (half-pixel centres, no antialiasing), then scaled to -1..1.

Where we depart from StyleGAN-V: its window of a real clip is drawn anew at each call, without a
seed. Ours follows from the pixels of the clip and a seed, so it is the same whatever the order
and number of clips. StyleGAN-V's own value spreads with its draws (`STYLEGAN_V_SPREAD`), which
the table notes beside ours. An extractor does not know which side it describes: it gives a clip
both rows, the window at 0 and the drawn one, and the metric keeps the one that is wanted.

References
----------
- T. Unterthiner et al.: Towards accurate generative models of video. arXiv:1812.01717.
- I. Skorokhodov et al.: StyleGAN-V. CVPR 2022. https://github.com/universome/stylegan-v
- S. Ge et al.: On the content bias in Fréchet video distance. CVPR 2024. arXiv:2404.12391.
- https://github.com/JunyaoHu/common_metrics_on_video_quality
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from svbench.compute import CPU, Machine, inference
from svbench.errors import ConfigError, ScoreError
from svbench.files.weights.loading import WeightFile, check_is, load_checked, load_script
from svbench.files.weights.published import PUBLISHED
from svbench.metrics.frechet import Frechet
from svbench.metrics.networks import i3d
from svbench.metrics.networks.loading import Once, digest, in_full_batches
from svbench.types import Clip, Features, Judgement, Values, View

# Part of the cache key: raise it whenever the code gives other numbers for equal settings.
CODE_VERSION: Final = 1

VIDEOGPT: Final = "i3d-pretrained-400"
SCRIPTED: Final = "i3d-torchscript"  # weights that bring their own code
# As issue 13 of this project reports it of StyleGAN-V's script run again and again on one set;
# not measured by us, as neither its network nor its data are at hand.
STYLEGAN_V_SPREAD: Final = (
    "StyleGAN-V's script draws real windows without a seed: on one set of N = 10 its value was "
    "51.7 ± 11.7 over repeated calls (as reported, not measured here)"
)
BATCH: Final = 4  # windows at a time: alone, each takes 1.4 times as long

Windows = Literal["first", "drawn", "all"]
Resize = Literal["stretch", "crop"]  # both sides to the size | short side to it, centre cut out


@dataclass(frozen=True, slots=True)
class Protocol:
    """Which frames of a clip are judged, and how."""

    name: str
    weights: str  # the published file that its numbers rest on; no other is accepted
    generated: Windows = "first"
    reference: Windows = "first"
    frames: int = 16  # in a window
    resize: Resize = "stretch"
    eps: float = i3d.EPS  # of batch norm, where the file does not bring its own
    ddof: int = 1
    square: int = 0  # px: side of the square that frames are brought to before; 0: none

    @property
    def pairs(self) -> bool:
        """Return whether a clip has two rows, one for each side."""
        return self.generated != self.reference

    @property
    def scripted(self) -> bool:
        """Return whether the network's file brings its own code."""
        return self.weights == SCRIPTED


PROTOCOLS: Final[Mapping[str, Protocol]] = {
    protocol.name: protocol
    for protocol in (
        Protocol("stylegan-v-16f", SCRIPTED, reference="drawn", ddof=0),
        Protocol("stylegan-v-16f-ddof1", SCRIPTED, reference="drawn"),
        Protocol("first-16", SCRIPTED),
        Protocol("all-windows", "i3d", "all", "all"),
        Protocol("cd-fvd-16f", VIDEOGPT, eps=1e-5, ddof=0),
        Protocol("cd-fvd-16f-folder", VIDEOGPT, "drawn", "drawn", eps=1e-5, ddof=0, square=256),
        Protocol("common-metrics-16f", SCRIPTED, resize="crop"),
        Protocol("videogpt-16f", VIDEOGPT, resize="crop", eps=1e-5),
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


def squared(window: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Bring frames (T, H, W, 3) to a square as cd-fvd's loader does: (T, side, side, 3)."""
    frames = torch.from_numpy(np.ascontiguousarray(window)).permute(0, 3, 1, 2).float() / 255.0
    height, width = frames.shape[2:]
    short = min(height, width)
    target = -(-height * side // short), -(-width * side // short)  # rounded up
    frames = F.interpolate(frames, target, mode="bilinear", align_corners=False, antialias=True)
    top, left = (target[0] - side) // 2, (target[1] - side) // 2
    cut = frames[:, :, top : top + side, left : left + side] * 255
    return np.asarray(cut.byte().permute(0, 2, 3, 1).numpy())


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
    machine: Machine = CPU
    width: float = 1.0
    classes: int = i3d.CLASSES
    size: int = i3d.SIZE  # px, what frames are resized to
    seed: int = 0  # of drawn windows
    view: View = "conformed"
    _network: Once[Network] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        dtype = self.machine.dtype
        if self.protocol.scripted and dtype != "float32":
            raise ConfigError(
                f"FVD ({self.protocol.name}): found dtype {dtype!r}, expected float32: {SCRIPTED} "
                "holds its own numbers"
            )
        check_is(self.weights, self.protocol.weights, f"FVD ({self.protocol.name})")
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
            "compute": self.machine.identity,
            "view": self.view,
            "code": CODE_VERSION,
        }
        if protocol.scripted:
            decides["call"] = "scripted"
        if protocol.square:
            decides["square"] = protocol.square
        name = f"i3d-{'-'.join(sides)}-{protocol.frames}f{self.machine.suffix}"
        return f"{name}-{digest(decides)}"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Give one block of rows per clip; the captions do not matter."""
        del captions
        starts = [self._starts(clip) for clip in clips]
        # a window that both sides of a protocol want is looked at once
        windows = [(n, start) for n, mine in enumerate(starts) for start in sorted(set(mine))]
        with self._network.use() as network, inference(self.machine):
            inputs = (self._input(clips[n], start) for n, start in windows)
            logits = in_full_batches(network, inputs, self.machine.batch or BATCH)
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
        protocol = self.protocol
        window = clip.video[start : start + protocol.frames]
        if protocol.square:
            window = squared(window, protocol.square)
        if protocol.scripted and protocol.resize == "stretch":  # it resizes and scales by itself
            return torch.from_numpy(np.ascontiguousarray(window)).permute(3, 0, 1, 2)
        return network_input(window, self.size, protocol.resize)


Network = Callable[[Tensor], Tensor]  # windows as `_input` makes them -> logits (B, classes)


def _made(extractor: I3DLogits) -> Network:
    """Read the weights and make the network ready."""
    made = _scripted if extractor.protocol.scripted else _plain
    return made(extractor)


def _scripted(extractor: I3DLogits) -> Network:
    """Return the network of tf.hub, called as StyleGAN-V calls it."""
    place = extractor.machine.place
    script = load_script(extractor.weights).to(place)
    itself = extractor.protocol.resize == "stretch"

    def logits(windows: Tensor) -> Tensor:
        found = script(windows.to(place), rescale=itself, resize=itself, return_features=True)
        if not torch.is_tensor(found) or found.shape != (len(windows), extractor.classes):
            shape = tuple(found.shape) if torch.is_tensor(found) else type(found).__name__
            raise ScoreError(
                f"{extractor.weights.path}: its network answered {shape}, "
                f"expected {(len(windows), extractor.classes)}: logits of Kinetics-400"
            )
        return found.float().cpu()

    return logits


def _plain(extractor: I3DLogits) -> Network:
    """Return our network with the weights of a file."""
    exact = i3d.load(
        load_checked(extractor.weights),
        extractor.weights.path,
        classes=extractor.classes,
        width=extractor.width,
        eps=extractor.protocol.eps,
    )
    # Batch norm is folded in float32, whatever is computed in.
    place, dtype = extractor.machine.place, extractor.machine.torch_dtype
    network = i3d.prepared(exact).to(place, dtype)

    def logits(windows: Tensor) -> Tensor:
        found: Tensor = network(windows.to(place, dtype))
        return found.float().mean(2).cpu()

    return logits


@dataclass(frozen=True)
class FVD(Frechet):
    """The distance between the windows that a protocol compares."""

    protocol: Protocol = PROTOCOLS["stylegan-v-16f"]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the protocol beside what every Fréchet distance is decided by."""
        protocol = asdict(self.protocol)
        if self.protocol.weights not in PUBLISHED:  # a small network of ours: the extractor's key
            del protocol["weights"]
        if not self.protocol.square:
            del protocol["square"]
        return {**super().settings, "protocol": protocol}

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Measure how far generated clips lie from real ones."""
        if self.protocol.pairs and reference is not None:
            generated, reference = _side(generated, 0), _side(reference, 1)
        judged = super().score(generated, reference)
        if not (self.protocol.scripted and self.protocol.reference == "drawn"):
            return judged
        notes = [note for note in (judged.score.note, STYLEGAN_V_SPREAD) if note]
        return replace(judged, score=replace(judged.score, note="; ".join(notes)))


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
    protocol: str | Protocol,
    weights: WeightFile,
    *,
    machine: Machine = CPU,
    width: float = 1.0,
    classes: int = i3d.CLASSES,
    size: int = i3d.SIZE,
    resamples: int = 200,
    seed: int = 0,
) -> FVD:
    """Build the metric of a protocol, by its name; `seed` draws windows and bootstrap samples.

    Weights that are not the protocol's raise a ConfigError. A network of one's own has its own
    name, and a protocol that asks for it: `replace(PROTOCOLS[...], weights=...)`.
    """
    if isinstance(protocol, str) and protocol not in PROTOCOLS:
        raise ConfigError(
            f"fvd: found protocol {protocol!r}, expected one of {', '.join(PROTOCOLS)}"
        )
    chosen = PROTOCOLS[protocol] if isinstance(protocol, str) else protocol
    extractor = I3DLogits(weights, chosen, machine, width, classes, size, seed)
    return FVD(
        name=f"fvd@{chosen.name}",
        title=f"FVD ({chosen.name})",
        extractor=extractor,
        ddof=chosen.ddof,
        resamples=resamples,
        seed=seed,
        protocol=chosen,
    )
