"""JEDi: distance of generated and real videos by V-JEPA features and a biased polynomial MMD.

The first 16 frames of a clip are encoded by V-JEPA ViT-H/16 and pooled by the attentive probe of
Something-Something v2 (`networks.vjepa`) to one row of 1280 numbers. JEDi is 100 times the squared
maximum mean discrepancy of generated and real rows with the kernel (x.y / D)^2, in which each row
is also compared with itself: it is 0 for equal sets, never negative, and falls with the number of
clips (`kernel_variants.jedi`).

Conventions
-----------
Features are (1, D) of a clip. Frames are square: short side resized to that of the network (224
px), bicubic with antialiasing in whole levels, centre-cropped, and normalised as for ImageNet. The
published code leaves frame choice and size to its caller: it takes clips of any size and
interpolates the table of positions. 16 frames of 224 px are what V-JEPA was trained on, and need no
interpolation.

| protocol  | attention of the probe                                                         |
|-----------|--------------------------------------------------------------------------------|
| videojedi | projected, as the package vjepa 0.1.2 does on which JEDi's own code rests      |
| jepa      | not projected, as V-JEPA's code does, by which the probe was trained           |

The published code normalises a batch (N, T, 3, H, W) along its axis of frames (commit c03d178 and
release 1.1.0 beside vjepa 0.1.2), which raises for any T but 3; here colours are normalised.

Edge cases
----------
Clips of fewer than 16 frames, or fewer than two clips on a side: a ScoreError. There is no
interval: that of the unbiased estimate (`kernel_distance`) is not one of this definition.

References
----------
- G. Y. Luo et al.: Beyond FVD: enhanced evaluation metrics for video generation quality. ICLR 2025,
  https://arxiv.org/abs/2410.05203; https://github.com/oooolga/JEDi (commit c03d178)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from svbench.compute import CPU, Machine
from svbench.errors import ScoreError
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.metrics.frechet import Frechet
from svbench.metrics.kernel_variants import jedi
from svbench.metrics.networks.batches import BatchSize, Forward
from svbench.metrics.networks.loading import digest
from svbench.metrics.networks.pictures import square
from svbench.metrics.networks.vjepa_config import HUGE, VJEPAConfig
from svbench.types import Better, Clip, Features, Judgement, Score, Values, View

if TYPE_CHECKING:
    from torch import Tensor

    from svbench.metrics.networks.vjepa import Encoder, Probe

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
PROTOCOLS: Final[Mapping[str, VJEPAConfig]] = {
    "videojedi": HUGE,
    "jepa": replace(HUGE, projected=False),
}
BATCH: Final = BatchSize(cpu=1, gpu=4)  # clips
# Of ImageNet's images, per channel, 0..1.
PIXEL_MEAN: Final = (0.485, 0.456, 0.406)
PIXEL_SPREAD: Final = (0.229, 0.224, 0.225)
LEAST: Final = 2  # clips on a side
CAVEAT: Final = (
    "biased as published (a row is also compared with itself): falls with n, compare at equal n "
    "only; no interval"
)


@dataclass(frozen=True, slots=True)
class VJEPAFeatures:
    """The extractor of JEDi: one row for the first 16 frames of a clip.

    The weights are loaded at the first call.
    """

    encoder: WeightFile
    probe: WeightFile
    protocol: str = "videojedi"
    config: VJEPAConfig = HUGE
    machine: Machine = CPU
    view: View = "conformed"
    _encode: Forward = field(init=False, repr=False, compare=False)
    _pool: Forward = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes = replace(self.config, projected=True)  # of the probe alone
        encoder = partial(_encoder, self.encoder, sizes, self.machine)
        probe = partial(_probe, self.probe, self.config, self.machine)
        for name, make in (("_encode", encoder), ("_pool", probe)):
            reads = self.view, self.config
            forward = Forward("V-JEPA", make, self.machine, BATCH, padded=True, reads=reads)
            object.__setattr__(self, name, forward)

    @property
    def key(self) -> str:
        """Return the key of everything that decides the rows."""
        decides = {
            "encoder": self.encoder.sha256,
            "probe": self.probe.sha256,
            "network": asdict(self.config),
            "compute": self.machine.identity,
            "view": self.view,
            "code": CODE_VERSION,
        }
        return f"vjepa-{self.protocol}{self.machine.suffix}-{digest(decides)}"

    @property
    def light(self) -> bool:
        """Return whether each process may have one of its own: a small network on a CPU."""
        return self.config.width < HUGE.width and self.machine.kind == "cpu"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one row per clip, shape (1, D); captions are not used."""
        del captions
        tokens = self._encode(video_input(clip.video, self.config) for clip in clips)
        rows = self._pool(tokens)
        return [row.numpy()[None] for row in rows]


def video_input(video: NDArray[np.uint8], config: VJEPAConfig = HUGE) -> Tensor:
    """Return the first frames of a video (T, H, W, 3) as the network takes them.

    Returns
    -------
    frames : Tensor, shape=(3, 16, 224, 224), or of the network's sizes
        square and normalised

    Raises
    ------
    ScoreError
        if there are fewer frames
    """
    import torch

    if len(video) < config.frames:
        raise ScoreError(
            f"JEDi: the clip has {len(video)} frames, expected at least {config.frames}"
        )
    squares = np.stack([square(frame, config.image) for frame in video[: config.frames]])
    levels = torch.from_numpy(squares).permute(3, 0, 1, 2)
    mean, spread = (torch.tensor(v).view(-1, 1, 1, 1) for v in (PIXEL_MEAN, PIXEL_SPREAD))
    return (levels.float() / 255.0 - mean) / spread


def _encoder(weights: WeightFile, config: VJEPAConfig, machine: Machine) -> Encoder:
    """Load the encoder, if its file is still the one that was checked."""
    from svbench.metrics.networks.vjepa import load_encoder

    return load_encoder(load_checked(weights), weights.path, config, machine)


def _probe(weights: WeightFile, config: VJEPAConfig, machine: Machine) -> Probe:
    """Load the probe, if its file is still the one that was checked."""
    from svbench.metrics.networks.vjepa import load_probe

    return load_probe(load_checked(weights), weights.path, config, machine)


@dataclass(frozen=True, slots=True)
class JEDi:
    """JEDi of a set of clips, as published."""

    extractor: VJEPAFeatures

    @property
    def name(self) -> str:
        """Return its name on the command line."""
        return f"jedi@{self.extractor.protocol}"

    @property
    def title(self) -> str:
        """Return the title of its column."""
        return f"JEDi (V-JEPA, {self.extractor.protocol})"

    @property
    def better(self) -> Better:
        """Return "lower": nearer to the real clips is better."""
        return "lower"

    @property
    def needs_reference(self) -> bool:
        """Return True: it is a distance to real clips."""
        return True

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return extractor and definition."""
        return {
            "compares": ["vision"],
            "extractor": self.extractor.key,
            "view": self.extractor.view,
            "kernel": {"name": "polynomial", "degree": 2, "coef0": 0.0, "gamma": "1 / D"},
            "pairs": "all",
            "scale": 100,
            "code": CODE_VERSION,
            "caveat": CAVEAT,
        }

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Compute the distance of generated clips from real ones.

        Raises
        ------
        ScoreError
            without reference clips, with features of different extractors, or of fewer than two
            clips on a side
        """
        frechet = Frechet(self.name, self.title, self.extractor)
        one, other = frechet.compared(generated, reference, self.name)
        if min(one.count, other.count) < LEAST:
            raise ScoreError(
                f"{self.name} needs at least {LEAST} clips on either side, got {one.count} and "
                f"{other.count}"
            )
        with threadpool_limits(1):  # sums are then rounded alike however many cores there are
            value = jedi(one.values, other.values)
        return Judgement(
            Score(
                metric=self.name,
                value=value,
                better=self.better,
                count=one.count,
                extractor=one.extractor,
                reference_count=other.count,
            )
        )
