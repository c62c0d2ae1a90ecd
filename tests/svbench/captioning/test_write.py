"""Lists of captions: written once, resumed, extended, and never overwritten by other ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from svbench.captioning import caption
from svbench.captioning.clips import Clips, of_folder
from svbench.captioning.settings import CaptionSettings
from svbench.captioning.write import Written, write_captions
from svbench.compute import CPU, Machine
from svbench.engines.local import Local
from svbench.engines.pickled_work import Loaded, pickled
from svbench.errors import ConfigError, DataError
from svbench.files import media
from tests.factories import movies
from tests.factories.chat_models import SPECIAL, WORDS, write_llava
from tests.factories.clips import make_clip, write_clip
from tests.goldens.places import REPOSITORY, real_clips

T = TypeVar("T")
R = TypeVar("R")
ONE = Local(1)


def settings(llava: Path, **others: Any) -> CaptionSettings:
    usual = CaptionSettings(model=str(llava), frames=2, max_new_tokens=4, machine=CPU)
    return replace(usual, **others)


def found(folder: Path, count: int | None = None) -> Clips:
    return of_folder(folder, seconds=1.0, limit=count)


def write(folder: Path, llava: Path, out: Path, **others: Any) -> Written:
    return write_captions(found(folder), settings(llava, **others), out, ONE)


def both(out: Path) -> tuple[bytes, bytes]:
    return out.read_bytes(), out.with_name(f"{out.name}.json").read_bytes()


@pytest.fixture(scope="module")
def expected(llava: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the list of all five clips."""
    out = tmp_path_factory.mktemp("lists") / "captions.csv"
    assert write(clips, llava, out) == Written(5, 5)
    return out


def test_the_record_states_what_decided_the_captions(expected: Path, llava: Path) -> None:
    record = json.loads(both(expected)[1])
    made = record["settings"]
    assert made["prompt"].startswith("What is being hit with a drumstick in the video?")
    assert made["frame times"] == "i / 2 of 1 s, nearest by time stamp"
    assert (made["frames given as"], made["decoding"]) == ("a video, by Pillow", "greedy")
    assert (made["dtype"], made["device"], made["batch"]) == ("float32", "cpu", 1)
    assert (record["model"], record["count"]) == (str(llava), 5)
    assert [clip["id"] for clip in record["clips"]] == [f"c{i}" for i in range(5)]
    assert len({clip["digest"] for clip in record["clips"]}) == 5
    lines = expected.read_text().splitlines()
    assert lines[0] == "file,caption"
    assert lines[1:] == [f"{clip['id']}.mp4,{clip['caption']}" for clip in record["clips"]]


def test_the_same_command_does_nothing_and_more_clips_extend_the_list(
    expected: Path, llava: Path, clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "captions.csv"
    assert write_captions(found(clips, 2), settings(llava), out, ONE) == Written(2, 2)
    assert write(clips, llava, out) == Written(5, 3)
    assert both(out) == both(expected)
    changed = out.stat().st_mtime_ns
    assert write(clips, llava, out) == Written(5, 0)
    assert out.stat().st_mtime_ns == changed
    assert sorted(file.name for file in tmp_path.iterdir()) == [out.name, f"{out.name}.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
from svbench.captioning.journal import Journal
from svbench.cli.app import main

add = Journal.add
def add_and_die(self, captions):
    add(self, captions)
    if len(self.captions) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.add = add_and_die
main()
"""


def test_a_killed_command_resumes_to_the_same_bytes(
    expected: Path, llava: Path, clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "captions.csv"
    words = ["caption", clips, "--model", llava, "--out", out, "--seconds", "1", "--frames", "2"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, words), "--max-new-tokens", "4"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not out.exists()
    journal = tmp_path / "captions.csv.journal"
    with journal.open("ab") as file:
        file.write(b'{"clip": "half wri')
    assert write(clips, llava, out) == Written(5, 3)
    assert both(out) == both(expected)
    assert not journal.exists()


def test_an_interrupted_batch_is_the_same_batch_again(
    llava: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards are cut from the whole list, so resumed work shares its batches as before."""
    shards: list[list[str]] = []
    answer = caption.Captioner.answer

    def watched(self: caption.Captioner, shard: Any, read: Any) -> list[caption.Answer]:
        shards.append([example.id for example in shard])
        if len(shards) == 2:
            raise KeyboardInterrupt
        return answer(self, shard, read)

    monkeypatch.setattr(caption.Captioner, "answer", watched)
    together = settings(llava, machine=replace(CPU, batch=2))
    out = tmp_path / "captions.csv"
    with pytest.raises(KeyboardInterrupt):
        write_captions(found(clips), together, out, ONE)
    assert write_captions(found(clips), together, out, ONE) == Written(5, 3)
    assert shards == [["c0", "c1"], ["c2", "c3"], ["c2", "c3"], ["c4"]]


class Apart:
    """An engine whose workers get the work pickled, each with a model of its own."""

    distributed = True

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        return map(work, shards)

    def spread(
        self,
        work: Callable[[T], R],
        shards: Iterable[T],
        *,
        named: Callable[[T], str] = str,
        alone: bool = False,
    ) -> Iterator[R]:
        assert alone
        sent = pickled(work)
        assert sent is not None
        workers = [Loaded("one worker"), Loaded("one worker")]
        for worker in workers:
            worker.load(sent)
        for number, shard in enumerate(shards):
            assert named(shard)
            yield workers[number % 2].compute(None, shard)


@pytest.mark.parametrize("engine", [Local(3), Apart()])
def test_no_engine_changes_a_byte(
    engine: Any, expected: Path, llava: Path, clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "captions.csv"
    write_captions(found(clips), settings(llava), out, engine)
    assert both(out) == both(expected)


def test_frames_are_chosen_by_their_time_stamps(
    llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frame i of n is that of i / n of the clip, also where the rate changes; no sound is read."""
    movies.write(
        tmp_path / "late.mkv",
        movies.frames(30, (64, 64)),
        times=[*(k / 24 for k in range(12)), *(0.5 + k / 6 for k in range(18))],
    )
    seen: list[list[int]] = []
    read = media.read_frames

    def watched(*args: Any, **keywords: Any) -> Any:
        frames = read(*args, **keywords)
        seen.append(movies.numbers(frames))
        return frames

    monkeypatch.setattr(media, "read_frames", watched)
    clips = of_folder(tmp_path, seconds=2.0)
    write_captions(clips, settings(llava, frames=4), tmp_path / "a.jsonl", ONE)
    assert seen == [[0, 12, 15, 18]]  # at 0, 0.5, 1 and 1.5 s


# --- refusals ----------------------------------------------------------------------------------


def test_a_clip_of_the_same_bytes_joins_the_list_and_another_order_is_written(
    llava: Path, clips: Path, tmp_path: Path
) -> None:
    out, folder = tmp_path / "captions.csv", tmp_path / "clips"
    folder.mkdir()
    shutil.copy(clips / "c0.mp4", folder / "b.mp4")
    assert write(folder, llava, out) == Written(1, 1)
    shutil.copy(clips / "c0.mp4", folder / "a.mp4")
    assert write(folder, llava, out) == Written(2, 0)
    assert [line.partition(",")[0] for line in out.read_text().splitlines()] == [
        "file",
        "a.mp4",
        "b.mp4",
    ]


@pytest.fixture
def list_of_two(expected: Path, tmp_path: Path) -> Path:
    """Return a copy of the list and its record that a test may spoil."""
    for file in (expected, expected.with_name(f"{expected.name}.json")):
        shutil.copy(file, tmp_path / file.name)
    return tmp_path / expected.name


@pytest.mark.parametrize(
    ("others", "line"),
    [
        ({"prompt": "What is it?"}, "made with prompt What is being hit .* expected What is it"),
        ({"frames": 4}, "made with frame times i / 2 of 1 s"),
        ({"machine": Machine("cpu", "bfloat16")}, "made with dtype float32, expected bfloat16"),
        ({"machine": Machine("cpu", batch=2)}, "made with batch 1, expected 2"),
    ],
)
def test_a_list_made_otherwise_is_refused_and_kept(
    others: dict[str, Any], line: str, list_of_two: Path, llava: Path, clips: Path
) -> None:
    before = both(list_of_two)
    with pytest.raises(ConfigError, match=line):
        write(clips, llava, list_of_two, **others)
    assert both(list_of_two) == before
    assert len(list(list_of_two.parent.iterdir())) == 2


def test_a_list_of_other_clips_is_refused(
    list_of_two: Path, llava: Path, clips: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"found captions of 3 clips that are not captioned now"):
        write_captions(found(clips, 2), settings(llava), list_of_two, ONE)
    changed = tmp_path / "changed"
    shutil.copytree(clips, changed)
    write_clip(changed / "c3.mp4", make_clip(99))
    with pytest.raises(ConfigError, match=r"captions of 1 clips of other bytes \(first: c3\)"):
        write(changed, llava, list_of_two)


def test_a_list_that_somebody_wrote_or_changed_is_refused(
    list_of_two: Path, llava: Path, clips: Path
) -> None:
    list_of_two.write_text(list_of_two.read_text().replace("c0.mp4,", "c0.mp4,nice "))
    with pytest.raises(ConfigError, match=r"found a list that was changed after svbench"):
        write(clips, llava, list_of_two)
    list_of_two.with_name("captions.csv.json").unlink()
    with pytest.raises(ConfigError, match=r"found a list without captions.csv.json beside it"):
        write(clips, llava, list_of_two)


def test_captions_under_way_of_more_clips_are_not_lost(
    llava: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "captions.csv"
    with monkeypatch.context() as patched:
        patched.setattr("svbench.captioning.write.write_text", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            write(clips, llava, out)
    with pytest.raises(ConfigError, match=r"captions under way of 3 clips that are not captioned"):
        write_captions(found(clips, 2), settings(llava), out, ONE)
    assert write(clips, llava, out) == Written(5, 0)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_work_under_way_by_other_settings_is_refused(
    llava: Path, clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "captions.csv"
    journal = tmp_path / "captions.csv.journal"
    head = json.dumps({"settings": {"version": 1, "prompt": "Else?"}, "list": ""})
    journal.write_text(f'{head}\n{{"clip": "00", "caption": "a cat"}}\n')
    with pytest.raises(ConfigError, match=r"captions.csv.journal beside it: found captions made"):
        write(clips, llava, out)
    assert journal.exists()


def test_a_clip_that_cannot_be_read_keeps_the_captions_of_the_others(
    llava: Path, clips: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "some"
    shutil.copytree(clips, folder)
    (folder / "c1.mp4").write_bytes(b"no video")
    out = tmp_path / "captions.csv"
    with pytest.raises(DataError, match=r"c1.mp4: .*\n1 clips have no caption: .*--allow-missing"):
        write(folder, llava, out)
    assert not out.exists()
    written = write_captions(found(folder), settings(llava), out, ONE, allow_missing=True)
    assert (written.listed, written.captioned) == (4, 0)
    assert "c1.mp4" in written.left_out[0]
    assert "c1" not in out.read_text()


def test_an_empty_answer_is_an_error_that_names_the_clip(clips: Path, tmp_path: Path) -> None:
    silent = write_llava(tmp_path / "silent", silenced=range(len(SPECIAL), len(SPECIAL + WORDS)))
    with pytest.raises(DataError) as error:
        write(clips, silent, tmp_path / "captions.csv")
    lines = str(error.value).split("\n")
    assert lines[0].startswith("c0: found an empty answer of ")
    assert lines[-1].startswith("5 clips have no caption: mend them, or ask by another --prompt")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["silent"]


# --- real clips --------------------------------------------------------------------------------


def test_real_clips_are_captioned_as_they_lie(llava: Path, tmp_path: Path) -> None:
    clips = of_folder(real_clips())
    out = tmp_path / "captions.jsonl"
    written = write_captions(clips, settings(llava, frames=8), out, ONE)
    assert written == Written(len(clips.examples), len(clips.examples))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == [example.id for example in clips.examples]
    assert all((tmp_path / line["file"]).is_file() for line in lines)
    assert len({line["caption"] for line in lines}) > len(lines) // 2
