"""FAD: Fréchet audio distance, between the VGGish embeddings of generated and real sound.

The features of a clip are the 128-dimensional embeddings of VGGish (`networks.vggish`), one for
each 0.96 s; FAD is the Fréchet distance (`frechet`) between the rows of all generated and all real
clips, pooled (covariance divided by N - 1).

Conventions
-----------
Sound is mono float32, (S,), -1..1; features are (N, 128). Published implementations differ in their
preprocessing. Each is a `Protocol`:

| protocol      | mean of the sound | shorter than 2 s | used by                              |
|---------------|-------------------|------------------|--------------------------------------|
| torchvggish   | kept              | unchanged        | torchvggish, frechet-audio-distance  |
| audioldm-eval | subtracted        | zeros at the end | audioldm_eval, so the paper's FAD    |

Differences from the originals: clips are mono (the mean of the channels; audioldm_eval reads the
first channel only, as a run with `--channels first`) and, by default, at 16 kHz already. Other
rates are resampled by soxr (HQ), not by the resamplers of the originals (resampy; a sinc of width 6
in torchaudio), which attenuate the band at 7.5 kHz: on a real clip at 44.1 kHz log-mel differs by
0.0015 on average from resampy, 0.003 from torchaudio, and by up to 0.45 in the last band. Features
of clips at 16 kHz are equal.

Metrics
-------
- :func:`fad`: the metric of a protocol.

Edge cases
----------
Sound shorter than one example (15600 samples at 16 kHz): a ScoreError.

References
----------
- K. Kilgour et al.: Fréchet audio distance: a metric for evaluating music enhancement
  algorithms. Interspeech 2019, https://arxiv.org/abs/1812.08466.
- https://github.com/haoheliu/audioldm_eval
- https://github.com/gudgud96/frechet-audio-distance
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import CPU, Machine
from svbench.errors import ConfigError, ScoreError
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.metrics.frechet import Frechet
from svbench.metrics.networks.batches import Forward
from svbench.metrics.networks.loading import Once, digest
from svbench.metrics.networks.readers import SoundReader
from svbench.metrics.networks.vggish_inputs import BATCH, LEAST_SAMPLES, SAMPLE_RATE, log_mel
from svbench.protocols import FrameReader
from svbench.types import Clip, Values, View

if TYPE_CHECKING:
    from svbench.metrics.networks.vggish import PostProcessing, VGGish

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 2

RESAMPLER: Final = "HQ"  # of soxr, as in librosa and `svbench.files.media`


@dataclass(frozen=True, slots=True)
class Protocol:
    """A published preprocessing of sound."""

    name: str
    centred: bool = False  # the mean is subtracted first
    least: float = 0.0  # s, shorter sound is zero-padded


PROTOCOLS: Final[Mapping[str, Protocol]] = {
    protocol.name: protocol
    for protocol in (
        Protocol("torchvggish"),
        Protocol("audioldm-eval", centred=True, least=2.0),
    )
}


def examples(
    audio: NDArray[np.float32], sample_rate: int, protocol: Protocol
) -> NDArray[np.float32]:
    """Compute the log-mel examples of a sound.

    Parameters
    ----------
    audio : np.ndarray, shape=(S,)
        mono sound
    sample_rate : int
        samples per second of `audio`
    protocol : Protocol
        how it is preprocessed

    Returns
    -------
    examples : np.ndarray of float32, shape=(n, 96, 64)
        n >= 1

    Raises
    ------
    ScoreError
        if the sound is shorter than one example
    """
    sound = audio - audio.mean() if protocol.centred and len(audio) else audio
    if sample_rate != SAMPLE_RATE:
        import soxr

        sound = soxr.resample(sound, sample_rate, SAMPLE_RATE, RESAMPLER)
    missing = round(protocol.least * SAMPLE_RATE) - len(sound)
    if missing > 0 and len(audio):
        sound = np.pad(sound, (0, missing))
    if len(sound) < LEAST_SAMPLES:
        raise ScoreError(
            f"FAD ({protocol.name}): the clip has {len(sound)} samples at "
            f"{SAMPLE_RATE} Hz, expected at least {LEAST_SAMPLES} (0.975 s)"
        )
    return log_mel(sound)


@dataclass(frozen=True, slots=True)
class VGGishEmbeddings:
    """The extractor of FAD: one embedding per 0.96 s of sound.

    The weights are loaded at the first call.
    """

    weights: WeightFile
    protocol: Protocol
    pca: WeightFile | None = None  # of AudioSet's post-processing; None: without
    machine: Machine = CPU
    width: float = 1.0
    view: View = "conformed"
    _forward: Forward = field(init=False, repr=False, compare=False)
    _process: Once[PostProcessing | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        make = partial(_loaded, self.weights, self.width, self.machine)
        reads = self.protocol, self.view
        forward = Forward("VGGish", make, self.machine, BATCH, padded=True, reads=reads)
        object.__setattr__(self, "_forward", forward)
        object.__setattr__(self, "_process", Once(partial(_post_processing, self.pca)))

    @property
    def key(self) -> str:
        """Return the key of everything that decides the rows."""
        decides = {
            "weights": self.weights.sha256,
            "pca": self.pca.sha256 if self.pca else None,
            "protocol": asdict(self.protocol),
            "resampler": RESAMPLER,
            "width": self.width,
            "compute": self.machine.identity,
            "view": self.view,
            "code": CODE_VERSION,
        }
        return f"vggish-{self.protocol.name}{self.machine.suffix}-{digest(decides)}"

    @property
    def light(self) -> bool:
        """Return whether each process may have one of its own: a small network on a CPU."""
        return self.width < 1 and self.machine.kind == "cpu"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip, shape (k, 128); captions are not used."""
        import torch

        del captions
        sounds = [examples(clip.audio, clip.spec.sample_rate, self.protocol) for clip in clips]
        if not sounds:
            return []
        rows = torch.stack(self._forward(torch.from_numpy(np.concatenate(sounds)))).numpy()
        ends = np.cumsum([len(sound) for sound in sounds])[:-1]
        return [self._processed(block) for block in np.split(rows, ends)]

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what waits for the sound of a clip, and reads no frame."""
        return SoundReader(self, clip, caption)

    def _processed(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        process = self._process.get()
        return rows if process is None else process(rows)


def _loaded(weights: WeightFile, width: float, machine: Machine) -> VGGish:
    """Load the network, if its file is still the one that was checked."""
    from svbench.metrics.networks import vggish

    return vggish.load(load_checked(weights), weights.path, width=width, machine=machine)


def _post_processing(pca: WeightFile | None) -> PostProcessing | None:
    """Load the post-processing, if there is one."""
    from svbench.metrics.networks import vggish

    return vggish.read_post_processing(pca.path) if pca else None


def fad(
    protocol: str,
    weights: WeightFile,
    *,
    pca: WeightFile | None = None,
    machine: Machine = CPU,
    width: float = 1.0,
    resamples: int = 200,
    seed: int = 0,
) -> Frechet:
    """Build the metric of a protocol.

    Parameters
    ----------
    protocol : str
        a key of `PROTOCOLS`
    weights : WeightFile
        of VGGish
    pca : WeightFile, optional
        of AudioSet's post-processing (Default value = None, embeddings as they are)
    machine : Machine
        device and dtype of the network (Default value = float32 on the CPU)
    width : float
        of the network (Default value = 1, the published network)
    resamples, seed : int
        of the bootstrap (Default value = 200, 0)

    Raises
    ------
    ConfigError
        if there is no such protocol
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(
            f"fad: found protocol {protocol!r}, expected one of {', '.join(PROTOCOLS)}"
        )
    variant = f"{protocol}+pca" if pca else protocol
    return Frechet(
        name=f"fad@{variant}",
        title=f"FAD ({variant})",
        extractor=VGGishEmbeddings(weights, PROTOCOLS[protocol], pca, machine, width),
        resamples=resamples,
        seed=seed,
    )
