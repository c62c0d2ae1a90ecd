"""Log-mel spectrograms of CLAP: padding, crops, fusion.

Sound of less than 10 s is repeated as often as it fits, then zero-padded. Of longer sound an
unfused network reads a crop; a fused one reads four spectrograms: the whole shrunk to the frames of
10 s, and crops from the first, the middle and the last third.

Conventions
-----------
Sound is float32 (S,), mono, -1..1. Spectrograms are float32 (L, 1001, 64) in dB, L = 1, or 4 where
they are fused.

Crops
-----
The published code draws where crops start from NumPy's global generator, so its scores of long
sound change from call to call. Here they start in the middle of the places that it draws from
(`middle`), which depends on nothing but the length.

Which clips are fused
---------------------
laion's code fuses sound that is longer than 10 s and a hop. transformers' feature extractor marks
one random clip of a batch in which none is longer as longer, so that a single short clip is fused
of four equal spectrograms, which gives another embedding (cosine 0.5 to 0.7 under random weights).
`ClapInputs.always_fused` does so on purpose; else short sound is not fused.

References
----------
As of `clap_config`. Mel bands and spectrogram are transformers' (`transformers.audio_utils`), as
its ClapFeatureExtractor has them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.metrics.networks.clap_config import (
    BANDS,
    FFT,
    FRAMES,
    HIGHEST,
    HOP,
    LONGEST,
    LOWEST,
    SAMPLE_RATE,
    ClapInputs,
)
from svbench.metrics.networks.resampling import resample

if TYPE_CHECKING:
    from torch import Tensor

Sound = NDArray[np.float32]
Pick = Callable[[int], int]  # of so many possible starts, counted from 0

STEPS: Final = 32767  # of a sample of 16 bits, on each side of 0
CROPS: Final = 3  # of a fused spectrogram


def middle(starts: int) -> int:
    """Return the middle one of possible starts; of two in the middle, the first."""
    return (starts - 1) // 2


def prepared(audio: Sound, rate: int, inputs: ClapInputs) -> Sound:
    """Return sound at 48 kHz as a protocol reads it.

    Parameters
    ----------
    audio : np.ndarray, shape=(S,)
        mono sound
    rate : int
        samples per second of `audio`
    inputs : ClapInputs
        how it is prepared

    Raises
    ------
    ScoreError
        if there is no sound
    """
    import torch

    if not len(audio):
        raise ScoreError("CLAP: the clip has no sound, expected at least one sample")
    centred = audio - audio.mean() if inputs.centred else audio
    wave = torch.from_numpy(np.array(centred, np.float32))
    sound: Sound = resample(wave, rate, SAMPLE_RATE, precise=True).numpy()
    if inputs.quantised:
        steps = (np.clip(sound, -1.0, 1.0) * STEPS).astype(np.int16)
        sound = (steps / STEPS).astype(np.float32)
    return sound


def spectrograms(sound: Sound, inputs: ClapInputs, pick: Pick = middle) -> tuple[Tensor, bool]:
    """Compute the spectrograms that a network reads, and whether they are fused.

    Parameters
    ----------
    sound : np.ndarray, shape=(S,)
        at 48 kHz, S >= 1
    inputs : ClapInputs
        how it is prepared
    pick : callable
        chooses the start of a crop (Default value = the middle one)

    Returns
    -------
    spectrograms : Tensor, shape=(1 or 4, 1001, 64)
    fused : bool
    """
    import torch

    if len(sound) > LONGEST and not inputs.fused:
        start = pick(len(sound) - LONGEST + 1)
        sound = sound[start : start + LONGEST]
    whole = torch.from_numpy(log_mel(_padded(sound), htk=inputs.fused))
    if len(whole) > FRAMES:
        return _fusion(whole, antialias=inputs.antialiased, pick=pick), True
    if inputs.always_fused:
        return whole.expand(1 + CROPS, -1, -1), True
    return whole[None], False


def _padded(sound: Sound) -> Sound:
    """Repeat sound as often as 10 s hold it, then zero-pad it; longer sound is returned as it is.

    Copies are whole, as with "repeatpad" of the published code.
    """
    if len(sound) >= LONGEST:
        return sound
    copies = np.tile(sound, LONGEST // len(sound))
    return np.pad(copies, (0, LONGEST - len(copies)))


def _fusion(whole: Tensor, *, antialias: bool, pick: Pick) -> Tensor:
    """Stack a shrunk spectrogram (T, 64), T > 1001, and three crops of it: (4, 1001, 64)."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    shrunk = F.interpolate(
        whole[None, None],
        (FRAMES, BANDS),
        mode="bilinear",
        align_corners=False,
        antialias=antialias,
    )
    starts = [_start(third, pick) for third in _thirds(len(whole) - FRAMES + 1)]
    crops = [whole[start : start + FRAMES] for start in starts]
    return torch.stack([shrunk[0, 0], *crops])


def _thirds(starts: int) -> list[NDArray[np.int64]]:
    """Return the possible starts of each crop."""
    return np.array_split(np.arange(starts), CROPS)


def _start(possible: NDArray[np.int64], pick: Pick) -> int:
    """Return where a crop starts; at the beginning, where sound is too short for three thirds."""
    return int(possible[pick(len(possible))]) if len(possible) else 0


def log_mel(sound: Sound, *, htk: bool) -> Sound:
    """Compute the log-mel spectrogram of sound, in dB: (S,) -> (1 + S // 480, 64)."""
    from transformers.audio_utils import spectrogram, window_function

    found: Sound = spectrogram(
        sound,
        window_function(FFT, "hann"),
        frame_length=FFT,
        hop_length=HOP,
        power=2.0,
        mel_filters=mel_bands(htk=htk),
        log_mel="dB",
    )
    return np.ascontiguousarray(found.T)


@cache
def mel_bands(*, htk: bool) -> NDArray[np.float64]:
    """Compute the mel bands (513, 64): HTK's without norm, as of torchaudio, or Slaney's."""
    from transformers.audio_utils import mel_filter_bank

    bands: NDArray[np.float64] = mel_filter_bank(
        num_frequency_bins=FFT // 2 + 1,
        num_mel_filters=BANDS,
        min_frequency=LOWEST,
        max_frequency=HIGHEST,
        sampling_rate=SAMPLE_RATE,
        norm=None if htk else "slaney",
        mel_scale="htk" if htk else "slaney",
    )
    return bands
