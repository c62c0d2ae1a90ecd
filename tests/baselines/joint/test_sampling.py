"""The sampler: every shortcut against the plain form, and what its settings mean."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from svbench.baselines.joint.ddim import PAPER_SCHEDULES, NoiseSchedule
from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.sampling import SamplerSettings, Step, sample
from svbench.errors import ConfigError
from tests.alternatives.straightforward_joint import plainly, sample_plainly
from tests.factories.joint import tiny_inputs, tiny_joint


def with_and_without(seed: int = 1) -> tuple[Modal[Tensor], Modal[Tensor]]:
    """Give noise for two clips, and their captions behind two empty ones."""
    told = tiny_inputs(seed=seed)
    empty = tiny_inputs(seed=9)["captions"]
    return told["noisy"], empty.map(lambda a, b: torch.cat([a, b]), told["captions"])


def off(found: Modal[Tensor], expected: Modal[Tensor]) -> float:
    return max(
        float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("kind", ["official", "eq8"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_the_shortcuts_change_nothing(mixer: MixerKind, kind: str) -> None:
    joint = tiny_joint(mixer)
    start, captions = with_and_without()
    settings = SamplerSettings(4, 1.5, kind)  # type: ignore[arg-type]
    expected = sample_plainly(plainly(joint), start, captions, PAPER_SCHEDULES, settings)
    assert off(sample(joint, start, captions, PAPER_SCHEDULES, settings), expected) < 1e-5


def test_the_modalities_hear_each_other() -> None:
    joint = tiny_joint()
    start, captions = with_and_without()
    settings = SamplerSettings(3)
    one = sample(joint, start, captions, PAPER_SCHEDULES, settings)
    other = sample(
        joint, Modal(start.audio, start.video.flip(2)), captions, PAPER_SCHEDULES, settings
    )
    assert float((one.audio - other.audio).abs().max()) > 1e-3


@pytest.mark.parametrize("mixer", MIXERS)
def test_a_clip_does_not_depend_on_its_company(mixer: MixerKind) -> None:
    joint = tiny_joint(mixer)
    start, captions = with_and_without()
    settings = SamplerSettings(3)
    both = sample(joint, start, captions, PAPER_SCHEDULES, settings)
    turned = sample(
        joint,
        start.map(lambda x: x.flip(0)),
        captions.map(lambda c: torch.cat([c[:2].flip(0), c[2:].flip(0)])),
        PAPER_SCHEDULES,
        settings,
    )
    for a, b in zip(both, turned, strict=True):
        torch.testing.assert_close(a, b.flip(0), rtol=0, atol=0)


def test_guidance_of_1_is_the_captioned_half() -> None:
    joint = tiny_joint()
    start, captions = with_and_without()
    alone = captions.map(lambda c: c[2:])
    # one step: from the second on, an unguided sound would hear the guided video
    guided = SamplerSettings(1, guidance=Modal(1.0, 7.5))
    plain = SamplerSettings(1, guidance=Modal(1.0, 1.0))
    assert (guided.halves, plain.halves) == (2, 1)
    found = sample(joint, start, captions, PAPER_SCHEDULES, guided)
    expected = sample(joint, start, alone, PAPER_SCHEDULES, plain)
    torch.testing.assert_close(found.audio, expected.audio)
    assert float((found.video - expected.video).abs().max()) > 1e-3


def test_the_last_video_step_of_the_released_code_is_skipped() -> None:
    joint = tiny_joint()
    start, captions = with_and_without()
    calls = {"audio": 0, "video": 0}
    for name, unet in joint.unets.items():
        unet.register_forward_pre_hook(lambda *_, n=name: calls.update({n: calls[n] + 1}))
    steps: list[Step] = []
    settings = SamplerSettings(3, 1.5, "official")
    sample(joint, start, captions, PAPER_SCHEDULES, settings, steps.append)
    assert calls == {"audio": 3, "video": 2}
    assert torch.equal(steps[-1].latents.video, steps[-2].latents.video)
    assert not torch.equal(steps[-1].latents.audio, steps[-2].latents.audio)


def test_eq8_ends_at_the_data_itself() -> None:
    joint = tiny_joint()
    start, captions = with_and_without()
    steps: list[Step] = []
    found = sample(joint, start, captions, PAPER_SCHEDULES, SamplerSettings(3), steps.append)
    for latents, x0_hat in zip(found, steps[-1].x0_hat, strict=True):
        torch.testing.assert_close(latents, x0_hat)


def test_velocity_is_turned_into_noise() -> None:
    joint = tiny_joint()
    start, captions = with_and_without()
    velocity = PAPER_SCHEDULES.map(
        lambda s: NoiseSchedule(s.beta_start, s.beta_end, s.betas, "v_prediction")
    )
    steps: list[Step] = []
    sample(joint, start, captions, velocity, SamplerSettings(2, 1.0), steps.append)
    level = PAPER_SCHEDULES.audio.alpha_bar[steps[0].timesteps.audio]
    again = level.sqrt() * steps[0].x0_hat.audio + (1 - level).sqrt() * steps[0].noise.audio
    torch.testing.assert_close(again, start.audio, rtol=1e-4, atol=1e-4)


def test_what_was_projected_is_forgotten() -> None:
    joint = tiny_joint()
    start, captions = with_and_without()
    sample(joint, start, captions, PAPER_SCHEDULES, SamplerSettings(2))
    assert all(p._projected is None and not p.remembers for p in joint._captions)


def test_captions_must_come_in_halves() -> None:
    start, captions = with_and_without()
    with pytest.raises(ConfigError, match="captions: found 2 for 2 clips, expected 2 per clip"):
        sample(
            tiny_joint(),
            start,
            captions.map(lambda c: c[:2]),
            PAPER_SCHEDULES,
            SamplerSettings(2),
        )


def test_guidance_below_1_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"guidance: found \(0.5, 7.5\), expected 1 or more"):
        SamplerSettings(guidance=Modal(0.5, 7.5))
