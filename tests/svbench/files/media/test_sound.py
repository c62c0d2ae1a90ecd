"""Sound on its time line: channels, gaps, overlaps, rates that change, late and long sounds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files import media
from svbench.files.media.containers import opened, sound_stream
from svbench.files.media.sound import Block, _runs, read_time_line
from svbench.types import Clip, ClipSpec, Recording
from tests.factories import movies

SPEC = ClipSpec(32, 8.0, (24, 32), 16000)  # 4 s: all bursts of `movies.BURSTS`


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write six seconds of picture without sound."""
    folder = tmp_path_factory.mktemp("picture")
    return movies.write(folder / "v.mkv", movies.frames(144, (24, 32)))


def bursts(clip: Clip) -> list[float]:
    return movies.burst_times(clip.audio, clip.spec.sample_rate)


MANY = {
    # codec, layout, ending: every one of 8 channels and more once ended the interpreter
    "packed, 8": ("pcm_s16le", "7.1", "wav"),
    "packed, 16": ("pcm_s16le", "hexadecagonal", "wav"),
    # an order of channels that the container lists: PyAV frees it twice
    "own order, 8, MOV": ("pcm_s16le", "7.1", "mov"),
    "own order, 7, MOV, 24 bits": ("pcm_s24le", "6.1", "mov"),
    "own order, 8, CAF": ("pcm_s16le", "7.1", "caf"),
    "own order, 8, AIFF": ("pcm_s16be", "7.1", "aiff"),
    "planar, 8, AAC": ("aac", "7.1", "m4a"),
    "planar, 8, FLAC": ("flac", "7.1", "flac"),
    "planar, 6, AC-3": ("ac3", "5.1", "ac3"),
    "planar, 8, TrueHD-like lossless": ("wavpack", "7.1", "wv"),
}


@pytest.mark.parametrize("kind", MANY)
def test_many_channels_are_averaged(kind: str, picture: Path, tmp_path: Path) -> None:
    codec, layout, ending = MANY[kind]
    path = tmp_path / f"s.{ending}"
    movies.write_sound(path, movies.sound(), codec=codec, layout=layout)
    clip = media.read(Recording(picture, 0.0, path), SPEC)
    np.testing.assert_allclose(bursts(clip), movies.BURSTS, atol=0.035)  # AC-3 has no priming mark


@pytest.mark.parametrize("form", ["mov", "caf", "aiff"])
def test_an_order_of_channels_never_reaches_a_frame(form: str, tmp_path: Path) -> None:
    codec = "pcm_s16be" if form == "aiff" else "pcm_s16le"
    path = tmp_path / f"s.{form}"
    movies.write_sound(path, movies.sound(1.0, [0.5]), codec=codec, layout="7.1")
    with opened(path) as container:
        stream = sound_stream(container, path)
        names = {frame.layout.name for frame in container.decode(stream)}
    assert names == {"8 channels"}


@pytest.mark.parametrize("gap", [0.0213, 0.15, 0.5])
@pytest.mark.parametrize("native", [False, True])
def test_what_follows_a_gap_keeps_its_time(gap: float, native: bool, tmp_path: Path) -> None:
    sound = movies.sound()
    cut = round(1.2 * movies.RATE), round((1.2 + gap) * movies.RATE)
    audio = [(0.0, sound[: cut[0]]), (cut[1] / movies.RATE, sound[cut[1] :])]
    path = movies.write(tmp_path / "a.mkv", movies.frames(144), audio=audio)
    clip = media.read_native(Recording(path)) if native else media.read(Recording(path), SPEC)
    np.testing.assert_allclose(bursts(clip), movies.BURSTS, atol=0.0011)


def test_where_blocks_overlap_the_earlier_one_is_kept(tmp_path: Path) -> None:
    sound = movies.sound()
    cut, back = round(2.2 * movies.RATE), round(2.0 * movies.RATE)
    audio = [(0.0, sound[:cut]), (2.0, sound[back:])]
    path = movies.write(tmp_path / "a.mkv", movies.frames(144), audio=audio)
    np.testing.assert_allclose(bursts(media.read(Recording(path), SPEC)), movies.BURSTS, atol=1e-3)


def blocks(times: list[float], count: int = 480, rate: int = 48000) -> list[Block]:
    return [
        Block(Fraction(round(t * 90000), 90000), rate, count, np.zeros(count, np.float32))
        for t in times
    ]


def test_jitter_of_time_stamps_makes_no_gap() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(400) * 0.01 + rng.uniform(-0.012, 0.012, 400)
    runs = list(_runs(blocks(times.tolist()), Path("a.webm")))
    assert len(runs) == 1, [float(run.anchor) for run in runs]


def test_a_single_lost_packet_moves_all_that_follows() -> None:
    times = [k * 0.02 for k in range(100) if k != 50]
    first, second = _runs(blocks(times, 960), Path("a.mkv"))
    assert (float(first.end), float(second.anchor)) == (1.0, 1.02)


def test_time_stamps_that_jump_back_are_refused() -> None:
    times = [k * 0.02 for k in range(100)] * 2
    with pytest.raises(DataError, match=r"a\.ts: time stamps of the sound jump back from 2\.000 s"):
        list(_runs(blocks(times, 960), Path("a.ts")))


@pytest.mark.parametrize("codec", ["aac", "mp2"])
def test_a_rate_that_changes_midway_moves_nothing(
    codec: str, picture: Path, tmp_path: Path
) -> None:
    size = 1152 if codec == "mp2" else 1024
    seconds = size * round(2 * 44100 / size) / 44100  # whole packets
    form = "adts" if codec == "aac" else "mp2"
    early = movies.sound(seconds, [t for t in movies.BURSTS if t < 2], 44100)
    late = movies.sound(4, [t - seconds for t in movies.BURSTS if t > 2], 48000)
    movies.write_sound(tmp_path / "1", early, codec=codec, rate=44100, form=form)
    movies.write_sound(tmp_path / "2", late, codec=codec, rate=48000, form=form)
    mixed = tmp_path / f"mixed.{codec}"
    mixed.write_bytes((tmp_path / "1").read_bytes() + (tmp_path / "2").read_bytes())
    clip = media.read(Recording(picture, 0.0, mixed), SPEC)
    np.testing.assert_allclose(bursts(clip), movies.BURSTS, atol=0.05)  # the encoders' delay


def test_a_layout_that_changes_midway_changes_nothing(picture: Path, tmp_path: Path) -> None:
    for name, layout in (("1", "stereo"), ("2", "mono")):
        sound = movies.sound()[: 2 * movies.RATE] if name == "1" else movies.sound(4, [0.5])
        movies.write_sound(tmp_path / name, sound, codec="aac", layout=layout, form="adts")
    mixed = tmp_path / "mixed.aac"
    mixed.write_bytes((tmp_path / "1").read_bytes() + (tmp_path / "2").read_bytes())
    found = bursts(media.read(Recording(picture, 0.0, mixed), SPEC))
    np.testing.assert_allclose(found, [0.5, 1.0, 1.75, 2.5], atol=0.06)


def test_the_default_sound_track_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        tracks = []
        for bursts_at, default in (((0.25,), False), (movies.BURSTS, True)):
            stream = out.add_stream("pcm_s16le", rate=movies.RATE, layout="mono")
            stream.disposition = av.stream.Disposition.default if default else 0
            tracks.append((stream, bursts_at))
        for stream, bursts_at in tracks:
            samples = np.rint(movies.sound(6, bursts_at) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            frame.sample_rate, frame.pts = movies.RATE, 0
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    line = read_time_line(path)
    audio = line.laid_out(0, 6 * movies.RATE, movies.RATE)
    assert movies.burst_times(audio, movies.RATE) == list(movies.BURSTS)


def test_a_window_gets_what_resampling_the_whole_sound_gives(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.5, 0.5, 44100 * 12).astype(np.float32)
    path = movies.write_sound(tmp_path / "s.wav", noise, rate=44100)
    whole = read_time_line(path).laid_out(0, 12 * 16000, 16000)
    window = read_time_line(path, Fraction(7), Fraction(9)).laid_out(7 * 16000, 32000, 16000)
    np.testing.assert_allclose(window, whole[7 * 16000 : 9 * 16000], atol=2e-6)


def test_a_late_window_in_a_long_sound_is_sought(tmp_path: Path) -> None:
    at = [t + 80 for t in movies.BURSTS]
    path = movies.write_sound(tmp_path / "s.wav", movies.sound(90, at, 8000), rate=8000)
    line = read_time_line(path, Fraction(80), Fraction(84))
    assert sum(len(piece) for run in line.runs for piece in run.blocks) < 8000 * 7
    audio = line.laid_out(80 * 8000, 4 * 8000, 8000)
    assert movies.burst_times(audio, 8000) == list(movies.BURSTS)


def test_a_sound_that_begins_behind_the_window_is_refused_and_takes_no_memory(
    tmp_path: Path,
) -> None:
    hours = 30.0
    audio = [(hours * 3600, movies.sound(6))]
    path = movies.write(tmp_path / "a.mkv", movies.frames(144), audio=audio)
    with pytest.raises(DataError, match=r"audio begins at 108000\.000 s, expected some between"):
        media.read(Recording(path), SPEC)


def test_a_block_that_is_not_a_number_is_refused(picture: Path, tmp_path: Path) -> None:
    samples = movies.sound()
    samples[7] = np.nan
    path = movies.write_sound(tmp_path / "s.wav", samples, codec="pcm_f32le")
    with pytest.raises(DataError, match=r"s\.wav: found NaN or infinity in the sound"):
        media.read(Recording(picture, 0.0, path), SPEC)
