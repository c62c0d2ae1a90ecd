"""The miniature is drawn as planned, repeatably, and its sound is in sync with its picture."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from svbench.datasets import greatesthits
from svbench.errors import ConfigError, StoppedError
from svbench.files import media
from svbench.metrics.avalign.events import DETECTORS
from svbench.metrics.avalign.motion import peak_indices, raw_curve
from svbench.metrics.avalign.onsets import onset_times
from svbench.miniature import greatesthits as miniature
from svbench.miniature.drawing import drumstick, strokes
from svbench.miniature.drawing.drumstick import Stroke
from svbench.types import Clip, Example
from tests.factories.av_align import av_align
from tests.goldens.places import golden

CLIPS = 64
EMPTY = 9  # floor(64 * 289 / 2040)
SEGMENTS = 3000  # drawn for the statistics


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("miniature") / "data"
    miniature.draw(folder, seed=0, train=3, test=CLIPS)
    return folder


@pytest.fixture(scope="module")
def examples(root: Path) -> tuple[Example, ...]:
    return greatesthits.load(root)


@pytest.fixture(scope="module")
def clips(examples: tuple[Example, ...]) -> list[Clip]:
    return [media.read(example.recording, miniature.SPEC) for example in examples]


@pytest.fixture(scope="module")
def segments() -> list[list[Stroke]]:
    rng = np.random.default_rng(0)
    return [strokes.draw_strokes(0.0, rng) for _ in range(SEGMENTS)]


# --- synchrony ---------------------------------------------------------------------------------


def test_av_align_separates_real_pairs_from_shuffled_ones(
    examples: tuple[Example, ...], clips: list[Clip]
) -> None:
    settings = DETECTORS["miniature"]
    fps = miniature.SPEC.fps
    onsets = [onset_times(clip.audio, clip.spec.sample_rate, settings.onsets)[0] for clip in clips]
    peaks = [
        peak_indices(raw_curve(clip.video, settings.flow), settings.peaks) / fps for clip in clips
    ]
    real = [av_align("corrected", onsets[i], peaks[i], fps) for i in range(CLIPS)]
    shuffled = [
        av_align("corrected", onsets[(i + shift) % CLIPS], peaks[i], fps)
        for shift in range(1, CLIPS)
        for i in range(CLIPS)
    ]
    struck = [bool(example.onsets) for example in examples]
    assert np.mean(real) >= 0.85  # a clip without strokes scores 0: at most 55 / 64 = 0.859
    assert np.mean(np.array(real)[struck]) >= 0.99
    assert np.mean(shuffled) <= 0.35


def test_every_annotated_stroke_has_one_onset(
    examples: tuple[Example, ...], clips: list[Clip]
) -> None:
    settings = DETECTORS["miniature"].onsets
    for example, clip in zip(examples, clips, strict=True):
        if example.onsets:
            onsets = onset_times(clip.audio, clip.spec.sample_rate, settings)[0]
            assert len(onsets) == len(example.onsets), example.id
            assert np.abs(onsets - example.onsets).max() < 0.03, example.id  # two hops


def test_a_clip_without_strokes_stands_still_and_is_quiet(
    examples: tuple[Example, ...], clips: list[Clip]
) -> None:
    still = [c for e, c in zip(examples, clips, strict=True) if not e.onsets]
    assert len(still) == EMPTY
    for clip in still:
        late = clip.video[16:].astype(int)  # the rise after the last stroke is over by then
        assert np.abs(late - late[-1]).max() <= 12  # H.264 noise only
        assert np.abs(clip.audio[16000:]).max() < 0.01
        assert clip.video[0].std() > 10  # and yet there is something to see


# --- on disk -----------------------------------------------------------------------------------


def test_the_loader_reads_back_what_was_planned(root: Path, examples: tuple[Example, ...]) -> None:
    assert len(examples) == CLIPS
    assert len(greatesthits.load(root, split="train")) == 3
    for i, example in enumerate(examples):
        number, segment = divmod(i, miniature.SEGMENTS)
        trial = miniature.plan(0, "test", number, miniature.SEGMENTS)
        begin = 4.0 * segment
        planned = [s.time - begin for s in trial.strokes if begin <= s.time < begin + 4]
        if not any(stroke.time >= begin for stroke in trial.strokes):
            assert example.onsets is None  # the annotation may have ended
            continue
        assert example.onsets == pytest.approx(planned, abs=1e-9)
        assert example.caption == miniature.caption(trial, segment)
        assert example.recording.start == begin


def test_recordings_hold_whole_segments_without_any_list(root: Path) -> None:
    number = media.duration(root / "2000-07-01-00-00-00_denoised_thumb.mp4") / 4.0
    assert number == miniature.SEGMENTS


def test_labels_select_onsets(root: Path, examples: tuple[Example, ...]) -> None:
    by_action = [greatesthits.load(root, actions={action}) for action in ("hit", "scratch", "None")]
    for all_of_them, parts in zip(examples, zip(*by_action, strict=True), strict=True):
        together = sorted(time for part in parts for time in part.onsets or ())
        assert together == list(all_of_them.onsets or ())
    assert all(any(example.onsets for example in part) for part in by_action)


def test_captions_name_the_action(examples: tuple[Example, ...]) -> None:
    for example in examples:
        words = example.caption.split()
        assert words[:2] == ["a", "drumstick"]
        assert ("held" in words) == (not example.onsets)
        assert ("hitting" in words or "scratching" in words) == bool(example.onsets)


def test_the_same_seed_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    miniature.draw(tmp_path / "again", seed=0, train=3, test=4)
    miniature.draw(tmp_path / "other", seed=1, test=4)
    names = [p.name for p in (tmp_path / "again").glob("2000-0*")]
    assert len(names) == 3 * (2 + 2)  # two recordings of each split, three files each
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (root / name).read_bytes()
    wav = "2000-07-01-00-00-00_denoised.wav"
    assert (tmp_path / "other" / wav).read_bytes() != (root / wav).read_bytes()


def test_the_reference_shows_other_takes_of_the_objects_and_places_of_the_test_clips() -> None:
    for number in range(20):
        test, other = (miniature.plan(5, split, number, 2) for split in ("test", "reference"))
        assert (other.material, other.place) == (test.material, test.place)
        assert other.scene.shape == test.scene.shape
        assert (other.scene, other.strokes) != (test.scene, test.strokes)


@pytest.mark.parametrize("first", [1, 3, 4])
def test_more_clips_leave_those_that_are_there_as_they_are(first: int, tmp_path: Path) -> None:
    """Whole recordings are drawn, though of an odd number of clips the last shows two."""
    miniature.draw(tmp_path / "grown", seed=0, test=first)
    before = {path.name: path.read_bytes() for path in (tmp_path / "grown").glob("2000-*")}
    examples = greatesthits.load(tmp_path / "grown")
    assert len(examples) == first
    miniature.draw(tmp_path / "grown", seed=0, test=5, reference=2)
    miniature.draw(tmp_path / "fresh", seed=0, test=5, reference=2)
    names = [path.name for path in (tmp_path / "fresh").iterdir()]
    after = {name: (tmp_path / "grown" / name).read_bytes() for name in names}
    assert after == {name: (tmp_path / "fresh" / name).read_bytes() for name in names}
    assert before.items() <= after.items()
    assert greatesthits.load(tmp_path / "grown")[:first] == examples


def test_a_folder_drawn_alike_is_kept(tmp_path: Path) -> None:
    miniature.draw(tmp_path / "data", seed=0, test=1)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").iterdir()}
    miniature.draw(tmp_path / "data", seed=0, test=1)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "data").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["data"]  # nothing unfinished is left


def test_a_folder_drawn_otherwise_is_refused(tmp_path: Path) -> None:
    miniature.draw(tmp_path / "data", seed=0, test=1)
    with pytest.raises(ConfigError, match="drawn with other settings") as caught:
        miniature.draw(tmp_path / "data", seed=1, test=1)
    assert "\n" not in str(caught.value)


def test_a_folder_of_other_things_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not lose me")
    with pytest.raises(ConfigError, match="found something else"):
        miniature.draw(tmp_path, seed=0, test=1)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(media, "write_wav", fail)
    with pytest.raises(StoppedError, match=r"data: could not be written \(disk full\)"):
        miniature.draw(tmp_path / "data", seed=0, test=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [{"seed": -1, "test": 1}, {"seed": 0}, {"seed": 0, "test": -2}])
def test_impossible_settings_are_refused(tmp_path: Path, bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="at least one clip"):
        miniature.draw(tmp_path / "data", **bad)


# --- statistics --------------------------------------------------------------------------------


def test_strokes_keep_their_distance(segments: list[list[Stroke]]) -> None:
    for segment in segments:
        times = np.array([stroke.time for stroke in segment])
        assert times[0] >= strokes.FIRST - 1e-4
        assert times[-1] <= strokes.LAST + 1e-4
        assert (np.diff(times) >= strokes.SHORTEST_GAP - 2e-4).all()  # times have 4 decimals


def test_counts_follow_the_real_ones(segments: list[list[Stroke]]) -> None:
    drawn = np.bincount([len(segment) for segment in segments], minlength=10)[1:] / SEGMENTS
    real = np.array(strokes.EVENT_COUNTS, float) / sum(strokes.EVENT_COUNTS)
    expected = np.append(real[:8], real[8:].sum())
    assert np.abs(drawn - expected).max() < 0.03


def test_actions_follow_the_real_ones(segments: list[list[Stroke]]) -> None:
    actions = [[stroke.action == "hit" for stroke in segment] for segment in segments]
    assert np.mean(np.concatenate(actions)) == pytest.approx(strokes.HITS, abs=0.03)
    alike = np.concatenate([np.diff(np.array(a, int)) == 0 for a in actions if len(a) > 1])
    assert alike.mean() == pytest.approx(strokes.SAME_ACTION, abs=0.02)


def test_the_share_of_segments_without_strokes() -> None:
    empty = [strokes.is_empty(i) for i in range(2040)]
    assert sum(empty) == 289
    assert sum(empty[:CLIPS]) == EMPTY


def test_materials_follow_the_real_ones() -> None:
    trials = [miniature.plan(7, "train", number, 1) for number in range(1500)]
    total = sum(material.events for material in miniature.MATERIALS)
    for material in miniature.MATERIALS:
        share = np.mean([trial.material is material for trial in trials])
        assert share == pytest.approx(material.events / total, abs=0.04)
    assert len({trial.scene.shape for trial in trials}) == len(miniature.SHAPES)
    assert len({trial.place.name for trial in trials}) == len(miniature.PLACES)
    labelled = np.concatenate([trial.labelled for trial in trials])
    assert labelled.mean() == pytest.approx(strokes.LABELLED, abs=0.03)


def test_constants_agree_with_the_annotations(segments: list[list[Stroke]]) -> None:
    with gzip.open(golden("greatest_hits_annotations/hits.csv.gz")) as file:
        real = pd.read_csv(file, keep_default_na=False).sort_values(["video", "time_s"])
    places = real.groupby(["video", real.time_s // 4])
    gaps = places.time_s.diff().dropna()
    for share, gap in strokes.GAP_QUANTILES[1:-1]:
        assert gaps.quantile(share) == pytest.approx(gap, abs=1 / 15)  # the annotations' grid
    drawn = np.concatenate([np.diff([s.time for s in segment]) for segment in segments])
    assert np.median(drawn) == pytest.approx(gaps.median(), abs=1 / 15)

    counts = places.size().value_counts(normalize=True)
    for count, events in enumerate(strokes.EVENT_COUNTS, 1):
        assert events / sum(strokes.EVENT_COUNTS) == pytest.approx(counts.get(count, 0), abs=0.03)

    actions = real.action.value_counts(normalize=True)
    assert 1 - actions["None"] == pytest.approx(strokes.LABELLED, abs=0.03)
    assert actions["hit"] / (1 - actions["None"]) == pytest.approx(strokes.HITS, abs=0.03)
    labelled = real[real.action != "None"]
    following = labelled.groupby("video").action.shift(-1)
    alike = (following == labelled.action)[following.notna()].mean()
    assert alike == pytest.approx(strokes.SAME_ACTION, abs=0.03)

    materials = real.material.value_counts().drop("None")
    assert {m.name for m in miniature.MATERIALS} == set(materials.index[:8])
    for material in miniature.MATERIALS:
        share = material.events / sum(m.events for m in miniature.MATERIALS)
        assert share == pytest.approx(materials[material.name] / materials[:8].sum(), abs=0.03)


# --- motion ------------------------------------------------------------------------------------


def test_lift_is_zero_at_contact_and_one_at_rest() -> None:
    struck = [Stroke(1.0, "hit"), Stroke(2.5, "hit")]
    times = np.array([0.0, 1.0 - drumstick.FALL, 1.0, 1.0 + drumstick.RISE / 2, 2.0, 2.5, 4.0])
    assert drumstick.lift(struck, times) == pytest.approx([1, 1, 0, 0.5, 1, 0, 1])


def test_between_quick_strokes_the_stick_reaches_the_top_in_time() -> None:
    struck = [Stroke(1.0, "hit"), Stroke(1.4, "hit")]
    top = 1.4 - drumstick.FALL
    assert drumstick.lift(struck, np.array([top, 1.4])) == pytest.approx([1.0, 0.0], abs=1e-9)


def test_the_object_gives_way_at_contact_and_comes_back() -> None:
    times = np.array([0.999, 1.0, 1.0 + drumstick.RECOVERY / 2, 1.0 + drumstick.RECOVERY])
    assert drumstick.reaction([Stroke(1.0, "hit")], times) == pytest.approx([0, 1, 0.5, 0])


def test_only_a_scratch_drags() -> None:
    times = np.linspace(0, 4, 33)
    assert not drumstick.drag([Stroke(1.0, "hit")], times).any()
    end = np.array([1.0, 1.0 + drumstick.DRAG_TIME])
    assert drumstick.drag([Stroke(1.0, "scratch")], end) == pytest.approx([0, 1])
