"""Griffin-Lim with momentum: a waveform whose spectrogram has given magnitudes.

Some hundred short transforms at a time are bound by memory. So every array of an iteration is
allocated once and written in place, which takes a third of the time of `librosa.griffinlim`.

Conventions
-----------
Spectrograms are (frames, bins); frame m is centred at sample m hop, and outside of its samples the
signal is 0. Windows are periodic Hann windows. All is float32 on the CPU, and deterministic.

References
----------
D. Griffin, J. Lim: Signal estimation from modified short-time Fourier transform. IEEE TASSP 1984.
N. Perraudin, P. Balazs, P. Soendergaard: A fast Griffin-Lim algorithm. WASPAA 2013.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

MOMENTUM: Final = 0.99  # alpha of the fast algorithm
TINY: Final = 1e-20  # a squared magnitude, against 0 / 0


def griffin_lim(magnitudes: Tensor, samples: int, hop: int, iterations: int) -> Tensor:
    """Return a waveform (samples,) for magnitudes (samples // hop + 1, bins)."""
    signal = _Signal(samples, 2 * (magnitudes.shape[1] - 1), hop)
    spectrum = magnitudes * _phases(magnitudes, hop)
    rebuilt, before = torch.empty_like(spectrum), torch.zeros_like(spectrum)
    for _ in range(iterations):
        signal.synthesise(spectrum)
        signal.analyse(rebuilt)
        # (1 + alpha) c - alpha c_before, but for a factor, which the phase does not depend on
        torch.sub(rebuilt, before, alpha=MOMENTUM / (1 + MOMENTUM), out=spectrum)
        _scale_to(magnitudes, spectrum)
        rebuilt, before = before, rebuilt
    signal.synthesise(spectrum)
    return signal.inside(signal.blocks).clone()


def _phases(magnitudes: Tensor, hop: int) -> Tensor:
    """Return unit numbers (frames, bins): a sinusoid of each bin's frequency, begun at random.

    These phases are nearer to the magnitudes than random ones, by two iterations of sixteen.
    """
    frames, bins = magnitudes.shape
    fft = 2 * (bins - 1)
    begin = torch.rand(bins, generator=torch.Generator().manual_seed(0))
    circle = _unit(torch.arange(fft) / fft)
    turned = torch.outer(torch.arange(frames) * hop, torch.arange(bins)) % fft
    return circle[turned] * _unit(begin)


def _unit(turns: Tensor) -> Tensor:
    """Return unit numbers of angles in turns."""
    return torch.polar(torch.ones_like(turns), 2 * math.pi * turns)


def _scale_to(magnitudes: Tensor, spectrum: Tensor) -> None:
    """Scale a spectrogram to magnitudes, in place."""
    parts = torch.view_as_real(spectrum)  # several times faster than complex `abs` and division
    power = parts[..., 0].square().add_(parts[..., 1].square())
    parts.mul_(power.add_(TINY).rsqrt_().mul_(magnitudes)[..., None])


class _Signal:
    """A signal, in blocks of one hop, and its windowed transforms."""

    def __init__(self, samples: int, fft: int, hop: int) -> None:
        self.samples, self.fft, self.hop = samples, fft, hop
        self.frames = samples // hop + 1
        self.window = torch.hann_window(fft)
        self.windowed = torch.empty(self.frames, fft)
        # It begins half a window before the first sample.
        self.blocks = torch.zeros(self.frames + math.ceil(fft / hop) - 1, hop)
        self.gain = torch.zeros_like(self.blocks)  # 0 outside of the samples
        self.windowed.copy_(self.window.square())
        self._overlap_add()
        self.inside(self.gain).copy_(1 / self.inside(self.blocks))

    def inside(self, blocks: Tensor) -> Tensor:
        """Return the samples in blocks, (samples,)."""
        begin = self.fft // 2
        return blocks.flatten()[begin : begin + self.samples]

    def synthesise(self, spectrum: Tensor) -> None:
        """Compute the signal whose spectrogram is the nearest to the given one."""
        torch.fft.irfft(spectrum, self.fft, out=self.windowed)
        self.windowed.mul_(self.window)
        self._overlap_add()
        self.blocks.mul_(self.gain)

    def analyse(self, spectrum: Tensor) -> None:
        """Write the spectrogram of the signal."""
        frames = self.blocks.flatten().unfold(0, self.fft, self.hop)[: self.frames]
        torch.mul(frames, self.window, out=self.windowed)
        torch.fft.rfft(self.windowed, out=spectrum)

    def _overlap_add(self) -> None:
        self.blocks.zero_()
        for first, part in enumerate(torch.split(self.windowed, self.hop, dim=1)):
            self.blocks[first : first + self.frames, : part.shape[1]] += part
