"""Input of Synchformer: frames at 25 per second, their pixels, and log-mel spectrograms.

Nothing here waits for torch until pixels or sound are prepared.

Conventions
-----------
frames      at 25 frames/s as ffmpeg's filter `fps` chooses them: output i is the last source frame
            with floor(25 t + 1/2) <= i, and there are floor(25 end + 1/2) of them. Neither the
            nearest frame nor the latest that is not after i / 25.
pixels      those of `pictures.square`, which published code uses; then -1..1
sound       (S,) at 16 kHz, resampled as by torchaudio's class `Resample` (a Hann-windowed sinc, its
            kernel in float64), as long as the frames: cut, or filled with silence where the last
            frame lasts longer
spectrum    of each segment alone: 25 ms Hann in an FFT of 1024, 10 ms hop, centred with reflected
            edges; power, 128 triangles of HTK's scale up to 8 kHz without norm, log(x + 1e-6).
            The 65 frames are filled to 66 with zeros *before* (x - mean) / (2 std).

References
----------
- V. Iashin, W. Xie, E. Rahtu, A. Zisserman: Synchformer: Efficient synchronization from sparse
  cues. ICASSP 2024, arXiv:2401.16423; inputs as in https://github.com/hkchengrex/av-benchmark
- ffmpeg's filter: https://ffmpeg.org/ffmpeg-filters.html#fps-1
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from svbench.first_import import import_librosa
from svbench.metrics.networks.pictures import square
from svbench.metrics.networks.readers import Video
from svbench.metrics.networks.resampling import resample
from svbench.metrics.networks.synchformer_config import (
    FPS,
    FRAMES,
    MEL_FRAMES,
    STEP,
    SynchformerConfig,
)
from svbench.types import Clip

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE: Final = 16000  # Hz
PER_FRAME: Final = SAMPLE_RATE // FPS  # samples
WINDOW: Final = 400  # samples, 25 ms
HOP: Final = 160  # samples, 10 ms
FFT: Final = 1024
OFFSET: Final = 1e-6  # keeps the logarithm of silence finite
MEL_MEAN, MEL_SPREAD = -4.2677393, 4.5689974  # of AudioSet, as AST has them
# Time stamps are floats; those of containers are fractions of at most this denominator.
FINEST: Final = 1_000_000
HALF: Final = Fraction(1, 2)

Wanted = Callable[[int], Iterable[int]]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A clip as the network takes it, before it is cut into segments."""

    frames: NDArray[np.uint8]  # (F, side, side, 3), at 25 frames/s
    sound: NDArray[np.float32]  # (F * 640,), at 16 kHz

    @property
    def segments(self) -> int:
        """Return how many segments it holds."""
        return segments_in(len(self.frames))

    def cut(self, frames: int) -> Material:
        """Return its first frames, and the sound of these."""
        return Material(self.frames[:frames], self.sound[: frames * PER_FRAME])

    def filled(self, frames: int) -> Material:
        """Return it with black frames and silence behind, up to a number of frames."""
        missing = frames - len(self.frames)
        if missing <= 0:
            return self
        black = np.zeros((missing, *self.frames.shape[1:]), np.uint8)
        silence = np.zeros(missing * PER_FRAME, np.float32)
        return Material(np.concatenate([self.frames, black]), np.append(self.sound, silence))

    def pictures(self, segment: int) -> Tensor:
        """Return the frames of a segment as the network takes them: (3, 16, side, side), -1..1."""
        import torch

        levels = torch.from_numpy(self.frames[segment * STEP : segment * STEP + FRAMES])
        return (levels.permute(3, 0, 1, 2).float() / 255.0 - 0.5) / 0.5

    def mel(self, segment: int, bins: int) -> Tensor:
        """Return the log-mel spectrogram of a segment: (bins, 66)."""
        first = segment * STEP * PER_FRAME
        return log_mel(self.sound[first : first + FRAMES * PER_FRAME], bins)


def segments_in(frames: int) -> int:
    """Return how many segments so many frames hold."""
    return max(0, (frames - FRAMES) // STEP + 1)


def prepare(
    clip: Clip,
    config: SynchformerConfig,
    most: int | None = None,
    wanted: Wanted | None = None,
    video: Video | None = None,
) -> Material:
    """Bring a clip to 25 frames/s, the size of the network and 16 kHz.

    Parameters
    ----------
    clip : Clip
        in any view
    config : SynchformerConfig
        of the network
    most : int, optional
        frames at 25 frames/s, of which those behind are left out (Default value = None, all)
    wanted : callable, optional
        number of frames -> the segments that are read; frames of no other are resized, and stay
        black (Default value = None, all)
    video : Video, optional
        what holds the `source_frames` of the clip, which may have been through `square`
        (Default value = None, the clip's own)
    """
    chosen, places = _chosen(clip, most, wanted)
    count, source = len(chosen), clip.video if video is None else video
    # Of frames that stay black no memory is touched: of ten minutes, 20 MB in place of 2 GB.
    frames = np.zeros((count, config.image, config.image, 3), np.uint8)
    before = -1  # a source frame that lies in place `last`
    last = 0
    for place in places:
        if chosen[place] != before:
            frames[place] = square(source[chosen[place]], config.image)
        else:
            frames[place] = frames[last]
        before, last = chosen[place], place
    return Material(frames, _sound(clip, count * PER_FRAME))


def source_frames(
    clip: Clip, most: int | None = None, wanted: Wanted | None = None
) -> NDArray[np.int64]:
    """Return which frames of a clip `prepare` reads, rising."""
    chosen, places = _chosen(clip, most, wanted)
    return np.unique(chosen[list(places)])


def _chosen(
    clip: Clip, most: int | None, wanted: Wanted | None
) -> tuple[NDArray[np.int64], Sequence[int]]:
    """Return the source frame of each frame at 25 frames/s, and which of these are read."""
    chosen = frame_choice(clip.frame_times, clip.spec.fps)[:most]
    count = len(chosen)
    return chosen, range(count) if wanted is None else _frames_of(wanted(count), count)


def _frames_of(segments: Iterable[int], count: int) -> list[int]:
    """Return the frames of segments, in order, of so many that there are."""
    places = {place for first in set(segments) for place in _span(first)}
    return sorted(place for place in places if place < count)


def _span(segment: int) -> range:
    """Return the frames of a segment."""
    return range(segment * STEP, segment * STEP + FRAMES)


def _sound(clip: Clip, count: int) -> NDArray[np.float32]:
    import torch

    heard = torch.from_numpy(np.array(clip.audio, np.float32))
    sound = resample(heard, clip.spec.sample_rate, SAMPLE_RATE, precise=True)[:count].numpy()
    return np.pad(sound, (0, count - len(sound)))


# --- pictures ----------------------------------------------------------------------------------


def frame_choice(times: NDArray[np.float64], fps: float, rate: float = FPS) -> NDArray[np.int64]:
    """Return which source frame each frame at another rate is, by the rule of ffmpeg's `fps`.

    Parameters
    ----------
    times : np.ndarray, shape=(T,)
        when each source frame is shown, s, rising from 0
    fps : float
        of the source; its last frame is shown for 1 / fps
    rate : float
        frames/s of the output (Default value = 25)

    Returns
    -------
    chosen : np.ndarray of int, shape=(F,)
        F = floor(rate * end + 1/2), with the end of the last frame
    """
    ends = *map(float, times), float(times[-1]) + 1 / fps
    ticks = [_tick(time, Fraction(rate)) for time in ends]
    return np.searchsorted(ticks[:-1], np.arange(ticks[-1]), side="right") - 1


def _tick(time: float, rate: Fraction) -> int:
    """Return the frame at a rate whose time is nearest; of two the later, exactly."""
    return math.floor(rate * Fraction(time).limit_denominator(FINEST) + HALF)


# --- sound -------------------------------------------------------------------------------------


def log_mel(sound: NDArray[np.float32], bins: int) -> Tensor:
    """Compute the normalised log-mel spectrogram of a segment: (10240,) -> (bins, 66)."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    spectrum = torch.stft(
        torch.from_numpy(sound),
        FFT,
        HOP,
        WINDOW,
        torch.hann_window(WINDOW),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    mel = (torch.from_numpy(_filters(bins)) @ spectrum.abs().square() + OFFSET).log()
    filled = F.pad(mel, (0, MEL_FRAMES - mel.shape[1]))
    return (filled - MEL_MEAN) / (2 * MEL_SPREAD)


@cache
def _filters(bins: int) -> NDArray[np.float32]:
    """Compute HTK's triangles without norm, linear in Hz: (bins, 513)."""
    found: NDArray[np.float32] = import_librosa().filters.mel(
        sr=SAMPLE_RATE, n_fft=FFT, n_mels=bins, htk=True, norm=None
    )
    return found


# --- windows -----------------------------------------------------------------------------------


def window_starts(segments: int, length: int) -> Iterator[int]:
    """Yield the first segment of each window: one behind the other, the last one at the end.

    `segments` are those of the clip, at least `length`, which are those of a window.
    """
    yield from range(0, segments - length + 1, length)
    if segments % length:
        yield segments - length
