"""AV-Align as in the published scripts: clip after clip, without any sharing.

The plain loop with which ours is compared, in values and speed: all frames by cv2.VideoCapture, one
Farnebäck call per frame (the first pair twice), audio by librosa.load, and matching of two lists.
Written from a description of those scripts, without their code.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import cv2
import librosa
import numpy as np
from numpy.typing import NDArray


def read_frames(path: Path) -> tuple[list[NDArray[Any]], float]:
    """Return all frames (BGR) and the frame rate of a video file."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        more, frame = capture.read()
        if not more:
            break
        frames.append(frame)
    fps = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return frames, fps


def motion_curve(frames: list[NDArray[Any]]) -> list[float]:
    """Return the mean flow magnitude per frame; the first pair of frames is measured twice."""
    grays = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames]
    curve = []
    for i in range(len(grays)):
        before = max(i - 1, 0)
        flow: Any = cv2.calcOpticalFlowFarneback(
            grays[before],
            grays[before + 1],
            None,
            0.5,
            3,
            15,
            3,
            5,
            1.2,
            0,  # type: ignore[call-overload]
        )
        # Not cv2.magnitude: its last bits depend on the memory alignment of the flow, so the first
        # pair, measured twice, could give two values.
        curve.append(float(np.sqrt((flow**2).sum(axis=-1)).mean()))
    return curve


def motion_peaks(curve: list[float], fps: float) -> list[float]:
    """Return the times of strict local maxima, in seconds."""
    inner = range(1, len(curve) - 1)
    return [i / fps for i in inner if curve[i - 1] < curve[i] > curve[i + 1]]


def sound_onsets(path: Path) -> list[float]:
    """Return the onsets of an audio file by librosa's defaults, in seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of audioread, which load looks for
        sound, rate = librosa.load(path)
    strength = librosa.onset.onset_strength(y=sound, sr=rate)
    frames = librosa.onset.onset_detect(onset_envelope=strength, sr=rate)
    return [float(t) for t in librosa.frames_to_time(frames, sr=rate)]


def corrected_score(onsets: list[float], peaks: list[float], fps: float) -> float:
    """Return the corrected score (Eq. 14-15 of the paper) by two nested loops."""

    def match(onset: float, peak: float) -> bool:
        return peak - 1 / fps < onset < peak + 1 / fps

    with_peak = sum(any(match(a, v) for v in peaks) for a in onsets)
    with_onset = sum(any(match(a, v) for a in onsets) for v in peaks)
    if not with_peak or not with_onset:
        return 0.0
    p, r = with_peak / len(onsets), with_onset / len(peaks)
    return p * r / (p + r - p * r)


def av_align(video: Path, sound: Path) -> float:
    """Return the score of one clip from its files."""
    frames, fps = read_frames(video)
    peaks = motion_peaks(motion_curve(frames), fps)
    return corrected_score(sound_onsets(sound), peaks, fps)
