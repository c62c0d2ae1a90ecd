"""Griffin-Lim: against torch's and librosa's transforms, and by how far it comes."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor

from svbench.baselines.miniature.griffin_lim import MOMENTUM, griffin_lim

FFT = 256
SAMPLES = 4000
WINDOW = torch.hann_window(FFT)


def spectrum(waveform: Tensor, hop: int) -> Tensor:
    """Return the complex spectrogram (frames, bins)."""
    padding = {"center": True, "pad_mode": "constant"}
    return torch.stft(waveform, FFT, hop, window=WINDOW, return_complex=True, **padding).T


def a_stroke() -> Tensor:
    """A click that rings, in a little noise."""
    random = torch.Generator().manual_seed(3)
    time = torch.arange(SAMPLES) / 16000
    late = (time - 0.1).clamp(min=0)
    ringing = (2 * torch.pi * 900 * late).sin() * (-40 * late).exp() * (time > 0.1)
    return ringing + 0.01 * torch.randn(SAMPLES, generator=random)


def convergence(waveform: Tensor, magnitudes: Tensor, hop: int) -> float:
    """Return the spectral convergence, |found - wanted| / |wanted|."""
    return float((spectrum(waveform, hop).abs() - magnitudes).norm() / magnitudes.norm())


@pytest.mark.parametrize("hop", [40, 64, 100])  # 40 and 100 are no divisors of a window
def test_an_iteration_is_that_of_the_paper(hop: int) -> None:
    """Iterate by torch's transforms, with the whole step c + alpha (c - c_before)."""
    magnitudes = spectrum(a_stroke(), hop).abs()
    waveform = griffin_lim(magnitudes, SAMPLES, hop, 2)
    found, before = griffin_lim(magnitudes, SAMPLES, hop, 0), torch.zeros(magnitudes.shape)
    for _ in range(2):
        rebuilt = spectrum(found, hop)
        phases = (rebuilt + MOMENTUM * (rebuilt - before)).angle()
        found = torch.istft(
            torch.polar(magnitudes, phases).T, FFT, hop, window=WINDOW, length=SAMPLES
        )
        before = rebuilt
    torch.testing.assert_close(waveform, found, rtol=0, atol=2e-3 * float(found.abs().max()))


@pytest.mark.parametrize("samples", [SAMPLES, SAMPLES + 37])
def test_a_sinusoid_comes_back(samples: int) -> None:
    tone = (2 * torch.pi * 1000 / 16000 * torch.arange(samples)).sin()  # in the middle of a bin
    magnitudes = spectrum(tone, 40).abs()
    waveform = griffin_lim(magnitudes, samples, 40, 16)
    assert waveform.shape == (samples,)
    assert convergence(waveform, magnitudes, 40) < 0.05
    assert np.abs(np.fft.rfft(waveform.numpy())).argmax() == round(1000 * samples / 16000)


def test_it_comes_as_near_as_librosas() -> None:
    magnitudes = spectrum(a_stroke(), 40).abs()
    other = librosa.griffinlim(
        magnitudes.T.numpy(), n_iter=16, hop_length=40, n_fft=FFT, length=SAMPLES, random_state=0
    )
    found = convergence(griffin_lim(magnitudes, SAMPLES, 40, 16), magnitudes, 40)
    assert found < 1.02 * convergence(torch.from_numpy(other), magnitudes, 40)


def test_it_converges() -> None:
    magnitudes = spectrum(a_stroke(), 40).abs()
    steps = [
        convergence(griffin_lim(magnitudes, SAMPLES, 40, n), magnitudes, 40) for n in (0, 4, 16, 64)
    ]
    assert steps == sorted(steps, reverse=True)


def test_threads_do_not_change_a_bit() -> None:
    magnitudes = spectrum(a_stroke(), 40).abs()
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(griffin_lim(magnitudes, SAMPLES, 40, 4))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(found[0], other) for other in found)


def test_no_magnitude_is_silence() -> None:
    assert not griffin_lim(torch.zeros(101, FFT // 2 + 1), SAMPLES, 40, 3).any()
