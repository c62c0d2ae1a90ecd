"""Clips of 4 s at 8 frames/s as files, MP4 with WAV."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from svbench.files import media
from svbench.types import ClipSpec
from tests.factories.clips import make_clip
from tests.goldens.places import golden_root

SPEC: Final = ClipSpec(32, 8.0, (256, 256), 16000)


def four_second_clips(folder: Path, count: int) -> list[Path]:
    """Write clips: real ones, each several times, if there are golden data; else drawn ones."""
    there = sorted((golden_root() / "metrics/avalign/clips8").glob("*.mp4"))
    there = [path for path in there if path.with_suffix(".wav").exists()]
    folder.mkdir()
    for number in range(count):
        target = folder / f"{number:02d}.mp4"
        if there:
            source = there[number % len(there)]
            shutil.copy(source, target)
            shutil.copy(source.with_suffix(".wav"), target.with_suffix(".wav"))
        else:
            clip = make_clip(number, SPEC)
            media.write_mp4(target, clip.video, SPEC.fps)
            media.write_wav(target.with_suffix(".wav"), clip.audio, SPEC.sample_rate)
    return sorted(folder.glob("*.mp4"))
