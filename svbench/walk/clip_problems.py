"""What is wrong with one clip, in one line; what is not about it is raised instead."""

from __future__ import annotations

import sys

import numpy as np

from svbench.errors import DataError, ScoreError, StoppedError, SvbenchError
from svbench.types import Sample, Values


def reading_problem(sample: Sample, error: Exception) -> str:
    """Return the problem of a clip that cannot be read; an error that is not about it is raised."""
    return str(error) if isinstance(error, DataError) else problem_of(sample, error)


def problem_of(sample: Sample, error: Exception) -> str:
    """Return the problem of a clip; an error that is not about it is raised instead."""
    about_clips = isinstance(error, DataError | ScoreError)
    line, name = str(error) if about_clips else foreign(error), f"{sample.recording.path}: "
    return line if line.startswith(name) else name + line


def checked_features(block: Values) -> Values:
    """Return the features of a clip; raise ScoreError unless they are rows of finite numbers."""
    if block.ndim != 2 or not len(block) or not np.isfinite(block).all():
        raise ScoreError(f"found features {block.shape} or not finite, expected rows of numbers")
    return block


def foreign(error: Exception, *, alone: bool = True) -> str:
    """Return the error of another library, which is blamed on a clip, as part of one line.

    What is not about the clip is raised instead: an error of ours (the disk is full, a clip
    changed), and a device without memory for a single clip.
    """
    if isinstance(error, SvbenchError):
        raise error
    torch = sys.modules.get("torch")
    if torch is not None and alone and isinstance(error, torch.OutOfMemoryError):
        raise StoppedError(
            "the device has no memory left for one clip; free some, then run the same command "
            "again to go on"
        ) from error
    text = " ".join(str(error).split())
    found = f"found {type(error).__name__} ({text:.300})"
    return f"{found}, expected a clip that features can be extracted from"
