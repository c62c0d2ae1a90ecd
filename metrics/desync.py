"""DeSync: by how much Synchformer takes the sound of a clip to be early or late.

The network classifies the offset of a window of 4.8 s into 21 classes from -2 to 2 s. Published
benchmarks differ in the windows they take, in what becomes of short clips, and in how the logits
become a number, so each of these is a protocol of its own here.

Conventions
-----------
Times are seconds. Features of a clip are float32 rows (start, logits...), shape (windows, 1 + 21):
where a window begins, and what the network finds in it. The *offset* is that of the network's
classes: positive where the sound is early. The *lag*, in the detail of each clip, is minus the
offset: positive where the sound is late, as everywhere in svbench.

Metrics
-------
- :class:`DeSync`: mean over clips of the absolute offset.

| protocol     | windows of a clip                    | sound and picture             | value |
|--------------|--------------------------------------|-------------------------------|-------|
| av-benchmark | the first and the last               | whole                         | argmax |
| javisbench   | one after another, the last at the end | cut or filled to 8 s        | argmax |
| javisbench-4s | one, its segments repeated          | cut or filled to 4 s          | argmax |
| expected     | the first                            | whole                         | mean |

The value of a clip is the mean over its windows of the absolute offset of the likeliest class
(argmax), or the absolute mean offset under the softmax (mean).

Edge cases
----------
A clip of less than 4.8 s (120 frames at 25 frames/s) has no window: a ScoreError, unless a policy
is named behind the protocol.

| policy | what becomes of a clip of less than a window                                  |
|--------|-------------------------------------------------------------------------------|
| repeat | its segments are repeated from the first on, as by JavisBench given its length |
| pad    | black frames and silence are appended, up to 4.8 s                            |

With a policy, `javisbench` fills nothing to 8 s. JavisBench's function takes 8 s by default;
the command line of its README sets 4 s, which is less than a window.

References
----------
- V. Iashin, W. Xie, E. Rahtu, A. Zisserman: Synchformer: Efficient synchronization from sparse
  cues. ICASSP 2024, arXiv:2401.16423.
- av-benchmark: https://github.com/hkchengrex/av-benchmark (also MOVA, FastVideo)
- javisbench: https://github.com/JavisVerse/JavisDiT
- expected: https://github.com/microsoft/AVGen-Bench
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import CPU, Machine, installed
from svbench.errors import ScoreError
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.intervals import METHOD, Interval
from svbench.metrics.desync_protocols import USUAL, Inputs, Protocol
from svbench.metrics.networks.batches import Forward
from svbench.metrics.networks.loading import digest_but_name
from svbench.metrics.networks.readers import Video
from svbench.metrics.networks.synchformer_config import (
    BATCH,
    FPS,
    PUBLISHED,
    REACH,
    SMALL_BATCH,
    STEP,
    SynchformerConfig,
)
from svbench.metrics.per_clip import mean_of_clips, rows_by_clip
from svbench.protocols import FrameReader
from svbench.types import Better, Clip, ClipScore, Features, Judgement, Values, View

if TYPE_CHECKING:
    from torch import Tensor

    from svbench.metrics.networks.synchformer import Synchformer

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 2
BLACK: Final = "filled with black and silence"
BOUNDS: Final[Interval] = (0.0, REACH)
UNIT: Final = f"s by which sound is taken to be early or late, at most {REACH:g}"
STROKES: Final = "the small Synchformer judges drawn drumstick strokes, and no other clips"

# --- features ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OffsetLogits:
    """The extractor of DeSync: the logits of the windows of a clip.

    The weights are loaded at the first call.
    """

    weights: WeightFile
    inputs: Inputs
    config: SynchformerConfig = PUBLISHED
    machine: Machine = CPU
    view: View = "native"
    _forward: Forward = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        make = partial(_loaded, self.weights, self.config, self.machine)
        size = SMALL_BATCH if self._small else BATCH
        reads = self.inputs, self.view
        forward = Forward("Synchformer", make, self.machine, size, reads=reads)
        object.__setattr__(self, "_forward", forward)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides a logit."""
        return {
            "weights": self.weights.name,
            "weights_sha256": self.weights.sha256,
            "network": asdict(self.config),
            "inputs": asdict(self.inputs),
            **self.machine.settings,
            "view": self.view,
            "code": CODE_VERSION,
        }

    @property
    def key(self) -> str:
        """Return the key of the settings, with the digest of the weights instead of their name."""
        return f"synchformer-{self.view}{self.machine.suffix}-{digest_but_name(self.settings)}"

    @property
    def light(self) -> bool:
        """Return whether each process may have one of its own: a small network on a CPU."""
        return self._small and self.machine.kind == "cpu"

    @property
    def _small(self) -> bool:
        return self.config.width < PUBLISHED.width

    def too_short(self, seconds: float) -> str:
        """Return why a clip of this length in s has no window; "" where it has one."""
        return self.inputs.too_short(seconds, self.config)

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip, shape (windows, 1 + classes); no captions are read.

        Raises ScoreError for a clip of less than a window.
        """
        del captions
        return [self.extract(clip) for clip in clips]

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what keeps the frames of a clip's windows, at the size of the network.

        Raises ScoreError for a clip of less than a window.
        """
        del caption
        return _WindowReader(self, clip)

    def extract(self, clip: Clip, video: Video | None = None) -> Values:
        """Extract the rows of one clip; each segment is encoded once, whatever windows hold it.

        Frames are taken from `video`, by default the clip's own.
        """
        import torch

        material = self.inputs.material(clip, self.config, video)
        places = self.inputs.places(material.segments, self.config)
        needed = sorted({place for window in places for place in window})
        pictures = self._forward(map(material.pictures, needed), "video")
        mels = (material.mel(place, self.config.bins) for place in needed)
        audio = self._forward(mels, "audio")
        number = {place: i for i, place in enumerate(needed)}
        windows = ([number[place] for place in window] for window in places)
        logits = self._forward((_tokens(pictures, audio, window) for window in windows), "offset")
        starts = np.array([window[0] for window in places]) * (STEP / FPS)
        return np.column_stack([starts, torch.stack(logits).numpy()]).astype(np.float32)


class _WindowReader:
    """Keeps the frames of the windows of one clip."""

    def __init__(self, extractor: OffsetLogits, clip: Clip) -> None:
        self._extractor, self._clip = extractor, clip
        self._video = extractor.inputs.frames_of(clip, extractor.config)
        self.take = self._video.take

    def features(self) -> Values:
        return self._extractor.extract(self._clip, self._video)


def _tokens(video: Sequence[Tensor], audio: Sequence[Tensor], window: Sequence[int]) -> Tensor:
    """Return the tokens of a window: those of its pictures, then those of its sound."""
    import torch

    return torch.cat([part[place] for part in (video, audio) for place in window])


def _loaded(weights: WeightFile, config: SynchformerConfig, machine: Machine) -> Synchformer:
    """Load the network, if its file is still the one that was checked."""
    from svbench.metrics.networks.synchformer import load

    return load(load_checked(weights), weights.path, config, machine)


# --- scores ------------------------------------------------------------------------------------


def decided(logits: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the offset of the likeliest class of each window: (W, classes) -> (W,), s."""
    return np.asarray(offsets[logits.argmax(axis=1)], np.float64)


def expected(logits: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the mean offset of each window under the softmax: (W, classes) -> (W,), s."""
    from scipy.special import softmax

    return np.asarray(softmax(logits, axis=1) @ offsets, np.float64)


def title(protocol: Protocol, network: str = "") -> str:
    """Return the title of the column of a protocol, by a network of a name or the published one.

    Behind the name of a network, the usual protocol is left out, as by the other small networks.
    """
    if not network:
        return f"DeSync ({protocol.name})"
    shown = f", {protocol.name}" if protocol.name != USUAL else ""
    return f"DeSync ({network} Synchformer{shown})"


@dataclass(frozen=True, slots=True)
class DeSync:
    """Mean absolute offset of a set of clips, s, with an interval over clips."""

    protocol: Protocol
    extractor: OffsetLogits
    network: str = ""  # "miniature"; "": the published one

    @property
    def name(self) -> str:
        """Return the name; protocol, policy for short clips and network each make another."""
        return "+".join(filter(None, (f"desync@{self.protocol.name}", self.network)))

    @property
    def title(self) -> str:
        """Return the title of its column."""
        return title(self.protocol, self.network)

    @property
    def better(self) -> Better:
        """Return "lower": less offset is better."""
        return "lower"

    @property
    def needs_reference(self) -> bool:
        """Return False: a clip's sound is compared with its own picture."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the formula, what decodes the clips, and the settings of the extractor."""
        formulas = {
            "argmax": "mean over windows of |offset of the likeliest class|",
            "expected": "|mean offset of the first window under the softmax|",
        }
        return {
            "compares": ["video", "audio"],
            "formula": formulas[self.protocol.decision],
            "lag": "minus the offset, s; positive where the sound is late",
            # By the decoder alone, the network's accuracy has changed by a third:
            # https://github.com/v-iashin/Synchformer/issues/11
            "decoder": f"PyAV {installed('av')}, frames by the rule of ffmpeg's fps={FPS}",
            "extractor": self.extractor.settings,
            "bounds": list(BOUNDS),
            "interval": METHOD,
            "caveat": self._caveat,
        }

    @property
    def _caveat(self) -> str:
        """Return the unit, which clips a small network knows, and what becomes of short clips."""
        inputs, least = self.extractor.inputs, self.extractor.config.least_seconds
        done = {"repeat": "repeated from their start", "pad": BLACK}
        stages = ((inputs.fill, BLACK), (least, done.get(inputs.short, "")))
        short = [f"clips of less than {s:g} s are {how}" for s, how in stages if s and how]
        return "; ".join(filter(None, (UNIT, STROKES * bool(self.network), ", then ".join(short))))

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Compute the score of a set of clips from the logits of their windows.

        Raises
        ------
        ScoreError
            if there is no clip, or rows are not those of `OffsetLogits`
        """
        del reference
        width = 1 + self.extractor.config.classes
        if generated.values.shape[1] != width:
            raise ScoreError(
                f"{self.name}: found rows of {generated.values.shape[1]}, expected {width}: a "
                "start and the logits of a window"
            )
        pairs = zip(generated.requests, rows_by_clip(generated), strict=True)
        clips = [self._clip(request, np.asarray(rows, np.float64)) for request, rows in pairs]
        return mean_of_clips(self, clips, generated.extractor, BOUNDS)

    def _clip(self, request: str, rows: NDArray[np.float64]) -> ClipScore:
        offsets = self.extractor.config.offsets
        if self.protocol.decision == "expected":
            found = expected(rows[:1, 1:], offsets)
        else:
            found = decided(rows[:, 1:], offsets)
        value = min(float(np.abs(found).mean()), REACH)  # a mean may round beyond
        detail: dict[str, float | tuple[float, ...]] = {
            "lag": float(round(-found.mean(), 9) + 0.0),  # never -0, nor 1e-16 of a mean
            "lags": tuple((-found + 0.0).tolist()),
            "starts": tuple(rows[: len(found), 0].tolist()),
        }
        return ClipScore(request, value, detail)


def desync(
    protocol: Protocol,
    weights: WeightFile,
    *,
    config: SynchformerConfig = PUBLISHED,
    machine: Machine = CPU,
    view: View = "native",
    network: str = "",
) -> DeSync:
    """Build the metric of a protocol.

    Parameters
    ----------
    protocol : Protocol
        one of `PROTOCOLS`
    weights : WeightFile
        of Synchformer
    config : SynchformerConfig
        sizes of the network (Default value = PUBLISHED)
    machine : Machine
        device and dtype of the network (Default value = float32 on the CPU)
    view : "native" or "conformed"
        in which form clips are read (Default value = "native", at their own frame rate)
    network : str
        what another network than the published one is called (Default value = "")
    """
    extractor = OffsetLogits(weights, protocol.inputs, config, machine, view)
    return DeSync(protocol, extractor, network)
