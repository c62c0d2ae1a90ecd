"""The joint U-Net: what its modules promise, at tiny widths and at full size."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from svbench.baselines.checkpoints import sony
from svbench.baselines.joint.cmc_pe import CMCPE
from svbench.baselines.joint.connector import Connector, connector_inputs
from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.mixers import MIXERS, MixerKind, build_mixer
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.sampling import sample
from svbench.baselines.joint.unet import JointUNet
from svbench.errors import ConfigError, DataError
from svbench.types import ClipSpec
from tests.factories.full_size import CAPTION, full_size, latent_shapes
from tests.factories.joint import tiny_inputs, tiny_joint
from tests.factories.released_weights import to_released
from tests.goldens.places import fact

GREATEST_HITS = ClipSpec(32, 8.0, (256, 256), 16000)


def forward(joint: JointUNet, seed: int = 1) -> Pair[torch.Tensor]:
    inputs = tiny_inputs(seed=seed)
    seen = connector_inputs(inputs.x_t, inputs.x0_hat)
    with torch.inference_mode():
        output: Pair[torch.Tensor] = joint(
            inputs.x_t, inputs.t, inputs.text, seen, inputs.connector_t
        )
    return output


@pytest.mark.parametrize("mixer", MIXERS)
def test_untrained_it_is_its_two_base_models(mixer: MixerKind) -> None:
    joint = tiny_joint(mixer, fresh=True)
    inputs = tiny_inputs()
    with torch.inference_mode():
        base = joint.predict(inputs.x_t, inputs.t, inputs.text)
    for joined, alone in zip(forward(joint), base, strict=True):
        torch.testing.assert_close(joined, alone)


@pytest.mark.parametrize("mixer", MIXERS)
def test_hooks_are_gone_after_a_call(mixer: MixerKind) -> None:
    joint = tiny_joint(mixer)
    before = forward(joint)
    assert all(not module._forward_hooks for module in joint.unets.modules())
    after = forward(joint)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def squared_output(joint: JointUNet) -> torch.Tensor:
    inputs = tiny_inputs()
    seen = connector_inputs(inputs.x_t, inputs.x0_hat)
    audio, video = joint(inputs.x_t, inputs.t, inputs.text, seen)
    total: torch.Tensor = audio.square().mean() + video.square().mean()
    return total


@pytest.mark.parametrize("mixer", MIXERS)
def test_checkpointing_changes_neither_loss_nor_gradient(mixer: MixerKind) -> None:
    found = []
    for checkpointing in (False, True):
        joint = tiny_joint(mixer)
        joint.added.requires_grad_(True)
        joint.train().checkpointing = checkpointing
        loss = squared_output(joint)
        loss.backward()
        found.append((loss.detach(), joint.connectors.video.stem.weight.grad))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize(("checkpointing", "passes"), [(False, 1), (True, 2)])
def test_checkpointing_computes_mixers_twice(checkpointing: bool, passes: int) -> None:
    """Equal numbers do not show that memory is saved; that nothing was kept does."""
    joint = tiny_joint("cmc-pe")
    joint.added.requires_grad_(True)
    joint.train().checkpointing = checkpointing
    calls = []
    mixer = next(iter(joint.mixers.video.values()))
    mixer.register_forward_pre_hook(lambda *_call: calls.append(1))
    squared_output(joint).backward()
    assert len(calls) == passes


def test_cmc_pe_adds_at_its_time() -> None:
    """A condition at frame 2 of 4 changes frame 2 alone, as the mixer attends within frames."""
    torch.manual_seed(0)
    mixer = CMCPE(32, 8, 40, rows_are_time=False).eval()
    nn.init.normal_(mixer.proj_out.weight)
    nn.init.zeros_(mixer.widen_norm.weight)  # its statistics run over all frames
    mixer.widen_norm.register_forward_hook(lambda _module, inputs, _output: inputs[0])
    x = torch.randn(4, 32, 2, 2)
    condition = torch.randn(1, 4, 40)
    changed = condition.clone()
    changed[0, 2] += 1
    with torch.inference_mode():
        apart = (mixer(x, condition, 4) - mixer(x, changed, 4)).abs().amax(dim=(1, 2, 3))
    assert apart[2] > 1e-3
    torch.testing.assert_close(apart[[0, 1, 3]], torch.zeros(3), rtol=0, atol=1e-5)


def test_nearest_in_time() -> None:
    mixer = CMCPE(32, 8, 40, rows_are_time=True).eval()
    with torch.inference_mode():
        encoding = mixer._encoding(torch.randn(1, 9, 40), 24)
        vectors = mixer._encoding(torch.randn(1, 9, 40), 9)
    assert encoding.shape == (1, 24, 32)
    assert vectors.shape == (1, 9, 32)
    for i in range(23):  # row i takes vector floor(9 i / 24)
        same = (9 * i) // 24 == (9 * (i + 1)) // 24
        assert bool(torch.equal(encoding[0, i], encoding[0, i + 1])) == same


def test_pooled_cross_attention_has_no_time() -> None:
    """The order of the other modality's vectors does not matter to one pooled key."""
    torch.manual_seed(0)
    mixer = build_mixer("cross-attention", 32, 8, 40, rows_are_time=False).eval()
    nn.init.normal_(mixer.proj_out.weight)
    x, vectors = torch.randn(4, 32, 2, 2), torch.randn(1, 6, 40)
    with torch.inference_mode():
        one = mixer(x, mixer.condition(vectors), 4)
        other = mixer(x, mixer.condition(vectors.flip(1)), 4)
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("over_time", [True, False])
def test_a_connector_returns_one_vector_per_time(over_time: bool) -> None:
    connector = Connector(16, 64, (1, 2), 40, over_time=over_time).eval()
    x = torch.randn(2, 16, 6, 8, 8) if over_time else torch.randn(2, 16, 24, 8)
    found = connector(x, torch.randn(2, 256))
    assert found.shape == ((2, 6, 40) if over_time else (2, 12, 40))


def test_an_unknown_mixer_is_refused() -> None:
    with pytest.raises(ConfigError, match="mixer: found 'sum', expected one of cmc-pe"):
        build_mixer("sum", 32, 8, 40, rows_are_time=False)  # type: ignore[arg-type]


# --- the paper's size -----------------------------------------------------------------------------


def weights(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("mixer", "added"), [("cmc-pe", 467_744_079), ("cross-attention", 323_687_759)]
)
def test_parameters_at_full_size(mixer: MixerKind, added: int) -> None:
    with torch.device("meta"):
        joint = full_size(mixer)
    assert weights(joint.added) == added
    assert weights(joint.unets) == 1_728_684_812


@pytest.mark.parametrize("mixer", ["cmc-pe", "cross-attention"])
def test_keys_at_full_size_both_ways(mixer: MixerKind) -> None:
    lists = json.loads(fact(f"svg_official_keys_{MIXERS[mixer].released}.json").read_text())
    with torch.device("meta"):
        joint = full_size(mixer)
        theirs = {name: torch.empty(shape) for name, shape in lists["unet_svg"].items()}
    ours = joint.added.state_dict()
    released = to_released(ours, joint.config)
    assert {name: list(w.shape) for name, w in released.items()} == lists["unet_svg"]
    back = sony.from_released(theirs, ours, joint.config, "released")
    assert {name: w.shape for name, w in back.items()} == {n: w.shape for n, w in ours.items()}
    for unet, key in zip(joint.unets, ("unet_a", "unet_v"), strict=True):
        assert {k: list(w.shape) for k, w in unet.state_dict().items()} == lists[key]


@pytest.mark.parametrize(("mixer", "a_step"), [("cmc-pe", 23.06), ("cross-attention", 22.86)])
def test_operations_of_a_25_step_sample(mixer: MixerKind, a_step: float) -> None:
    """At most 0.88 of the released code's, whose joint step was counted the same way (TFLOP)."""
    with torch.device("meta"):
        joint = full_size(mixer).eval()
        start = latent_shapes(GREATEST_HITS).map(lambda shape: torch.empty(1, *shape))
        text = CAPTION.map(lambda shape: torch.empty(2, *shape))

    def count(steps: int) -> int:
        with FlopCounterMode(display=False) as counter:
            settings = SamplerSettings(steps, 1.5, "official")
            sample(joint, start, text, PAPER_SCHEDULES, settings)
        return int(counter.get_total_flops())

    two, three = count(2), count(3)  # all steps but first and last cost the same
    whole = two + 23 * (three - two)
    assert whole <= 0.88 * 25 * a_step * 1e12


# --- released weights -----------------------------------------------------------------------------


@pytest.mark.parametrize("mixer", ["cmc-pe", "cross-attention"])
def test_conversion_there_and_back_is_exact(mixer: MixerKind) -> None:
    joint = tiny_joint(mixer)
    ours = joint.added.state_dict()
    released = to_released(ours, joint.config)
    back = sony.from_released(released, ours, joint.config, "here")
    assert all(torch.equal(back[name], weight) for name, weight in ours.items())


def test_weights_of_another_mixer_are_refused() -> None:
    one, other = tiny_joint("cmc-pe"), tiny_joint("cross-attention")
    released = to_released(other.added.state_dict(), other.config)
    with pytest.raises(DataError, match=r"unet_svg.bin: found \d+ weights, expected \d+; missing"):
        sony.from_released(released, one.added.state_dict(), one.config, "unet_svg.bin")


def test_weights_of_another_width_are_refused() -> None:
    joint = tiny_joint()
    ours = joint.added.state_dict()
    released = to_released(ours, joint.config)
    released["connector_out_video.0.0.weight"] = torch.zeros(7, 8, 3, 3)
    with pytest.raises(DataError, match=r"f.bin: connector_out_video.0.0.weight has shape \(7, 8"):
        sony.from_released(released, ours, joint.config, "f.bin")


def test_a_modality_without_latents_is_left_out() -> None:
    joint, inputs = tiny_joint("cmc-pe"), tiny_inputs()
    with torch.inference_mode():
        both = joint(inputs.x_t, inputs.t, inputs.text, None)
        audio = joint(Pair(inputs.x_t.audio, None), inputs.t, inputs.text, None)
        video = joint(Pair(None, inputs.x_t.video), inputs.t, inputs.text, None)
    assert torch.equal(audio.audio, both.audio)
    assert torch.equal(video.video, both.video)
    assert audio.video is None
    assert video.audio is None
