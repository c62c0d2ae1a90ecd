"""Native files to clips of a run: picture and sound as long as asked, by a stated policy.

A file is decoded as any recorded clip (see `svbench.files.media`, whose reader is passed in): the
frame nearest in time, scaled to cover the size and cropped, sound resampled to mono. What a
system makes must last as long as its description says (its native length, or that of the run's
clips where it takes any); then, where the run's clips are

shorter    they are cut at the start (all policies)
longer     "loop": picture and sound begin again, both after the same whole number of frames, so
           that they stay in step; "pad": the last frame stays and silence follows; "trim" is for
           systems whose clips are long enough, and refuses

References
----------
The policies are our own: the paper compares clips of 1.6 s, 2 s, 8 s and 10 s with those of 4 s
without a word on how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from svbench.baselines.external.description import Description, Policy
from svbench.errors import ConfigError, DataError
from svbench.types import Clip, ClipSpec, Recording

VERSION: Final = "1"  # of the numbers: raised when a converted clip could change
TOLERANCE: Final = 0.05  # s that a native clip may be short by; whole frames are kept


class Media(Protocol):
    """Reading and writing of media, as `svbench.files.media` does it."""

    @property
    def read(self) -> Callable[..., Clip]:
        """Return what decodes a clip: (recording, spec, pad=...)."""
        ...

    @property
    def write_mp4(self) -> Callable[..., None]:
        """Return what writes a picture: (path, video, frames / s)."""
        ...

    @property
    def write_wav(self) -> Callable[..., None]:
        """Return what writes sound: (path, audio, samples / s)."""
        ...


def made_length(description: Description, spec: ClipSpec) -> float:
    """Return how long the clips last that a system is to make, in s."""
    native = description.native.length
    return spec.duration if native is None else native


def made_frames(description: Description, spec: ClipSpec) -> int:
    """Return how many whole frames of a run's clips a system makes.

    Raises ConfigError where they are too few and the policy is to trim.
    """
    length = made_length(description, spec)
    frames = min(spec.frames, int((length + 1e-6) * spec.fps))
    if frames < spec.frames and (description.duration.policy == "trim" or not frames):
        raise ConfigError(
            f"{description.name}: its clips last {length:g} s and are to be trimmed, expected at "
            f"least the {spec.duration:g} s of the run's ({spec})"
        )
    return frames


def convert(
    description: Description, files: Recording, spec: ClipSpec, media: Media
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return picture (T, H, W, 3) and sound (S,) of native files in the format of a run.

    Raises
    ------
    DataError
        if the files cannot be decoded, or are shorter than the description says
    """
    frames = made_frames(description, spec)
    plain = replace(spec, frames=frames, frame_choice="nearest", channels="mean")
    try:
        clip = media.read(files, plain)
    except DataError as error:
        raise DataError(_without_hint(str(error))) from error
    policy = description.duration.policy
    return (
        extended(clip.video, spec.frames, policy),
        extended(clip.audio, spec.samples, policy, silent=True),
    )


def extended(array: Any, length: int, policy: Policy, *, silent: bool = False) -> Any:
    """Return an array of another length along its first axis: cut, looped or padded.

    Padding repeats the last entry, or is zero where it is to be `silent`.
    """
    if len(array) >= length:
        return array[:length]
    if policy == "loop":
        return np.take(array, np.arange(length) % len(array), axis=0)
    widths = [(0, length - len(array)), *([(0, 0)] * (array.ndim - 1))]
    return np.pad(array, widths, mode="constant" if silent else "edge")


def write_half(description: Description, clip: Clip, path: Path, media: Media) -> Path:
    """Write the half of a clip that a system is given, and return its file.

    It lasts at least as long as the system needs (see `Given`): a clip that is shorter is looped,
    or padded. A picture has no sound with it.
    """
    spec, given = clip.spec, description.given
    seconds = max(spec.duration, given.length) if given is not None else spec.duration
    policy: Policy = "loop" if given is None else given.policy
    if description.makes_picture:
        file = path.with_suffix(".wav")
        samples = round(seconds * spec.sample_rate)
        sound = extended(clip.audio, samples, policy, silent=True)
        media.write_wav(file, sound, spec.sample_rate)
        return file
    file = path.with_suffix(".mp4")
    media.write_mp4(file, extended(clip.video, int(np.ceil(seconds * spec.fps)), policy), spec.fps)
    return file


def _without_hint(message: str) -> str:
    """Return the message of a reader without its advice to whoever recorded the clip."""
    return message.partition("; is it truncated?")[0]
