"""The training loss: one step of the released code to the last gradient, and what is drawn.

Gradients that must be zero in exact arithmetic (such as of a bias before a norm) are rounding
noise of some 1e-7, hence the absolute floor; where the golden data has exactly 0, the parameter
is frozen here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from svbench.baselines.checkpoints.sony import released_name
from svbench.baselines.joint.ddim import PAPER_SCHEDULES, NoiseSchedule
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.loss import Draw, base_loss, draw, drop_text, joint_loss
from tests.factories.joint import golden_joint
from tests.goldens.places import golden

LOSS_RTOL = 1e-6
NOISE_ATOL = 1e-5
GUESS_RTOL = 1e-5  # of the largest
GRADIENT_RTOL, GRADIENT_FLOOR = 1e-5, 5e-7
SHAPES = Pair((2, 6, 4), (3, 2, 4, 4))  # of one clip's latents


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Use one core: threads that wait for each other take twenty times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def golden_name(ours: str, joint: JointUNet) -> str:
    """Return the name of one of our parameters in the golden data."""
    if ours.startswith("unets."):
        return ours.replace("unets.audio.", "unet_a.").replace("unets.video.", "unet_v.")
    return "unet_svg." + released_name(ours, joint.config.mixer, joint.config.multiples.map(len))


@pytest.mark.parametrize("mixer", ["additive", "attn"])
def test_one_step_of_the_released_code(mixer: str) -> None:
    tensors = load_file(golden(f"joint/train_step_{mixer}.safetensors"))
    record = json.loads(golden(f"joint/train_step_{mixer}.json").read_text())
    joint = golden_joint(mixer)
    trained = {  # the mixers of one key hold parameters without gradient: they stay frozen
        name: parameter
        for name, parameter in joint.named_parameters()
        if record["grad_norms"].get(golden_name(name, joint))
    }
    for parameter in trained.values():
        parameter.requires_grad_(True)

    def given(name: str) -> Pair[Tensor]:
        return Pair(tensors[f"in.{name}_a"], tensors[f"in.{name}_v"])

    shared = tensors["in.timesteps_shared"]
    drawn = Draw(
        Pair(shared, shared),
        given("noise"),
        given("keep_x0").map(lambda kept: kept.bool()),
        torch.zeros(len(shared), dtype=torch.bool),
        given("tcon"),
    )
    rows = given("latents").audio.shape[2]
    outcome = joint_loss(
        joint,
        given("latents"),
        Pair(tensors["in.class_a"], tensors["in.context_v"]),
        drawn,
        PAPER_SCHEDULES,
        rows + record["audio_pad_rows"],
    )
    for letter, loss in zip("av", outcome.losses, strict=True):
        assert float(loss.detach()) == pytest.approx(record[f"loss_{letter}"], rel=LOSS_RTOL)
    output = Pair(outcome.output.audio[:, :, :rows], outcome.output.video)
    for letter, noise, x0 in zip("av", output, outcome.x0_hat, strict=True):
        expected = tensors[f"out.pred_{letter}"]
        torch.testing.assert_close(noise, expected, rtol=0, atol=NOISE_ATOL)
        clean = tensors[f"out.x0_pred_{letter}"]
        atol = GUESS_RTOL * float(clean.abs().max())
        torch.testing.assert_close(x0, clean, rtol=0, atol=atol)
    total: Any = outcome.losses.audio + outcome.losses.video
    total.backward()
    norms = {golden_name(n, joint): float(p.grad.norm()) for n, p in trained.items()}  # type: ignore[union-attr]
    expected_norms = {name: norm for name, norm in record["grad_norms"].items() if norm}
    assert norms == pytest.approx(expected_norms, rel=GRADIENT_RTOL, abs=GRADIENT_FLOOR)


def test_a_clips_draw_depends_on_its_generator_alone() -> None:
    both = draw(SHAPES, generators(1, 2))
    alone = draw(SHAPES, generators(2))
    for two, one in zip((*both.t, *both.noise), (*alone.t, *alone.noise), strict=True):
        torch.testing.assert_close(two[1:], one, rtol=0, atol=0)


def test_levels_are_drawn_as_the_paper_or_as_the_released_code_does() -> None:
    many = range(4000)
    apart = draw(SHAPES, generators(*many), "independent")
    assert apart.connector_t is None
    alike = draw(SHAPES, generators(*many), "shared")
    assert torch.equal(*alike.t)
    assert alike.connector_t is not None
    for one, other in (apart.t, alike.connector_t, (alike.t.audio, apart.t.audio)):
        assert (int(one.min()), int(one.max())) == (0, 999)
        assert float(one.float().mean()) == pytest.approx(499.5, abs=3 * 289 / len(many) ** 0.5)
        correlation = torch.corrcoef(torch.stack([one.float(), other.float()]))[0, 1]
        assert abs(float(correlation)) < 3 / len(many) ** 0.5


def test_probabilities_are_met() -> None:
    drawn = draw(SHAPES, generators(*range(4000)), self_conditioning=0.5, caption_drop=0.1)
    for kept in drawn.self_conditioned:
        assert float(kept.float().mean()) == pytest.approx(0.5, abs=0.025)
    assert float(drawn.unconditional.float().mean()) == pytest.approx(0.1, abs=0.015)
    never = draw(SHAPES, generators(*range(50)), self_conditioning=0, caption_drop=0)
    assert not any(bool(flags.any()) for flags in (*never.self_conditioned, never.unconditional))


def test_a_dropped_caption_is_the_empty_one_in_both_modalities() -> None:
    text = Pair(torch.ones(3, 4), torch.ones(3, 5, 2))
    empty = Pair(torch.zeros(1, 4), torch.full((1, 5, 2), 7.0))
    # the first clip alone: the released code's test for that is always false
    found = drop_text(text, empty, torch.tensor([True, False, False]))
    assert found.audio.mean(1).tolist() == [0, 1, 1]
    assert found.video.mean((1, 2)).tolist() == [7, 1, 1]


class Recorder:
    """A joint model that records its inputs, and predicts `output` everywhere."""

    def __init__(self, output: float = 0.0) -> None:
        self.output = output
        self.calls: list[Call] = []

    def __call__(
        self, x_t: Pair[Any], t: Pair[Tensor], _text: Any, seen: Any, seen_t: Any = None
    ) -> Pair[Any]:
        self.calls.append(Call(x_t, t, seen, seen_t, torch.is_grad_enabled()))
        return x_t.map(lambda x: None if x is None else torch.full_like(x, self.output))


@dataclass(frozen=True)
class Call:
    x_t: Pair[Tensor]
    t: Pair[Tensor]
    seen: Pair[Tensor]  # by the connectors
    seen_t: Pair[Tensor] | None
    gradient: bool


def draw_with(self_conditioned: tuple[bool, bool], sampling: Any = "independent") -> Draw:
    """Draw two clips; the first one is self-conditioned by the flags, the second is not."""
    flags = Pair(*(torch.tensor([flag, False]) for flag in self_conditioned))
    return replace(draw(SHAPES, generators(5, 6), sampling), self_conditioned=flags)


def ones() -> tuple[Pair[Tensor], Pair[Tensor]]:
    """Return latents and text embeddings of two clips."""
    latents = SHAPES.map(lambda shape: torch.ones(2, *shape))
    return latents, Pair(torch.zeros(2, 4), torch.zeros(2, 5, 2))


def recorded(drawn: Draw, schedules: Pair[NoiseSchedule] = PAPER_SCHEDULES) -> tuple[Recorder, Any]:
    recorder = Recorder()
    return recorder, joint_loss(recorder, *ones(), drawn, schedules, rows=8)


def test_without_self_conditioning_there_is_no_first_pass() -> None:
    recorder, _ = recorded(draw_with((False, False)))
    (call,) = recorder.calls
    assert not call.seen.audio[:, 2:].any()  # the second half of the channels: predicted x_0
    assert not call.seen.video[:, 3:].any()


def test_the_connectors_see_predicted_data_only_where_self_conditioned() -> None:
    recorder, outcome = recorded(draw_with((True, False)))
    first, second = recorder.calls
    assert (first.gradient, second.gradient) == (False, True)
    torch.testing.assert_close(second.seen.audio[0, 2:], outcome.x0_hat.audio[0])
    assert not second.seen.audio[1, 2:].any()
    assert not second.seen.video[:, 3:].any()
    assert not first.seen.audio[:, 2:].any()


def test_independent_connectors_see_what_the_unets_see() -> None:
    recorder, _ = recorded(draw_with((False, False)))
    (call,) = recorder.calls
    torch.testing.assert_close(call.seen.audio[:, :2], call.x_t.audio)
    assert call.seen_t is None


def test_shared_connectors_see_other_time_steps_of_the_same_noise() -> None:
    drawn = draw_with((True, True), "shared")
    recorder, _ = recorded(drawn)
    first, second = recorder.calls
    assert first.seen_t is None  # the first pass embeds the main time steps
    assert drawn.connector_t is not None
    assert second.seen_t is drawn.connector_t
    for index in (0, 1):
        alpha_bar = PAPER_SCHEDULES[index].alpha_bar[drawn.connector_t[index][0]]
        clean = torch.ones(SHAPES[index])
        expected = alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * drawn.noise[index][0]
        found = second.seen[index][0, : SHAPES[index][0]]
        torch.testing.assert_close(found[:, : expected.shape[1]], expected)


def test_padding_is_zero_and_does_not_count() -> None:
    drawn = draw_with((False, False))
    recorder, outcome = recorded(drawn)
    assert recorder.calls[0].x_t.audio.shape[2] == 8
    assert not recorder.calls[0].x_t.audio[:, :, 6:].any()
    # the prediction is 0, the noise was drawn from a unit Gaussian
    expected = float(drawn.noise.audio.square().mean())
    assert float(outcome.losses.audio) == pytest.approx(expected, rel=1e-6)


def test_the_target_of_a_velocity_network_is_the_velocity() -> None:
    schedule = NoiseSchedule(0.001, 0.02, "linear", "v_prediction")
    drawn = draw_with((False, False))
    _, outcome = recorded(drawn, Pair(schedule, schedule))
    alpha_bar = schedule.alpha_bar[drawn.t.audio].view(2, 1, 1, 1)
    velocity = alpha_bar.sqrt() * drawn.noise.audio - (1 - alpha_bar).sqrt()  # latents are ones
    assert float(outcome.losses.audio) == pytest.approx(float(velocity.square().mean()), rel=1e-5)


def test_the_first_pass_takes_only_the_clips_that_need_it() -> None:
    """Of two clips one is self-conditioned: its input is the same as beside the other."""
    recorder, outcome = recorded(draw_with((True, False)))
    first, second = recorder.calls
    assert [len(x) for x in first.x_t] == [1, 1]
    assert [len(x) for x in second.x_t] == [2, 2]
    torch.testing.assert_close(first.x_t.video[0], second.x_t.video[0], rtol=0, atol=0)
    assert not any(bool(x0[1].any()) for x0 in outcome.x0_hat)


@pytest.mark.parametrize("trained", [Pair(True, False), Pair(False, True)])
def test_a_base_model_is_trained_alone(trained: Pair[bool]) -> None:
    drawn = draw_with((True, True))
    recorder = Recorder()
    losses = base_loss(recorder, *ones(), drawn, PAPER_SCHEDULES, 8, trained)
    (call,) = recorder.calls  # there is no first pass
    assert call.seen is None
    for loss, x, noise, is_trained in zip(losses, call.x_t, drawn.noise, trained, strict=True):
        assert (loss is not None, x is not None) == (is_trained, is_trained)
        if loss is not None:  # the prediction is 0
            assert float(loss) == pytest.approx(float(noise.square().mean()), rel=1e-6)
