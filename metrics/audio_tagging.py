"""Features of sound by networks that tag it with AudioSet's classes: what FD, KL and IS score.

A clip has one row, the network's embedding and then the logits of the 527 classes. The Fréchet
distance (`audio_fd`) compares embeddings, the divergence (`audio_kl`) and the inception score
(`inception_score`) logits, so one forward pass serves all three.

Conventions
-----------
Sound is mono float32, (S,), -1..1; features are float32 (1, D + 527) per clip. Each network is an
entry of `TAGGERS`, fed as av-benchmark feeds it:

| tagger     | network      | sound                   | embedding                           |
|------------|--------------|-------------------------|-------------------------------------|
| panns-16k  | PANNs' Cnn14 | whole clip, at 16 kHz   | 2048, the hidden layer, behind ReLU |
| passt-32k  | PaSST        | 10 s, padded, at 32 kHz | 768, the mean of both class tokens  |

The mean of the clip is subtracted, then the sound is resampled by a Hann-windowed sinc
(torchaudio's defaults). av-benchmark's `audio_length` is the length of the clip format here; the
native view has the whole sound at its own rate.

Differences from av-benchmark: conformed clips come at the sample rate of their format. At 16 kHz
(the usual one) PaSST gets no sound above 8 kHz; the native view, or a format at 32 kHz or more,
keeps it. av-benchmark subtracts the mean of the whole file before it cuts the clip from it.

Edge cases
----------
Sound shorter than 310 ms (PANNs), or without samples (PaSST): a ScoreError.

References
----------
- Q. Kong et al.: PANNs: large-scale pretrained audio neural networks for audio pattern recognition.
  IEEE/ACM TASLP 28, 2020, https://arxiv.org/abs/1912.10211.
- K. Koutini et al.: Efficient training of audio transformers with patchout. Interspeech 2022,
  https://arxiv.org/abs/2110.05069.
- https://github.com/hkchengrex/av-benchmark
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import CPU, Machine, installed, minor_version
from svbench.errors import ScoreError
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.metrics.networks import panns_inputs, passt_inputs
from svbench.metrics.networks.batches import BatchSize, Forward
from svbench.metrics.networks.loading import digest
from svbench.metrics.networks.readers import SoundReader
from svbench.metrics.networks.resampling import resample
from svbench.protocols import FrameReader
from svbench.types import Clip, Features, Values, View

if TYPE_CHECKING:
    from torch import Tensor, nn

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
CLASSES: Final = 527  # of AudioSet
# Clips may differ in length, and a batch of one leaves no room for what lies beside a clip in it.
BATCH: Final = BatchSize(cpu=1, gpu=1)
NATIVE: Final = "+native"  # behind the name of a tagger: sound as it was made


@dataclass(frozen=True, slots=True)
class Tagger:
    """A published network that tags sounds."""

    name: str
    title: str
    weights: str  # name of its published file
    sample_rate: int  # Hz, of the sound that it reads
    log_mel: Callable[[Tensor], Tensor]  # (S,) -> the network's input


TAGGERS: Final[Mapping[str, Tagger]] = {
    tagger.name: tagger
    for tagger in (
        Tagger(
            "panns-16k",
            "PANNs, 16 kHz",
            "panns-cnn14-16k",
            panns_inputs.SAMPLE_RATE,
            panns_inputs.log_mel,
        ),
        Tagger(
            "passt-32k",
            "PaSST, 32 kHz",
            "passt-s-swa",
            passt_inputs.SAMPLE_RATE,
            passt_inputs.log_mel,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class TaggerFeatures:
    """The extractor of FD, KL and IS: embedding and logits of the sound of a clip.

    The weights are loaded at the first call.
    """

    weights: WeightFile
    tagger: str  # a key of `TAGGERS`
    machine: Machine = CPU
    width: float = 1.0
    view: View = "conformed"
    _forward: Forward = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        make = partial(_loaded, self.tagger, self.weights, self.width, self.machine)
        title = TAGGERS[self.tagger].title
        forward = Forward(title, make, self.machine, BATCH, reads=self.view)
        object.__setattr__(self, "_forward", forward)

    @property
    def name(self) -> str:
        """Return the tagger, and the view where it is native: "passt-32k+native"."""
        return self.tagger + (NATIVE if self.view == "native" else "")

    @property
    def title(self) -> str:
        """Return the same as titles of columns print it: "PaSST, 32 kHz, native clips"."""
        native = ", native clips" if self.view == "native" else ""
        return TAGGERS[self.tagger].title + native

    @property
    def key(self) -> str:
        """Return the key of everything that decides the rows."""
        decides = {
            "weights": self.weights.sha256,
            "width": self.width,
            "compute": self.machine.identity,
            "librosa": minor_version(installed("librosa")),
            "code": CODE_VERSION,
        }
        return f"{self.name.replace('+', '-')}{self.machine.suffix}-{digest(decides)}"

    @property
    def light(self) -> bool:
        """Return whether each process may have one of its own: a small network on a CPU."""
        return self.width < 1 and self.machine.kind == "cpu"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one row per clip, shape (1, D + 527); captions are not used."""
        del captions
        return [self._row(clip) for clip in clips]

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what waits for the sound of a clip, and reads no frame."""
        return SoundReader(self, clip, caption)

    def _row(self, clip: Clip) -> NDArray[np.float32]:
        sound = prepared(clip.audio, clip.spec.sample_rate, self.tagger)
        (row,) = self._forward([TAGGERS[self.tagger].log_mel(sound)])
        found: NDArray[np.float32] = row.numpy()[None]
        return found


def prepared(audio: NDArray[np.float32], rate: int, tagger: str) -> Tensor:
    """Return a sound without its mean, at the rate that a tagger reads.

    Parameters
    ----------
    audio : np.ndarray, shape=(S,)
        mono sound
    rate : int
        samples per second of `audio`
    tagger : str
        a key of `TAGGERS`
    """
    import torch

    sound = torch.from_numpy(np.array(audio, np.float32))
    if len(sound):
        sound -= sound.mean()
    return resample(sound, rate, TAGGERS[tagger].sample_rate, precise=True)


def _loaded(tagger: str, weights: WeightFile, width: float, machine: Machine) -> nn.Module:
    """Load the network, if its file is still the one that was checked."""
    from svbench.metrics.networks import panns, passt

    load = {"panns-16k": panns.load, "passt-32k": passt.load}[tagger]
    return load(load_checked(weights), weights.path, width=width, machine=machine)


# --- parts of the features ---------------------------------------------------------------------


def embeddings(features: Features) -> Features:
    """Return the embeddings of features: rows (N, D); raises as `logits`."""
    return _columns(features, slice(None, -CLASSES))


def logits(features: Features) -> Features:
    """Return the logits of features: rows (N, 527), one per clip.

    Raises ScoreError for rows that are not those of `TaggerFeatures`.
    """
    return _columns(features, slice(-CLASSES, None))


def _columns(features: Features, which: slice) -> Features:
    rows, width = features.values.shape
    if width <= CLASSES or rows != features.count:
        raise ScoreError(
            f"{features.extractor}: found {rows} rows of {width} numbers for {features.count} "
            f"clips, expected one of an embedding and {CLASSES} logits for each"
        )
    return Features(
        features.extractor, features.values[:, which], features.owner, features.requests
    )
