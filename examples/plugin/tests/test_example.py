"""What the metric computes and what the system generates, in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from svbench_example.captioned_folder import load
from svbench_example.flashes import Flashes
from svbench_example.silence import Silence, silent_share

import svbench

SPEC = svbench.ClipSpec(frames=8, fps=8, size=(16, 16), sample_rate=16000)
CONFIG = svbench.RunConfig(dataset="captioned-folder")


@pytest.mark.parametrize(("sounding", "expected"), [(0, 1), (4000, 0.75), (8000, 0.5), (16000, 0)])
def test_silence_is_a_share_of_the_clip(sounding: int, expected: float) -> None:
    audio = np.zeros(16000, np.float32)
    audio[:sounding] = 0.1
    assert silent_share(audio, 16000) == pytest.approx(expected)


def test_the_score_is_the_mean_over_clips() -> None:
    features = svbench.Features("k", np.array([[0.5], [1.0]]), np.arange(2), ("a/0", "b/0"))
    found = Silence().score(features, None)
    assert (found.score.value, found.score.count) == (0.75, 2)
    assert [clip.value for clip in found.clips] == [0.5, 1.0]


def test_clips_flash_when_they_click_and_depend_on_their_seeds_alone() -> None:
    requests = [svbench.Request(f"{seed}/0", "", seed) for seed in range(8)]
    clips = list(Flashes().generate(requests, SPEC))
    (alone,) = Flashes().generate(requests[-1:], SPEC)
    assert np.array_equal(alone.audio, clips[-1].audio)
    for clip in clips:
        lit = clip.video.any(axis=(1, 2, 3))
        sounding = clip.audio.reshape(SPEC.frames, -1).any(axis=1)
        assert np.array_equal(lit, sounding)


def test_a_folder_is_read_in_the_order_of_its_list(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "captions.csv").write_text('b.mp4,"a bell, twice"\na.mp4,rain\n')
    examples, _ = load(tmp_path, CONFIG)
    assert [(e.id, e.caption) for e in examples] == [("b", "a bell, twice"), ("a", "rain")]
    (tmp_path / "captions.csv").write_text("c.mp4,rain\n")
    with pytest.raises(svbench.DataError, match=r"line 1: found 'c\.mp4,rain'"):
        load(tmp_path, CONFIG)
