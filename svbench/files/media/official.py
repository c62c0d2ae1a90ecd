"""Frame choice of the paper's data script: `ffmpeg -i FILE -vf crop=... -r FPS`.

With `-r` after the input, ffmpeg's encoder loop produces the constant rate (`-vsync cfr`). It goes
through the source frames once, with a count n of the frames written so far. A source frame at time
t, of the source rate r, is at s = FPS t on the output's clock and lasts d = min(FPS / r, 1).

- s + d - n < -1.1: it is dropped;
- s + d - n > 1.1: it is written round(s + d - n) times (halves to even); if also s - n > 1.1, the
  first round(s - n - 0.6) of these are the source frame before it;
- else it is written once, however early it is.

The last rule makes segments late. For r > FPS and t = j / r, output frame n is the first source
frame after that of n - 1 which is not dropped, from n = 2 on

    j(n) = max(ceil(r (n - 1.1) / FPS) - 1, j(n - 1) + 1),   j(0) = 0,   j(1) = 1

which lies 1.1 output frames and up to one source frame earlier. The filter `fps=8` and the nearest
frame differ. Mean deviation of 32 frames at 8 frames/s from i / 8, in milliseconds, as written by
ffmpeg 5.1.9 (`-r 8` equals the rule above in every frame):

| source, frames/s | `-r 8` | `-vf fps=8` | nearest frame |
|------------------|--------|-------------|---------------|
| 23.976           | -157   | +44         | +2            |
| 24               | -159   | +42         | 0             |
| 25               | -150   | +43         | -3            |
| 29.97            | -145   | +48         | -2            |
| 30               | -147   | +46         | -4            |
| 50               | -142   | +53         | -3            |
| 60               | -140   | +54         | -4            |

A recording is converted as a whole and then cut, so the frames of a segment that begins at `start`
are those from n = FPS start on; the audio is cut by its own time stamps and is not shifted.

References
----------
ffmpeg's documentation of `-r` and `-vsync`: https://ffmpeg.org/ffmpeg.html#Video-Options; the
thresholds are those of `do_video_out` in `fftools/ffmpeg.c` (releases up to 5) and of
`video_sync_process` (6 and 7, by reading only). Releases since 6 use a frame's own duration for d,
so results may differ for sources slower than FPS.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from svbench.files.media.picture import TimedFrame

LATEST = Fraction(11, 10)  # output frames by which a source frame may deviate, either way
BEFORE = Fraction(6, 10)  # output frames of a gap that belong to the frame after it


def as_segmented(pictures: Iterable[TimedFrame], fps: Fraction) -> Iterator[TimedFrame]:
    """Yield the source frame of each output frame, from the file's time zero on."""
    written = 0
    previous: TimedFrame | None = None
    for one in pictures:
        earlier, now = _copies(one, fps, written)
        written += earlier + now
        yield from [previous or one] * earlier
        yield from [one] * now
        previous = one


def _copies(one: TimedFrame, fps: Fraction, written: int) -> tuple[int, int]:
    """Return how often the previous frame is repeated, and how often this one is written."""
    rate = one.track.rates[:2][-1] if one.track.rates else fps  # ffmpeg's guess
    early = one.time * fps - written
    late = early + min(fps / rate, Fraction(1))
    if late < -LATEST:
        return 0, 0
    if late <= LATEST:
        return 0, 1
    copies = round(late)
    repeated = min(copies, round(early - BEFORE)) if early > LATEST else 0
    return repeated, copies - repeated
