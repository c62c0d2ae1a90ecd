"""What an extractor said of a clip is kept with all that it was told: pictures, sound, caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from svbench.datasets import manifest
from svbench.engine import Local
from svbench.extract import extract
from svbench.generate import recorded
from svbench.store import Store
from svbench.types import Clip, Example, Values
from tests.factories import SPEC, write_clip, write_folder


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
    found = extract([letters], samples, store, Local(1), lambda _count: None)
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
