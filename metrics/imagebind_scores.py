"""IB-AV, IB-TA, IB-TV: semantic agreement of video, sound and caption by ImageBind embeddings.

ImageBind (`networks.imagebind`) embeds the three modalities in one space; a score is the cosine
similarity of two of them, averaged over clips. The three scores share one extractor, so a clip is
embedded once.

Conventions
-----------
The features of a clip are float32 rows (kind, embedding...), shape (k, 1 + D), of kind VIDEO, AUDIO
and TEXT. A row is the mean over the windows and crops of a clip, each a unit vector times the scale
of its modality; the cosine is independent of the length of the mean. A clip without caption has no
TEXT row. Clips are embedded one by one, so features are independent of the batch.

Metrics
-------
- :class:`IB`: mean over clips of the cosine similarity of two modalities.

| score | compares          | in the paper's tables |
|-------|-------------------|-----------------------|
| ib-av | sound and video   | IB-AV                 |
| ib-ta | caption and sound | IB-TA                 |
| ib-tv | caption and video | IB-TV                 |

Edge cases
----------
IB-TA and IB-TV of clips without caption: a ScoreError. An embedding of norm below 1e-6 is divided
by 1e-6, as in the paper's script.

References
----------
- R. Girdhar et al.: ImageBind: one embedding space to bind them all. CVPR 2023,
  https://arxiv.org/abs/2305.05665. The published weights are CC BY-NC-SA 4.0: no commercial use.
- M. Ishii, A. Hayakawa, T. Shibuya, Y. Mitsufuji: A simple but strong baseline for sounding
  video generation. https://arxiv.org/abs/2409.17550.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.compute import CPU, Machine
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.files.text import REASON, read_object, shown
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.intervals import METHOD, Interval
from svbench.metrics.networks.batches import Forward
from svbench.metrics.networks.imagebind_config import (
    BATCH,
    HUGE,
    ImageBindConfig,
    Modality,
)
from svbench.metrics.networks.imagebind_inputs import (
    InputProtocol,
    frames_read,
    spectrograms,
    video_crops,
)
from svbench.metrics.networks.imagebind_pairs import pair_crops, sparse_frames
from svbench.metrics.networks.imagebind_text import Tokenizer, WordTokenizer
from svbench.metrics.networks.loading import digest_but_name
from svbench.metrics.networks.pictures import short_side
from svbench.metrics.networks.readers import KeptFrames, Video
from svbench.metrics.per_clip import mean_of_clips, rows_by_clip
from svbench.protocols import FrameReader
from svbench.types import Better, Clip, ClipScore, Features, Judgement, Values, View

if TYPE_CHECKING:
    from torch import Tensor

    from svbench.metrics.networks.imagebind import ImageBind

IBKind = Literal["ib-av", "ib-ta", "ib-tv"]

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
EPSILON: Final = 1e-6  # least norm that divides; as in the paper's script
BOUNDS: Final[Interval] = (-1.0, 1.0)  # of a cosine
SHOWN: Final = 5  # clips that an error names
# What is loaded together: all scores need the first, captions are not always read.
CLIP: Final[tuple[Modality, ...]] = ("vision", "audio")
TEXT: Final[tuple[Modality, ...]] = ("text",)


class Kind(IntEnum):
    """The modality of a row of the features."""

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
    """The extractor of the three scores: embeddings of video, sound and caption.

    Without a tokenizer captions are not embedded. The weights are loaded at the first call.
    """

    weights: WeightFile
    protocol: InputProtocol
    tokenizer: Tokenizer | None = None
    config: ImageBindConfig = HUGE
    machine: Machine = CPU
    view: View = "conformed"
    _forward: Forward = field(init=False, repr=False, compare=False)  # of video and audio
    _forward_text: Forward = field(init=False, repr=False, compare=False)
    _captions: dict[str, NDArray[np.float32]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        reads = self.protocol, self.view
        for name, modalities in (("_forward", CLIP), ("_forward_text", TEXT)):
            make = partial(load_encoders, self.weights, self.config, modalities, self.machine)
            forward = Forward("ImageBind", make, self.machine, BATCH, reads=reads)
            object.__setattr__(self, name, forward)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides an embedding."""
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
        """Return the key of the settings, with the digest of the weights instead of their name."""
        view = "" if self.view == "conformed" else f"-{self.view}"
        decided_by = digest_but_name(self.settings)
        return f"imagebind-{self.protocol.name}{view}{self.machine.suffix}-{decided_by}"

    @property
    def light(self) -> bool:
        """Return whether each process may have one of its own: a small network on a CPU."""
        return self.config.embedding < HUGE.embedding and self.machine.kind == "cpu"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip: video, sound and, if there is one, caption."""
        return [
            self.extract(clip, caption, clip.video)
            for clip, caption in zip(clips, captions, strict=True)
        ]

    @property
    def joins_any_length(self) -> bool:
        """Return True: picture and sound of a clip are embedded apart."""
        return True

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the rows of a clip that has one clip's video and caption, and another's sound."""
        parts = ((picture, Kind.VIDEO), (sound, Kind.AUDIO), (picture, Kind.TEXT))
        return np.concatenate([rows[rows[:, 0] == kind] for rows, kind in parts])

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what keeps the few frames of a clip that are embedded."""
        return _EmbeddingReader(self, clip, caption)

    def frames_of(self, clip: Clip) -> KeptFrames:
        """Return what is to keep the frames of a clip that are embedded."""
        if (rate := self.protocol.pairs) is not None:
            places = sparse_frames(clip, rate, self.config.frames)
            return KeptFrames(clip.video.shape, places, partial(short_side, side=self.config.image))
        wanted = frames_read(len(clip.video), clip.spec.fps, self.protocol, self.config)
        return KeptFrames(clip.video.shape, wanted)  # whole, to be resized together, bit for bit

    def extract(self, clip: Clip, caption: str, video: Video) -> Values:
        """Extract the rows of one clip, whose frames are in `video`."""
        crops, which = self._crops(clip, video)
        mels = spectrograms(clip.audio, clip.spec.sample_rate, self.protocol, self.config)
        rows = {
            Kind.VIDEO: self._embed(self._forward, "vision", crops)[which].mean(axis=0),
            Kind.AUDIO: self._embed(self._forward, "audio", mels).mean(axis=0),
        }
        if self.tokenizer and caption.strip():
            rows[Kind.TEXT] = self._embed_caption(self.tokenizer, caption)
        return np.stack([np.concatenate([[kind], row]) for kind, row in rows.items()]).astype(
            np.float32
        )

    def _crops(self, clip: Clip, video: Video) -> tuple[Tensor, NDArray[np.int64]]:
        """Return the distinct inputs of the pictures of a clip, and which of them is each input."""
        if (rate := self.protocol.pairs) is not None:
            return pair_crops(clip, rate, self.protocol.crops, self.config, video)
        return video_crops(video, clip.spec.fps, self.protocol, self.config)

    def _embed_caption(self, tokenizer: Tokenizer, caption: str) -> NDArray[np.float32]:
        """Embed a caption, once for all clips that have it."""
        import torch

        if caption not in self._captions:
            tokens = torch.from_numpy(tokenizer([caption]))
            self._captions[caption] = self._embed(self._forward_text, "text", tokens)[0]
        return self._captions[caption]

    @staticmethod
    def _embed(forward: Forward, modality: Modality, inputs: Tensor) -> NDArray[np.float32]:
        """Run a network on the inputs of one clip: (N, ...) -> (N, D)."""
        import torch

        rows: NDArray[np.float32] = torch.stack(forward(inputs, modality)).numpy()
        return rows


class _EmbeddingReader:
    """Keeps the frames of one clip that are embedded."""

    def __init__(self, extractor: ImageBindEmbeddings, clip: Clip, caption: str) -> None:
        self._extractor, self._clip, self._caption = extractor, clip, caption
        self._video = extractor.frames_of(clip)
        self.take = self._video.take

    def features(self) -> Values:
        return self._extractor.extract(self._clip, self._caption, self._video)


def load_encoders(
    weights: WeightFile,
    config: ImageBindConfig,
    modalities: tuple[Modality, ...],
    machine: Machine,
) -> ImageBind:
    """Load the encoders of some modalities alone, if their file is still the one that was checked.

    Raises DataError where it is not, or is that of another network.
    """
    from svbench.metrics.networks.imagebind import load

    others = {f".{modality}." for modality in config.modalities if modality not in modalities}

    def needed(name: str) -> bool:
        return not any(other in name for other in others)

    return load(load_checked(weights, needed), weights.path, config, modalities, machine)


def read_small(path: Path) -> tuple[ImageBindConfig, WordTokenizer]:
    """Load configuration and tokenizer of a small network from a JSON file.

    The file holds {"network": {fields of ImageBindConfig}, "words": [vocabulary]}.

    Raises
    ------
    DataError
        if the file holds anything else
    ConfigError
        if its sizes are invalid, or the vocabulary is not that of the network
    """
    expected = 'JSON with "network" and "words"'
    values = read_object(path, expected)
    try:
        config = ImageBindConfig.of(values["network"])
        tokenizer = WordTokenizer(tuple(values["words"]), config.context)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: found no configuration of an ImageBind network ({shown(error, REASON)}), "
            f"expected {expected}"
        ) from error
    if tokenizer.vocabulary != config.vocabulary:
        raise ConfigError(
            f"{path}: found a vocabulary of {config.vocabulary}, expected "
            f"{tokenizer.vocabulary} for {len(tokenizer.words)} words"
        )
    return config, tokenizer


def cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Compute the cosine similarity of two vectors (D,); norms below 1e-6 count as 1e-6."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    lengths = [max(float(np.linalg.norm(v)), EPSILON) for v in (a, b)]
    return float(a @ b) / (lengths[0] * lengths[1])


def read_embeddings(features: Features) -> list[dict[Kind, NDArray[np.float32]]]:
    """Return the embeddings (D,) of each clip by kind, from features of `ImageBindEmbeddings`.

    Raises
    ------
    ScoreError
        if the rows are not those of `ImageBindEmbeddings`
    """
    if features.values.shape[1] < 2:
        raise ScoreError(
            f"{features.extractor}: embeddings are rows (kind, embedding...), "
            f"got {features.values.shape[1]} columns"
        )
    return [
        {Kind(int(row[0])): np.asarray(row[1:], dtype=np.float32) for row in rows}
        for rows in rows_by_clip(features)
    ]


@dataclass(frozen=True, slots=True)
class IB:
    """Mean cosine similarity of two modalities of a clip, with an interval over clips."""

    kind: IBKind
    extractor: ImageBindEmbeddings
    network: str = ""  # "miniature"; "": the published one

    @property
    def name(self) -> str:
        """Return the name; score, protocol, view and network each make another metric."""
        view = self.extractor.view if self._view_is_named else ""
        return "+".join(filter(None, (f"{self.kind}@{self._protocol}", view, self.network)))

    @property
    def title(self) -> str:
        """Return the title of its column."""
        network = f"{self.network} ImageBind" if self.network else ""
        protocol = "" if self.network and self._protocol == "published" else self._protocol
        view = f"{self.extractor.view} clips" if self._view_is_named else ""
        return f"{self.kind.upper()} ({', '.join(filter(None, (network, protocol, view)))})"

    @property
    def _protocol(self) -> str:
        return self.extractor.protocol.name

    @property
    def _view_is_named(self) -> bool:
        """Return whether the view is another than the usual one of the protocol."""
        return self.extractor.view != self.extractor.protocol.view

    @property
    def better(self) -> Better:
        """Return "higher": more similarity is better."""
        return "higher"

    @property
    def needs_reference(self) -> bool:
        """Return False: modalities of one clip are compared."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the formula, and the settings of the extractor."""
        return {
            "compares": [kind.name.lower() for kind in PAIRS[self.kind]],
            "formula": "mean over clips of a b / (max(|a|, epsilon) max(|b|, epsilon))",
            "epsilon": EPSILON,
            "extractor": self.extractor.settings,
            **({"view": "native"} if self.extractor.view == "native" else {}),
            "bounds": list(BOUNDS),
            "interval": METHOD,
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Compute the score of a set of clips from their embeddings.

        Raises
        ------
        ScoreError
            if there is no clip, or one lacks an embedding that is compared
        """
        del reference
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
        """Raise ScoreError if a clip lacks an embedding that is compared."""
        for kind in PAIRS[self.kind]:
            bare = [name for name, rows in zip(requests, found, strict=True) if kind not in rows]
            if bare:
                what = "caption" if kind is Kind.TEXT else f"{kind.name.lower()} embedding"
                more = ", ..." if len(bare) > SHOWN else ""
                raise ScoreError(
                    f"{self.name}: {len(bare)} of {len(found)} clips have no {what}, "
                    f"expected one for each: {', '.join(bare[:SHOWN])}{more}"
                )
