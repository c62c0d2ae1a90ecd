"""JavisScore and AVHScore: how well each frame of a clip agrees with its sound, by ImageBind.

AVHScore is the mean over all frames of the cosine of a frame's embedding and that of the whole
sound. JavisScore looks at windows of 2 s that overlap by 1.5 s, with the sound of each window, and
takes of each the least 40 % of the frames, so that a passage where picture and sound part is not
outweighed by the rest.

Conventions
-----------
The features of a clip are float32 rows (kind, first frame, end frame, embedding...), shape
(k, 3 + D): a FRAME for every frame, one WHOLE for the sound of the clip, and for each window of
JavisScore a WINDOW with its sound and the range of its frames. ImageBind's input and windows are
those of `networks.javis_inputs`; a sound is the mean over ImageBind's own windows of 2 s in it.
Clips are embedded one by one, so features are independent of the batch.

Metrics
-------
- :class:`JavisScore`: either score, as a mean over clips.

| score      | of a clip                                                                        |
|------------|----------------------------------------------------------------------------------|
| avhscore   | mean over frames of cos(frame, whole sound)                                      |
| javisscore | mean over windows of the mean of the int(0.4 N) least cos(frame, window's sound) |

Edge cases
----------
A window of two frames or fewer has int(0.4 N) = 0 least cosines, of which the published code
returns NaN: here a ScoreError that names the clips, so the cell is absent. AVHScore has a value
there. An embedding of norm below 1e-6 is divided by 1e-6, as in the published code.

What differs from the published code: sound is mono (there the first channel is read, while the mean
of both is subtracted), and a window's mean is subtracted from a copy, but for the protocols named
leaky. Clips are judged at the frame rate of the table unless the view is native.

References
----------
- K. Liu et al.: JavisDiT: joint audio-video diffusion transformer with hierarchical spatio-temporal
  prior synchronization. https://arxiv.org/abs/2503.23377 (JavisScore);
  https://github.com/JavisVerse/JavisDiT (commit b505b37), whose command line sets 2.0 s and 1.5 s
  in place of the defaults of its function.
- Y. Mao et al.: TAVGBench: benchmarking text to audible-video generation. ACM Multimedia 2024,
  https://arxiv.org/abs/2404.14381 (AVHScore).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.compute import CPU, Machine
from svbench.errors import ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.intervals import METHOD
from svbench.metrics.imagebind_scores import BOUNDS, CLIP, EPSILON, SHOWN, load_encoders
from svbench.metrics.networks.batches import BatchSize, Forward
from svbench.metrics.networks.imagebind_config import HUGE, ImageBindConfig, Modality
from svbench.metrics.networks.imagebind_inputs import SAMPLE_RATE, window_spectrograms
from svbench.metrics.networks.javis_inputs import JavisProtocol, paired_windows, still_inputs
from svbench.metrics.networks.loading import digest_but_name
from svbench.metrics.networks.pictures import square
from svbench.metrics.networks.resampling import resample
from svbench.metrics.per_clip import mean_of_clips, rows_by_clip
from svbench.protocols import FrameReader
from svbench.types import Better, Clip, ClipScore, Features, Judgement, Values, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

JavisKind = Literal["javisscore", "avhscore"]

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
BATCH: Final = BatchSize(cpu=5, gpu=32)  # frames: those of ImageBind's crops; of a clip at 8 fps
TITLES: Final[Mapping[JavisKind, str]] = {"javisscore": "JavisScore", "avhscore": "AVHScore"}
FORMULAS: Final[Mapping[JavisKind, str]] = {
    "javisscore": "mean over clips and windows of the mean of the least int(share * frames) "
    "cosines of a frame and the window's sound",
    "avhscore": "mean over clips and frames of the cosine of a frame and the whole sound",
}


class Kind(IntEnum):
    """What a row of the features embeds."""

    FRAME = 0
    WHOLE = 1  # the sound of the clip
    WINDOW = 2  # the sound of a window


@dataclass(frozen=True, slots=True)
class FrameEmbeddings:
    """The extractor of both scores: embeddings of every frame, of the sound, and of its windows.

    The weights are loaded at the first call.
    """

    weights: WeightFile
    protocol: JavisProtocol
    config: ImageBindConfig = HUGE
    machine: Machine = CPU
    view: View = "conformed"
    _forward: Forward = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        make = partial(load_encoders, self.weights, self.config, CLIP, self.machine)
        reads = self.protocol, self.view
        forward = Forward("ImageBind", make, self.machine, BATCH, reads=reads)
        object.__setattr__(self, "_forward", forward)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides an embedding."""
        return {
            "weights": self.weights.name,
            "weights_sha256": self.weights.sha256,
            "network": asdict(self.config),
            "protocol": self.protocol.settings,
            **self.machine.settings,
            "view": self.view,
            "code": CODE_VERSION,
        }

    @property
    def key(self) -> str:
        """Return the key of the settings, with the digest of the weights instead of their name."""
        view = "" if self.view == "conformed" else f"-{self.view}"
        decided_by = digest_but_name(self.settings)
        return f"javis-{self.protocol.name}{view}{self.machine.suffix}-{decided_by}"

    @property
    def light(self) -> bool:
        """Return whether each process may have one of its own: a small network on a CPU."""
        return self.config.embedding < HUGE.embedding and self.machine.kind == "cpu"

    @property
    def joins_any_length(self) -> bool:
        """Return False: picture and sound of a clip have to be equally long."""
        return False

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip; captions are not used."""
        del captions
        found = []
        for clip in clips:
            reader = self.reader(clip, "")
            for number, frame in enumerate(clip.video):
                reader.take(number, frame)
            found.append(reader.features())
        return found

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what embeds the frames of a clip in batches."""
        del caption
        return _FrameEmbedder(self, clip)

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the rows of a clip that has one clip's frames and another's sound."""
        frames = picture[picture[:, 0] == Kind.FRAME]
        return np.concatenate([frames, sound[sound[:, 0] != Kind.FRAME]])

    def sound_rows(self, clip: Clip) -> Values:
        """Extract the rows of the sound of one clip."""
        import torch

        heard = torch.from_numpy(np.array(clip.audio, np.float32))
        sound = resample(heard, clip.spec.sample_rate, SAMPLE_RATE)
        count = len(clip.video)
        windows = paired_windows(count, clip.spec.fps, len(sound), self.protocol)
        whole = self._embed_sound(sound.clone())
        parts = [self._embed_sound(sound[first:end]) for _, (first, end) in windows]
        return np.concatenate(
            [
                _rows(Kind.WHOLE, [(0, count)], whole[None]),
                _rows(Kind.WINDOW, [of_frames for of_frames, _ in windows], np.stack(parts)),
            ]
        )

    def frame_rows(self, first: int, frames: Sequence[NDArray[np.uint8]]) -> Values:
        """Extract the rows of some frames (H, W, 3), the first of which is that of a number."""
        places = range(first, first + len(frames))
        embeddings = self._embed("vision", still_inputs(frames, self.config.image))
        return _rows(Kind.FRAME, [(i, i + 1) for i in places], embeddings)

    @property
    def together(self) -> int:
        """Return how many frames are embedded at a time."""
        return self._forward.size

    def _embed_sound(self, sound: Tensor) -> NDArray[np.float32]:
        """Embed a sound at 16 kHz, (samples,) -> (D,); a leaky protocol changes it in place."""
        mels = window_spectrograms(sound, self.protocol.sound, self.config)
        return np.asarray(self._embed("audio", mels).mean(axis=0), np.float32)

    def _embed(self, modality: Modality, inputs: Iterable[Tensor]) -> NDArray[np.float32]:
        """Run the network on inputs of one clip: (N, ...) -> (N, D)."""
        import torch

        rows: NDArray[np.float32] = torch.stack(self._forward(inputs, modality)).numpy()
        return rows


class _FrameEmbedder:
    """Embeds the frames of one clip, of which it holds a batch."""

    def __init__(self, extractor: FrameEmbeddings, clip: Clip) -> None:
        self._extractor = extractor
        self._sound = extractor.sound_rows(clip)
        self._rows: list[Values] = []
        self._waiting: list[NDArray[np.uint8]] = []
        self._first = 0  # number of the first that waits

    def take(self, number: int, frame: NDArray[np.uint8]) -> None:
        self._waiting.append(square(frame, self._extractor.config.image))
        if len(self._waiting) >= self._extractor.together:
            self._embed(number + 1)

    def _embed(self, following: int) -> None:
        self._rows.append(self._extractor.frame_rows(self._first, self._waiting))
        self._waiting, self._first = [], following

    def features(self) -> Values:
        if self._waiting:
            self._embed(self._first + len(self._waiting))
        return np.concatenate([*self._rows, self._sound])


def _rows(
    kind: Kind, ranges: Sequence[tuple[int, int]], embeddings: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return rows (kind, first frame, end frame, embedding...)."""
    heads = [(kind, first, end) for first, end in ranges]
    return np.hstack([np.array(heads, np.float32), embeddings])


# --- scores of a clip --------------------------------------------------------------------------


def avh_score(rows: Values) -> float:
    """Compute the mean cosine of all frames of a clip and its whole sound.

    Parameters
    ----------
    rows : np.ndarray, shape=(k, 3 + D)
        of `FrameEmbeddings`
    """
    return float(_cosines(_frames(rows), rows[rows[:, 0] == Kind.WHOLE][0, 3:]).mean())


def javis_score(rows: Values, share: float) -> float | None:
    """Compute JavisScore of a clip; None where a window has so few frames that none is taken.

    Parameters
    ----------
    rows : np.ndarray, shape=(k, 3 + D)
        of `FrameEmbeddings`
    share : float
        of a window's frames that is averaged, those of the least cosines
    """
    frames, found = _frames(rows), []
    for row in rows[rows[:, 0] == Kind.WINDOW]:
        first, end = int(row[1]), int(row[2])
        taken = int((end - first) * share)
        if not taken:
            return None
        cosines = _cosines(frames[first:end], row[3:])
        found.append(np.sort(cosines)[:taken].mean())
    return float(np.mean(found))


def _frames(rows: Values) -> Values:
    """Return the embeddings of all frames, (T, D)."""
    found: Values = rows[rows[:, 0] == Kind.FRAME][:, 3:]
    return found


def _cosines(vectors: Values, other: Values) -> NDArray[np.float64]:
    """Compute the cosines of vectors (N, D) and another (D,); norms below 1e-6 count as 1e-6."""
    a, b = vectors.astype(np.float64), other.astype(np.float64)
    lengths = np.maximum(np.linalg.norm(a, axis=1), EPSILON)
    found: NDArray[np.float64] = a @ b / (lengths * max(float(np.linalg.norm(b)), EPSILON))
    return found


# --- the metric --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JavisScore:
    """JavisScore or AVHScore of a set of clips, with an interval over clips."""

    kind: JavisKind
    extractor: FrameEmbeddings
    network: str = ""  # "miniature"; "": the published one

    @property
    def name(self) -> str:
        """Return the name; score, protocol, view and network each make another metric."""
        view = "" if self.extractor.view == "conformed" else self.extractor.view
        parts = (f"{self.kind}@{self.extractor.protocol.name}", view, self.network)
        return "+".join(filter(None, parts))

    @property
    def title(self) -> str:
        """Return the title of its column."""
        network = f"{self.network} ImageBind" if self.network else ""
        view = "" if self.extractor.view == "conformed" else f"{self.extractor.view} clips"
        about = ", ".join(filter(None, (network, self.extractor.protocol.name, view)))
        return f"{TITLES[self.kind]} ({about})"

    @property
    def better(self) -> Better:
        """Return "higher": more similarity is better."""
        return "higher"

    @property
    def needs_reference(self) -> bool:
        """Return False: picture and sound of one clip are compared."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the formula, and the settings of the extractor."""
        return {
            "compares": ["audio", "vision"],
            "formula": FORMULAS[self.kind],
            "epsilon": EPSILON,
            "view": self.extractor.view,
            "extractor": self.extractor.settings,
            "bounds": list(BOUNDS),
            "interval": METHOD,
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Compute the score of a set of clips from their embeddings.

        Raises
        ------
        ScoreError
            if there is no clip, or the score of one is not defined
        """
        del reference
        values = [self._of_clip(rows) for rows in rows_by_clip(generated)]
        undefined = [r for r, v in zip(generated.requests, values, strict=True) if v is None]
        if undefined:
            share, more = self.extractor.protocol.share, ", ..." if undefined[SHOWN:] else ""
            raise ScoreError(
                f"{self.name}: {len(undefined)} of {len(values)} clips have windows of fewer than "
                f"{1 / share:g} frames, of which the least {share:.0%} are none: "
                f"{', '.join(undefined[:SHOWN])}{more}"
            )
        clips = tuple(
            ClipScore(request, value)
            for request, value in zip(generated.requests, values, strict=True)
            if value is not None
        )
        return mean_of_clips(self, clips, generated.extractor, BOUNDS)

    def _of_clip(self, rows: Values) -> float | None:
        if self.kind == "avhscore":
            return avh_score(rows)
        return javis_score(rows, self.extractor.protocol.share)
