"""The small Synchformer on drawn clips: near 0 in sync, far from it otherwise, growing with lag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from svbench.metrics import miniature
from svbench.types import Clip, Features
from tests.factories.miniature_ladders import drawn

SEED = 20  # not that of the training, nor one that its settings were chosen on
DRAWN = 36  # of which those with a stroke are judged, as in a run
APART = 3  # neighbours may be cut from one recording


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    examples, clips = drawn(tmp_path_factory.mktemp("offsets") / "data", SEED, DRAWN)
    return [clip for clip, example in zip(clips, examples, strict=True) if example.onsets]


def desync(clips: Sequence[Clip]) -> float:
    metric = miniature.desync("av-benchmark")
    rows = metric.extractor(clips, [""] * len(clips))
    assert all(len(of) == 1 for of in rows)  # 4 s hold one window
    owners, names = np.arange(len(clips)), tuple(map(str, range(len(clips))))
    features = Features(metric.extractor.key, np.concatenate(rows), owners, names)
    return metric.score(features).score.value


def late(clip: Clip, seconds: float) -> Clip:
    """Return a clip whose sound is late, its end first, as the control `lagged` has it."""
    sound = np.roll(clip.audio, round(seconds * clip.spec.sample_rate))
    return Clip(clip.video, sound, clip.spec)


def test_clips_in_sync_are_told_from_another_clips_sound(clips: list[Clip]) -> None:
    others = [*clips[APART:], *clips[:APART]]
    mixed = [Clip(a.video, b.audio, a.spec) for a, b in zip(clips, others, strict=True)]
    assert desync(clips) <= 0.1
    assert desync(mixed) >= 0.5


@pytest.mark.parametrize("sign", [1, -1])
def test_the_offset_grows_with_the_lag_of_the_sound(sign: int, clips: list[Clip]) -> None:
    lags = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
    found = [desync([late(clip, sign * lag) for clip in clips]) for lag in lags]
    assert all(np.diff(found) > 0), found
    assert found[-1] == pytest.approx(1.0, abs=0.25)
