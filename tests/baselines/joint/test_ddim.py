"""Noise schedules and DDIM: closed forms, and diffusers' scheduler as a second opinion."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import DDIMScheduler

from svbench.baselines.joint.ddim import (
    PAPER_SCHEDULES,
    NoiseSchedule,
    add_noise,
    ddim_step,
    epsilon_and_x0,
    target,
)
from svbench.errors import DataError

X0 = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
NOISE = torch.tensor([[0.3, 0.1], [-1.0, 0.7]])


@pytest.mark.parametrize("schedule", PAPER_SCHEDULES)
def test_the_table_is_that_of_diffusers(schedule: NoiseSchedule) -> None:
    theirs = DDIMScheduler(
        beta_start=schedule.beta_start, beta_end=schedule.beta_end, beta_schedule=schedule.betas
    )
    assert torch.equal(schedule.alpha_bar, theirs.alphas_cumprod)


def test_noise_is_added_by_hand() -> None:
    # alpha_bar 0.64: 0.8 of the data, 0.6 of the noise
    torch.testing.assert_close(add_noise(X0, NOISE, torch.tensor(0.64)), 0.8 * X0 + 0.6 * NOISE)


def test_each_sample_has_its_own_level() -> None:
    found = add_noise(X0, NOISE, torch.tensor([0.64, 1.0]))
    torch.testing.assert_close(found[0], 0.8 * X0[0] + 0.6 * NOISE[0])
    torch.testing.assert_close(found[1], X0[1])


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_target_gives_noise_and_data_back(prediction: str) -> None:
    alpha_bar = torch.tensor([0.2, 0.9])
    output = target(X0, NOISE, alpha_bar, prediction)  # type: ignore[arg-type]
    noise, x0 = epsilon_and_x0(output, add_noise(X0, NOISE, alpha_bar), alpha_bar, prediction)  # type: ignore[arg-type]
    torch.testing.assert_close(noise, NOISE)
    torch.testing.assert_close(x0, X0)
    torch.testing.assert_close(ddim_step(x0, noise, torch.tensor(1.0)), X0)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_step_is_that_of_diffusers(prediction: str) -> None:
    schedule = NoiseSchedule(0.0015, 0.0195, "scaled_linear", prediction)  # type: ignore[arg-type]
    theirs = DDIMScheduler(
        beta_start=0.0015,
        beta_end=0.0195,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        prediction_type=prediction,
    )
    theirs.set_timesteps(10)  # leading: 900, 800, ...
    expected = theirs.step(NOISE, 500, X0).prev_sample
    noise, x0 = epsilon_and_x0(NOISE, X0, schedule.alpha_bar[500], schedule.prediction)
    torch.testing.assert_close(ddim_step(x0, noise, schedule.alpha_bar[400]), expected)


def test_a_schedule_is_read_from_a_scheduler_file() -> None:
    config = dict(DDIMScheduler(clip_sample=False, beta_schedule="linear").config)
    assert NoiseSchedule.from_config(config, "f") == NoiseSchedule(0.0001, 0.02, "linear")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_train_timesteps", 100),
        ("clip_sample", True),
        ("thresholding", True),
        ("beta_schedule", "squaredcos_cap_v2"),
        ("prediction_type", "sample"),
    ],
)
def test_a_schedule_that_would_change_the_samples_is_refused(key: str, value: object) -> None:
    config = {**DDIMScheduler(clip_sample=False).config, key: value}
    with pytest.raises(DataError, match=f"scheduler.json: found {key} .*expected"):
        NoiseSchedule.from_config(config, "scheduler.json")


def test_a_clearer_schedule_has_more_signal_at_every_level() -> None:
    usual = PAPER_SCHEDULES.video
    clearer = replace(usual, clearer=4.0)
    ratio = [s.alpha_bar.double() / (1 - s.alpha_bar.double()) for s in (clearer, usual)]
    torch.testing.assert_close(ratio[0], 4 * ratio[1], rtol=1e-3, atol=0)
    assert torch.equal(replace(usual, clearer=1.0).alpha_bar, usual.alpha_bar)
