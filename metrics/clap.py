"""CLAP: agreement of sound and caption, by the embeddings of a CLAP network.

CLAP (`networks.clap`) embeds sound and captions in one space; the score is the cosine similarity of
a clip's sound and its caption, averaged over clips. Four checkpoints are in use, and their scores
are not comparable, so the column carries the checkpoint.

Conventions
-----------
The features of a clip are float32 rows (kind, embedding...), shape (k, 1 + D), of kind AUDIO and
TEXT (`imagebind_scores.Kind`); a clip without caption has no TEXT row. Clips are embedded one by
one, so features are independent of the batch.

Checkpoints
-----------
| preset                 | network     | used by                     | sound                      |
|------------------------|-------------|-----------------------------|----------------------------|
| htsat-unfused          | HTSAT-tiny  | JavisBench                  | as it is                   |
| htsat-fused            | fused tiny  |                             | as it is                   |
| htsat-fused-always     | fused tiny  | FastVideo                   | short sound is fused, too  |
| music-speech-audioset  | HTSAT-base  | av-benchmark                | its mean subtracted        |
| 630k-audioset-fusion   | fused tiny  | MOVA, Verse-Bench           | rounded to 16 bits         |

The first three are transformers' conversions, laion/clap-htsat-unfused and laion/clap-htsat-fused,
the others laion's own files, read as laion_clap reads sound. Sound is resampled to 48 kHz;
"+native" behind a preset judges each clip at its own sample rate instead of the data set's, which
matters: CLAP's mel bands reach up to 14 kHz.

Metrics
-------
- :class:`ClapScore`: mean over clips of the cosine similarity of sound and caption.

Edge cases
----------
Clips without caption, or without sound: a ScoreError. Captions longer than RoBERTa reads (512
tokens; 77 with laion's own files) are truncated. Of sound longer than 10 s, see `clap_inputs`.

References
----------
As of `networks.clap_config`, and
- transformers' conversions: https://huggingface.co/laion/clap-htsat-unfused (Apache-2.0).
- laion's checkpoints: https://huggingface.co/lukewys/laion_clap (CC0-1.0).
- JavisBench, the row htsat-unfused: https://github.com/JavisVerse/JavisDiT; av-benchmark:
  https://github.com/hkchengrex/av-benchmark; FastVideo: https://github.com/hao-ai-lab/FastVideo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import CPU, Machine, installed, minor_version
from svbench.errors import ScoreError
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.intervals import METHOD
from svbench.metrics.imagebind_scores import BOUNDS, EPSILON, SHOWN, Kind, cosine, read_embeddings
from svbench.metrics.networks.batches import Forward
from svbench.metrics.networks.clap_config import (
    BASE_LAION,
    BATCH,
    CAPTION_LONGEST,
    FUSED,
    FUSED_LAION,
    UNFUSED,
    ClapInputs,
    ClapSize,
)
from svbench.metrics.networks.clap_inputs import prepared, spectrograms
from svbench.metrics.networks.clap_text import RobertaTokenizer
from svbench.metrics.networks.loading import digest_but_name
from svbench.metrics.networks.readers import SoundReader
from svbench.metrics.per_clip import mean_of_clips
from svbench.protocols import FrameReader
from svbench.types import Better, Clip, ClipScore, Features, Judgement, Values, View

if TYPE_CHECKING:
    from svbench.metrics.networks.batches import Network

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
NATIVE: Final = "+native"  # behind a checkpoint: sound as it was made
LAION_LONGEST: Final = 77  # tokens of a caption, as laion_clap truncates it


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published network, and how sound and captions are prepared for it."""

    name: str
    title: str
    weights: str  # name of its published file
    size: ClapSize
    inputs: ClapInputs = field(default_factory=ClapInputs)
    longest: int = CAPTION_LONGEST  # tokens of a caption


_FUSED_LAION: Final = ClapInputs(fused=True, antialiased=True, quantised=True)
CHECKPOINTS: Final[Mapping[str, Checkpoint]] = {
    checkpoint.name: checkpoint
    for checkpoint in (
        Checkpoint("htsat-unfused", "clap-htsat-unfused", "clap-htsat-unfused", UNFUSED),
        Checkpoint(
            "htsat-fused", "clap-htsat-fused", "clap-htsat-fused", FUSED, ClapInputs(fused=True)
        ),
        Checkpoint(
            "htsat-fused-always",
            "clap-htsat-fused, always fused",
            "clap-htsat-fused",
            FUSED,
            ClapInputs(fused=True, always_fused=True),
        ),
        Checkpoint(
            "music-speech-audioset",
            "music_speech_audioset",
            "clap-music-speech-audioset",
            BASE_LAION,
            ClapInputs(centred=True),
            LAION_LONGEST,
        ),
        Checkpoint(
            "630k-audioset-fusion",
            "630k-audioset-fusion",
            "clap-630k-audioset-fusion",
            FUSED_LAION,
            _FUSED_LAION,
            LAION_LONGEST,
        ),
    )
}
USUAL: Final = "htsat-unfused"


@dataclass(frozen=True, slots=True)
class ClapEmbeddings:
    """The extractor of the score: embeddings of sound and caption.

    The weights are loaded at the first call.
    """

    weights: WeightFile
    checkpoint: Checkpoint
    vocabulary: WeightFile
    machine: Machine = CPU
    view: View = "conformed"
    _tokenizer: RobertaTokenizer = field(init=False, repr=False, compare=False)
    _forward: Forward = field(init=False, repr=False, compare=False)
    _captions: dict[str, NDArray[np.float32]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        make = partial(_loaded, self.weights, self.checkpoint.size, self.machine)
        name, reads = f"CLAP ({self.checkpoint.title})", (self.checkpoint.inputs, self.view)
        forward = Forward(name, make, self.machine, BATCH, reads=reads)
        tokenizer = RobertaTokenizer(self.vocabulary, self.checkpoint.longest)
        object.__setattr__(self, "_forward", forward)
        object.__setattr__(self, "_tokenizer", tokenizer)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides an embedding."""
        return {
            "weights": self.weights.name,
            "weights_sha256": self.weights.sha256,
            "network": asdict(self.checkpoint.size),
            "inputs": asdict(self.checkpoint.inputs),
            "crops": "middle of the places from which the published code draws them",
            "resampler": "Hann-windowed sinc of width 6",
            "tokenizer": self._tokenizer.key,
            "transformers": minor_version(installed("transformers")),
            **self.machine.settings,
            "view": self.view,
            "code": CODE_VERSION,
        }

    @property
    def key(self) -> str:
        """Return the key of the settings, with the digest of the weights instead of their name."""
        view = "" if self.view == "conformed" else f"-{self.view}"
        decided_by = digest_but_name(self.settings)
        return f"clap-{self.checkpoint.name}{view}{self.machine.suffix}-{decided_by}"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip: sound and, if there is one, caption."""
        return [self._extract(clip, caption) for clip, caption in zip(clips, captions, strict=True)]

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what waits for the sound of a clip, and reads no frame."""
        return SoundReader(self, clip, caption)

    @property
    def joins_any_length(self) -> bool:
        """Return True: of the picture's clip only the caption counts."""
        return True

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the rows of a clip that has one clip's caption, and another's sound."""
        parts = ((sound, Kind.AUDIO), (picture, Kind.TEXT))
        return np.concatenate([rows[rows[:, 0] == kind] for rows, kind in parts])

    def _extract(self, clip: Clip, caption: str) -> Values:
        """Extract the rows of one clip."""
        inputs = self.checkpoint.inputs
        sound = prepared(clip.audio, clip.spec.sample_rate, inputs)
        mels, fused = spectrograms(sound, inputs)
        (embedding,) = self._forward([mels], "fused sound" if fused else "sound")
        rows = {Kind.AUDIO: embedding.numpy()}
        if caption.strip():
            rows[Kind.TEXT] = self._embed_caption(caption)
        return np.stack([np.concatenate([[kind], row]) for kind, row in rows.items()]).astype(
            np.float32
        )

    def _embed_caption(self, caption: str) -> NDArray[np.float32]:
        """Embed a caption, once for all clips that have it."""
        import torch

        if caption not in self._captions:
            (found,) = self._forward([torch.from_numpy(self._tokenizer(caption))], "caption")
            self._captions[caption] = found.numpy()
        return self._captions[caption]


def _loaded(weights: WeightFile, size: ClapSize, machine: Machine) -> Network:
    """Load the network, if its file is still the one that was checked."""
    from svbench.metrics.networks import clap

    return partial(clap.embed, clap.load(load_checked(weights), weights.path, size, machine))


@dataclass(frozen=True, slots=True)
class ClapScore:
    """Mean cosine similarity of sound and caption of a clip, with an interval over clips."""

    extractor: ClapEmbeddings

    @property
    def name(self) -> str:
        """Return the name; checkpoint and view each make another metric."""
        native = NATIVE if self.extractor.view == "native" else ""
        return f"clap@{self.extractor.checkpoint.name}{native}"

    @property
    def title(self) -> str:
        """Return the title of its column."""
        return title(self.extractor.checkpoint, native=self.extractor.view == "native")

    @property
    def better(self) -> Better:
        """Return "higher": more similarity is better."""
        return "higher"

    @property
    def needs_reference(self) -> bool:
        """Return False: sound and caption of one clip are compared."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the formula, and the settings of the extractor."""
        return {
            "compares": ["text", "audio"],
            "formula": "mean over clips of a b / (max(|a|, epsilon) max(|b|, epsilon))",
            "epsilon": EPSILON,
            "extractor": self.extractor.settings,
            "bounds": list(BOUNDS),
            "interval": METHOD,
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Compute the score of a set of clips from their embeddings.

        Raises
        ------
        ScoreError
            if there is no clip, or one has no caption
        """
        del reference
        found = read_embeddings(generated)
        bare = [
            request
            for request, rows in zip(generated.requests, found, strict=True)
            if Kind.TEXT not in rows
        ]
        if bare:
            more = ", ..." if len(bare) > SHOWN else ""
            raise ScoreError(
                f"{self.name}: {len(bare)} of {len(found)} clips have no caption, expected one for "
                f"each: {', '.join(bare[:SHOWN])}{more}"
            )
        clips = tuple(
            ClipScore(request, cosine(rows[Kind.TEXT], rows[Kind.AUDIO]))
            for request, rows in zip(generated.requests, found, strict=True)
        )
        return mean_of_clips(self, clips, generated.extractor, BOUNDS)


def title(checkpoint: Checkpoint, *, native: bool) -> str:
    """Return the title of a column."""
    return f"CLAP ({checkpoint.title}{', native clips' if native else ''})"
