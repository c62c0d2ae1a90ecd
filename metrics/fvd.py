"""FVD: Fréchet video distance, between the I3D features of generated and real videos.

The features of a window of 16 frames are the 400 logits of an Inflated 3D ConvNet pretrained on
Kinetics-400 (`networks.i3d`), averaged over time; FVD is the Fréchet distance (`frechet`) between
the two sets of rows.

Conventions
-----------
Video is uint8 RGB, (T, H, W, 3); features are (N, 400). Papers compute FVD in several ways. Each is
a `Protocol`, and its name is part of the metric's name:

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
Three sets of I3D weights are published, so a protocol names the one behind its published numbers,
loads it, and refuses the others. Small networks of our own are named `+miniature`.

- `i3d-torchscript`: the network of tf.hub (i3d-kinetics-400/1), as StyleGAN-V and universome's
  fvd-comparison rewrote it. The file holds its own code, batch norm and resizing; it is called as
  they call it: on uint8 frames, with `rescale`, `resize` and `return_features` (common-metrics
  resizes, crops and scales by itself). It runs only if its digest is the one on record.
- `i3d`: `rgb_imagenet.pt` of the network's authors, with other values than tf.hub's. `all-windows`
  is a protocol of svbench, without published numbers.
- `i3d-pretrained-400`: the file of VideoGPT, TATS and cd-fvd, with the same names as `i3d`.

Protocols
---------
- first: the window at frame 0; any one: 16 consecutive frames at a random place; all: consecutive
  windows without overlap from frame 0, the remainder dropped, every window a row.
- `first-16` is the original measure of Unterthiner et al. (whose TensorFlow resizes without
  half-pixel centres); `stylegan-v-16f` is `fvd2048_16f` of StyleGAN-V's script, the
  same with ddof 1 that of universome/fvd-comparison.
- `cd-fvd-16f` is cd-fvd's call on arrays (`compute_fvd`); `cd-fvd-16f-folder` its loader of video
  folders, which draws a window on both sides and first resizes frames to 256 x 256 px: short side
  resized with antialiasing, centre crop, values truncated to integers. That loader reads files at
  their own frame rate, svbench at the set's.
- Frames are resized bilinearly (half-pixel centres, no antialiasing), then scaled to -1..1.

Differences from StyleGAN-V: its window of a real clip is drawn anew at each call, without a seed.
Here it follows from the pixels of the clip and a seed, so it is independent of the order and number
of clips. StyleGAN-V's own value varies with its draws (`STYLEGAN_V_SPREAD`), which a note states.
An extractor is independent of the side that a clip is on: it extracts two rows, of the window at 0
and of the drawn one, and the metric selects one.

Metrics
-------
- :func:`fvd`: the metric of a protocol (:class:`FVD`).

Edge cases
----------
A clip with fewer frames than a window, or weights of another protocol: ScoreError, ConfigError.

References
----------
- T. Unterthiner et al.: Towards accurate generative models of video.
  https://arxiv.org/abs/1812.01717.
- I. Skorokhodov et al.: StyleGAN-V. CVPR 2022, https://github.com/universome/stylegan-v.
- S. Ge et al.: On the content bias in Fréchet video distance. CVPR 2024,
  https://arxiv.org/abs/2404.12391, https://github.com/songweige/content-debiased-fvd.
- https://github.com/JunyaoHu/common_metrics_on_video_quality
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from svbench.compute import CPU, Machine
from svbench.errors import ConfigError, ScoreError
from svbench.files.weights.loading import WeightFile, check_is, load_checked, load_script
from svbench.files.weights.published import PUBLISHED
from svbench.metrics.frechet import Frechet
from svbench.metrics.networks.batches import Forward, Network
from svbench.metrics.networks.i3d_inputs import (
    BATCH,
    CLASSES,
    EPS,
    SIZE,
    Resize,
    Windows,
    centre_square,
    network_input,
    window_starts,
)
from svbench.metrics.networks.loading import digest
from svbench.types import Clip, Features, Judgement, Values, View

if TYPE_CHECKING:
    from torch import Tensor

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 2

VIDEOGPT: Final = "i3d-pretrained-400"
SCRIPTED: Final = "i3d-torchscript"  # weights with their own code (TorchScript)
# As reported of repeated runs of its script on one set; neither its network nor data are at hand.
STYLEGAN_V_SPREAD: Final = (
    "StyleGAN-V's script draws real windows without a seed: on one set of N = 10 its value was "
    "51.7 ± 11.7 over repeated calls (as reported, not measured here)"
)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A published way to compute FVD: windows, preprocessing and weights."""

    name: str
    weights: str  # name of the published file; no other is accepted
    generated: Windows = "first"
    reference: Windows = "first"
    frames: int = 16  # in a window
    resize: Resize = "stretch"
    eps: float = EPS  # of batch norm, unless the weights have their own code
    ddof: int = 1
    square: int = 0  # px: side of the square that frames are cropped to first; 0: none

    @property
    def pairs(self) -> bool:
        """Return whether a clip has two rows, one for each side."""
        return self.generated != self.reference

    @property
    def scripted(self) -> bool:
        """Return whether the weights have their own code (TorchScript)."""
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


@dataclass(frozen=True, slots=True)
class I3DLogits:
    """The extractor of FVD: logits of I3D, averaged over time.

    A clip has one row per window; where the sides of a protocol use different windows, two: first
    that of the generated side, then that of the reference side. The weights are loaded at the
    first call.
    """

    weights: WeightFile
    protocol: Protocol
    machine: Machine = CPU
    width: float = 1.0
    classes: int = CLASSES
    size: int = SIZE  # px, side of resized frames
    seed: int = 0  # of drawn windows
    view: View = "conformed"
    _forward: Forward = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        dtype = self.machine.dtype
        if self.protocol.scripted and dtype != "float32":
            raise ConfigError(
                f"FVD ({self.protocol.name}): found dtype {dtype!r}, expected float32: {SCRIPTED} "
                "holds its own numbers"
            )
        check_is(self.weights, self.protocol.weights, f"FVD ({self.protocol.name})")
        reads = replace(self.protocol, name="", ddof=0), self.seed, self.view
        forward = Forward("I3D", self._make(), self.machine, BATCH, padded=True, reads=reads)
        object.__setattr__(self, "_forward", forward)

    def _make(self) -> Callable[[], Network]:
        """Return what loads the network, by all that decides it."""
        if self.protocol.scripted:
            return partial(_scripted, self.weights, self.classes, self.machine)
        about = self.classes, self.width, self.protocol.eps
        return partial(_plain, self.weights, *about, self.machine)

    @property
    def key(self) -> str:
        """Return the key of everything that decides the rows; ddof is no part of it."""
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

    @property
    def light(self) -> bool:
        """Return whether each process may have one of its own: a small network on a CPU."""
        return self.width < 1 and self.machine.kind == "cpu"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip, shape (k, classes); captions are not used."""
        del captions
        starts = [self._starts(clip) for clip in clips]
        # a window that both sides of a protocol share is computed once
        windows = [(n, start) for n, mine in enumerate(starts) for start in sorted(set(mine))]
        inputs = (self._input(clips[n], start) for n, start in windows)
        itself = (protocol.resize == "stretch",) if (protocol := self.protocol).scripted else ()
        logits = self._forward(inputs, *itself)
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
        """Return one window as the network's input."""
        import torch

        protocol = self.protocol
        window = clip.video[start : start + protocol.frames]
        if protocol.square:
            window = centre_square(window, protocol.square)
        if protocol.scripted and protocol.resize == "stretch":  # the script resizes and scales
            return torch.from_numpy(np.ascontiguousarray(window)).permute(3, 0, 1, 2)
        return network_input(window, self.size, protocol.resize)


def _scripted(weights: WeightFile, classes: int, machine: Machine) -> Network:
    """Load the network of tf.hub, called as StyleGAN-V calls it.

    Whether it resizes and scales windows itself is said at each call, before them.
    """
    import torch

    script = load_script(weights).to(machine.place)

    def logits(itself: bool, windows: Tensor) -> Tensor:
        found = script(windows, rescale=itself, resize=itself, return_features=True)
        if not torch.is_tensor(found) or found.shape != (len(windows), classes):
            shape = tuple(found.shape) if torch.is_tensor(found) else type(found).__name__
            raise ScoreError(
                f"{weights.path}: its network returned {shape}, "
                f"expected {(len(windows), classes)}: logits of Kinetics-400"
            )
        return found

    return logits


def _plain(
    weights: WeightFile, classes: int, width: float, eps: float, machine: Machine
) -> Network:
    """Load the network of `networks.i3d` with the weights of a file."""
    from svbench.metrics.networks import i3d

    state = load_checked(weights)
    exact = i3d.load(state, weights.path, classes=classes, width=width, eps=eps)
    # Batch norm is folded in float32, whatever the dtype.
    network = i3d.prepared(exact).to(machine.place, machine.torch_dtype)

    def logits(windows: Tensor) -> Tensor:
        found: Tensor = network(windows)
        return found.float().mean(2)

    return logits


@dataclass(frozen=True)
class FVD(Frechet):
    """Fréchet video distance by a protocol."""

    protocol: Protocol = PROTOCOLS["stylegan-v-16f"]

    @property
    def feature_settings(self) -> Mapping[str, Any]:
        """Return the protocol of the rows beside their extractor; ddof is no part of it."""
        shown = {k: v for k, v in self._shown_protocol.items() if k not in ("name", "ddof")}
        return {**super().feature_settings, "protocol": shown}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the protocol beside the settings of every Fréchet distance."""
        return {**super().settings, "protocol": self._shown_protocol}

    @property
    def _shown_protocol(self) -> dict[str, Any]:
        hidden = set() if self.protocol.square else {"square"}
        if self.protocol.weights not in PUBLISHED:  # not published: the extractor's key names it
            hidden.add("weights")
        return {k: v for k, v in asdict(self.protocol).items() if k not in hidden}

    def compared(
        self, generated: Features, reference: Features | None, name: str
    ) -> tuple[Features, Features]:
        """Return the rows of the windows that the protocol has for either side."""
        one, other = super().compared(generated, reference, name)
        return (_side(one, 0), _side(other, 1)) if self.protocol.pairs else (one, other)

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Compute the distance of generated clips from real ones; raises as `Frechet.score`."""
        judged = super().score(generated, reference)
        if not (self.protocol.scripted and self.protocol.reference == "drawn"):
            return judged
        notes = [note for note in (judged.score.note, STYLEGAN_V_SPREAD) if note]
        return replace(judged, score=replace(judged.score, note="; ".join(notes)))


def _side(features: Features, side: int) -> Features:
    """Return the first or the second of each clip's two rows."""
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
    classes: int = CLASSES,
    size: int = SIZE,
    resamples: int = 200,
    seed: int = 0,
) -> FVD:
    """Build the metric of a protocol.

    Parameters
    ----------
    protocol : str or Protocol
        a key of `PROTOCOLS`, or a protocol for other weights: `replace(PROTOCOLS[...],
        weights=...)`
    weights : WeightFile
        the file that the protocol names
    machine : Machine
        device and dtype of the network (Default value = float32 on the CPU)
    width, classes, size : float, int, int
        of the network and its input in px (Default value = those of the published network)
    resamples : int
        of the bootstrap (Default value = 200)
    seed : int
        of drawn windows and of the bootstrap (Default value = 0)

    Raises
    ------
    ConfigError
        if there is no such protocol, or the weights are not those it names
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
