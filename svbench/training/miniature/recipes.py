"""Recipes of the miniature: how many clips and steps each network is trained with.

A recipe decides the files that a training writes, on the same machine with as many threads; it is
on record in their `MADE.json`, field by field.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from svbench.baselines.joint.pair import Pair
from svbench.baselines.miniature.design import Design
from svbench.baselines.training.settings import TrainSettings
from svbench.catalog.datasets import drawn
from svbench.errors import ConfigError
from svbench.limits import COUNT, check
from svbench.training.recipes import SHIPPED

TRAININGS: Final = ("base_audio", "base_video", "joint")
NETWORKS: Final = ("i3d", "vggish", "imagebind", "synchformer")  # first words of their settings
CODECS: Final = ("video_steps", "head_steps", "audio_steps", "caption_steps")


@dataclass(frozen=True, slots=True)
class ExtractorRecipe:
    """Clips and steps of the feature extractors: I3D, VGGish, ImageBind and Synchformer.

    Raises ConfigError where clips or steps are too few.
    """

    clips: int = 1600
    held_out: int = 200
    seed: int = 1000  # not one of those that a benchmark run is likely to have
    threads: int = 1  # with more, sums round otherwise, and threads wait for each other
    i3d_steps: int = 1000
    i3d_batch: int = 16
    vggish_steps: int = 1000
    vggish_batch: int = 16  # clips, of four examples each
    imagebind_steps: int = 500
    imagebind_batch: int = 64
    synchformer_strokes_steps: int = 800  # of its encoders
    synchformer_strokes_batch: int = 12  # clips, of four segments each
    synchformer_recordings: int = 600  # of 12 s, for its head
    synchformer_steps: int = 4000  # of its head
    synchformer_batch: int = 32

    def __post_init__(self) -> None:
        for name in ("clips", "seed", "threads"):
            check(name, getattr(self, name))
        if min(self.clips, self.held_out) < 2 or min({**asdict(self), "seed": 1}.values()) < 1:
            raise ConfigError(
                f"recipe: found {self}, expected 2 clips of each split and some steps"
            )

    def of_network(self, name: str) -> dict[str, int]:
        """Return the settings that the training of one network reads."""
        others = tuple(f"{network}_" for network in NETWORKS if network != name)
        return {k: v for k, v in asdict(self).items() if not k.startswith(others)}


@dataclass(frozen=True, slots=True)
class CodecRecipe:
    """Steps and batches of both codecs and the text encoder."""

    seed: int = 2000  # not one of those that a benchmark run is likely to have
    video_steps: int = 900
    video_batch: int = 32  # frames
    head_steps: int = 1500
    head_batch: int = 16  # frames
    audio_steps: int = 600
    audio_batch: int = 8  # clips
    caption_steps: int = 600
    caption_batch: int = 64


@dataclass(frozen=True, slots=True)
class SystemsRecipe(CodecRecipe):
    """Data set, clips, and the settings of every training behind a system of the miniature.

    Raises ConfigError for an unknown data set, and where clips or steps are too few.
    """

    dataset: str = "greatesthits"
    clips: int = 2000
    threads: int = 1
    clearer: float = 1.0  # factor on the signal-to-noise ratio of the video's schedule
    base_audio: TrainSettings = field(
        default_factory=lambda: replace(SHIPPED, trainable="audio", steps=1500, rate=2e-3)
    )
    base_video: TrainSettings = field(
        default_factory=lambda: replace(SHIPPED, trainable="video", steps=2500, rate=2e-3)
    )
    joint: TrainSettings = field(default_factory=lambda: SHIPPED)

    def __post_init__(self) -> None:
        given = {name: value for name, value in asdict(self).items() if name not in TRAININGS}
        drawn(given.pop("dataset"))
        for name in ("clearer", "seed", "threads"):
            check(name, given.pop(name))
        check("clips", given["clips"], COUNT)
        if min(given.values()) < 1:
            raise ConfigError(f"recipe: found {given}, expected clips and steps")

    @classmethod
    def of(cls, **changes: Any) -> SystemsRecipe:
        """Return the default recipe with some settings changed; None leaves one as it is.

        The steps of `base_audio`, `base_video` and `joint` are named `base_audio_steps` and so on.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        default = cls()
        steps = {name: given.pop(f"{name}_steps", None) for name in TRAININGS}
        trainings: dict[str, Any] = {
            name: replace(getattr(default, name), steps=count)
            for name, count in steps.items()
            if count is not None
        }
        return replace(default, **trainings, **given)

    @property
    def design(self) -> Design:
        """Return the design of the data set's networks."""
        return replace(drawn(self.dataset).design(), clearer=Pair(1.0, self.clearer))

    def shortened(self, share: float) -> SystemsRecipe:
        """Return the recipe with this share of all steps, at least one each: a quick check."""
        check("share", share)

        def few(steps: int) -> int:
            return max(1, round(share * steps))

        codecs: dict[str, Any] = {name: few(getattr(self, name)) for name in CODECS}
        trainings: dict[str, Any] = {
            name: replace(getattr(self, name), steps=few(getattr(self, name).steps))
            for name in TRAININGS
        }
        return replace(self, **codecs, **trainings)
