"""Resampling: tones, both ways of computing the same sum, rates that share no short period."""

from __future__ import annotations

import math

import pytest
import torch

from svbench.metrics.networks import resampling
from svbench.metrics.networks.resampling import MOST_WEIGHTS, by_period, by_reach, resample


def tone(rate: int, seconds: float = 1.0) -> torch.Tensor:
    times = torch.arange(round(rate * seconds), dtype=torch.float64) / rate
    return torch.sin(2 * torch.pi * 440 * times).float()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 44101, 11127])
def test_resampling_keeps_a_tone(rate: int) -> None:
    found = resample(tone(rate), rate, 16000)
    assert len(found) == 16000
    torch.testing.assert_close(found[500:-500], tone(16000)[500:-500], atol=2e-2, rtol=0)
    assert resample(found, 16000, 16000) is found


@pytest.mark.parametrize(("old", "new"), [(441, 160), (1, 2), (6, 1), (147, 160), (7, 5)])
@pytest.mark.parametrize("length", [0, 1, 7, 6000])
def test_both_ways_compute_the_same(old: int, new: int, length: int) -> None:
    sound = torch.randn(length, generator=torch.Generator().manual_seed(0))
    found = by_reach(sound, old, new)
    assert found.dtype == torch.float32
    assert len(found) == math.ceil(length * new / old)
    # the phases of whole periods are float32, as torchaudio's are
    torch.testing.assert_close(found, by_period(sound, old, new, precise=True), atol=3e-5, rtol=0)


def test_blocks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = torch.randn(3000, generator=torch.Generator().manual_seed(1))
    whole = by_reach(sound, 441, 160)
    monkeypatch.setattr(resampling, "BLOCK", 100)
    assert torch.equal(by_reach(sound, 441, 160), whole)


def test_memory_holds_no_more_weights_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates that share no divisor would have a kernel for every sample of a second."""
    periods = []
    monkeypatch.setattr(resampling, "by_period", lambda _s, *period, **_: periods.append(period))
    usual = (8000, 11025, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 192000)
    for rate in (*usual, 44101, 47999):
        for target in (16000, 32000, 48000):
            resample(torch.zeros(10), rate, target)
    assert len(periods) == 3 * len(usual) - 2  # 32 and 48 kHz are among the targets
    assert max(old * new for old, new in periods) <= MOST_WEIGHTS
