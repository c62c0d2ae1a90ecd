"""The loss over time steps: the local time steps, and the normalisation of the curves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.pair import Pair
from svbench.baselines.training.loss_over_time import global_times, loss_over_time
from svbench.errors import ConfigError
from tests.factories.joint import CAPTION, FRAMES, ROWS, WORDS, tiny_joint


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Ones:
    """Two clips whose latents are ones."""

    def __len__(self) -> int:
        return 2

    def latents(self, clips: list[int]) -> Pair[Tensor]:
        n = len(clips)
        return Pair(torch.ones(n, 8, ROWS, 8), torch.ones(n, 4, FRAMES, 8, 8))

    def captions(self, clips: list[int]) -> Pair[Tensor]:
        n = len(clips)
        return Pair(torch.ones(n, CAPTION.audio), torch.ones(n, WORDS, CAPTION.video))

    @property
    def empty(self) -> Pair[Tensor]:
        return self.captions([0])


class Copy(nn.Module):
    """Predicts its input as the noise: the less noise there is, the larger the error."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.times: list[tuple[int, int]] = []

    def forward(self, x_t: Pair[Tensor], t: Pair[Tensor], *_others: Any) -> Pair[Tensor]:
        self.times.append((int(t.audio[0]), int(t.video[0])))
        return x_t


def test_both_stand_at_their_local_time_steps_and_begin_at_one() -> None:
    for gamma, middle in ((1.0, (500, 500)), (1.5, (568, 428))):  # 1000 * 0.5**e
        model: Any = Copy()
        curves = loss_over_time(model, Ones(), PAPER_SCHEDULES, rows=ROWS, gamma=gamma, levels=3)
        seen = list(dict.fromkeys(model.times))
        assert seen == [(0, 0), middle, (999, 999)]
        for curve in curves:
            assert curve.shape == (3,)
            assert curve[0] == 1
            assert (np.diff(curve) < 0).all()


class Velocity(Copy):
    """Predicts the velocity of the same noise as `Copy`."""

    def forward(self, x_t: Pair[Tensor], t: Pair[Tensor], *_others: Any) -> Pair[Tensor]:
        alpha_bar = t.map(lambda t, s: s.alpha_bar[t].view(-1, *[1] * 3), PAPER_SCHEDULES)
        alpha_bar = Pair(alpha_bar.audio, alpha_bar.video[..., None])
        return x_t.map(lambda x, a: (x - (1 - a).sqrt() * x) / a.sqrt(), alpha_bar)


def test_the_loss_is_that_of_the_noise_whatever_the_network_predicts() -> None:
    velocity = PAPER_SCHEDULES.map(lambda s: replace(s, prediction="v_prediction"))
    settings: dict[str, Any] = {"rows": ROWS, "levels": 4}
    noise: Any = Copy()
    velocity_network: Any = Velocity()
    expected = loss_over_time(noise, Ones(), PAPER_SCHEDULES, **settings)
    found = loss_over_time(velocity_network, Ones(), velocity, **settings)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)


def test_a_joint_model_gives_the_same_curves_again() -> None:
    settings: dict[str, Any] = {"rows": ROWS, "gamma": 1.5, "levels": 2, "at_once": 1}
    first, second = (
        loss_over_time(tiny_joint(), Ones(), PAPER_SCHEDULES, **settings) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one).all()


def test_a_curve_has_two_ends() -> None:
    with pytest.raises(ConfigError, match="--levels: found 1"):
        global_times(1)
