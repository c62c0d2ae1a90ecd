"""AudioBox aesthetics: how listeners would judge sound on four axes, predicted by a network.

The network (`networks.audiobox`) predicts, on a scale from 1 to 10,

| axis | what it asks          | better                          |
|------|-----------------------|---------------------------------|
| CE   | content enjoyment     | higher                          |
| CU   | content usefulness    | higher                          |
| PC   | production complexity | higher; lower with verse-bench  |
| PQ   | production quality    | higher                          |

It sees neither picture nor caption. The score of a clip is the mean over windows of 10 s, each
weighted by how much of it is sound; the score of a set is the mean over clips.

Conventions
-----------
The features of a clip are float32 rows (samples, CE, CU, PC, PQ), shape (k, 5), one per window of
10 s, the last one zero-padded: `samples` of it, at 16 kHz, are sound. Windows are read one by one,
so features are independent of the batch. "+native" behind a preset judges each clip at its own
sample rate instead of the data set's.

Directions
----------
Complexity is no quality: a plain sound has little of it. The makers rank nothing by it, JavisBench
averages it with the other axes as if more were better (`audiobox-mean`), and Verse-Bench counts
lower as better. So there are two presets of it, of equal numbers.

Precision
---------
The published package states bfloat16 and computes in float32 all the same, as is done here.

Metrics
-------
- :class:`AudioBoxScore`: mean over clips of the score of an axis, or of all four.

Edge cases
----------
A clip without sound: a ScoreError.

References
----------
As of `networks.audiobox_config`, and
- JavisBench: https://github.com/JavisVerse/JavisDiT.
- Verse-Bench: https://github.com/Dorniwang/Verse-Bench.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.compute import CPU, Machine, installed, minor_version
from svbench.errors import ScoreError
from svbench.files.weights.loading import WeightFile, load_checked
from svbench.intervals import METHOD
from svbench.metrics.networks.audiobox_config import (
    AXES,
    BATCH,
    PUBLISHED,
    SAMPLE_RATE,
    WINDOW,
    AudioBoxSize,
    Axis,
)
from svbench.metrics.networks.batches import Forward
from svbench.metrics.networks.loading import digest_but_name
from svbench.metrics.networks.readers import SoundReader
from svbench.metrics.networks.resampling import resample
from svbench.metrics.per_clip import mean_of_clips, rows_by_clip
from svbench.protocols import FrameReader
from svbench.types import Better, Clip, ClipScore, Features, Judgement, Values, View

if TYPE_CHECKING:
    from torch import Tensor

    from svbench.metrics.networks.audiobox import AudioBox

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
NATIVE: Final = "+native"  # behind a preset: sound as it was made
COMPLEXITY: Final = (
    "production complexity is no quality, and sources differ in which direction is better: "
    "@published higher, @verse-bench lower"
)

Judged = Axis | Literal["mean"]
Preset = Literal["published", "verse-bench"]
USUAL: Final[Preset] = "published"
# better, of a preset other than the usual one
DIRECTIONS: Final[Mapping[tuple[Judged, Preset], Better]] = {("PC", "verse-bench"): "lower"}


def windows(sound: NDArray[np.float32]) -> list[tuple[int, Tensor]]:
    """Return the windows (160000,) of sound (S,) at 16 kHz, each with how much of it is sound."""
    import torch

    parts = [sound[start : start + WINDOW] for start in range(0, len(sound), WINDOW)]
    padded = [np.pad(part, (0, WINDOW - len(part))) for part in parts]
    return [(len(part), torch.from_numpy(w)) for part, w in zip(parts, padded, strict=True)]


@dataclass(frozen=True, slots=True)
class AudioBoxFeatures:
    """The extractor of all axes: their scores, of each window of 10 s of sound.

    The weights are loaded at the first call.
    """

    weights: WeightFile
    size: AudioBoxSize = PUBLISHED
    machine: Machine = CPU
    view: View = "conformed"
    _forward: Forward = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        make = partial(_loaded, self.weights, self.size, self.machine)
        forward = Forward("AudioBox-aesthetics", make, self.machine, BATCH, reads=self.view)
        object.__setattr__(self, "_forward", forward)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides a row."""
        return {
            "weights": self.weights.name,
            "weights_sha256": self.weights.sha256,
            "network": asdict(self.size),
            "resampler": "Hann-windowed sinc of width 6",
            "transformers": minor_version(installed("transformers")),
            **self.machine.settings,
            "view": self.view,
            "code": CODE_VERSION,
        }

    @property
    def key(self) -> str:
        """Return the key of the settings, with the digest of the weights instead of their name."""
        view = "" if self.view == "conformed" else f"-{self.view}"
        return f"audiobox{view}{self.machine.suffix}-{digest_but_name(self.settings)}"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip, shape (k, 5); captions are not used."""
        del captions
        return [self._extract(clip) for clip in clips]

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what waits for the sound of a clip, and reads no frame."""
        return SoundReader(self, clip, caption)

    def _extract(self, clip: Clip) -> NDArray[np.float32]:
        """Extract the rows of one clip."""
        import torch

        if not len(clip.audio):
            raise ScoreError("AudioBox: the clip has no sound, expected at least one sample")
        wave = torch.from_numpy(np.array(clip.audio, np.float32))
        sound = resample(wave, clip.spec.sample_rate, SAMPLE_RATE).numpy()
        rows = [
            np.concatenate([[length], self._forward([window], length)[0].numpy()])
            for length, window in windows(sound)
        ]
        return np.stack(rows).astype(np.float32)


def _loaded(weights: WeightFile, size: AudioBoxSize, machine: Machine) -> AudioBox:
    """Load the network, if its file is still the one that was checked."""
    from svbench.metrics.networks import audiobox

    return audiobox.load(load_checked(weights), weights.path, size, machine)


def clip_scores(rows: Values) -> NDArray[np.float64]:
    """Compute the scores (4,) of a clip from its windows (k, 5), weighted by their sound."""
    whole = rows.astype(np.float64)
    found: NDArray[np.float64] = np.average(whole[:, 1:], axis=0, weights=whole[:, 0])
    return found


@dataclass(frozen=True, slots=True)
class AudioBoxScore:
    """Mean over clips of the score of an axis, or of the mean of all four, with an interval."""

    axis: Judged
    extractor: AudioBoxFeatures
    preset: Preset = USUAL

    @property
    def name(self) -> str:
        """Return the name, of axis, preset and view."""
        native = NATIVE if self.extractor.view == "native" else ""
        return f"audiobox-{self.axis.lower()}@{self.preset}{native}"

    @property
    def title(self) -> str:
        """Return the title of its column."""
        return title(self.axis, self.preset, native=self.extractor.view == "native")

    @property
    def better(self) -> Better:
        """Return which direction is better; see Directions above."""
        return direction(self.axis, self.preset)

    @property
    def needs_reference(self) -> bool:
        """Return False: the sound of each clip is judged alone."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the formula, and the settings of the extractor."""
        mean = "the mean of the four axes" if self.axis == "mean" else self.axis
        return {
            "compares": ["audio"],
            "formula": f"mean over clips of {mean}, over windows of 10 s weighted by their sound",
            "better": self.better,
            "extractor": self.extractor.settings,
            "interval": METHOD,
            **({"caveat": COMPLEXITY} if self.axis in ("PC", "mean") else {}),
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Compute the score of a set of clips from their windows.

        Raises
        ------
        ScoreError
            if there is no clip, or the rows are not those of `AudioBoxFeatures`
        """
        del reference
        if generated.values.shape[1] != 1 + len(AXES):
            raise ScoreError(
                f"{generated.extractor}: found rows of {generated.values.shape[1]} numbers, "
                f"expected samples and the scores of {', '.join(AXES)}"
            )
        clips = tuple(
            self._clip(request, clip_scores(rows))
            for request, rows in zip(generated.requests, rows_by_clip(generated), strict=True)
        )
        return mean_of_clips(self, clips, generated.extractor, None)

    def _clip(self, request: str, scores: NDArray[np.float64]) -> ClipScore:
        detail: dict[str, float] = {
            axis: float(score) for axis, score in zip(AXES, scores, strict=True)
        }
        value = float(scores.mean()) if self.axis == "mean" else detail[self.axis]
        return ClipScore(request, value, detail)


def presets(axis: Judged) -> list[Preset]:
    """Return the presets of an axis: the usual one, and those of another direction."""
    return [USUAL, *(preset for of, preset in DIRECTIONS if of == axis)]


def title(axis: Judged, preset: Preset, *, native: bool) -> str:
    """Return the title of a column."""
    about: list[str] = [preset] if preset != USUAL else []
    about += ["native clips"] if native else []
    return f"AudioBox {axis} ({', '.join(about)})" if about else f"AudioBox {axis}"


def direction(axis: Judged, preset: Preset) -> Better:
    """Return which direction of an axis is better by a preset."""
    return DIRECTIONS.get((axis, preset), "higher")
