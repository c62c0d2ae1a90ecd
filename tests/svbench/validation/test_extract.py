"""Clips under conditions: decoded once, distorted in memory, measured once where they are alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.engines.local import Local
from svbench.errors import ScoreError
from svbench.files import media
from svbench.files.media.conforming import conform
from svbench.files.store import Store
from svbench.metrics.validity.distortions import DISTORTIONS
from svbench.types import Clip, ClipSpec, Example, Recording, SampleSet, Values, View
from svbench.validation import extract
from svbench.validation.conditions import UNDISTORTED, Condition
from svbench.validation.extract import Views, extract_conditions
from svbench.walk.extract import Extraction
from svbench.walk.recorded import recorded
from tests.factories.clips import make_clip, write_clip

MADE = ClipSpec(32, 16.0, (48, 32), 22050)  # 2 s
SPEC = ClipSpec(16, 8.0, (32, 32), 16000)
EARLY, LATE = Condition("audio_shift", 0.5), Condition("audio_shift", -0.5)
FASTER = Condition("video_speed_up", 0.4)


@dataclass
class Copies:
    """Extracts the sums of picture and sound, and keeps the clips that it was given."""

    view: View = "conformed"
    key: str = "copies"
    light: bool = True
    given: list[Clip] = field(default_factory=list)

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        del captions
        self.given += clips
        return [np.array([[clip.video.sum(), clip.audio.sum()]], np.float64) for clip in clips]


class Picky(Copies):
    """Refuses clips whose sound begins silent."""

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        if any(not clip.audio[:8].any() for clip in clips):
            raise ScoreError("the sound begins silent")
        return super().__call__(clips, captions)


def samples_in(folder: Path, count: int = 2, *, pad: bool = False, spec: ClipSpec = SPEC) -> Any:
    examples = []
    for number in range(count):
        clip = make_clip(number, MADE)
        noise = np.random.default_rng(number).normal(0, 0.1, clip.audio.shape)
        loud = Clip(clip.video, np.clip(clip.audio + noise, -1, 1).astype(np.float32), MADE)
        path = write_clip(folder / f"c{number}.mp4", loud)
        examples.append(Example(f"c{number}", "", Recording(path)))
    return recorded("clips", examples, spec, Local(), pad=pad)[0]


def extracted(
    samples: SampleSet,
    out: Path,
    conditions: Sequence[Condition],
    *extractors: Any,
    workers: int = 1,
) -> dict[Condition, Extraction]:
    def progress(_label: str, _total: int) -> Any:
        return nullcontext(lambda _done, _kept=0: None)

    return extract_conditions(
        samples, conditions, extractors, Store(out), Local(workers), 0, progress
    )


def test_features_are_those_of_the_clip_distorted_and_conformed(tmp_path: Path) -> None:
    samples, conformed, native = samples_in(tmp_path), Copies(), Copies("native", "native")
    found = extracted(samples, tmp_path / "out", [UNDISTORTED, FASTER, LATE], conformed, native)
    original = media.read_native(samples.samples[1].recording)
    for condition in (FASTER, LATE):
        seed = condition.seed(samples.samples[1], 0)
        distorted = DISTORTIONS[condition.distortion](original, condition.level, seed)
        for clip, key in ((distorted, "native"), (conform(distorted, SPEC), "copies")):
            features = found[condition].features[key]
            assert features.requests == ("c0/0", "c1/0")
            assert features.values[1].tolist() == [clip.video.sum(), clip.audio.sum()]
    plain = media.read(samples.samples[0].recording, SPEC)
    assert found[UNDISTORTED].features["copies"].values[0, 0] == plain.video.sum()


def test_what_a_distortion_leaves_alone_is_the_same_array(tmp_path: Path) -> None:
    samples, conformed = samples_in(tmp_path, 1), Copies()
    extracted(samples, tmp_path / "out", [UNDISTORTED, LATE, FASTER, EARLY], conformed)
    plain, late, faster, early = conformed.given
    assert plain.video is late.video is early.video
    assert plain.audio is faster.audio
    assert not np.array_equal(late.audio, early.audio)
    assert not np.array_equal(plain.video, faster.video)


def test_a_picture_at_other_times_is_conformed_anew() -> None:
    clip = make_clip(0, MADE)
    native = Clip(clip.video, clip.audio, MADE, np.arange(32) / 16)
    slow = Clip(clip.video, clip.audio, replace(MADE, fps=8.0), np.arange(32) / 8)
    original = Views(native, SPEC)
    assert not np.array_equal(
        Views(slow, SPEC, original)["conformed"].video, original["conformed"].video
    )
    again = Clip(clip.video, clip.audio, MADE, np.arange(32) / 16)
    assert Views(again, SPEC, original)["conformed"].video is original["conformed"].video


def test_what_is_kept_is_not_computed_again_and_a_clip_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, conformed, decoded = samples_in(tmp_path), Copies(), list[str]()
    plain = extract.read_original

    def read(sample: Any, of: SampleSet) -> Clip:
        decoded.append(sample.request_id)
        return plain(sample, of)

    monkeypatch.setattr(extract, "read_original", read)
    first = extracted(samples, tmp_path / "out", [UNDISTORTED, LATE], conformed)
    assert sorted(decoded) == ["c0/0", "c1/0"]
    extracted(samples, tmp_path / "out", [UNDISTORTED, LATE], conformed)
    assert len(decoded) == 2
    more = extracted(samples, tmp_path / "out", [UNDISTORTED, LATE, FASTER], conformed)
    assert len(decoded) == 4
    assert len(conformed.given) == 6  # nothing twice
    for condition, one in first.items():
        again = more[condition].features["copies"].values
        np.testing.assert_array_equal(one.features["copies"].values, again)


def test_workers_do_not_change_features(tmp_path: Path) -> None:
    samples = samples_in(tmp_path, 3)
    conditions = [UNDISTORTED, LATE, FASTER, Condition("fragment_shuffle", 0.3)]
    one = extracted(samples, tmp_path / "one", conditions, Copies())
    two = extracted(samples, tmp_path / "two", conditions, Copies(), workers=2)
    for condition in conditions:
        values = [found[condition].features["copies"].values for found in (one, two)]
        np.testing.assert_array_equal(*values)


def test_what_fails_under_one_condition_costs_no_other(tmp_path: Path) -> None:
    samples = samples_in(tmp_path)
    found = extracted(samples, tmp_path / "out", [UNDISTORTED, LATE, FASTER], Picky())
    assert found[UNDISTORTED].features["copies"].count == 2
    assert found[FASTER].features["copies"].count == 2
    assert not found[LATE].features
    lines = list(found[LATE].problems.values())
    assert len(lines) == 2
    assert lines[0].endswith("c0.mp4: the sound begins silent")


def test_a_distortion_that_leaves_nothing_is_one_line(tmp_path: Path) -> None:
    gone = Condition("audio_shift", 1.0)  # of 2 s, one at the start and one at the end
    found = extracted(samples_in(tmp_path, 1), tmp_path / "out", [UNDISTORTED, gone], Copies())
    (line,) = found[gone].problems.values()
    assert line.startswith(f"{tmp_path / 'c0.mp4'}: ")


def test_a_clip_that_is_too_short_is_one_line_unless_it_is_padded(tmp_path: Path) -> None:
    longer = replace(SPEC, frames=24)
    found = extracted(
        samples_in(tmp_path, 1, spec=longer), tmp_path / "out", [UNDISTORTED], Copies()
    )
    (line,) = found[UNDISTORTED].problems.values()
    assert "video ends at 2.000 s, expected 3.000 s" in line
    padded = samples_in(tmp_path, 1, spec=longer, pad=True)
    assert not extracted(padded, tmp_path / "padded", [UNDISTORTED], Copies())[UNDISTORTED].problems
