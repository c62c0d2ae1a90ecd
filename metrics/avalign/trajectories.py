"""The features of `synchrony`: the trajectory of impacts, and the onset strength of the sound.

Conventions
-----------
Features of a clip are float64 rows (kind, time, value), shape (k, 3), times in seconds; see `Kind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import digest_settings, installed, minor_version
from svbench.metrics.avalign.impacts import (
    MOTION_VERSION,
    ImpactMeter,
    ImpactModel,
    last_change_of,
    motion_of,
)
from svbench.metrics.avalign.measured import MeterReader
from svbench.metrics.avalign.onsets import OnsetSettings, onset_strength
from svbench.protocols import FrameReader
from svbench.types import Clip, Values, View

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 2
ONSETS: Final = OnsetSettings(hop_length=220)  # 10 ms; the rest as published
SMOOTHING: Final = 0.05  # s, standard deviation of a Gaussian over the onset strength


class Kind(IntEnum):
    """What a row of the features holds."""

    CLIP = 0  # once: length of picture and of sound, s
    IMPACT = 1  # one per frame used: its time, log odds of a hit
    RISE = 2  # one per 10 ms of sound: time, onset strength, smoothed
    END = 3  # once: when picture and sound change last, s


@dataclass(frozen=True, slots=True)
class Trajectories:
    """The extractor of `Synchrony`: trajectory of impacts and onset strength envelope."""

    model: ImpactModel
    view: View = "conformed"

    @property
    def key(self) -> str:
        """Return the key: model, view, code version, and versions of librosa and OpenCV."""
        import cv2

        decides = {
            "model": repr(self.model),
            "view": self.view,
            "code": [CODE_VERSION, MOTION_VERSION],
            "onsets": repr(ONSETS),
            "librosa": minor_version(installed("librosa")),
            "opencv": minor_version(cv2.getVersionString()),
        }
        return f"trajectories-{self.view}-{digest_settings(decides, 10)}"

    @property
    def light(self) -> bool:
        """Return True: it loads no network."""
        return True

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip, shape (k, 3); captions are not used."""
        del captions
        return [_extract(clip, self.model) for clip in clips]

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what measures the motion of a clip frame by frame."""
        return MeterReader(self, clip, caption, "impacts", partial(ImpactMeter, clip))

    @property
    def joins_any_length(self) -> bool:
        """Return True: picture and sound are compared as far as both last."""
        return True

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the rows of a clip that has one clip's picture and another's sound."""
        once = picture[np.isin(picture[:, 0], (Kind.CLIP, Kind.END))].copy()
        once[:, 2] = sound[np.isin(sound[:, 0], (Kind.CLIP, Kind.END)), 2]
        impacts, rises = picture[picture[:, 0] == Kind.IMPACT], sound[sound[:, 0] == Kind.RISE]
        return np.concatenate([once, impacts, rises])


def _extract(clip: Clip, model: ImpactModel) -> Values:
    """Extract the rows of one clip."""
    motion = motion_of(clip)
    rate = clip.spec.sample_rate
    picture = float(clip.frame_times[-1]) + 1 / clip.spec.fps
    once = np.array([[Kind.CLIP, picture, clip.audio.size / rate], [Kind.END, *_ends(clip)]])
    impacts = _rows(Kind.IMPACT, motion.times, model.trajectory(motion))
    return np.concatenate([once, impacts, rise_rows(clip.audio, rate)])


def _ends(clip: Clip) -> tuple[float, float]:
    """Return when picture and sound change last, s; 0 if never."""
    last = last_change_of(clip)
    sounding = np.flatnonzero(clip.audio)
    picture = float(clip.frame_times[last]) + 1 / clip.spec.fps if last else 0.0
    return picture, (sounding[-1] + 1) / clip.spec.sample_rate if len(sounding) else 0.0


def rise_rows(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Extract the rows of kind RISE of a sound: its smoothed onset strength, shape (k, 3)."""
    from scipy.ndimage import gaussian_filter1d

    if not audio.size:
        return np.empty((0, 3))
    step = ONSETS.hop_length / ONSETS.sample_rate
    strength = np.asarray(onset_strength(audio, sample_rate, ONSETS), np.float64)
    smooth = gaussian_filter1d(strength, SMOOTHING / step, mode="constant")
    return _rows(Kind.RISE, np.arange(len(smooth), dtype=np.float64) * step, np.asarray(smooth))


def _rows(
    kind: Kind, times: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.column_stack([np.full(len(times), float(kind)), times, values])
