"""Atomic writing, and the mapping of system errors."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from svbench.errors import ConfigError, StoppedError
from svbench.files import media
from svbench.files.writing import MARK, replacing, write_bytes, write_text, writing_to
from tests.factories.clips import make_clip
from tests.factories.full_disks import files_of_at_most


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.txt"
    write_text(path, "old")
    write_text(path, "ü\n")
    assert path.read_bytes() == "ü\n".encode()
    assert [f.name for f in path.parent.iterdir()] == ["x.txt"]


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "x").symlink_to(tmp_path / "theirs")
    write_text(tmp_path / "x", "ours")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not (tmp_path / "x").is_symlink()


def test_a_temporary_name_lies_beside_and_carries_our_mark(tmp_path: Path) -> None:
    with replacing(tmp_path / "x.txt") as temporary:
        temporary.write_text("x")
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(f".x.txt.{os.getpid()}-")
        assert temporary.name.endswith(MARK)


def test_a_failing_writer_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")

    def fail_half_way() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["x.txt"]


PASSING = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO]
LASTING = [errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG]


@pytest.mark.parametrize("number", [*PASSING, *LASTING])
def test_a_full_disk_is_a_stop_and_a_wrong_path_a_setting(number: int, tmp_path: Path) -> None:
    kind = StoppedError if number in PASSING else ConfigError
    with pytest.raises(kind) as caught, writing_to(tmp_path / "x", "--out"):
        raise OSError(number, "no luck")
    (line,) = str(caught.value).splitlines()
    if kind is StoppedError:
        assert line.startswith(f"{tmp_path / 'x'}: could not be written (no luck); ")
        assert line.endswith("run the same command again to go on")
    else:
        assert line == f"--out {tmp_path / 'x'}: cannot be written (no luck)"


def lossless(path: Path) -> None:
    clip = make_clip(3)
    quantised = type(clip)(clip.video, media.quantise(clip.audio), clip.spec)
    media.write_lossless(path, quantised, "{}")


def copy(path: Path) -> None:
    clip = make_clip(3)
    media.write_mp4(path, clip.video, clip.spec.fps, clip.audio)


def sound(path: Path) -> None:
    media.write_wav(path, make_clip(3).audio, 16000)


def arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, values=np.random.default_rng(0).random(5000))


def tensors(path: Path) -> None:
    save_file({"a": np.arange(5000)}, path)


WRITERS = [lossless, copy, sound, arrays, tensors]


def size_of(write: Callable[[Path], None], folder: Path) -> int:
    write(folder / "whole")
    return (folder / "whole").stat().st_size


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9, 1.0])
def test_whoever_writes_a_full_disk_is_not_passed_over(
    write: Callable[[Path], None], share: float, tmp_path: Path
) -> None:
    """Also by FFmpeg and safetensors, down to the last byte."""
    room = round(share * size_of(write, tmp_path)) - (share == 1.0)
    stopped = pytest.raises(StoppedError, match=r"x: could not be written \(File too large\)")
    with files_of_at_most(room), stopped, replacing(tmp_path / "x") as temporary:
        write(temporary)
    assert [f.name for f in tmp_path.iterdir()] == ["whole"]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system that holds 16 KB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount, and not everywhere")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("write", [lossless, arrays])
def test_a_disk_that_is_full_for_real(write: Callable[[Path], None], tiny: Path) -> None:
    stopped = pytest.raises(StoppedError, match=r"x: could not be written \(No space left")
    with stopped, replacing(tiny / "x") as temporary:
        write(temporary)
    assert not list(tiny.iterdir())
    write_bytes(tiny / "x", b"there is room again")
