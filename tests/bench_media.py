"""What a clip costs to read: memory beside the process itself, and time beside plain decoding."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.factories import movies

HOUR = 3600  # s
BOUND = 300e6  # bytes that reading 4 s of an hour of 1920 x 1080 px may take

READ = """
import sys
from pathlib import Path
from svbench.files import media
from svbench.types import ClipSpec, Recording

def peak():  # not ru_maxrss: a child's begins with what its parent held
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024

path, start = Path(sys.argv[1]), float(sys.argv[2])
media.check(Recording(path))
before = peak()
clip = media.read(Recording(path, start), ClipSpec(32, 8.0, (256, 256), 16000))
print(peak() - before, *clip.audio.shape)
"""


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an hour of 1920 x 1080 px at 24 frames/s: one second encoded, its packets repeated."""
    folder = tmp_path_factory.mktemp("hour")
    second = movies.write(
        folder / "second.mp4",
        movies.frames(24, (1080, 1920)),
        audio=[(0.0, movies.sound(1.0, [0.25]))],
        codec="libx264",
        options={"preset": "ultrafast", "x264-params": "keyint=24:bframes=0:threads=2"},
    )
    path = folder / "hour.mov"
    with av.open(str(second)) as source, av.open(str(path), "w") as out:
        tracks = {stream: out.add_stream_from_template(stream) for stream in source.streams}
        packets = [packet for packet in source.demux() if packet.size]
        packed = [
            (
                tracks[p.stream],
                bytes(p),
                p.pts * p.time_base,
                p.duration,
                p.time_base,
                p.is_keyframe,
            )
            for p in packets
        ]
        for turn in range(HOUR):
            for track, data, time, length, base, key in packed:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = track, base, key
                packet.pts = packet.dts = round((turn + Fraction(time)) / base)
                packet.duration = length
                out.mux(packet)
    return path


@pytest.mark.parametrize("start", [0.0, 3500.0])
def test_memory_of_four_seconds_out_of_an_hour(benchmark: Any, hour: Path, start: float) -> None:
    command = [sys.executable, "-c", READ, str(hour), str(start)]

    def read() -> int:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        taken, samples = map(int, done.stdout.split())
        assert samples == 64000
        return taken

    taken = benchmark.pedantic(read, rounds=1)
    benchmark.extra_info["MB beside the process"] = round(taken / 1e6)
    benchmark.extra_info["of the bound"] = round(taken / BOUND, 2)
    assert taken < BOUND
