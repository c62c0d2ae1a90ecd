from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from typing import Any

from svbench.doctor.software import DECODERS, ffmpeg, software
from svbench.walk.record import RECORDED_VERSIONS


def test_all_packages_of_a_run_record_are_listed_and_here() -> None:
    found = {finding.name: finding for finding in software()}
    assert {"python", *RECORDED_VERSIONS} <= found.keys()
    assert {finding.state for finding in found.values()} == {"ok"}


def test_an_absent_package_names_the_command_that_installs_it() -> None:
    def installed(name: str) -> str:
        if name == "soxr":
            raise PackageNotFoundError(name)
        return "1.0"

    [absent] = [f for f in software(installed) if f.state != "ok"]
    assert (absent.name, absent.state, absent.mend) == ("soxr", "missing", "pip install soxr")


def test_a_package_that_does_not_load_is_missing() -> None:
    def load(name: str) -> Any:
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file\n")

    [broken] = [f for f in software(load=load) if f.state != "ok"]
    assert broken.name == "cv2"
    assert "libGL.so.1" in broken.found
    assert broken.mend == "pip install --force-reinstall opencv-python-headless"


def test_the_build_of_ffmpeg_here_has_all_coders() -> None:
    libraries, decoders, encoders = ffmpeg()
    assert libraries.facts["libavcodec"] in libraries.found
    assert (decoders.state, encoders.state) == ("ok", "ok")
    assert decoders.facts == dict.fromkeys(DECODERS, True)


def test_a_codec_of_others_is_a_note_and_that_of_our_clips_is_needed() -> None:
    _, decoders, encoders = ffmpeg(
        lambda name: name not in ("libdav1d", "libaom-av1"), lambda name: name != "ffv1"
    )
    assert (decoders.state, decoders.found) == ("note", "without av1")
    assert (encoders.state, encoders.found) == ("missing", "without ffv1")
    assert "pip install" in encoders.mend


def test_a_second_decoder_of_a_codec_is_as_good() -> None:
    _, decoders, _ = ffmpeg(lambda name: name != "opus")
    assert decoders.state == "ok"
