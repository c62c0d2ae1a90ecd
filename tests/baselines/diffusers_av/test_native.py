"""The format that is asked of a pipeline, and its way to the format of a run: closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from svbench.baselines.diffusers_av.families import FAMILIES, Family
from svbench.baselines.diffusers_av.native import (
    TOLERANCE,
    Native,
    described,
    native_of,
    picture,
    sound,
)
from svbench.errors import ConfigError, DataError
from svbench.files.media.picture import cover
from svbench.types import ClipSpec

SPEC = ClipSpec(32, 8.0, (256, 256), 16000)  # 4 s


@pytest.mark.parametrize(
    ("kind", "frames", "side"),
    [
        ("LTX2Pipeline", 97, 512),  # 8 * 12 + 1
        ("EchoModularPipeline", 105, 512),  # 100 at 25 frames/s are not 8k + 1
        ("Kandinsky6TI2VAPipeline", 97, 512),
        ("Cosmos3OmniPipeline", 97, 736),  # 720 is no multiple of 32
        ("MiniMaxH3ModularPipeline", 124, 768),  # 17 * 7 + 5, its shortest
        ("AnimateDiffPipeline", 32, 512),
    ],
)
def test_what_lasts_as_long_as_a_clip_is_asked_for(kind: str, frames: int, side: int) -> None:
    family = FAMILIES[kind]
    native = native_of(family, SPEC, family.short_side, kind)
    assert (native.frames, native.size, native.fps) == (frames, (side, side), family.fps)
    assert str(side) in described(family, side)


@pytest.mark.parametrize("kind", [kind for kind, family in FAMILIES.items() if family.frames])
@pytest.mark.parametrize("duration", [0.5, 1, 2.125, 4])
def test_the_number_of_frames_is_the_least_that_a_family_makes(kind: str, duration: float) -> None:
    family = FAMILIES[kind]
    native = native_of(family, ClipSpec(round(8 * duration), 8.0, (48, 64), 16000), 1, kind)
    assert native.frames % family.step == family.first % family.step
    assert native.frames >= max(family.least, duration * family.fps)
    assert native.frames - family.step < max(family.least, duration * family.fps)
    assert all(side % family.side == 0 for side in native.size)


def test_proportions_stay_and_the_short_side_grows_to_what_was_trained() -> None:
    family = Family("both", side=32)
    wide = replace(SPEC, size=(256, 384))
    assert native_of(family, wide, 512, "X").size == (512, 768)
    assert native_of(family, wide, 1, "X").size == (256, 384)
    assert native_of(family, replace(SPEC, size=(60, 100)), 1, "X").size == (64, 128)


def test_clips_that_cannot_be_as_long_are_refused() -> None:
    with pytest.raises(ConfigError, match="AnimateDiffPipeline: its clips have at most 32 frames"):
        native_of(
            FAMILIES["AnimateDiffPipeline"], replace(SPEC, frames=40), 1, "AnimateDiffPipeline"
        )


def test_frames_are_chosen_by_time_of_two_the_earlier() -> None:
    frames = np.arange(97)[:, None, None, None] / 255 + np.zeros((97, 4, 4, 3))
    native = Native(97, 24.0, (4, 4), 4.0)
    found = picture(frames, native, ClipSpec(32, 8.0, (4, 4), 16000), cover)
    assert found[:, 0, 0, 0].tolist() == [3 * i for i in range(32)]
    found = picture(frames, native, ClipSpec(64, 16.0, (4, 4), 16000), cover)
    # 1.5, 4.5, ... frames lie between two
    assert found[:4, 0, 0, 0].tolist() == [0, 1, 3, 4]


def test_a_picture_is_limited_to_its_range_and_covers_the_size() -> None:
    frames = np.full((24, 8, 16, 3), 1.5, np.float32)
    frames[:, :, :4] = -1  # is cut away
    found = picture(frames, Native(24, 24.0, (8, 16), 1.0), ClipSpec(8, 8.0, (8, 8), 16000), cover)
    assert found.shape == (8, 8, 8, 3)
    assert (found == 255).all()


def test_channels_are_averaged_and_sound_is_cut_and_limited() -> None:
    spec = ClipSpec(8, 8.0, (8, 8), 16000)
    ramp = np.linspace(-3, 3, 17000, dtype=np.float32)
    found = sound(np.stack([ramp, ramp]), 16000, spec)
    assert np.array_equal(found, np.clip(ramp[:16000], -1, 1))
    assert not sound(np.stack([ramp, -ramp]), 16000, spec).any()
    assert np.array_equal(sound(ramp, 16000, spec), found)


def test_a_tone_keeps_its_pitch_and_place_where_it_is_resampled() -> None:
    spec = ClipSpec(8, 8.0, (8, 8), 16000)

    def tone(rate: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)

    found = sound(tone(44100), 44100, spec)
    inner = slice(400, -400)  # the filter has less to go by at the ends
    assert np.abs(found[inner] - tone(16000)[inner]).max() < 1e-3


def test_sound_that_ends_a_little_early_is_followed_by_silence() -> None:
    spec = ClipSpec(8, 8.0, (8, 8), 16000)
    short = np.full(round((1 - TOLERANCE) * 16000), 0.5, np.float32)
    found = sound(short, 16000, spec)
    assert len(found) == 16000
    assert (found[: len(short)] == 0.5).all()
    assert not found[len(short) :].any()
    with pytest.raises(DataError, match=r"its sound lasts 0\.9 s, expected at least 1 s"):
        sound(np.zeros(14400), 16000, spec)


def test_what_is_no_clip_is_refused() -> None:
    spec, native = ClipSpec(8, 8.0, (8, 8), 16000), Native(25, 24.0, (8, 8), 1.0)
    with pytest.raises(DataError, match=r"its picture lasts 0\.5 s, expected at least 1 s"):
        picture(np.zeros((12, 8, 8, 3)), native, spec, cover)
    with pytest.raises(DataError, match="its picture holds NaN"):
        picture(np.full((25, 8, 8, 3), np.nan), native, spec, cover)
    with pytest.raises(DataError, match="its sound holds NaN"):
        sound(np.full(16000, np.inf), 16000, spec)
