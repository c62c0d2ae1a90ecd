"""FAD: how far generated sound lies from real sound, as VGGish hears it.

A clip is described by the 128 numbers of VGGish for each 0.96 s; FAD is the Fréchet distance
between the rows of all generated and all real clips, pooled (covariance divided by N - 1).

Conventions
-----------
What papers call FAD differs in how sound reaches the network. Each way is a `Protocol`:

| protocol      | mean of the sound | shorter than 2 s | used by                              |
|---------------|-------------------|------------------|--------------------------------------|
| torchvggish   | kept              | as it is         | torchvggish, frechet-audio-distance  |
| audioldm-eval | subtracted        | zeros at the end | audioldm_eval, so the paper's FAD    |

Sound that has less than one example (15600 samples at 16 kHz) cannot be described: a ScoreError.

Where we depart: clips reach a metric as mono (the mean of the channels; audioldm_eval reads the
first channel only, which `--channels first` does for a run) and, by default, already at 16 kHz.
Other rates are brought there by soxr (HQ), not by the resamplers of the originals (resampy; a
sinc of width 6 in torchaudio), which dampen the band at 7.5 kHz: on a real clip at 44.1 kHz
log-mel moves by 0.0015 on average against resampy, 0.003 against torchaudio, and by up to 0.45 in
the last band. Clips at 16 kHz are described exactly alike.

References
----------
- K. Kilgour et al.: Fréchet audio distance: a metric for evaluating music enhancement
  algorithms. Interspeech 2019. arXiv:1812.08466.
- https://github.com/haoheliu/audioldm_eval
- https://github.com/gudgud96/frechet-audio-distance
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from svbench.compute import CPU, Machine, inference
from svbench.errors import ConfigError, ScoreError
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.metrics.frechet import Frechet
from svbench.metrics.networks import vggish
from svbench.metrics.networks.loading import Once, digest
from svbench.types import Clip, Values, View

# Part of the cache key: raise it whenever the code gives other numbers for equal settings.
CODE_VERSION: Final = 1

RESAMPLER: Final = "HQ"  # of soxr, as librosa and our media do it


@dataclass(frozen=True, slots=True)
class Protocol:
    """How sound reaches the network."""

    name: str
    centred: bool = False  # the mean is subtracted before anything else
    least: float = 0.0  # s, shorter sound is filled up with zeros


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
    """Give the log-mel examples (n, 96, 64), n >= 1, of mono sound (S,)."""
    sound = audio - audio.mean() if protocol.centred and len(audio) else audio
    if sample_rate != vggish.SAMPLE_RATE:
        import soxr

        sound = soxr.resample(sound, sample_rate, vggish.SAMPLE_RATE, RESAMPLER)
    missing = round(protocol.least * vggish.SAMPLE_RATE) - len(sound)
    if missing > 0 and len(audio):
        sound = np.pad(sound, (0, missing))
    if len(sound) < vggish.LEAST_SAMPLES:
        raise ScoreError(
            f"FAD ({protocol.name}): the clip has {len(sound)} samples at "
            f"{vggish.SAMPLE_RATE} Hz, expected at least {vggish.LEAST_SAMPLES} (0.975 s)"
        )
    return vggish.log_mel(sound)


@dataclass(frozen=True, slots=True)
class VGGishEmbeddings:
    """The extractor behind FAD: one row per 0.96 s of sound.

    The weights are read at the first call.
    """

    weights: WeightFile
    protocol: Protocol
    pca: WeightFile | None = None  # AudioSet's post-processing, if wanted
    machine: Machine = CPU
    width: float = 1.0
    view: View = "conformed"
    _network: Once[_Network] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_network", Once(partial(_made, self)))

    @property
    def key(self) -> str:
        """Name the weights, the protocol, the network's form and this code."""
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

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Give one block of rows per clip; the captions do not matter."""
        del captions
        return [self._rows(clip) for clip in clips]

    def _rows(self, clip: Clip) -> NDArray[np.float32]:
        mel = torch.from_numpy(examples(clip.audio, clip.spec.sample_rate, self.protocol))
        mel = mel.to(self.machine.place, self.machine.torch_dtype)
        with self._network.use() as (network, process), inference(self.machine):
            found = [network(some) for some in torch.split(mel, self.machine.batch or len(mel))]
            rows = torch.cat(found).float().cpu().numpy()
        return rows if process is None else process(rows)


_Network = tuple[vggish.VGGish, vggish.PostProcessing | None]


def _made(extractor: VGGishEmbeddings) -> _Network:
    """Read the weights and make the network ready."""
    weights, machine = extractor.weights, extractor.machine
    state = load_checked(weights)
    network = vggish.load(state, weights.path, width=extractor.width, machine=machine)
    process = vggish.read_post_processing(extractor.pca.path) if extractor.pca else None
    return network, process


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
    """Build the metric of a protocol by name; with `pca`, of post-processed embeddings."""
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
