"""The class miniatures: repeatable, classes distinct in picture and sound, both in sync."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.datasets import landscape, vggsound
from svbench.errors import ConfigError, StoppedError
from svbench.files import media
from svbench.miniature import greatesthits as miniature
from svbench.miniature import landscape as nature
from svbench.miniature import vggsound as everyday
from svbench.miniature.drawing import scenes
from svbench.miniature.drawing.scenes import SPEC, Scene, Take

PAIRS = [(nature, landscape), (everyday, vggsound)]
ALL: Mapping[str, Scene] = {**nature.SCENES, **everyday.SCENES}
TAKES = 4  # of each class
Curve = NDArray[np.float64]  # (T,)


@pytest.fixture(scope="module")
def takes() -> dict[str, list[Take]]:
    return {
        name: [scene(np.random.default_rng([7, i])) for i in range(TAKES)]
        for name, scene in ALL.items()
    }


@pytest.fixture(scope="module", params=PAIRS, ids=["landscape", "vggsound"])
def drawn(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModuleType, ModuleType, Path]:
    drawer, loader = request.param
    root = tmp_path_factory.mktemp("drawn") / "data"
    drawer.draw(root, seed=0, train=2, test=len(drawer.SCENES) + 1)
    return drawer, loader, root


# --- the bar: sound fits picture ---------------------------------------------------------------


def loudness(take: Take) -> Curve:
    """Return the RMS of the sound from each frame to the next."""
    blocks = take.audio.reshape(SPEC.frames, -1).astype(np.float64)
    return np.sqrt((blocks**2).mean(axis=1))


def share_of(
    *, red: int = -1, green: int = -1, blue: int = -1, top: int = 0
) -> Callable[..., Curve]:
    """Measure how many pixels are brighter than this; below `top`, the row to begin with."""

    def measure(video: NDArray[np.uint8]) -> Curve:
        bright = (video[:, top:] > np.array((red, green, blue))).all(axis=-1)
        return np.asarray(bright.mean(axis=(1, 2)), np.float64)

    return measure


def unusual(top: int = 0) -> Callable[..., Curve]:
    """Return a measure of how far each frame is from the median frame."""

    def measure(video: NDArray[np.uint8]) -> Curve:
        lower = video[:, top:].astype(np.float64)
        return np.asarray(np.abs(lower - np.median(lower, axis=0)).mean(axis=(1, 2, 3)), np.float64)

    return measure


def brightness(video: NDArray[np.uint8]) -> Curve:
    return np.asarray(video.mean(axis=(1, 2, 3)), np.float64)


def detail(video: NDArray[np.uint8]) -> Curve:
    return np.asarray(np.abs(np.diff(video.astype(float), axis=2)).mean(axis=(1, 2, 3)), np.float64)


def red_mouth(video: NDArray[np.uint8]) -> Curve:
    colour = video.astype(int)
    red = (colour[..., 0] > 150) & (colour[..., 1] < 100) & (colour[..., 2] < 100)
    return np.asarray(red.mean(axis=(1, 2)), np.float64)


def yellow(video: NDArray[np.uint8]) -> Curve:
    colour = video.astype(int)
    lit = (colour[..., 0] > 215) & (colour[..., 1] > 190) & (colour[..., 2] < 185)
    return np.asarray(lit.mean(axis=(1, 2)), np.float64)


def crown(video: NDArray[np.uint8]) -> Curve:
    """Measure how far right the dark of the tree's upper half is, against the bright sky."""
    dark = (video[:, 12:40].min(axis=-1) < 110).astype(float)
    return np.asarray((dark * np.arange(64)).sum(axis=(1, 2)) / dark.sum(axis=(1, 2)), np.float64)


LOOKS: Mapping[str, Callable[[NDArray[np.uint8]], Curve]] = {
    "squishing water": unusual(top=38),
    "wind noise": crown,
    "fire crackling": share_of(red=180),
    "splashing water": unusual(top=24),
    "raining": detail,
    "underwater bubbling": share_of(red=120, green=160, top=40),
    "thunder": brightness,
    "waterfall burbling": share_of(red=150, green=185, blue=195, top=20),
    "explosion": unusual(),
    "basketball bounce": unusual(top=44),
    "church bell ringing": yellow,
    "dog barking": red_mouth,
    "hammering nails": yellow,
    "police car (siren)": share_of(red=200, green=200, blue=200, top=30),
    "playing harp": yellow,
    "train horning": brightness,
    "typing on computer keyboard": yellow,
}


@pytest.mark.parametrize("name", ALL)
def test_the_picture_follows_the_sound(name: str, takes: dict[str, list[Take]]) -> None:
    fits = [np.corrcoef(LOOKS[name](t.video), loudness(t))[0, 1] for t in takes[name]]
    assert np.mean(fits) > 0.7, fits
    assert np.min(fits) > 0.4, fits


@pytest.mark.parametrize("name", ALL)
def test_the_sound_follows_the_drive(name: str, takes: dict[str, list[Take]]) -> None:
    for take in takes[name]:
        assert np.corrcoef(take.drive, loudness(take))[0, 1] > 0.7


def test_one_clips_sound_does_not_follow_anothers_picture(takes: dict[str, list[Take]]) -> None:
    fits = [
        np.corrcoef(LOOKS[name](made[i].video), loudness(made[j]))[0, 1]
        for name, made in takes.items()
        for i in range(TAKES)
        for j in range(TAKES)
        if i != j
    ]
    assert abs(np.mean(fits)) < 0.25


def test_motion_is_visible_from_frame_to_frame(takes: dict[str, list[Take]]) -> None:
    for name, made in takes.items():
        for take in made:
            steps = np.abs(np.diff(take.video.astype(int), axis=0)).max(axis=(1, 2, 3))
            assert np.mean(steps > 12) > 0.6, name


# --- classes -----------------------------------------------------------------------------------


def colours(take: Take) -> NDArray[np.float64]:
    """Return mean colours of the picture's 4 x 4 fields over the clip."""
    fields = take.video.reshape(SPEC.frames, 4, 16, 4, 16, 3).astype(np.float64)
    return fields.mean(axis=(0, 2, 4)).ravel() / 255


def spectrum(take: Take) -> NDArray[np.float64]:
    """Return the shares in dB of 14 bands of equal width in octaves, and the mean level."""
    power = np.abs(np.fft.rfft(take.audio.reshape(128, -1), axis=1)) ** 2
    edges = np.geomspace(2, 250, 15).astype(int)  # 64 to 8000 Hz
    bands = np.stack([power[:, a:b].sum(axis=1) for a, b in pairwise(edges)])
    shares = 10 * np.log10(bands.mean(axis=1) / bands.mean(axis=1).sum() + 1e-4)
    levels = 10 * np.log10(bands.sum(axis=0) / bands.sum(axis=0).max() + 1e-4)
    return np.append(shares, 2 * levels.mean()) / 40


@pytest.mark.parametrize("features", [colours, spectrum])
@pytest.mark.parametrize("drawer", [nature, everyday])
def test_the_nearest_class_is_the_right_one(
    drawer: ModuleType,
    features: Callable[[Take], NDArray[np.float64]],
    takes: dict[str, list[Take]],
) -> None:
    names = list(drawer.SCENES)
    centres = np.stack(
        [
            np.mean(
                [features(drawer.SCENES[name](np.random.default_rng([9, i]))) for i in range(5)],
                axis=0,
            )
            for name in names
        ]
    )
    found = [
        names[int(np.linalg.norm(centres - features(take), axis=1).argmin())] == name
        for name in names
        for take in takes[name]
    ]
    assert np.mean(found) >= 0.95  # chance is 1 in 8 or 9


def test_the_classes_are_the_real_ones() -> None:
    assert sorted(nature.SCENES) == [
        *("explosion", "fire crackling", "raining", "splashing water", "squishing water"),
        *("thunder", "underwater bubbling", "waterfall burbling", "wind noise"),
    ]
    assert sorted(everyday.SCENES) == [
        *("basketball bounce", "church bell ringing", "dog barking", "hammering nails"),
        *("playing harp", "police car (siren)", "train horning", "typing on computer keyboard"),
    ]


@pytest.mark.parametrize("table", [nature.SCENES, everyday.SCENES])
def test_every_cycle_shows_each_class_once(table: Mapping[str, Scene]) -> None:
    cycles = [
        [scenes.label(table, 0, "test", cycle * len(table) + i) for i in range(len(table))]
        for cycle in range(3)
    ]
    assert [sorted(cycle) for cycle in cycles] == 3 * [sorted(table)]
    assert cycles[0] != cycles[1]
    assert cycles[0] != [scenes.label(table, 0, "train", i) for i in range(len(table))]


def test_a_take_is_of_the_format_and_leaves_headroom(takes: dict[str, list[Take]]) -> None:
    assert (SPEC.frames, SPEC.fps, SPEC.size, SPEC.sample_rate) == (16, 4.0, (64, 64), 16000)
    for take in (take for made in takes.values() for take in made):
        assert (take.video.dtype, take.video.shape) == (np.uint8, (16, 64, 64, 3))
        assert (take.audio.dtype, take.audio.shape) == (np.float32, (64000,))
        assert 0.4 < np.abs(take.audio).max() < 0.9
        assert take.drive.shape == (16,)
        assert take.drive.min() >= 0
        assert 0.75 < take.drive.max() <= 1


def test_the_generator_decides_a_take() -> None:
    for scene in ALL.values():
        one, same, other = (scene(np.random.default_rng(seed)) for seed in (3, 3, 4))
        assert np.array_equal(one.video, same.video)
        assert np.array_equal(one.audio, same.audio)
        assert not np.array_equal(one.video, other.video)
        assert not np.array_equal(one.audio, other.audio)


# --- on disk -----------------------------------------------------------------------------------


def test_the_loader_reads_back_what_was_planned(
    drawn: tuple[ModuleType, ModuleType, Path],
) -> None:
    drawer, loader, root = drawn
    examples = loader.load(root)
    assert [e.caption for e in examples] == [
        scenes.label(drawer.SCENES, 0, "test", number) for number in range(len(examples))
    ]
    assert len(examples) == len(drawer.SCENES) + 1
    assert len(loader.load(root, split="train")) == 2
    for number, example in enumerate(examples):
        clip = media.read(example.recording, SPEC)
        planned = scenes.take(drawer.SCENES, 0, "test", number)
        far = np.abs(clip.video.astype(int) - planned.video).mean()
        assert far < 9, example.id  # H.264 with half as many colours
        assert np.corrcoef(clip.audio, planned.audio)[0, 1] > 0.9, example.id  # AAC, no delay


def test_the_same_seed_gives_the_same_bytes(
    drawn: tuple[ModuleType, ModuleType, Path], tmp_path: Path
) -> None:
    drawer, _, root = drawn
    drawer.draw(tmp_path / "again", seed=0, train=1, test=2)
    drawer.draw(tmp_path / "other", seed=1, test=2)
    again = sorted((tmp_path / "again").rglob("*.mp4"))
    assert len(again) == 3
    for path in again:
        twin = root / path.relative_to(tmp_path / "again")
        assert path.read_bytes() == twin.read_bytes()
    ours = {path.read_bytes() for path in again}
    assert not ours & {path.read_bytes() for path in (tmp_path / "other").rglob("*.mp4")}


@pytest.mark.parametrize("drawer", [nature, everyday])
def test_the_reference_shows_other_takes_of_the_classes_of_the_test_clips(
    drawer: ModuleType,
) -> None:
    for number in (0, 11):
        named = [scenes.label(drawer.SCENES, 5, split, number) for split in ("test", "reference")]
        assert named[0] == named[1]
        test, other = (scenes.take(drawer.SCENES, 5, s, number) for s in ("test", "reference"))
        assert not np.array_equal(test.video, other.video)
        assert not np.array_equal(test.audio, other.audio)


@pytest.mark.parametrize("drawer", [nature, everyday])
def test_more_clips_leave_those_that_are_there_as_they_are(
    drawer: ModuleType, tmp_path: Path
) -> None:
    drawer.draw(tmp_path / "grown", seed=0, test=2)
    drawer.draw(tmp_path / "grown", seed=0, train=1, test=3, reference=1)
    drawer.draw(tmp_path / "fresh", seed=0, train=1, test=3, reference=1)
    files = [path for path in (tmp_path / "fresh").rglob("*") if path.is_file()]
    assert len(list((tmp_path / "fresh").rglob("*.mp4"))) == 5
    for path in files:
        there = tmp_path / "grown" / path.relative_to(tmp_path / "fresh")
        assert there.read_bytes() == path.read_bytes()


def test_a_folder_drawn_alike_is_kept_and_another_refused(tmp_path: Path) -> None:
    nature.draw(tmp_path / "data", seed=0, test=1)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")}
    nature.draw(tmp_path / "data", seed=0, test=1)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")} == before
    for draw in (everyday.draw, miniature.draw):  # of another data set
        with pytest.raises(ConfigError, match="drawn with other settings") as caught:
            draw(tmp_path / "data", seed=0, test=1)
        assert "\n" not in str(caught.value)


def test_a_folder_of_other_things_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not lose me")
    with pytest.raises(ConfigError, match="found something else"):
        everyday.draw(tmp_path, seed=0, test=1)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(media, "write_mp4", fail)
    with pytest.raises(StoppedError, match=r"data: could not be written \(disk full\)"):
        nature.draw(tmp_path / "data", seed=0, test=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [{"seed": -1, "test": 1}, {"seed": 0}, {"seed": 0, "test": -2}])
def test_impossible_settings_are_refused(tmp_path: Path, bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="at least one clip"):
        everyday.draw(tmp_path / "data", **bad)


# --- drives ------------------------------------------------------------------------------------


def test_a_swell_is_smooth_and_touches_both_ends() -> None:
    for seed in range(50):
        envelope = scenes.swell(np.random.default_rng(seed))
        assert (envelope.min(), envelope.max()) == (0, 1)
        assert np.abs(np.diff(envelope)).max() < 0.75  # never from one end to the other at once


def test_moments_keep_their_gaps() -> None:
    gaps = set()
    for seed in range(100):
        found = scenes.moments(np.random.default_rng(seed), (2, 5))
        assert found
        assert found[0] >= 1
        assert found[-1] <= 14
        gaps |= set(np.diff(found))
    assert gaps == {2, 5}


def test_times_since_and_until_moments() -> None:
    assert scenes.since([2, 6])[[0, 1, 2, 3, 6, 15]].tolist() == [np.inf, np.inf, 0, 0.25, 0, 2.25]
    assert scenes.until([2, 6])[[0, 2, 3, 6, 7]].tolist() == [0.5, 0, 0.75, 0, np.inf]


def test_pulses_decay() -> None:
    fading = scenes.pulses([2, 6], fade=0.25)
    assert fading[[0, 2, 3, 4, 6]] == pytest.approx([0, 1, np.exp(-1), np.exp(-2), 1])
