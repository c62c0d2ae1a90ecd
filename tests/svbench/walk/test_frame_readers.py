"""Native clips are shown to extractors frame by frame: equal features, and no clip is held."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.files import media
from svbench.files.media import native, picture
from svbench.files.store import Store, identify
from svbench.metrics.avalign.events import DETECTORS, AVEvents
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.trajectories import Trajectories
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS
from svbench.protocols import Extractor, FrameByFrameExtractor
from svbench.types import Clip, ClipSpec, Recording, Sample, SampleSet, Values, View
from svbench.walk.extract_shard import Found, Source, Work
from tests.factories import movies
from tests.factories.small_columns import small_columns

SPEC = ClipSpec(16, 8.0, (48, 48), 16000)
SECONDS = 6.0  # DeSync takes no less than 4.8
CAPTION = "a stick hits wood"


class Greys:
    """Needs whole clips: the mean of each frame."""

    key, view = "greys", "native"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        del captions
        return [clip.video.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] for clip in clips]


@pytest.fixture(scope="module")
def extractors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Extractor]:
    """Return every extractor that reads frame by frame, in both views, and one that does not."""
    columns = small_columns(tmp_path_factory.mktemp("networks"))
    events = [AVEvents(detectors) for detectors in DETECTORS.values()]
    found: list[Any] = [*(c.extractor for c in columns), *events, Trajectories(IMPACT_MODEL)]
    found = [one for one in found if isinstance(one, FrameByFrameExtractor)]
    found += [replace(one, view="native") for one in found]
    pairs = next(one for one in found if type(one).__name__ == "ImageBindEmbeddings")
    found += [replace(pairs, view="native", protocol=PROTOCOLS["av-benchmark"]), Greys()]
    assert len({type(one) for one in found}) == 10
    return {one.key: one for one in found}


def pictures(count: int, size: tuple[int, int] = (48, 64)) -> list[NDArray[np.uint8]]:
    """Return frames of a texture that falls and stops, again and again."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 255, (*size, 3), np.uint8)
    return [np.roll(ground, min(n % 24, 12), axis=0) for n in range(count)]


def written(path: Path, kept: Sequence[int], fps: float = 24.0, **how: Any) -> Path:
    """Write the frames of these numbers, and six seconds of sound."""
    every = pictures(max(kept) + 1, how.pop("size", (48, 64)))
    times = [n / fps for n in kept]
    audio = [(0.0, movies.sound(SECONDS, rate=16000))]
    shown = [every[n] for n in kept]
    return movies.write(path, shown, times=times, audio=audio, rate=16000, **how)


def extracted(
    path: Path, extractors: dict[str, Extractor], tmp_path: Path, start: float = 0.0
) -> Found:
    """Extract features in one pass over a clip, as a run does."""
    recording = Recording(path, start)
    digest, stamp = identify(recording, SPEC, pad=True)
    sample = Sample("a/0", CAPTION, recording, digest, stamp)
    samples = SampleSet("real", SPEC, (), "", pad=True)
    source = Source(sample, samples, frozenset(extractors))
    return Work(extractors, Store(tmp_path / "store"))([source])


def held(path: Path, extractors: dict[str, Extractor], start: float = 0.0) -> dict[str, Values]:
    """Extract the same from clips that are held whole."""
    recording = Recording(path, start)
    clips: dict[View, Clip] = {
        "native": media.read_native(recording, pad=True),
        "conformed": media.read(recording, SPEC, pad=True),
    }
    return {key: e([clips[e.view]], [CAPTION])[0] for key, e in extractors.items()}


@pytest.mark.parametrize(
    ("name", "kept", "start"),
    [
        ("a.mkv", range(144), 0.0),
        ("late.mkv", range(168), 0.5),
        ("gaps.mkv", [n for n in range(144) if not 25 <= n < 60], 0.0),
        ("uneven.mkv", sorted({0, 143, *(n * n % 144 for n in range(144))}), 0.0),
        ("stamps.avi", range(144), 0.0),  # without time stamps: decoded twice
    ],
)
def test_features_are_those_of_a_clip_that_is_held_whole(
    name: str, kept: Sequence[int], start: float, extractors: dict[str, Extractor], tmp_path: Path
) -> None:
    path = written(tmp_path / name, list(kept))
    found = extracted(path, extractors, tmp_path, start)
    assert not found.problems
    for key, block in held(path, extractors, start).items():
        (values,) = found.blocks[key].values()
        assert values.dtype == block.dtype
        np.testing.assert_array_equal(values, block, err_msg=key)


@pytest.mark.parametrize("stop", [2, 5, 100])
def test_a_picture_that_freezes_is_measured_as_if_it_were_known_before(
    stop: int, tmp_path: Path
) -> None:
    light: dict[str, Extractor] = {
        one.key: one
        for one in (Trajectories(IMPACT_MODEL, "native"), AVEvents(DETECTORS["tuned-2"], "native"))
    }
    every = [*pictures(stop), *[pictures(stop)[-1]] * (360 - stop)]
    audio = [(0.0, movies.sound(SECONDS, rate=16000))]
    times = [n / 60 for n in range(360)]
    path = movies.write(tmp_path / "a.mkv", every, times=times, audio=audio, rate=16000)
    found = extracted(path, light, tmp_path)
    for key, block in held(path, light).items():
        np.testing.assert_array_equal(next(iter(found.blocks[key].values())), block)


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Return how many frames are alive: as the decoder gives them, and as RGB; and the most."""
    counts = {"decoded": [0, 0], "rgb": [0, 0]}

    def begin(what: str) -> None:
        counts[what][0] += 1
        counts[what][1] = max(counts[what])

    def end(what: str) -> None:
        counts[what][0] -= 1

    square, decoded = picture.Upright.square, picture._decoded

    def counted(self: picture.Upright, one: picture.TimedFrame) -> NDArray[np.uint8]:
        frame = square(self, one).view()
        begin("rgb")
        weakref.finalize(frame, end, "rgb")
        return frame

    class Counted(picture.TimedFrame):
        def __del__(self) -> None:
            end("decoded")

    def counting(*given: Any) -> Iterator[picture.TimedFrame]:
        for one in decoded(*given):
            begin("decoded")
            yield Counted(one.time, one.length, one.frame, one.track)

    monkeypatch.setattr(picture.Upright, "square", counted)
    monkeypatch.setattr(picture, "_decoded", counting)
    return counts


@pytest.mark.parametrize("count", [144, 432])
def test_frames_are_held_by_the_few_whatever_their_number(
    count: int,
    extractors: dict[str, Extractor],
    alive: dict[str, list[int]],
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "a.mkv", list(range(count)), count / SECONDS)
    by_frame = {key: e for key, e in extractors.items() if key != Greys.key}
    found = extracted(path, by_frame, tmp_path)
    assert not found.problems
    gc.collect()
    assert {what: now for what, (now, _) in alive.items()} == {"decoded": 0, "rgb": 0}
    assert alive["decoded"][1] <= 4  # by the decoder, the watcher, and the conformed view
    # ImageBind's ten whole frames, the one that is shown and those before it.
    assert alive["rgb"][1] <= 10 + 4


def test_a_clip_above_the_bound_costs_those_alone_that_need_all_of_it(
    extractors: dict[str, Extractor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.mkv", list(range(144)), size=(96, 128))
    everything = held(path, extractors)
    monkeypatch.setattr(native, "MOST_BYTES", 50 * 96 * 128 * 3)
    found = extracted(path, extractors, tmp_path)
    ((place, lines),) = found.problems.items()
    assert place[1].path == path
    assert list(lines) == [Greys.key]
    assert lines[Greys.key].startswith(f"{path}: found 144 frames of 128 x 96 px, more than ")
    assert lines[Greys.key].endswith("scale it down, or leave out what needs all of it: greys")
    for key in everything.keys() - {Greys.key}:
        np.testing.assert_array_equal(next(iter(found.blocks[key].values())), everything[key])


def test_what_fails_in_one_reader_costs_no_other(tmp_path: Path) -> None:
    class Failing(Greys):
        key = "failing"

        def reader(self, clip: Clip, caption: str) -> Failing:
            assert caption == CAPTION
            with pytest.raises(TypeError, match="not kept"):
                clip.video[0]
            return self

        def take(self, number: int, frame: NDArray[np.uint8]) -> None:
            with pytest.raises(ValueError, match="read-only"):  # others are shown the same
                frame[:] = 0
            if number == 7:
                raise ValueError("no\nmore")

    path = written(tmp_path / "a.mkv", list(range(144)))
    events = AVEvents(DETECTORS["published"], "native")
    found = extracted(path, {"failing": Failing(), "events": events}, tmp_path)
    ((_, lines),) = found.problems.items()
    assert lines == {
        "failing": f"{path}: found ValueError (no more), expected a clip that features can be "
        "extracted from"
    }
    assert [key for key, blocks in found.blocks.items() if blocks] == ["events"]
