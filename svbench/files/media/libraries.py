"""The FFmpeg that PyAV brings: versions of its libraries, and which coders are in its build."""

from __future__ import annotations

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError


def library_versions() -> dict[str, str]:
    """Return the versions of FFmpeg's libraries by name, such as {"libavcodec": "62.28.102"}."""
    return {name: ".".join(map(str, parts)) for name, parts in av.library_versions.items()}


def can_decode(name: str) -> bool:
    """Return whether the build has a decoder of that name, or of the codec of that name."""
    return _has(name, "r")


def can_encode(name: str) -> bool:
    """Return whether the build has an encoder of that name, or of the codec of that name."""
    return _has(name, "w")


def _has(name: str, mode: str) -> bool:
    try:
        Codec(name, "r" if mode == "r" else "w")
    except UnknownCodecError:
        return False
    return True
