"""Software: Python, the packages that decide numbers, and what FFmpeg's build can read and write.

Versions are read from the packages' metadata; only what may fail to load although it is installed
(OpenCV, numba) is imported.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from svbench.doctor.findings import Finding
from svbench.files.media import libraries
from svbench.walk.record import RECORDED_VERSIONS

SUBJECT: Final = "software"
MEDIA: Final = "FFmpeg"
# Beside those that run.json records: what else decides a number, a file form or a prediction.
ALSO: Final = ("numba", "soxr", "diffusers", "transformers", "safetensors", "accelerate")
HUB: Final = ("huggingface_hub", "pandas", "pydantic", "rich", "typer")
LOADED: Final = ("cv2", "numba")  # they have libraries of their own, which may not load
PIP: Final = "pip install --force-reinstall {}"
# Codec -> decoders of which one must be there. FFmpeg's own av1 decoder needs a GPU.
DECODERS: Final[Mapping[str, Sequence[str]]] = {
    "ffv1": ("ffv1",),
    "flac": ("flac",),
    "h264": ("h264",),
    "aac": ("aac",),
    "opus": ("opus", "libopus"),
    "vp9": ("vp9", "libvpx-vp9"),
    "av1": ("libdav1d", "libaom-av1"),
}
STORED: Final = ("ffv1", "flac")  # of the clips of every run
ENCODERS: Final = (*STORED, "libx264", "aac")  # the last two for miniatures and pages
REINSTALL_AV: Final = PIP.format("av") + " (its wheel carries an FFmpeg with all of them)"


def software(
    installed: Callable[[str], str] = version, load: Callable[[str], Any] = import_module
) -> list[Finding]:
    """Return Python and the packages that decide numbers.

    `installed` returns the version of a package, `load` imports a module.
    """
    place = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    python = Finding(
        SUBJECT, "python", "ok", f"{place}, {sys.executable}", facts={"version": sys.version}
    )
    names = dict.fromkeys((*RECORDED_VERSIONS, *ALSO, *HUB))
    return [python, *(_package(name, installed) for name in names), *_loaded(load)]


def _package(name: str, installed: Callable[[str], str]) -> Finding:
    try:
        found = installed(name)
    except PackageNotFoundError:
        return Finding(SUBJECT, name, "missing", "not installed", f"pip install {name}")
    return Finding(SUBJECT, name, "ok", found, facts={"version": found})


def _loaded(load: Callable[[str], Any]) -> Iterator[Finding]:
    """Yield what is installed and does not load."""
    packages = {"cv2": "opencv-python-headless"}
    for module in LOADED:
        try:
            load(module)
        except Exception as error:  # a broken package raises whatever it likes
            reason = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
            found = f"installed, but cannot be loaded ({reason})"
            yield Finding(
                SUBJECT, module, "missing", found, PIP.format(packages.get(module, module))
            )


def ffmpeg(
    decodes: Callable[[str], bool] = libraries.can_decode,
    encodes: Callable[[str], bool] = libraries.can_encode,
) -> list[Finding]:
    """Return the versions of FFmpeg's libraries, and which codecs its build lacks.

    `decodes` and `encodes` say whether there is a coder of a name.
    """
    versions = libraries.library_versions()
    names = ", ".join(f"{name} {versions[name]}" for name in sorted(versions) if _matters(name))
    coders = {codec: any(map(decodes, names)) for codec, names in DECODERS.items()}
    writing = {name: encodes(name) for name in ENCODERS}
    return [
        Finding(MEDIA, "libraries", "ok", names, facts=versions),
        _coders("decoders", coders),
        _coders("encoders", writing),
    ]


def _matters(library: str) -> bool:
    return library in ("libavcodec", "libavformat", "libavutil", "libswscale", "libswresample")


def _coders(name: str, there: Mapping[str, bool]) -> Finding:
    absent = [codec for codec, found in there.items() if not found]
    if not absent:
        return Finding(MEDIA, name, "ok", ", ".join(there), facts=dict(there))
    found = f"without {', '.join(absent)}"
    needed = any(codec in STORED for codec in absent)
    return Finding(MEDIA, name, "missing" if needed else "note", found, REINSTALL_AV, dict(there))
