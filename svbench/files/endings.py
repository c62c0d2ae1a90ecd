"""Which files are taken for videos and for sounds, by the ending of their names.

The one list of the project. Endings say what a file is meant to be, whatever their case; what it
holds is found out when it is opened. The endings are those that FFmpeg reads as files of one clip.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

VIDEO_ENDINGS: Final = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".mk3d", ".webm", ".avi", ".divx"),
    *(".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob", ".dv"),
    *(".flv", ".f4v", ".3gp", ".3g2", ".wmv", ".asf", ".gif", ".apng", ".ogv", ".ogm"),
    *(".mxf", ".nut", ".amv", ".rm", ".rmvb", ".wtv", ".ivf", ".y4m", ".mjpeg", ".mjpg"),
    *(".h264", ".264", ".h265", ".265", ".hevc", ".av1", ".obu"),
)
SOUND_ENDINGS: Final = (
    *(".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wma", ".aif", ".aiff"),
    *(".ac3", ".eac3", ".mp2", ".mka", ".caf", ".w64", ".au", ".wv", ".amr"),
)


def is_video(file: PurePath) -> bool:
    """Return whether a file is called like a video."""
    return file.suffix.lower() in VIDEO_ENDINGS


def is_sound(file: PurePath) -> bool:
    """Return whether a file is called like a sound."""
    return file.suffix.lower() in SOUND_ENDINGS
