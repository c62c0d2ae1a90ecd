"""A bad clip is one line, and affects no other clip."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from svbench.files import media
from svbench.types import Clip, ClipSpec
from tests.factories.clips import SPEC, make_clip, write_clip
from tests.factories.commands import Command, hint


def half(path: Path, suffix: str = ".mp4") -> None:
    """Truncate a file to its first half."""
    whole = path.read_bytes()
    path.unlink()
    path.with_suffix(suffix).write_bytes(whole[: len(whole) // 2])


def half_matroska(path: Path) -> None:
    """Truncate a file to half, with its header first, so that it can be opened."""
    clip = make_clip(3)
    media.write_lossless(path, Clip(clip.video, media.quantise(clip.audio), clip.spec), "")
    half(path, ".mkv")


def one_frame(path: Path) -> None:
    clip = make_clip(3)
    media.write_mp4(path, clip.video[:1], clip.spec.fps, clip.audio)


def half_the_sound(path: Path) -> None:
    clip = make_clip(3)
    media.write_mp4(path, clip.video, clip.spec.fps, clip.audio[: SPEC.samples // 2])


def not_a_number(path: Path) -> None:
    """Put a WAV of 32-bit floats beside the video, with one NaN in it."""
    sound = make_clip(3).audio.copy()
    sound[5000] = np.nan
    rate = SPEC.sample_rate
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 3, 1, rate, 4 * rate, 4, 32)
    data = b"data" + struct.pack("<I", 4 * len(sound)) + sound.tobytes()
    body = b"WAVE" + form + data
    path.with_suffix(".wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


BAD_CLIPS: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    # what is done to c4.mp4, the file that is blamed, what was found, what was expected
    "zero bytes": (
        lambda path: path.write_bytes(b""),
        "c4.mp4",
        "found an empty file (0 bytes)",
        "expected a clip",
    ),
    "a text file": (
        lambda path: path.write_text("This is not a video.\n" * 50),
        "c4.mp4",
        "found no readable media",
        "expected a video or sound file",
    ),
    "cut in half": (half, "c4.mp4", "found no readable media", "expected a video or sound file"),
    "cut in half, header first": (
        half_matroska,
        "c4.mkv",
        "video ends at 0.",
        "expected 1.000 s (8 frames at 8 frames/s, 32 x 32 px, 16000 Hz); is it truncated?",
    ),
    "no sound": (
        lambda path: write_clip(path, sound=False),
        "c4.mp4",
        "found no audio stream",
        "expected one in the file or in c4.wav beside it (it holds: video)",
    ),
    "no picture": (
        lambda path: media.write_wav(path, make_clip().audio, SPEC.sample_rate),
        "c4.mp4",
        "found no video stream",
        "expected one (it holds: audio)",
    ),
    "one frame": (one_frame, "c4.mp4", "video ends at 0.125 s", "expected 1.000 s"),
    "half the sound": (half_the_sound, "c4.mp4", "audio ends at 0.5", "expected 1.000 s"),
    "sound that is not a number": (
        not_a_number,
        "c4.wav",
        "found NaN or infinity in the sound",
        "expected finite samples",
    ),
    "an empty sound file": (
        lambda path: path.with_suffix(".wav").write_bytes(b""),
        "c4.wav",
        "found an empty file (0 bytes)",
        "expected a clip",
    ),
}


@pytest.mark.parametrize("kind", BAD_CLIPS)
def test_a_bad_clip_is_one_line_and_costs_no_other_clip(
    kind: str, made: Path, score: Command, extracted: list[str], tmp_path: Path
) -> None:
    spoil, blamed, found, expected = BAD_CLIPS[kind]
    good = (made / "c4.mp4").read_bytes()
    spoil(made / "c4.mp4")

    first = score(made)
    assert first.code == 3
    problem, last = first.problems
    assert problem.startswith(f"{made / blamed}: ")
    assert problem.index(found) < problem.index(expected)
    assert last == hint(1, 6)
    assert not (tmp_path / "run" / "results.json").exists()

    known = set(extracted)  # before it was repaired; empty, if its header was bad already
    for path in made.glob("c4.*"):
        path.unlink()
    (made / "c4.mp4").write_bytes(good)
    extracted.clear()
    second = score(made)
    assert second.code == 0, second.err
    assert "n = 6" in second.out
    everything = {f"made/c{i}.mp4" for i in range(6)} | {"real/c0.mp4", "real/c1.mp4"}
    assert sorted(extracted) == sorted((everything - known) | {"made/c4.mp4"})


def test_features_of_good_clips_are_kept_when_bad_ones_fail_to_decode(
    made: Path, score: Command, extracted: list[str]
) -> None:
    good = {name: (made / name).read_bytes() for name in ("c1.mp4", "c4.mp4")}
    for name in good:
        one_frame(made / name)  # its header looks sound, so it is met in the midst of work

    first = score(made)
    assert first.code == 3
    assert [line.split(": ")[0] for line in first.problems[:2]] == [
        str(made / "c1.mp4"),
        str(made / "c4.mp4"),
    ]
    assert first.problems[2] == hint(2, 6)
    # The two bad ones are equal, and the second of them is tried when the first has failed.
    clips = [f"made/c{i}.mp4" for i in range(6)] + ["real/c0.mp4", "real/c1.mp4"]
    assert sorted(extracted) == clips

    for name, content in good.items():
        (made / name).write_bytes(content)
    extracted.clear()
    assert score(made).code == 0
    assert extracted == ["made/c1.mp4", "made/c4.mp4"]


def test_with_allow_missing_the_table_shows_how_many_clips_it_rests_on(
    made: Path, score: Command
) -> None:
    (made / "c4.mp4").write_bytes(b"")
    outcome = score(made, "--allow-missing")
    assert outcome.code == 0
    assert "n = 5 of 6" in outcome.out


def test_a_bad_real_clip_is_blamed_like_any_other(
    made: Path, originals: Path, score: Command, tmp_path: Path
) -> None:
    mine = Path(shutil.copytree(originals / "real", tmp_path / "mine"))
    (mine / "c1.mp4").write_bytes(b"")
    outcome = score(made, "--reference", mine)
    assert outcome.code == 3
    assert outcome.problems[0].startswith(f"{mine / 'c1.mp4'}: found an empty file")
    assert outcome.problems[1:] == [hint(1, 2)]


def test_a_silent_clip_is_scored_as_zero_and_named(made: Path, score: Command) -> None:
    write_clip(made / "c4.mp4", make_clip(14, silent=True))
    outcome = score(made)
    assert outcome.code == 0, outcome.err
    assert outcome.problems == []
    notes = [line for line in outcome.out.splitlines() if line.startswith("· ")]
    (silent,) = [note for note in notes if "silent" in note]
    assert "c4/0" in silent
    scores = (made.parent / "run" / "scores.csv").read_text().splitlines()
    (line,) = [line for line in scores if line.startswith("made,c4/0,")]
    assert line.split(",")[3] == "0.0"


def test_native_clips_that_are_cut_short_are_refused_too(made: Path, score: Command) -> None:
    long = make_clip(4, ClipSpec(32, 8.0, (64, 64), 16000))
    (made / "c4.mp4").unlink()
    path = made / "c4.mkv"
    media.write_lossless(path, Clip(long.video, media.quantise(long.audio), long.spec), "")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 7 // 10])  # 22 of its 32 frames are left
    outcome = score(made, "--metrics", "av-align-corrected@published+native")
    assert outcome.code == 3
    assert outcome.problems[0].startswith(f"{path}: ")
    assert "truncated" in outcome.problems[0]


def test_a_native_clip_of_one_frame_is_named(made: Path, score: Command) -> None:
    one_frame(made / "c4.mp4")
    outcome = score(made, "--metrics", "av-align-corrected@published+native")
    assert outcome.code == 3
    assert len(outcome.problems) == 2
    assert outcome.problems[0].startswith(f"{made / 'c4.mp4'}: ")
    assert "frame" in outcome.problems[0]
