"""The training loss: one step of the released code to the last gradient, and what chance decides.

Gradients that must be zero in exact arithmetic (say, of a bias in front of a norm) are rounding
noise of some 1e-7, hence the absolute floor; where the golden data has exactly 0, the parameter
does not learn here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from svbench.baselines.checkpoints.sony import released_name
from svbench.baselines.joint.ddim import PAPER_SCHEDULES, NoiseSchedule
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.loss import Draw, base_loss, draw, joint_loss, without_captions
from tests.factories.joint import golden_joint
from tests.goldens.places import golden

LOSS_RTOL = 1e-6
NOISE_ATOL = 1e-5
GUESS_RTOL = 1e-5  # of the largest
GRADIENT_RTOL, GRADIENT_FLOOR = 1e-5, 5e-7
SHAPES = Modal((2, 6, 4), (3, 2, 4, 4))  # of one clip's latents


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other's cores take twenty times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def golden_name(ours: str, joint: JointUNet) -> str:
    """Give the name of one of our parameters in the golden data."""
    if ours.startswith("unets."):
        return ours.replace("unets.audio.", "unet_a.").replace("unets.video.", "unet_v.")
    return "unet_svg." + released_name(ours, joint.config.mixer, joint.config.multiples.map(len))


@pytest.mark.parametrize("mixer", ["additive", "attn"])
def test_one_step_of_the_released_code(mixer: str) -> None:
    tensors = load_file(golden(f"joint/train_step_{mixer}.safetensors"))
    record = json.loads(golden(f"joint/train_step_{mixer}.json").read_text())
    joint = golden_joint(mixer)
    learning = {  # the mixers of one key hold parameters that cannot learn: they stay frozen
        name: parameter
        for name, parameter in joint.named_parameters()
        if record["grad_norms"].get(golden_name(name, joint))
    }
    for parameter in learning.values():
        parameter.requires_grad_(True)

    def told(name: str) -> Modal[Tensor]:
        return Modal(tensors[f"in.{name}_a"], tensors[f"in.{name}_v"])

    shared = tensors["in.timesteps_shared"]
    lesson = Draw(
        Modal(shared, shared),
        told("noise"),
        told("keep_x0").map(lambda kept: kept.bool()),
        torch.zeros(len(shared), dtype=torch.bool),
        told("tcon"),
    )
    rows = told("latents").audio.shape[2]
    outcome = joint_loss(
        joint,
        told("latents"),
        Modal(tensors["in.class_a"], tensors["in.context_v"]),
        lesson,
        PAPER_SCHEDULES,
        rows + record["audio_pad_rows"],
    )
    for letter, loss in zip("av", outcome.losses, strict=True):
        assert float(loss.detach()) == pytest.approx(record[f"loss_{letter}"], rel=LOSS_RTOL)
    said = Modal(outcome.said.audio[:, :, :rows], outcome.said.video)
    for letter, noise, x0 in zip("av", said, outcome.guessed, strict=True):
        expected = tensors[f"out.pred_{letter}"]
        torch.testing.assert_close(noise, expected, rtol=0, atol=NOISE_ATOL)
        clean = tensors[f"out.x0_pred_{letter}"]
        atol = GUESS_RTOL * float(clean.abs().max())
        torch.testing.assert_close(x0, clean, rtol=0, atol=atol)
    total: Any = outcome.losses.audio + outcome.losses.video
    total.backward()
    norms = {golden_name(n, joint): float(p.grad.norm()) for n, p in learning.items()}  # type: ignore[union-attr]
    expected_norms = {name: norm for name, norm in record["grad_norms"].items() if norm}
    assert norms == pytest.approx(expected_norms, rel=GRADIENT_RTOL, abs=GRADIENT_FLOOR)


def test_a_clips_draw_depends_on_its_generator_alone() -> None:
    both = draw(SHAPES, generators(1, 2))
    alone = draw(SHAPES, generators(2))
    for two, one in zip((*both.times, *both.noise), (*alone.times, *alone.noise), strict=True):
        torch.testing.assert_close(two[1:], one, rtol=0, atol=0)


def test_levels_are_drawn_as_the_paper_or_as_the_released_code_does() -> None:
    many = range(4000)
    apart = draw(SHAPES, generators(*many), "independent")
    assert apart.environment_times is None
    alike = draw(SHAPES, generators(*many), "shared")
    assert torch.equal(*alike.times)
    assert alike.environment_times is not None
    for one, other in (apart.times, alike.environment_times, (alike.times.audio, apart.times[0])):
        assert (int(one.min()), int(one.max())) == (0, 999)
        assert float(one.float().mean()) == pytest.approx(499.5, abs=3 * 289 / len(many) ** 0.5)
        correlation = torch.corrcoef(torch.stack([one.float(), other.float()]))[0, 1]
        assert abs(float(correlation)) < 3 / len(many) ** 0.5


def test_chances_are_met() -> None:
    lesson = draw(SHAPES, generators(*range(4000)), keep=0.5, drop=0.1)
    for kept in lesson.keep:
        assert float(kept.float().mean()) == pytest.approx(0.5, abs=0.025)
    assert float(lesson.uncaptioned.float().mean()) == pytest.approx(0.1, abs=0.015)
    never = draw(SHAPES, generators(*range(50)), keep=0, drop=0)
    assert not any(bool(flags.any()) for flags in (*never.keep, never.uncaptioned))


def test_a_dropped_caption_is_the_empty_one_in_both_modalities() -> None:
    captions = Modal(torch.ones(3, 4), torch.ones(3, 5, 2))
    empty = Modal(torch.zeros(1, 4), torch.full((1, 5, 2), 7.0))
    # the first clip alone: the released code's test for that is always false
    found = without_captions(captions, empty, torch.tensor([True, False, False]))
    assert found.audio.mean(1).tolist() == [0, 1, 1]
    assert found.video.mean((1, 2)).tolist() == [7, 1, 1]


class Listener:
    """Stands for a joint model: remembers what it was told, and always says `answer`."""

    def __init__(self, answer: float = 0.0) -> None:
        self.answer = answer
        self.told: list[tuple[Any, ...]] = []

    def __call__(self, *told: Any, **_alone: str) -> Modal[Tensor]:
        self.told.append((*told, torch.is_grad_enabled()))
        noisy: Modal[Tensor] = told[0]
        return noisy.map(lambda x: torch.full_like(x, self.answer))


def lesson_of(keep: tuple[bool, bool], sampling: Any = "independent") -> Draw:
    lesson = draw(SHAPES, generators(5, 6), sampling)
    kept = Modal(torch.tensor([keep[0], False]), torch.tensor([keep[1], False]))
    return Draw(lesson.times, lesson.noise, kept, lesson.uncaptioned, lesson.environment_times)


def listened(
    lesson: Draw, schedules: Modal[NoiseSchedule] = PAPER_SCHEDULES
) -> tuple[Listener, Any]:
    listener = Listener()
    latents = SHAPES.map(lambda shape: torch.ones(2, *shape))
    captions = Modal(torch.zeros(2, 4), torch.zeros(2, 5, 2))
    return listener, joint_loss(listener, latents, captions, lesson, schedules, rows=8)


def test_without_a_kept_guess_there_is_no_first_pass() -> None:
    listener, _ = listened(lesson_of((False, False)))
    assert len(listener.told) == 1
    seen = listener.told[0][3]
    assert not seen.audio[:, 2:].any()  # the second half of the channels: the guess
    assert not seen.video[:, 3:].any()


def test_the_connectors_see_a_guess_only_where_it_is_kept() -> None:
    listener, outcome = listened(lesson_of((True, False)))
    (first, second) = listener.told
    assert (first[-1], second[-1]) == (False, True)  # the first pass has no gradient
    seen = second[3]
    torch.testing.assert_close(seen.audio[0, 2:], outcome.guessed.audio[0])
    assert not seen.audio[1, 2:].any()
    assert not seen.video[:, 3:].any()
    assert not first[3].audio[:, 2:].any()


def test_independent_connectors_see_what_the_unets_see() -> None:
    listener, _ = listened(lesson_of((False, False)))
    noisy, _, _, seen, times, _ = listener.told[0]
    torch.testing.assert_close(seen.audio[:, :2], noisy.audio)
    assert times is None


def test_shared_connectors_see_other_levels_of_the_same_noise() -> None:
    lesson = lesson_of((True, True), "shared")
    listener, _ = listened(lesson)
    first, second = listener.told
    assert (
        len(first) == 5
    )  # with whether gradients flow: the first pass is told no levels for the connectors
    assert second[4] is lesson.environment_times
    for index in (0, 1):
        assert lesson.environment_times is not None
        level = PAPER_SCHEDULES[index].alpha_bar[lesson.environment_times[index][0]]
        clean = torch.ones(SHAPES[index])
        expected = level.sqrt() * clean + (1 - level).sqrt() * lesson.noise[index][0]
        found = second[3][index][0, : SHAPES[index][0]]
        torch.testing.assert_close(found[:, : expected.shape[1]], expected)


def test_padding_is_zero_and_is_not_judged() -> None:
    lesson = lesson_of((False, False))
    listener, outcome = listened(lesson)
    assert listener.told[0][0].audio.shape[2] == 8
    assert not listener.told[0][0].audio[:, :, 6:].any()
    # it says 0, the noise was drawn from a unit Gaussian
    expected = float(lesson.noise.audio.square().mean())
    assert float(outcome.losses.audio) == pytest.approx(expected, rel=1e-6)


def test_velocity_is_judged_as_velocity() -> None:
    schedule = NoiseSchedule(0.001, 0.02, "linear", "v_prediction")
    lesson = lesson_of((False, False))
    _, outcome = listened(lesson, Modal(schedule, schedule))
    level = schedule.alpha_bar[lesson.times.audio].view(2, 1, 1, 1)
    velocity = level.sqrt() * lesson.noise.audio - (1 - level).sqrt()  # the latents are ones
    assert float(outcome.losses.audio) == pytest.approx(float(velocity.square().mean()), rel=1e-5)


def test_the_first_pass_is_made_for_the_clips_alone_that_use_it() -> None:
    """Of the two clips one keeps a guess: what the model says of it is the same as in company."""
    listener, outcome = listened(lesson_of((True, False)))
    first, second = listener.told
    assert [len(noisy) for noisy in first[0]] == [1, 1]
    assert [len(noisy) for noisy in second[0]] == [2, 2]
    torch.testing.assert_close(first[0].video[0], second[0].video[0], rtol=0, atol=0)
    assert not any(bool(guess[1].any()) for guess in outcome.guessed)


@pytest.mark.parametrize("name", ["audio", "video"])
def test_a_base_model_is_judged_alone(name: str) -> None:
    lesson = lesson_of((True, True))
    listener = Listener()
    latents = SHAPES.map(lambda shape: torch.ones(2, *shape))
    captions = Modal(torch.zeros(2, 4), torch.zeros(2, 5, 2))
    loss = base_loss(listener, latents, captions, lesson, PAPER_SCHEDULES, 8, name)
    assert len(listener.told) == 1  # nothing is guessed
    noise = getattr(lesson.noise, name)  # it says 0 where the noise was asked for
    assert float(loss) == pytest.approx(float(noise.square().mean()), rel=1e-6)
