"""One exported clip: an MP4 with sound, and the same sound as a WAV beside it.

copied or linked  An MP4 that is a whole clip, and a WAV that is its sound, byte for byte. A sound
                  that lies in the MP4, or in a file of another ending, is decoded to a WAV at its
                  own rate, from the time zero of the file, channels averaged.
encoded           Everything else: a clip in the store of a run (decoded losslessly), a video of
                  another container, a part of a file. H.264 (CRF 18, 4:2:0) and AAC in the MP4,
                  16-bit PCM in the WAV, mono, at the clip's own frame rate, size and sample rate.
                  Frames of a varying rate are brought to the mean rate (the nearest in time); of an
                  odd width or height the last column or row is dropped, as 4:2:0 has none; rates
                  that AAC does not have are resampled to the next one in the MP4 alone.

Files are written under temporary names and renamed, so one that is there is whole.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from svbench.compute import digest_file
from svbench.errors import DataError
from svbench.exports.sources import ExportClip
from svbench.files import media
from svbench.files.store import digest_clip
from svbench.files.writing import replacing
from svbench.types import Clip, ClipSpec

# Samples / s that AAC has a code for (ISO/IEC 14496-3, table 1.18) and FFmpeg encodes.
AAC_RATES: Final = (
    8000,
    11025,
    12000,
    16000,
    22050,
    24000,
    32000,
    44100,
    48000,
    64000,
    88200,
    96000,
)
ENDINGS: Final = (".mp4", ".wav")


@dataclass(frozen=True, slots=True)
class Written:
    """How the two files of a clip came to be, and the digests of their bytes."""

    video: str  # "copied", "linked" or "encoded"
    sound: str
    digests: tuple[str, str]  # of ENDINGS


@dataclass(frozen=True, slots=True)
class Job:
    """A clip, and where it is written: a path without ending."""

    clip: ExportClip
    target: Path
    known: tuple[str, str] | None = None  # digests of a complete export


@dataclass(frozen=True, slots=True)
class ClipWriter:
    """Writes clips; what is there is kept."""

    link: bool = False

    def __call__(self, job: Job) -> Written | str:
        """Write the files of a clip that are not there; return a line where that is impossible."""
        try:
            return self.write(job)
        except DataError as error:
            return str(error)

    def write(self, job: Job) -> Written:
        """Write the files of a clip that are not there, and digest both.

        Raises DataError where the clip cannot be decoded, or a file is not as it was written.
        """
        video, sound = (job.target.with_name(job.target.name + end) for end in ENDINGS)
        ways = self._ways(job.clip)
        absent = [not os.path.lexists(path) for path in (video, sound)]
        if any(absent):
            decoded = decode(job.clip) if "encoded" in ways and not _is_file(job.clip) else None
            if absent[0]:
                self._write_video(job.clip, video, decoded)
            if absent[1]:
                self._write_sound(job.clip, sound, decoded)
        digests = (digest_file(video, "an exported clip"), digest_file(sound, "an exported clip"))
        for path, now, before in zip((video, sound), digests, job.known or digests, strict=True):
            if now != before:
                raise DataError(
                    f"{path}: changed since the export; move it away, then run the same command "
                    "again to have it made again"
                )
        return Written(*ways, digests)

    def _ways(self, clip: ExportClip) -> tuple[str, str]:
        taken = "linked" if self.link else "copied"
        if not _is_file(clip):
            return "encoded", "encoded"
        return taken, taken if _is_wave(clip) else "encoded"

    def _write_video(self, clip: ExportClip, path: Path, decoded: Clip | None) -> None:
        with replacing(path) as temporary:
            if decoded is None:
                self._take(clip.recording.path, temporary)
            else:
                encode(temporary, decoded)

    def _write_sound(self, clip: ExportClip, path: Path, decoded: Clip | None) -> None:
        with replacing(path) as temporary:
            if decoded is not None:
                media.write_wav(temporary, decoded.audio, decoded.spec.sample_rate)
            elif _is_wave(clip) and clip.recording.sound is not None:
                self._take(clip.recording.sound, temporary)
            else:
                media.write_wav(temporary, *media.read_sound(clip.recording))

    def _take(self, file: Path, temporary: Path) -> None:
        if self.link:
            temporary.symlink_to(os.path.realpath(file))
        else:
            shutil.copyfile(file, temporary)


def _is_file(clip: ExportClip) -> bool:
    """Return whether the video of a clip is an MP4 file as it lies there."""
    whole = clip.spec is None and clip.recording.start == 0 and clip.seconds is None
    return whole and clip.recording.path.suffix.lower() == ".mp4"


def _is_wave(clip: ExportClip) -> bool:
    sound = clip.recording.sound
    return sound is not None and sound.suffix.lower() == ".wav"


def decode(clip: ExportClip) -> Clip:
    """Return a clip of a constant frame rate, whose sound is as long as its picture or longer."""
    if clip.spec is not None:
        stored = media.read_lossless(clip.recording.path, clip.spec)
        if digest_clip(stored) != clip.digest:
            raise DataError(
                f"{clip.recording.path}: found other content than was put there; run the command "
                "of its run again to have it made again"
            )
        return stored
    return _even_rate(media.read_native(clip.recording), clip.seconds)


def _even_rate(clip: Clip, seconds: float | None) -> Clip:
    """Return a native clip with frame i at i / fps: the nearest in time; cut after some seconds."""
    fps, times = clip.spec.fps, clip.frame_times
    end = float(times[-1]) + 1 / fps if seconds is None else seconds
    wanted = np.arange(max(1, round(end * fps))) / fps
    nearest = np.searchsorted((times[1:] + times[:-1]) / 2, wanted, side="left")
    stop = None if seconds is None else round(seconds * clip.spec.sample_rate)
    video = clip.video[nearest]
    spec = ClipSpec(len(video), fps, clip.spec.size, clip.spec.sample_rate)
    return Clip(video, clip.audio[:stop], spec, wanted)


def encode(path: Path, clip: Clip) -> None:
    """Write a clip as MP4; equal clips give equal bytes."""
    height, width = (side // 2 * 2 for side in clip.spec.size)
    rate = next((r for r in AAC_RATES if r >= clip.spec.sample_rate), AAC_RATES[-1])
    audio = clip.audio
    if rate != clip.spec.sample_rate:
        import soxr

        audio = soxr.resample(audio, clip.spec.sample_rate, rate, "HQ").clip(-1, 1)
    video = np.ascontiguousarray(clip.video[:, :height, :width])
    media.write_mp4(path, video, clip.spec.fps, audio, rate)
