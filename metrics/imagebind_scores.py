"""IB-AV, IB-TA, IB-TV: whether pictures, sound and caption of a clip belong together.

ImageBind embeds the three in one space; a score is the cosine between two of them, averaged
over clips. The three scores share one extractor, so a clip is embedded once for all.

Conventions
-----------
A clip becomes float32 rows (kind, embedding...), kinds being VIDEO, AUDIO and TEXT. A row is
the mean over the windows and crops of a clip, each a unit vector times the scale of its
modality; the mean is shorter, the cosine does not mind. A clip without caption has no TEXT
row: IB-TA and IB-TV are then refused and IB-AV is not.

Every clip is embedded by itself, so its numbers do not depend on the clips beside it.

| score | compares            | in the paper's tables |
|-------|---------------------|-----------------------|
| ib-av | sound and pictures  | IB-AV                 |
| ib-ta | caption and sound   | IB-TA                 |
| ib-tv | caption and pictures| IB-TV                 |

References
----------
- R. Girdhar et al.: ImageBind: one embedding space to bind them all. CVPR 2023,
  arXiv:2305.05665. The published weights are CC BY-NC-SA 4.0: no commercial use.
- M. Ishii, A. Hayakawa, T. Shibuya, Y. Mitsufuji: A simple but strong baseline for sounding
  video generation. arXiv:2409.17550.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from svbench.compute import CPU, Machine, inference
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.files.text import REASON, read_object, shown
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.intervals import METHOD, Interval
from svbench.metrics.networks.imagebind import HEARD, HUGE, Heard, ImageBind, ImageBindConfig, load
from svbench.metrics.networks.imagebind_inputs import InputProtocol, spectrograms, video_crops
from svbench.metrics.networks.imagebind_text import Tokenizer, WordTokenizer
from svbench.metrics.networks.loading import Once, digest
from svbench.metrics.per_clip import mean_of_clips
from svbench.types import Better, Clip, ClipScore, Features, Judgement, Values, View

IBKind = Literal["ib-av", "ib-ta", "ib-tv"]

# Part of the cache key: raise it whenever the code gives other numbers for equal settings.
CODE_VERSION: Final = 1
EPSILON: Final = 1e-6  # below it a vector's length is no divisor; as in the paper's script
CHUNK: Final = 5  # inputs in one pass: what a square clip has, 0.1 GB for the largest network
BOUNDS: Final[Interval] = (-1.0, 1.0)  # of a cosine
SHOWN: Final = 5  # clips that an error names


class Kind(IntEnum):
    """What a row tells of a clip."""

    VIDEO = 0
    AUDIO = 1
    TEXT = 2


PAIRS: Final[Mapping[IBKind, tuple[Kind, Kind]]] = {
    "ib-av": (Kind.AUDIO, Kind.VIDEO),
    "ib-ta": (Kind.TEXT, Kind.AUDIO),
    "ib-tv": (Kind.TEXT, Kind.VIDEO),
}


@dataclass(frozen=True, slots=True)
class ImageBindEmbeddings:
    """The extractor behind the three scores.

    Without a tokenizer captions are not read. The network is loaded at the first call.
    """

    weights: WeightFile
    protocol: InputProtocol
    tokenizer: Tokenizer | None = None
    config: ImageBindConfig = HUGE
    machine: Machine = CPU
    view: View = "conformed"
    _network: Once[ImageBind] = field(init=False, repr=False, compare=False)
    _captions: dict[str, NDArray[np.float32]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        heard = tuple(m for m in HEARD if m != "text" or self.tokenizer)
        make = partial(_loaded, self.weights, self.config, heard, self.machine)
        object.__setattr__(self, "_network", Once(make))

    @property
    def settings(self) -> Mapping[str, Any]:
        """Tell everything that decides an embedding."""
        return {
            "weights": self.weights.name,
            "weights_sha256": self.weights.sha256,
            "network": asdict(self.config),
            "protocol": self.protocol.settings,
            "tokenizer": self.tokenizer.key if self.tokenizer else "none",
            **self.machine.settings,
            "view": self.view,
            "code": CODE_VERSION,
        }

    @property
    def key(self) -> str:
        """Name the settings; what the weights are called does not matter, what they are does."""
        decides = {name: value for name, value in self.settings.items() if name != "weights"}
        view = "" if self.view == "conformed" else f"-{self.view}"
        return f"imagebind-{self.protocol.name}{view}{self.machine.suffix}-{digest(decides)}"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Give one block of rows per clip: pictures, sound and, if there is one, caption."""
        return [self._block(clip, caption) for clip, caption in zip(clips, captions, strict=True)]

    @property
    def joins_any_length(self) -> bool:
        """A clip's picture and its sound have to last equally long."""
        return False

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the embeddings of one clip's picture and caption, and of another clip's sound."""
        parts = ((picture, Kind.VIDEO), (sound, Kind.AUDIO), (picture, Kind.TEXT))
        return np.concatenate([rows[rows[:, 0] == kind] for rows, kind in parts])

    def _block(self, clip: Clip, caption: str) -> Values:
        """Embed one clip."""
        crops, which = video_crops(clip.video, clip.spec.fps, self.protocol, self.config)
        mels = spectrograms(clip.audio, clip.spec.sample_rate, self.protocol, self.config)
        rows = {
            Kind.VIDEO: self._embed("vision", crops)[which].mean(axis=0),
            Kind.AUDIO: self._embed("audio", mels).mean(axis=0),
        }
        if self.tokenizer and caption.strip():
            rows[Kind.TEXT] = self._read(self.tokenizer, caption)
        return np.stack([np.concatenate([[kind], row]) for kind, row in rows.items()]).astype(
            np.float32
        )

    def _read(self, tokenizer: Tokenizer, caption: str) -> NDArray[np.float32]:
        """Embed a caption, once for all clips that have it."""
        if caption not in self._captions:
            tokens = torch.from_numpy(tokenizer([caption]))
            self._captions[caption] = self._embed("text", tokens)[0]
        return self._captions[caption]

    def _embed(self, modality: Heard, inputs: torch.Tensor) -> NDArray[np.float32]:
        """Run the network, a few inputs at a time: (N, ...) -> (N, D)."""
        with self._network.use() as network, inference(self.machine):
            found = [
                network(modality, self._moved(some)).cpu().numpy()
                for some in torch.split(inputs, self.machine.batch or CHUNK)
            ]
        return np.concatenate(found)

    def _moved(self, inputs: torch.Tensor) -> torch.Tensor:
        """Bring inputs to the device; token ids stay whole numbers."""
        dtype = self.machine.torch_dtype if inputs.is_floating_point() else inputs.dtype
        return inputs.to(self.machine.place, dtype)


def _loaded(
    weights: WeightFile,
    config: ImageBindConfig,
    heard: tuple[Heard, ...],
    machine: Machine,
) -> ImageBind:
    """Load a network, if its file is still the one that was checked."""
    return load(load_checked(weights), weights.path, config, heard, machine)


def read_small(path: Path) -> tuple[ImageBindConfig, WordTokenizer]:
    """Read what describes a small network: {"network": {sizes}, "words": [vocabulary]}."""
    expected = 'JSON with "network" and "words"'
    told = read_object(path, expected)
    try:
        config = ImageBindConfig.of(told["network"])
        tokenizer = WordTokenizer(tuple(told["words"]), config.context)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: found no description of an ImageBind network ({shown(error, REASON)}), "
            f"expected {expected}"
        ) from error
    if tokenizer.vocabulary != config.vocabulary:
        raise ConfigError(
            f"{path}: found a vocabulary of {config.vocabulary}, expected "
            f"{tokenizer.vocabulary} for {len(tokenizer.words)} words"
        )
    return config, tokenizer


def cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Give the cosine of two vectors; no length counts as less than 1e-6."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    lengths = [max(float(np.linalg.norm(v)), EPSILON) for v in (a, b)]
    return float(a @ b) / (lengths[0] * lengths[1])


def read_embeddings(features: Features) -> list[dict[Kind, NDArray[np.float32]]]:
    """Read the rows of `ImageBindEmbeddings` back, clip by clip."""
    if features.values.shape[1] < 2:
        raise ScoreError(
            f"{features.extractor}: embeddings are rows (kind, embedding...), "
            f"got {features.values.shape[1]} columns"
        )
    ends = np.searchsorted(features.owner, np.arange(1, features.count))
    blocks = np.split(features.values, ends)
    return [
        {Kind(int(row[0])): np.asarray(row[1:], dtype=np.float32) for row in block}
        for block in blocks
    ]


@dataclass(frozen=True, slots=True)
class IB:
    """Mean cosine of two of a clip's embeddings, with an interval over clips."""

    kind: IBKind
    extractor: ImageBindEmbeddings
    network: str = ""  # "miniature", if it is not the published one

    @property
    def name(self) -> str:
        """Name the score, the protocol, the view and the network: each makes another metric."""
        view = "" if self.extractor.view == "conformed" else self.extractor.view
        return "+".join(filter(None, (f"{self.kind}@{self._protocol}", view, self.network)))

    @property
    def title(self) -> str:
        """Name it as a column of a table."""
        network = f"{self.network} ImageBind" if self.network else ""
        protocol = "" if self.network and self._protocol == "published" else self._protocol
        view = "" if self.extractor.view == "conformed" else f"{self.extractor.view} clips"
        return f"{self.kind.upper()} ({', '.join(filter(None, (network, protocol, view)))})"

    @property
    def _protocol(self) -> str:
        return self.extractor.protocol.name

    @property
    def better(self) -> Better:
        """More likeness is better."""
        return "higher"

    @property
    def needs_reference(self) -> bool:
        """A clip is compared with itself and its caption."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Tell the formula and everything that decides an embedding."""
        return {
            "compares": [kind.name.lower() for kind in PAIRS[self.kind]],
            "formula": "mean over clips of a b / (max(|a|, epsilon) max(|b|, epsilon))",
            "epsilon": EPSILON,
            "extractor": self.extractor.settings,
            "bounds": list(BOUNDS),
            "interval": METHOD,
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Judge a set of clips by their embeddings."""
        del reference
        if generated.count == 0:
            raise ScoreError(f"{self.name} needs at least one clip, got none")
        found = read_embeddings(generated)
        first, second = PAIRS[self.kind]
        self._check(generated.requests, found)
        clips = tuple(
            ClipScore(request, cosine(rows[first], rows[second]))
            for request, rows in zip(generated.requests, found, strict=True)
        )
        return mean_of_clips(self, clips, generated.extractor, BOUNDS)

    def _check(
        self, requests: Sequence[str], found: Sequence[Mapping[Kind, NDArray[np.float32]]]
    ) -> None:
        """Raise ScoreError if a clip lacks an embedding that is to be compared."""
        for kind in PAIRS[self.kind]:
            bare = [name for name, rows in zip(requests, found, strict=True) if kind not in rows]
            if bare:
                what = "caption" if kind is Kind.TEXT else f"{kind.name.lower()} embedding"
                more = ", ..." if len(bare) > SHOWN else ""
                raise ScoreError(
                    f"{self.name}: {len(bare)} of {len(found)} clips have no {what}, "
                    f"expected one for each: {', '.join(bare[:SHOWN])}{more}"
                )
