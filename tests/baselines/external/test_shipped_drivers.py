"""The drivers of shipped systems, against stand-ins of their checkouts: traps, seeds, lengths."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from svbench.baselines.external.given import OfRealClips
from svbench.baselines.external.places import Place
from svbench.types import Clip, ClipSpec, NotMade, Request
from tests.factories.stub_checkouts import diff_foley, stub_place, stub_system, tempotokens

SPEC = ClipSpec(frames=16, fps=4, size=(32, 32), sample_rate=16000)  # 4 s
REQUESTS = [Request(f"c{n}/0", f"caption {n}", 5 + 7919 * n) for n in range(2)]


class Louder:
    """Real clips whose sound is louder in every second, and whose picture is grey."""

    examples = ("c0", "c1")

    def read(self, _example: str, spec: ClipSpec) -> Clip:
        grey = np.full((spec.frames, *spec.size, 3), 100, np.uint8)
        second = np.arange(spec.samples) // spec.sample_rate
        return Clip(grey, (0.1 + 0.1 * second).astype(np.float32), spec)

    def digest(self, example: str) -> str:
        return example


def made(
    place: Place, mode: str = "", requests: Sequence[Request] = REQUESTS
) -> list[Clip | NotMade]:
    given = OfRealClips(Louder()) if place.description.task in ("a2v", "v2a") else None
    system = stub_system(place, mode, given)
    try:
        return list(system.generate(requests, SPEC))
    finally:
        system.release()


def clips(found: Sequence[Clip | NotMade]) -> list[Clip]:
    assert not [one.reason for one in found if isinstance(one, NotMade)]
    return [one for one in found if isinstance(one, Clip)]


def check_alone(place: Place, whole: Sequence[Clip]) -> None:
    """Check that the second sample is the same alone, by a driver that made no other."""
    (alone,) = clips(made(place, requests=REQUESTS[1:]))
    assert np.array_equal(alone.video, whole[1].video)
    assert np.array_equal(alone.audio, whole[1].audio)


def pitch(sound: np.ndarray, rate: int = SPEC.sample_rate) -> float:
    return float(np.abs(np.fft.rfft(sound)).argmax()) * rate / len(sound)


# --- Diff-Foley ----------------------------------------------------------------------------------


def test_diff_foleys_pitch_is_that_of_its_mode(tmp_path: Path) -> None:
    place = diff_foley(tmp_path)
    faithful, fixed = clips(made(place)), clips(made(place, "fixed", REQUESTS[:1]))
    assert pitch(faithful[0].audio) == pytest.approx(1000 * 16000 / 22050, abs=0.3)
    assert pitch(fixed[0].audio) == pytest.approx(1000, abs=0.3)
    assert (faithful[0].video == 100).all()  # the picture that was given
    assert not np.array_equal(faithful[0].audio, faithful[1].audio)
    check_alone(place, faithful)


def test_diff_foley_without_all_of_its_weights_does_not_start(tmp_path: Path) -> None:
    place = diff_foley(tmp_path, without="module.video_encoder.bias")
    reasons = [one.reason for one in made(place) if isinstance(one, NotMade)]
    expected = "ValueError: cavp_epoch66.ckpt lacks 1 of 2 parameters (video_encoder.bias)"
    assert len(reasons) == len(REQUESTS)
    assert expected in reasons[0]


# --- TempoTokens ---------------------------------------------------------------------------------


def levels(clip: Clip) -> np.ndarray:
    return clip.video[:, 0, 0, 0] / 127.5 - 1


def test_tempotokens_repeats_its_two_seconds_or_makes_them_of_all_sound(tmp_path: Path) -> None:
    place = tempotokens(tmp_path)
    faithful, windows = clips(made(place)), clips(made(place, "windows", REQUESTS[:1]))
    half = SPEC.frames // 2
    assert np.array_equal(faithful[0].video[:half], faithful[0].video[half:])
    assert np.array_equal(faithful[0].video[:half], windows[0].video[:half])
    louder = levels(windows[0])[half:] - levels(windows[0])[:half]
    assert louder == pytest.approx(0.2, abs=0.02)  # 0.15 -> 0.35; levels of 8 bits, half precision
    assert faithful[0].audio[0] == pytest.approx(0.1, abs=1e-3)  # the sound that was given
    check_alone(place, faithful)


def test_tempotokens_has_weights_of_each_data_set(tmp_path: Path) -> None:
    place = tempotokens(tmp_path)
    (usual,), (landscape,) = (
        clips(made(place, mode, REQUESTS[:1])) for mode in ("faithful", "landscape")
    )
    assert levels(landscape) - levels(usual) == pytest.approx(0.15, abs=0.02)


# --- MMAudio -------------------------------------------------------------------------------------


def test_mmaudio_reads_all_weights_from_their_folders(tmp_path: Path) -> None:
    place = stub_place("mmaudio", tmp_path)
    for weight in place.description.weights:
        if weight.file.startswith("weights/"):
            torch.save({"weight": torch.zeros(1, 1), "bias": torch.zeros(1)}, place.weight(weight))
    whole, (small,) = clips(made(place)), clips(made(place, "small-16k", REQUESTS[:1]))
    assert pitch(whole[0].audio) == pytest.approx(500, abs=0.3)
    assert pitch(small.audio) == pytest.approx(500, abs=0.3)
    assert not np.array_equal(whole[0].audio, whole[1].audio)
    check_alone(place, whole)


# --- SpecVQGAN -----------------------------------------------------------------------------------


def specvqgan(folder: Path, **state: torch.Tensor) -> Place:
    """Return a place whose archives are as upstream's, under one folder each."""
    place = stub_place("specvqgan", folder / "with a blank")
    inner = folder / "x_vggsound_transformer"
    for below in ("configs", "checkpoints"):
        (inner / below).mkdir(parents=True)
    (inner / "configs" / "x-project.yaml").write_text("a configuration")
    torch.save({"state_dict": state}, inner / "checkpoints" / "last.ckpt")
    for weight in place.description.weights:
        if weight.file.endswith(".tar.gz"):
            with tarfile.open(place.weight(weight), "w:gz") as packed:
                packed.add(inner, inner.name)
    return place


def test_specvqgan_makes_sound_not_spectrograms(tmp_path: Path) -> None:
    state = {"transformer.weight": torch.zeros(1, 1), "transformer.bias": torch.zeros(1)}
    place = specvqgan(tmp_path, **state)
    whole = clips(made(place))
    assert pitch(whole[0].audio) == pytest.approx(500, abs=0.3)
    assert not np.array_equal(whole[0].audio, whole[1].audio)
    check_alone(place, whole)


def test_specvqgan_without_all_of_its_weights_does_not_start(tmp_path: Path) -> None:
    place = specvqgan(tmp_path, **{"transformer.weight": torch.zeros(1, 1)})
    (reason, _) = (one.reason for one in made(place) if isinstance(one, NotMade))
    assert "transformer.tar.gz lacks 1 parameters (transformer.bias)" in reason


# --- CoDi ----------------------------------------------------------------------------------------


def codi(folder: Path, name: str = "weight") -> Place:
    place = stub_place("codi", folder)
    for weight in place.description.weights:
        if weight.file.endswith(".pth"):
            torch.save({name: torch.zeros(1, 1)}, place.weight(weight))
    return place


def test_codis_eight_frames_last_as_long_as_its_settings_say(tmp_path: Path) -> None:
    place = codi(tmp_path)
    whole = clips(made(place))
    assert np.array_equal(whole[0].video[:, 0, 0, 0], np.repeat(np.arange(8) * 20, 2))
    assert pitch(whole[0].audio) == pytest.approx(500, abs=0.3)
    assert not np.array_equal(whole[0].audio, whole[1].audio)
    check_alone(place, whole)


def test_codi_with_weights_of_something_else_does_not_start(tmp_path: Path) -> None:
    found = made(codi(tmp_path, "another.weight"))
    (reason, _) = (one.reason for one in found if isinstance(one, NotMade))
    assert "CoDi_encoders.pth holds no parameters of the network" in reason
