"""Resampling of sound by a Hann-windowed sinc, with the width and roll-off that torchaudio has.

Conventions
-----------
Sound is (S,), at `rate` samples per second; the result has ceil(S target / rate) samples.

Both rates share a period of `old` samples of the sound and `new` samples of the result (441 and 160
from 44.1 to 16 kHz). In it every sample of the result has a kernel of its own, and all of them are
computed at once, by a convolution over the whole period.

Memory
------
That takes new * old weights: 70,560 from 44.1 kHz, but 700 million from 44.101 kHz. Beyond
`MOST_WEIGHTS` each sample is computed from those within reach of its kernel alone, block by block:
the same sum, which may round otherwise in the last bit.

References
----------
J. O. Smith: Digital audio resampling, https://ccrma.stanford.edu/~jos/resample/; defaults of
torchaudio.functional.resample.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

SINC_WIDTH: Final = 6  # zero crossings on either side
SINC_ROLLOFF: Final = 0.99  # of half the lower sample rate
MOST_WEIGHTS: Final = 1 << 25  # of all kernels of a period
BLOCK: Final = 1 << 20  # weights of the kernels of a block


def resample(sound: Tensor, rate: int, target: int, *, precise: bool = False) -> Tensor:
    """Resample (samples,) by a Hann-windowed sinc; equal rates return the sound unchanged.

    The kernel is computed in float32, as by torchaudio's function, or where `precise` in float64
    but for the phases of the outputs, as by its class `Resample`: 1e-5 apart on loud sound.
    """
    if rate == target:
        return sound
    common = math.gcd(rate, target)
    old, new = rate // common, target // common
    if old * new > MOST_WEIGHTS:
        return by_reach(sound, old, new)
    return by_period(sound, old, new, precise=precise)


def by_period(sound: Tensor, old: int, new: int, *, precise: bool = False) -> Tensor:
    """Resample by a convolution with the kernels of a whole period."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    width = _width(old, new)
    dtype = torch.float64 if precise else torch.float32
    places = torch.arange(-width, width + old, dtype=dtype) / old
    times = torch.arange(0, -new, -1, dtype=torch.float32)[:, None] / new + places
    kernels = _kernel(times, old, new).to(sound.dtype)
    padded = F.pad(sound, (width, width + old))
    found = F.conv1d(padded[None, None], kernels[:, None], stride=old)[0]
    return found.T.flatten()[: _length(sound, old, new)]


def by_reach(sound: Tensor, old: int, new: int) -> Tensor:
    """Resample block by block, each sample from those within reach of its kernel, in float64."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    width = _width(old, new)
    length = _length(sound, old, new)
    around = F.pad(sound, (width, width + 1)).unfold(0, 2 * width + 1, 1)
    reach = torch.arange(-width, width + 1)
    found = sound.new_empty(length)
    step = max(1, BLOCK // len(reach))
    for start in range(0, length, step):
        places = torch.arange(start, min(start + step, length))
        first = places * old // new  # whole numbers, so that no time of a long sound is rounded
        behind = (places * old % new).double() / new
        kernels = _kernel((reach - behind[:, None]) / old, old, new)
        found[places] = (around[first] * kernels).sum(dim=1).to(sound.dtype)
    return found


def _width(old: int, new: int) -> int:
    """Return the samples within reach of a kernel, on either side."""
    return math.ceil(SINC_WIDTH * old / (min(old, new) * SINC_ROLLOFF))


def _length(sound: Tensor, old: int, new: int) -> int:
    """Return the samples of the result."""
    return math.ceil(new * len(sound) / old)


def _kernel(times: Tensor, old: int, new: int) -> Tensor:
    """Compute the weights of samples at times from the output, in periods."""
    import torch

    cutoff = min(old, new) * SINC_ROLLOFF
    times = (times * cutoff).clamp(-SINC_WIDTH, SINC_WIDTH)
    taper = torch.cos(times * math.pi / SINC_WIDTH / 2) ** 2
    return torch.sinc(times) * taper * (cutoff / old)
