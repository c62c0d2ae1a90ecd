"""The controls: rows made of real clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svbench.baselines import miniature
from svbench.baselines.controls import (
    LAG,
    SMALL_LAG,
    CodecRoundTrip,
    Control,
    lagged,
    partners,
    real,
    shuffled,
)
from svbench.baselines.joint.model import JointModel
from svbench.errors import ConfigError
from svbench.miniature import greatesthits
from svbench.types import Clip, ClipSpec, Request
from tests.baselines.miniature.test_systems import a_clip

SPEC = ClipSpec(2, 2.0, (4, 4), 8)  # 1 s: 8 samples, so 0.25 s are 2 samples
IDS = ("a", "b", "c", "d")


@dataclass
class Marked:
    """Clips whose pixels and audio encode their index; digests may be replaced."""

    examples: tuple[str, ...] = IDS
    changed: dict[str, str] = field(default_factory=dict)
    read_ids: list[str] = field(default_factory=list)

    def read(self, example: str, spec: ClipSpec) -> Clip:
        self.read_ids.append(example)
        mark = self.examples.index(example)
        video = np.full((spec.frames, *spec.size, 3), 10 + mark, np.uint8)
        audio = (mark + np.arange(spec.samples) / 10).astype(np.float32)
        return Clip(video, audio, spec)

    def digest(self, example: str) -> str:
        return self.changed.get(example, f"digest of {example}")


CLIPS = Marked()


def request(example: str, seed: int = 0) -> Request:
    return Request(f"{example}/0", "", seed)


def pixel(clip: Clip) -> int:
    return int(clip.video[0, 0, 0, 0]) - 10


def sound(clip: Clip) -> int:
    return int(clip.audio[0])


def test_real_gives_the_real_clip_and_ignores_the_seed_of_a_request() -> None:
    one, again = real(CLIPS).generate([request("c", 1), request("c", 2)], SPEC)
    wanted = CLIPS.read("c", SPEC)
    for clip in (one, again):
        np.testing.assert_array_equal(clip.video, wanted.video)
        np.testing.assert_array_equal(clip.audio, wanted.audio)


def test_an_id_may_hold_slashes() -> None:
    clips = Marked(("folder/clip",))
    list(real(clips).generate([Request("folder/clip/3", "", 0)], SPEC))
    assert clips.read_ids == ["folder/clip"]


def test_the_lags_are_those_of_peavs_and_the_smaller_one_is_in_the_name() -> None:
    assert (LAG, SMALL_LAG) == (0.5, 0.25)
    assert [lagged(CLIPS, lag).name for lag in (LAG, SMALL_LAG)] == ["lagged", "lagged-0.25"]


def test_lagged_rotates_the_audio() -> None:
    (clip,) = lagged(CLIPS, 0.25).generate([request("b")], SPEC)
    np.testing.assert_array_equal(clip.video, CLIPS.read("b", SPEC).video)
    expected = np.array([1.6, 1.7, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5], np.float32)
    np.testing.assert_array_equal(clip.audio, expected)


@pytest.mark.parametrize(
    ("lag", "first"), [(0.0, 0), (0.125, 7), (0.5, 4), (0.875, 1), (1.0, 0), (1.25, 6)]
)
def test_lagged_by_another_time(lag: float, first: int) -> None:
    (clip,) = lagged(CLIPS, lag).generate([request("a")], SPEC)
    np.testing.assert_array_equal(clip.audio, np.roll(np.arange(8), -first).astype("f4") / 10)


def test_shuffled_keeps_each_picture_and_uses_each_sound_once() -> None:
    clips = list(shuffled(CLIPS, 5).generate([request(e) for e in IDS], SPEC))
    assert [pixel(clip) for clip in clips] == [0, 1, 2, 3]
    assert sorted(sound(clip) for clip in clips) == [0, 1, 2, 3]
    assert all(sound(clip) != pixel(clip) for clip in clips)


def test_shuffled_pairs_do_not_depend_on_which_requests_come_when() -> None:
    system = shuffled(CLIPS, 5)
    whole = [sound(clip) for clip in system.generate([request(e) for e in IDS], SPEC)]
    backwards = [sound(c) for c in system.generate([request(e) for e in IDS[::-1]], SPEC)]
    assert backwards == whole[::-1]


def test_two_clips_swap_their_sounds() -> None:
    assert partners(["x", "y"], 0) == {"x": "y", "y": "x"}


@given(count=st.integers(2, 40), seed=st.integers(0, 2**63 - 1))
def test_partners_are_one_cycle_through_all(count: int, seed: int) -> None:
    names = [f"clip {i}" for i in range(count)]
    partner = partners(names, seed)
    way = [names[0]]
    while (following := partner[way[-1]]) != names[0]:
        way.append(following)
    assert sorted(way) == sorted(names)


def test_partners_follow_the_seed() -> None:
    names = [f"clip {i}" for i in range(20)]
    assert partners(names, 1) == partners(names, 1)
    assert partners(names, 1) != partners(names, 2)


def test_the_settings_distinguish_other_pairs() -> None:
    assert shuffled(CLIPS, 1).settings == shuffled(CLIPS, 1).settings
    many = Marked(tuple(f"clip {i}" for i in range(20)))
    assert shuffled(many, 1).settings != shuffled(many, 2).settings
    assert lagged(CLIPS).settings == {"lag": "0.5 s"}
    assert lagged(CLIPS, 0.25).settings == {"lag": "0.25 s"}


@pytest.mark.parametrize("names", [[], ["only"]])
def test_one_clip_has_no_other_sound(names: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"at least 2 clips, got {len(names)}"):
        shuffled(Marked(tuple(names)), 0)


def test_all_controls_are_made_of_real_clips() -> None:
    systems = [real(CLIPS), shuffled(CLIPS, 0), lagged(CLIPS)]
    assert [system.name for system in systems] == ["real", "shuffled", "lagged"]
    assert all(system.made_of_real_clips for system in systems)


# --- what decides a clip -------------------------------------------------------------------------

CONTROLS: dict[str, Callable[[Marked], Control]] = {
    "real": real,
    "lagged": lagged,
    "shuffled": lambda clips: shuffled(clips, 5),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_clip_is_decided_by_just_the_real_clips_that_it_is_made_of(name: str) -> None:
    """It is so by its request: a clip of which nothing changed need not be made again."""
    before = CONTROLS[name](Marked())
    for changed in IDS:
        after = CONTROLS[name](Marked(changed={changed: "other bytes"}))
        for example in IDS:
            clips = Marked()
            list(CONTROLS[name](clips).generate([request(example)], SPEC))
            same = before.decided_by(request(example)) == after.decided_by(request(example))
            assert same == (changed not in clips.read_ids)


def test_sources_distinguish_picture_and_sound() -> None:
    two = Marked(("a", "b"))
    one, other = (shuffled(two, 0).decided_by(request(name)) for name in ("a", "b"))
    assert one == {"picture": "digest of a", "sound": "digest of b"}
    assert other == {"picture": "digest of b", "sound": "digest of a"}


def test_another_lag_decides_another_clip() -> None:
    decided = [lagged(CLIPS, lag).decided_by(request("a")) for lag in (0.25, 0.5)]
    assert decided[0] != decided[1]


# --- codec round trip ----------------------------------------------------------------------------


class Numbered:
    """Clips by their numbers."""

    examples = ("0", "1")

    def read(self, example: str, spec: ClipSpec) -> Clip:
        assert spec == greatesthits.SPEC
        return a_clip(int(example))

    def digest(self, example: str) -> str:
        return f"digest of {example}"


def test_each_real_clip_is_encoded_and_decoded_alone() -> None:
    loaded: list[JointModel] = []

    def load() -> JointModel:
        loaded.append(miniature.assemble("cmc-pe"))
        return loaded[-1]

    system = CodecRoundTrip(Numbered(), load, "abc")
    assert not loaded  # nothing is loaded before the first request
    assert system.settings == {"weights": "abc"}
    assert system.made_of_real_clips
    assert system.decided_by(Request("7/0", "", 0)) == {"weights": "abc", "clip": "digest of 7"}
    requests = [Request(f"{i}/0", "", i) for i in range(2)]
    clips = list(system.generate(requests, greatesthits.SPEC))
    assert len(loaded) == 1
    (model,) = loaded
    for number, clip in enumerate(clips):
        latents = model.video.encode([a_clip(number)])
        (frames,) = model.video.decode(latents, greatesthits.SPEC)
        assert np.array_equal(clip.video, frames)
    assert torch.equal(model.audio.encode(clips[:1]), model.audio.encode([clips[0]]))
    system.release()  # which is none of what decides a clip
    (again,) = system.generate(requests[:1], greatesthits.SPEC)
    assert np.array_equal(again.video, clips[0].video)
    assert len(loaded) == 2
