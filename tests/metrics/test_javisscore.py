"""JavisScore and AVHScore: values by hand, windows, one extractor for both, re-paired sounds."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svbench.compute import Machine
from svbench.errors import ConfigError, ScoreError
from svbench.metrics.javisscore import FrameEmbeddings, JavisKind, JavisScore, Kind
from svbench.metrics.networks.imagebind_inputs import SAMPLE_RATE
from svbench.metrics.networks.javis_inputs import (
    PROTOCOLS,
    JavisProtocol,
    paired_windows,
)
from svbench.types import Clip, ClipSpec, Features, Values
from tests.factories.clips import make_clip
from tests.factories.small_imagebind import SMALL, random_weights

CLEAN = PROTOCOLS["javisbench"]
SPEC = ClipSpec(20, 8.0, (32, 48), 16000)  # 2.5 s: two windows
CLIPS = [make_clip(seed, SPEC) for seed in range(3)]
EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


def features(blocks: list[Values]) -> Features:
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"c{i}/0" for i in range(len(blocks)))
    return Features("javis-test", np.concatenate(blocks), owner, names)


def block(frames: list[list[float]], windows: dict[tuple[int, int], list[float]]) -> Values:
    """Return the rows of a clip whose whole sound points east."""
    rows = [[Kind.FRAME, i, i + 1, *frame] for i, frame in enumerate(frames)]
    rows.append([Kind.WHOLE, 0, len(frames), *EAST])
    rows += [[Kind.WINDOW, *of, *sound] for of, sound in windows.items()]
    return np.array(rows, np.float32)


def extractor(folder: Path) -> FrameEmbeddings:
    return FrameEmbeddings(random_weights(folder), CLEAN, SMALL)


def judged(kind: JavisKind, folder: Path, *blocks: Values) -> list[float]:
    found = JavisScore(kind, extractor(folder)).score(features(list(blocks)))
    assert found.score.value == pytest.approx(np.mean([clip.value for clip in found.clips]))
    return [clip.value for clip in found.clips]


def test_scores_by_hand(tmp_path: Path) -> None:
    """Of five frames the two of least cosine count: with a frame apart, 0.5 in place of 0.8."""
    frames = [EAST, EAST, NORTH, EAST, EAST]
    clip = block(frames, {(0, 5): EAST})
    assert judged("avhscore", tmp_path, clip) == pytest.approx([0.8])
    assert judged("javisscore", tmp_path, clip) == pytest.approx([0.5])
    # a second window with a sound from north: its two least cosines are 0
    turned = block([EAST, EAST, NORTH, EAST, EAST, NORTH], {(0, 5): EAST, (1, 6): NORTH})
    assert judged("javisscore", tmp_path, turned) == pytest.approx([(0.5 + 0.0) / 2])
    assert judged("javisscore", tmp_path, clip, turned) == pytest.approx([0.5, 0.25])


def test_the_length_of_an_embedding_does_not_count(tmp_path: Path) -> None:
    one = block([EAST, NORTH, [3, 4], EAST, EAST], {(0, 5): EAST})
    longer = one.copy()
    longer[:, 3:] *= 7
    for kind in ("avhscore", "javisscore"):
        assert judged(kind, tmp_path, longer) == pytest.approx(judged(kind, tmp_path, one))


def test_windows_too_short_for_a_least_frame_have_no_score(tmp_path: Path) -> None:
    fine, short = block([EAST] * 3, {(0, 3): EAST}), block([EAST] * 2, {(0, 2): EAST})
    assert judged("avhscore", tmp_path, fine, short) == pytest.approx([1, 1])
    with pytest.raises(ScoreError, match=r"1 of 2 clips have windows of fewer than 2\.5 .* c1/0"):
        judged("javisscore", tmp_path, fine, short)


def test_windows_cover_the_clip_and_the_last_ends_with_it() -> None:
    for frames, fps, samples in ((32, 8.0, 64000), (241, 24.0, 160160), (120, 29.97, 64000)):
        found = paired_windows(frames, fps, samples, CLEAN)
        assert {end - first for (first, end), _ in found} == {int(2 * fps)}
        assert {end - first for _, (first, end) in found} == {2 * SAMPLE_RATE}
        assert max(end for (_, end), _ in found) <= frames
        assert frames in {e for (_, e), _ in found} or samples in {e for _, (_, e) in found}


def test_a_clip_as_long_as_a_window_is_one_window() -> None:
    assert paired_windows(16, 8.0, 40000, CLEAN) == [((0, 16), (0, 40000))]
    assert paired_windows(40, 8.0, 32000, CLEAN) == [((0, 40), (0, 32000))]


@pytest.mark.parametrize("fps", [0.4, 0.8])
def test_a_rate_at_which_windows_stand_still_is_refused(fps: float) -> None:
    with pytest.raises(ScoreError, match=f"at {fps} frames/s, expected a higher rate"):
        paired_windows(100, fps, 10_000_000, CLEAN)


def test_protocols_that_make_no_sense_are_refused() -> None:
    for wrong in ({"overlap": 2.0}, {"share": 0.0}, {"share": 1.5}):
        with pytest.raises(ConfigError, match="JavisScore needs an overlap"):
            replace(CLEAN, **wrong)


def test_features_do_not_depend_on_the_clips_beside(tmp_path: Path) -> None:
    together = extractor(tmp_path)(CLIPS, [""] * 3)
    for clip, rows in zip(CLIPS, together, strict=True):
        (alone,) = extractor(tmp_path)([clip], ["a caption"])
        assert np.array_equal(alone, rows)
        kinds = [int(kind) for kind in rows[:, 0]]
        assert kinds == [*[Kind.FRAME] * 20, Kind.WHOLE, Kind.WINDOW, Kind.WINDOW]


def test_joined_rows_are_those_of_the_re_paired_clip(tmp_path: Path) -> None:
    embed = extractor(tmp_path)
    first, second, _ = embed(CLIPS, [""] * 3)
    (repaired,) = embed([Clip(CLIPS[0].video, CLIPS[1].audio, SPEC)], [""])
    assert np.array_equal(embed.joined(first, second), repaired)


def test_a_leaky_protocol_leaves_the_clip_as_it_is(tmp_path: Path) -> None:
    shifted = Clip(CLIPS[0].video, CLIPS[0].audio + np.float32(0.1), SPEC)
    before = shifted.audio.copy()
    leaky = replace(extractor(tmp_path), protocol=PROTOCOLS["javisbench-leaky"])
    (rows,) = leaky([shifted], [""])
    (clean,) = extractor(tmp_path)([shifted], [""])
    assert np.array_equal(shifted.audio, before)
    assert not np.array_equal(rows[-1], clean[-1])  # the second window holds what the first shifted
    assert np.array_equal(rows[:20], clean[:20])


def test_keys_name_what_decides(tmp_path: Path) -> None:
    embed = extractor(tmp_path)
    others = (
        replace(embed, protocol=PROTOCOLS["javisbench-leaky"]),
        replace(embed, protocol=JavisProtocol("javisbench", CLEAN.sound, seconds=1.0, overlap=0.5)),
        replace(embed, view="native"),
        replace(embed, machine=Machine("cpu", "bfloat16")),
        replace(embed, weights=random_weights(tmp_path, seed=1)),
    )
    assert len({embed.key, *(other.key for other in others)}) == 6
    assert pickle.loads(pickle.dumps(embed)).key == embed.key
    names = [JavisScore("javisscore", one).name for one in (embed, others[2])]
    assert names == ["javisscore@javisbench", "javisscore@javisbench+native"]
    assert JavisScore("avhscore", embed, "miniature").name == "avhscore@javisbench+miniature"
