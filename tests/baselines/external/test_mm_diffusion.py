"""The adapter of MM-Diffusion: its own driver, on a stand-in for the repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from svbench.baselines.external.description import read_description
from svbench.baselines.external.places import own_place
from svbench.baselines.external.system import External
from svbench.compute import Machine
from svbench.files import media
from svbench.files.store import file_name
from svbench.protocols import UnconditionalSystem
from svbench.types import Clip, ClipSpec, NotMade, Request
from tests.factories.mm_diffusion import SHIPPED, write_mm_diffusion

SPEC = ClipSpec(frames=20, fps=10, size=(16, 16), sample_rate=16_000)  # 2 s; its own last 1.6 s
REQUESTS = [Request(f"c{n}/0", "a caption", 2**40 + n) for n in range(3)]


def made(path: Path, requests: Sequence[Request], mode: str = "faithful") -> list[Clip | NotMade]:
    """Return what one driver makes of requests, which may be asked for twice."""
    cpu = Machine("cpu", threads=1)
    one = External(own_place(path), mode, cpu, media, {}, file_name)
    assert isinstance(one, UnconditionalSystem)
    assert one.unconditional
    try:
        return [clip for request in requests for clip in one.generate([request], SPEC)]
    finally:
        one.release()


@pytest.mark.parametrize("mode", ["faithful", "ddim25", "ddpm"])
def test_a_sample_depends_on_its_seed_alone(mode: str, tmp_path: Path) -> None:
    path = write_mm_diffusion(tmp_path)
    found = made(path, [*REQUESTS, *REQUESTS[::-1]], mode)
    for one, other in zip(found[:3], found[:2:-1], strict=True):
        assert isinstance(one, Clip), one
        assert isinstance(other, Clip)
        assert np.array_equal(one.video, other.video)
        assert np.array_equal(one.audio, other.audio)
    first, second = found[:2]
    assert isinstance(first, Clip)
    assert isinstance(second, Clip)
    assert not np.array_equal(first.video, second.video)
    assert not np.array_equal(first.audio, second.audio)


def test_clips_begin_again_after_their_length(tmp_path: Path) -> None:
    (clip,) = made(write_mm_diffusion(tmp_path), REQUESTS[:1])
    assert isinstance(clip, Clip)
    assert np.array_equal(clip.video[16:], clip.video[:4])
    assert not np.array_equal(clip.video[16], clip.video[15])
    assert np.array_equal(clip.audio[25_600:], clip.audio[: 32_000 - 25_600])
    assert clip.video.std() > 0
    assert 0 < np.abs(clip.audio).max() <= 1


def test_a_setting_that_is_no_flag_is_named(tmp_path: Path) -> None:
    (found,) = made(write_mm_diffusion(tmp_path, steps=4), REQUESTS[:1])
    assert isinstance(found, NotMade)
    assert "setting steps: expected a flag of MM-Diffusion" in found.reason


def test_what_is_no_number_is_no_sample(tmp_path: Path) -> None:
    path = write_mm_diffusion(tmp_path)
    file = tmp_path / "weights" / "Landscape.pt"
    state = torch.load(file, weights_only=True)
    torch.save(state | {"mix.weight": torch.full((8, 1), float("nan"))}, file)
    (found,) = made(path, REQUESTS[:1])
    assert isinstance(found, NotMade)
    assert found.reason == "ValueError: its networks returned NaN or infinity"


def test_its_description_holds_the_flags_of_its_script() -> None:
    described = read_description(SHIPPED / "system.yaml")
    assert described.task == "uncond"
    assert described.published_in == ("landscape",)
    frames, _, height, width = map(int, str(described.settings["video_size"]).split(","))
    channels, samples = map(int, str(described.settings["audio_size"]).split(","))
    native = described.native
    assert (frames / 10, samples / 16_000, channels) == (native.length, native.length, 1)
    assert native.size == (described.settings["large_size"],) * 2
    assert (height, width) == (described.settings["small_size"],) * 2
