"""Features are kept by all that they are extracted from: pictures, sound, caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.errors import ConfigError, StoppedError, SvbenchError
from svbench.files.store import Store
from svbench.types import Clip, Example, Sample, SampleSet, Values
from svbench.walk import extract_shard as module
from svbench.walk.extract import Extraction, extract
from svbench.walk.recorded import recorded
from tests.factories.clips import SPEC, make_clip, write_clip, write_folder


@dataclass(frozen=True)
class Letters:
    """Counts the letters of a caption."""

    key: str = "letters-1"
    view: str = "conformed"
    read: list[str] = field(default_factory=list)

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        del clips
        self.read.extend(captions)
        return [np.array([[float(len(caption))]]) for caption in captions]


def counted(letters: Letters, examples: Sequence[Example], store: Store) -> list[float]:
    samples, _ = recorded("real", examples, SPEC, Local(1))
    found = extract([letters], samples, store, Local(1), lambda *_: None)
    return [float(value) for value in found.features[letters.key].values[:, 0]]


def captioned(examples: Sequence[Example], *captions: str) -> list[Example]:
    return [replace(e, caption=c) for e, c in zip(examples, captions, strict=True)]


def test_a_new_caption_is_read_and_an_old_one_is_not(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", 2)
    (examples,) = manifest.load(tmp_path / "real").values()
    letters, store = Letters(), Store(tmp_path / "run")
    assert counted(letters, captioned(examples, "a", "bb"), store) == [1, 2]
    assert counted(letters, captioned(examples, "a", "bb"), store) == [1, 2]
    assert counted(letters, captioned(examples, "a", "cccc"), store) == [1, 4]
    assert letters.read == ["a", "bb", "cccc"]


def test_two_captions_of_one_and_the_same_clip_are_both_read(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_clip(tmp_path / "real" / f"{name}.mp4", seed=1)
    (examples,) = manifest.load(tmp_path / "real").values()
    assert counted(Letters(), captioned(examples, "a", "bbb"), Store(tmp_path / "run")) == [1, 3]


# --- what other libraries raise -------------------------------------------------------------------


@dataclass(frozen=True)
class Failing:
    """Measures the mean grey, and raises an error at clips that are brighter than the first."""

    error: Exception
    brightest: float
    key: str = "failing-1"
    view: str = "conformed"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        del captions
        if any(clip.video.mean() > self.brightest for clip in clips):
            raise self.error
        return [np.array([[clip.video.mean()]]) for clip in clips]


@pytest.fixture
def samples(tmp_path: Path) -> SampleSet:
    """Make five clips of which the third is the brightest."""
    for number in range(5):
        dim = make_clip(number)
        clip = Clip(dim.video // 2, dim.audio, dim.spec) if number != 2 else dim
        write_clip(tmp_path / "real" / f"c{number}.mp4", clip)
    (examples,) = manifest.load(tmp_path / "real").values()
    return recorded("real", examples, SPEC, Local(1))[0]


def extracted(error: Exception, samples: SampleSet, folder: Path) -> Extraction:
    store = Store(folder / "run")
    return extract([Failing(error, 30.0)], samples, store, Local(1), lambda *_: None)


FOREIGN = [
    cv2.error("OpenCV(4) bad\nargument"),
    ValueError("min() arg is an empty sequence"),
    IndexError("out of bounds"),
    MemoryError(),
    RuntimeError("a kernel failed"),
    ZeroDivisionError("division by zero"),
]


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_whatever_is_raised_for_a_clip_is_one_line_and_costs_no_other(
    error: Exception, samples: SampleSet, tmp_path: Path
) -> None:
    found = extracted(error, samples, tmp_path)
    ((request, line),) = found.problems.items()
    assert request == "c2/0"
    assert line.startswith(f"{tmp_path / 'real/c2.mp4'}: found {type(error).__name__} (")
    assert len(line.splitlines()) == 1
    assert found.features["failing-1"].requests == ("c0/0", "c1/0", "c3/0", "c4/0")


@pytest.mark.parametrize("error", [StoppedError("the disk is full"), ConfigError("no such device")])
def test_an_error_of_ours_that_is_not_about_a_clip_is_raised(
    error: SvbenchError, samples: SampleSet, tmp_path: Path
) -> None:
    with pytest.raises(type(error), match=str(error)):
        extracted(error, samples, tmp_path)


def test_a_device_without_memory_is_not_blamed_on_a_clip(
    samples: SampleSet, tmp_path: Path
) -> None:
    import torch

    with pytest.raises(StoppedError, match="no memory left for one clip"):
        extracted(torch.OutOfMemoryError("tried to allocate"), samples, tmp_path)


@pytest.mark.parametrize("block", [[[np.nan]], [[np.inf]], [1.0], np.zeros((0, 2))])
def test_features_that_are_no_numbers_are_not_kept(block: object, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Odd(Letters):
        def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
            del captions
            return [np.array(block) for _ in clips]

    write_folder(tmp_path / "real", 2)
    (examples,) = manifest.load(tmp_path / "real").values()
    clips, _ = recorded("real", examples, SPEC, Local(1))
    store = Store(tmp_path / "run")
    found = extract([Odd()], clips, store, Local(1), lambda *_: None)
    assert list(found.problems) == ["c0/0", "c1/0"]
    assert not (tmp_path / "run/features").exists()


def test_an_error_while_a_clip_is_read_is_its_problem(
    samples: SampleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = module.read_sample

    def failing(sample: Sample, *rest: Any) -> Clip:
        if sample.request_id == "c1/0":
            raise cv2.error("resize: empty")
        return read(sample, *rest)

    monkeypatch.setattr(module, "read_sample", failing)
    found = extract([Letters()], samples, Store(tmp_path / "run"), Local(1), lambda *_: None)
    assert found.problems == {
        "c1/0": f"{tmp_path / 'real/c1.mp4'}: found error (resize: empty), expected a clip that "
        "features can be extracted from"
    }
