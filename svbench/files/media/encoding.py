"""Encoding of clips, and decoding of our own lossless files.

Clips in a run's store are lossless (FFV1 and 24-bit FLAC in Matroska); MP4 is for people, and for
synthetic data sets.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.media.containers import local, opened
from svbench.files.media.picture import ToRGB
from svbench.types import Clip, ClipSpec

Video = NDArray[np.uint8]
Audio = NDArray[np.float32]

FLAC_SCALE = 2.0**23  # 24-bit samples, the precision of a float32
# x264's look-ahead reads beyond small frames, so its output would not be reproducible.
REPEATABLE = "threads=1:bframes=0:mbtree=0:rc-lookahead=0"


def quantise(audio: Audio) -> Audio:
    """Return audio rounded to the 24-bit grid of FLAC; idempotent."""
    steps = np.clip(np.rint(audio.astype(np.float64) * FLAC_SCALE), -FLAC_SCALE, FLAC_SCALE - 1)
    # Adding 0 turns -0 into 0, as it is decoded from the file.
    return (steps / FLAC_SCALE + 0.0).astype(np.float32)


def write_lossless(path: Path, clip: Clip, comment: str) -> None:
    """Write a clip as FFV1 + FLAC in Matroska; equal clips give equal bytes.

    Parameters
    ----------
    path : Path
        the file
    clip : Clip
        the clip, with audio on the 24-bit grid (see `quantise`)
    comment : str
        the comment in the header
    """
    with av.open(local(path), "w", format="matroska", options={"fflags": "+bitexact"}) as out:
        out.metadata["comment"] = comment
        picture = out.add_stream("ffv1", rate=Fraction(clip.spec.fps).limit_denominator(100_000))
        picture.height, picture.width = clip.spec.size
        picture.pix_fmt = "bgr0"
        picture.options = {"level": "3", "slices": "4", "slicecrc": "1", "flags": "+bitexact"}
        sound = _flac(out, clip.spec.sample_rate)
        picture.thread_type = "NONE"  # for small frames threads cost more than they save
        converter = VideoReformatter()
        for array in clip.video:
            rgb = av.VideoFrame.from_ndarray(array, "rgb24")
            out.mux(picture.encode(converter.reformat(rgb, format=picture.pix_fmt, threads=1)))
        out.mux(picture.encode(None))
        frame = _steps_of_24_bits(clip.audio)
        frame.sample_rate, frame.pts = clip.spec.sample_rate, 0
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


def _flac(out: OutputContainer, sample_rate: int) -> av.AudioStream:
    sound = out.add_stream("flac", rate=sample_rate, layout="mono", format="s32")
    sound.options = {"flags": "+bitexact"}
    return sound


def _steps_of_24_bits(audio: Audio) -> av.AudioFrame:
    """Return samples on the 24-bit grid as FLAC encodes them."""
    steps = (audio.astype(np.float64) * FLAC_SCALE).astype(np.int64) << 8
    return av.AudioFrame.from_ndarray(steps.astype(np.int32)[None], "s32", "mono")


def read_lossless(path: Path, spec: ClipSpec) -> Clip:
    """Decode a file of `write_lossless`, bit for bit."""
    rgb = ToRGB()
    with opened(path) as container:
        for stream in container.streams.video[:1]:
            stream.thread_type = "NONE"  # clips are decoded in parallel, each on one thread
        video = [rgb(frame) for frame in container.decode(video=0)]
        container.seek(0)
        steps = [_steps(frame, path) for frame in container.decode(audio=0)]
    try:
        audio = (np.concatenate(steps).astype(np.float64) / 2.0**31).astype(np.float32)
        return Clip(np.stack(video), audio, spec)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _steps(frame: av.AudioFrame, path: Path) -> NDArray[np.int32]:
    """Return the samples of a mono frame; frames of many channels must not be accessed (PyAV)."""
    form, channels = frame.format.name, frame.layout.nb_channels
    if (form, channels) != ("s32", 1):
        raise DataError(f"{path}: found sound as {form} x {channels}, expected one channel of s32")
    return np.asarray(frame.to_ndarray()[0], np.int32)


def read_comment(path: Path) -> str:
    """Return the comment in a file's header; "" if there is none."""
    with opened(path) as container:
        return str({k.lower(): v for k, v in container.metadata.items()}.get("comment", ""))


def write_mp4(
    path: Path,
    video: Video,
    fps: float,
    audio: Audio | None = None,
    sample_rate: int = 16000,
    *,
    quick: bool = False,
    lossless_sound: bool = False,
) -> None:
    """Write an MP4 of H.264 (CRF 18) and AAC, or FLAC; equal arrays give equal bytes.

    Parameters
    ----------
    path : Path
        the file
    video : np.ndarray, shape (T, H, W, 3)
        RGB frames
    fps : float
        frames / s
    audio : np.ndarray, shape (S,), or None
        mono samples in -1..1 (Default value = None: no audio stream)
    sample_rate : int
        samples / s (Default value = 16000)
    quick : bool
        encode in half the time, with other bytes, for previews (Default value = False)
    lossless_sound : bool
        write FLAC of 24 bits in place of AAC (Default value = False)
    """
    with av.open(local(path), "w", format="mp4", options={"fflags": "+bitexact"}) as out:
        picture = out.add_stream("libx264", rate=Fraction(fps).limit_denominator(100_000))
        picture.height, picture.width = video.shape[1:3]
        picture.pix_fmt = "yuv420p"
        picture.options = {"crf": "18", "x264-params": REPEATABLE, "flags": "+bitexact"}
        picture.options |= {"preset": "veryfast"} if quick else {}
        sound = None
        if lossless_sound:
            sound = _flac(out, sample_rate)
        elif audio is not None:
            sound = out.add_stream("aac", rate=sample_rate, layout="mono")
            sound.options = {"aac_coder": "fast"} if quick else {}
        for array in video:
            out.mux(picture.encode(av.VideoFrame.from_ndarray(array, "rgb24")))
        out.mux(picture.encode(None))
        if sound is not None and audio is not None:
            flat = np.ascontiguousarray(audio[None])
            frame = (
                _steps_of_24_bits(audio)
                if lossless_sound
                else av.AudioFrame.from_ndarray(flat, "fltp", "mono")
            )
            frame.sample_rate, frame.pts = sample_rate, 0
            out.mux(sound.encode(frame))
            out.mux(sound.encode(None))


def write_wav(path: Path, audio: Audio, sample_rate: int) -> None:
    """Write a WAV file of 16-bit PCM from mono samples in -1..1, shape (S,)."""
    with av.open(local(path), "w", format="wav", options={"fflags": "+bitexact"}) as out:
        sound = out.add_stream("pcm_s16le", rate=sample_rate, layout="mono")
        steps = np.clip(np.rint(audio.astype(np.float64) * 32768), -32768, 32767)
        frame = av.AudioFrame.from_ndarray(steps.astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts = sample_rate, 0
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
