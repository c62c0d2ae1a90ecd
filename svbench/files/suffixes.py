"""File name suffixes of video and audio files.

The suffixes are those that FFmpeg reads as files of one clip; case is ignored. A suffix only
selects candidates: the content is checked when a file is opened.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

VIDEO_SUFFIXES: Final = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".mk3d", ".webm", ".avi", ".divx"),
    *(".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob", ".dv"),
    *(".flv", ".f4v", ".3gp", ".3g2", ".wmv", ".asf", ".gif", ".apng", ".ogv", ".ogm"),
    *(".mxf", ".nut", ".amv", ".rm", ".rmvb", ".wtv", ".ivf", ".y4m", ".mjpeg", ".mjpg"),
    *(".h264", ".264", ".h265", ".265", ".hevc", ".av1", ".obu"),
)
AUDIO_SUFFIXES: Final = (
    *(".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wma", ".aif", ".aiff"),
    *(".ac3", ".eac3", ".mp2", ".mka", ".caf", ".w64", ".au", ".wv", ".amr"),
)


def is_video(file: PurePath) -> bool:
    """Return whether a file has the suffix of a video."""
    return file.suffix.lower() in VIDEO_SUFFIXES


def is_sound(file: PurePath) -> bool:
    """Return whether a file has the suffix of an audio file."""
    return file.suffix.lower() in AUDIO_SUFFIXES
