"""The sampler: every shortcut against the plain form, and what its settings mean."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.sampling import Step, sample
from svbench.errors import ConfigError
from tests.alternatives.straightforward_joint import plainly, sample_plainly
from tests.factories.joint import tiny_inputs, tiny_joint


def guided_inputs(seed: int = 1) -> tuple[Pair[Tensor], Pair[Tensor]]:
    """Draw noise for two clips, and their text embeddings behind two unconditional ones."""
    inputs = tiny_inputs(seed=seed)
    unconditional = tiny_inputs(seed=9).text
    return inputs.x_t, unconditional.map(lambda a, b: torch.cat([a, b]), inputs.text)


def relative_error(found: Pair[Tensor], expected: Pair[Tensor]) -> float:
    return max(
        float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("kind", ["official", "eq8"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_the_shortcuts_change_nothing(mixer: MixerKind, kind: str) -> None:
    joint = tiny_joint(mixer)
    start, text = guided_inputs()
    settings = SamplerSettings(4, 1.5, kind)  # type: ignore[arg-type]
    expected = sample_plainly(plainly(joint), start, text, PAPER_SCHEDULES, settings)
    assert relative_error(sample(joint, start, text, PAPER_SCHEDULES, settings), expected) < 1e-5


@pytest.mark.parametrize(
    "guidance", [Pair(2.5, 7.5), Pair(1.0, 7.5), Pair(2.5, 1.0), Pair(1.0, 1.0)]
)
@pytest.mark.parametrize("mixer", MIXERS)
def test_halves_one_after_the_other_are_those_of_one_batch(
    mixer: MixerKind, guidance: Pair[float]
) -> None:
    joint = tiny_joint(mixer)
    start, text = guided_inputs()
    settings = SamplerSettings(4, guidance=guidance)
    text = text.map(lambda c: c[-2 * settings.halves :])
    whole = sample(joint, start, text, PAPER_SCHEDULES, settings)
    sizes: list[int] = []
    hook = joint.unets.video.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    parted = sample(joint, start, text, PAPER_SCHEDULES, settings, apart=True)
    hook.remove()
    assert relative_error(parted, whole) < 1e-5
    assert set(sizes) == {2}


def test_the_modalities_condition_each_other() -> None:
    joint = tiny_joint()
    start, text = guided_inputs()
    settings = SamplerSettings(3)
    one = sample(joint, start, text, PAPER_SCHEDULES, settings)
    other = sample(joint, Pair(start.audio, start.video.flip(2)), text, PAPER_SCHEDULES, settings)
    assert float((one.audio - other.audio).abs().max()) > 1e-3


@pytest.mark.parametrize("mixer", MIXERS)
def test_a_clip_does_not_depend_on_its_company(mixer: MixerKind) -> None:
    joint = tiny_joint(mixer)
    start, text = guided_inputs()
    settings = SamplerSettings(3)
    both = sample(joint, start, text, PAPER_SCHEDULES, settings)
    turned = sample(
        joint,
        start.map(lambda x: x.flip(0)),
        text.map(lambda c: torch.cat([c[:2].flip(0), c[2:].flip(0)])),
        PAPER_SCHEDULES,
        settings,
    )
    for a, b in zip(both, turned, strict=True):
        torch.testing.assert_close(a, b.flip(0), rtol=0, atol=0)


def test_guidance_of_1_is_the_captioned_half() -> None:
    joint = tiny_joint()
    start, text = guided_inputs()
    conditional = text.map(lambda c: c[2:])
    # one step: from the second on, the guided video would condition the unguided audio
    guided = SamplerSettings(1, guidance=Pair(1.0, 7.5))
    plain = SamplerSettings(1, guidance=Pair(1.0, 1.0))
    assert (guided.halves, plain.halves) == (2, 1)
    found = sample(joint, start, text, PAPER_SCHEDULES, guided)
    expected = sample(joint, start, conditional, PAPER_SCHEDULES, plain)
    torch.testing.assert_close(found.audio, expected.audio)
    assert float((found.video - expected.video).abs().max()) > 1e-3


def test_the_last_video_step_of_the_released_code_is_skipped() -> None:
    joint = tiny_joint()
    start, text = guided_inputs()
    calls: Pair[list[int]] = Pair([], [])
    for unet, made in zip(joint.unets, calls, strict=True):
        unet.register_forward_pre_hook(lambda *_, made=made: made.append(1))
    steps: list[Step] = []
    settings = SamplerSettings(3, 1.5, "official")
    sample(joint, start, text, PAPER_SCHEDULES, settings, steps.append)
    assert calls.map(len) == (3, 2)
    assert torch.equal(steps[-1].latents.video, steps[-2].latents.video)
    assert not torch.equal(steps[-1].latents.audio, steps[-2].latents.audio)


def test_eq8_ends_at_the_data_itself() -> None:
    joint = tiny_joint()
    start, text = guided_inputs()
    steps: list[Step] = []
    found = sample(joint, start, text, PAPER_SCHEDULES, SamplerSettings(3), steps.append)
    for latents, x0_hat in zip(found, steps[-1].x0_hat, strict=True):
        torch.testing.assert_close(latents, x0_hat)


def test_predicted_velocity_gives_noise_and_data() -> None:
    joint = tiny_joint()
    start, text = guided_inputs()
    velocity = PAPER_SCHEDULES.map(lambda s: replace(s, prediction="v_prediction"))
    steps: list[Step] = []
    sample(joint, start, text, velocity, SamplerSettings(2, 1.0), steps.append)
    level = PAPER_SCHEDULES.audio.alpha_bar[steps[0].timesteps.audio]
    again = level.sqrt() * steps[0].x0_hat.audio + (1 - level).sqrt() * steps[0].noise.audio
    torch.testing.assert_close(again, start.audio, rtol=1e-4, atol=1e-4)


def test_the_cache_of_the_text_ends_with_the_sampler() -> None:
    joint = tiny_joint()
    start, text = guided_inputs()
    sample(joint, start, text, PAPER_SCHEDULES, SamplerSettings(2))
    assert all(p._projected is None and not p.caching for p in joint._text_processors)


def test_text_must_hold_both_halves() -> None:
    start, text = guided_inputs()
    with pytest.raises(ConfigError, match="captions: found 2 for 2 clips, expected 2 per clip"):
        sample(
            tiny_joint(),
            start,
            text.map(lambda c: c[:2]),
            PAPER_SCHEDULES,
            SamplerSettings(2),
        )


def test_guidance_below_1_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"guidance: found \(0.5, 7.5\), expected 1 or more"):
        SamplerSettings(guidance=Pair(0.5, 7.5))
