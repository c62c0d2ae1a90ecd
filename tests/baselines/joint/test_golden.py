"""The joint model against what the released code computed: every intermediate and trajectory.

`mid.*` are outputs of single layers. Where the golden data has a form of its own, (B, C, T, H, W)
for video or one vector behind another, ours is brought to it.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.sampling import Step, sample
from svbench.baselines.joint.unet import JointUNet, embed_timesteps
from tests.factories.joint import golden_joint
from tests.goldens.places import golden

ATOL = 1e-5  # noise and intermediates, absolute
RTOL = 1e-5  # latents, relative to their largest
MIXERS = ("additive", "attn")


def pair(tensors: dict[str, Tensor], name: str) -> Pair[Tensor]:
    return Pair(tensors[f"{name}_a"], tensors[f"{name}_v"])


def recorded(joint: JointUNet) -> dict[str, Tensor]:
    """Record the outputs of the layers named in the golden data, whenever the model runs."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str, entry: bool = False) -> Any:
        def hook(_layer: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
            outputs[name] = inputs[0] if entry else output

        return hook

    for modality in ("audio", "video"):
        connector: Any = getattr(joint.connectors, modality)
        where = f"mid.connector_out_{modality}"
        layers = {"0": connector.stem, "2": connector.downs[0], "4": connector.out}
        read = connector.times if modality == "video" else connector.blocks
        layers |= {"1": read[0], "3": read[1]}
        for name, layer in layers.items():
            layer.register_forward_hook(keep(f"{where}.{name}"))
        for place, mixer in getattr(joint.mixers, modality).items():
            name = f"mid.connector_in_{modality}.{place.rstrip('0123456789')}.{place[-1]}"
            mixer.register_forward_hook(keep(name))
            mixer.register_forward_hook(keep(f"{name}.x", entry=True))
    return outputs


def in_form(ours: Tensor, golden_form: Tensor) -> Tensor:
    """Bring (B T, C, H, W) to (B, C, T, H, W) where the golden data is in that form."""
    if golden_form.ndim == 5:
        batch, _, frames = golden_form.shape[:3]
        return ours.view(batch, frames, *ours.shape[1:]).transpose(1, 2)
    return ours


def folded(theirs: Tensor) -> Tensor:
    """Bring (B, C, T, H, W) to (B T, C, H, W)."""
    return theirs.transpose(1, 2).flatten(0, 1) if theirs.ndim == 5 else theirs


def condition_of(tensors: dict[str, Tensor], modality: str, mixer: str, batch: int) -> Tensor:
    """Return the golden condition of a modality's mixers in our form, (B, t, C)."""
    theirs = tensors[f"mid.connector_in_{modality}.context"]
    if mixer == "additive":
        return theirs.squeeze(-1).transpose(1, 2)  # (B, C, t, 1)
    return theirs[:: len(theirs) // batch]  # repeated once per frame


@pytest.mark.parametrize("mixer", MIXERS)
def test_noise_and_every_intermediate(mixer: str) -> None:
    tensors = load_file(golden(f"joint/forward_{mixer}.safetensors"))
    joint = golden_joint(mixer)
    outputs = recorded(joint)
    text = Pair(tensors["in.class_a"], tensors["in.context_v"])
    x_t, t, seen, seen_t = (
        pair(tensors, f"in.{name}") for name in ("latents", "t", "x_con", "tcon")
    )
    with torch.inference_mode():
        output = joint(x_t, t, text, seen, seen_t)
        conditions = joint.conditions(seen, seen_t)
    for letter, noise in zip("av", output, strict=True):
        torch.testing.assert_close(noise, tensors[f"out.noise_{letter}"], rtol=0, atol=ATOL)
    for name, condition in zip(("audio", "video"), conditions, strict=True):
        assert condition is not None
        expected = condition_of(tensors, name, mixer, len(condition))
        torch.testing.assert_close(condition, expected, rtol=0, atol=ATOL)
    compared = [name for name in tensors if name in outputs]
    for name in compared:
        # Behind several layers, not 1e-5 absolute: against the same model in float64 the golden
        # itself is off by 1.5e-5 where values reach 7. Each layer by itself is tested below.
        # The connectors keep 1e-5 (6.0e-6) with AVX-512 kernels, not quite (1.13e-5) with AVX2's.
        most = ATOL * max(1.0, float(tensors[name].abs().max()))
        found = in_form(outputs[name], tensors[name])
        assert float((found - tensors[name]).abs().max()) <= most, name
    assert len(compared) == 16 + 10


@pytest.mark.parametrize("mixer", MIXERS)
def test_each_mixer_on_the_input_of_the_released_one(mixer: str) -> None:
    tensors = load_file(golden(f"joint/forward_{mixer}.safetensors"))
    joint = golden_joint(mixer)
    batch = len(tensors["in.t_a"])
    compared = 0
    for modality in ("audio", "video"):
        condition = condition_of(tensors, modality, mixer, batch)
        mixers: Any = getattr(joint.mixers, modality)
        for place, module in mixers.items():
            name = f"mid.connector_in_{modality}.{place.rstrip('0123456789')}.{place[-1]}"
            x, expected = folded(tensors[f"{name}.x"]), folded(tensors[name])
            with torch.inference_mode():
                found = module(x, condition, len(x) // batch)
            torch.testing.assert_close(found, expected, rtol=0, atol=ATOL)
            compared += 1
    assert compared == 8


@pytest.mark.parametrize("mixer", MIXERS)
def test_embeddings_of_the_noise_levels(mixer: str) -> None:
    tensors = load_file(golden(f"joint/forward_{mixer}.safetensors"))
    joint = golden_joint(mixer)
    embeddings = Pair(*joint.unets).map(embed_timesteps, pair(tensors, "in.tcon"))
    for name, embedding in zip(Pair._fields, embeddings, strict=True):
        expected = tensors[f"mid.connector_out_{name}.temb"]
        torch.testing.assert_close(embedding, expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("mixer", MIXERS)
def test_without_time_steps_of_their_own_the_connectors_take_the_main_ones(mixer: str) -> None:
    tensors = load_file(golden(f"joint/forward_{mixer}.safetensors"))
    text = Pair(tensors["in.class_a"], tensors["in.context_v"])
    x_t, t, seen = (pair(tensors, f"in.{name}") for name in ("latents", "t", "x_con"))
    with torch.inference_mode():
        output = golden_joint(mixer)(x_t, t, text, seen)
    for letter, noise in zip("av", output, strict=True):
        expected = tensors[f"out.tcon_none_noise_{letter}"]
        torch.testing.assert_close(noise, expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("mixer", MIXERS)
def test_one_modality_alone_is_its_base_model(mixer: str) -> None:
    tensors = load_file(golden(f"joint/forward_{mixer}.safetensors"))
    joint = golden_joint(mixer)
    x_t, t = pair(tensors, "in.latents"), pair(tensors, "in.t")
    text = Pair(tensors["in.class_a"], tensors["in.context_v"])
    with torch.inference_mode():
        output = joint.predict(x_t, t, text)
    for letter, noise in zip("av", output, strict=True):
        expected = tensors[f"out.single_noise_{letter}"]
        torch.testing.assert_close(noise, expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("gamma", [1.0, 1.5])
@pytest.mark.parametrize("mixer", MIXERS)
def test_trajectories(mixer: str, gamma: float) -> None:
    tensors = load_file(golden(f"joint/sampling_{mixer}.safetensors"))
    numbers = [int(k.split(".")[2].removeprefix("step")) for k in tensors if k.startswith("g")]
    settings = SamplerSettings(max(numbers) + 1, gamma, "official")
    latents = {"audio": 0.0, "video": 0.0}

    def compare(step: Step) -> None:
        for name in ("audio", "video"):
            for what in ("noise", "x0_hat", "latents"):
                key = f"g{gamma}.step{step.index}.{what.removesuffix('_hat')}_{name[0]}"
                found, expected = getattr(getattr(step, what), name), tensors[key]
                off = float((found - expected).abs().max() / expected.abs().max())
                if what == "latents":
                    latents[name] = max(latents[name], off)
                elif name == "audio" or step.index < settings.steps - 1:
                    assert off < 2 * RTOL, key  # of the skipped last video step there is none

    sample(
        golden_joint(mixer),
        pair(tensors, "in.latents"),
        Pair(tensors["in.class_a_uncond_then_cond"], tensors["in.context_v_uncond_then_cond"]),
        PAPER_SCHEDULES,
        settings,
        compare,
    )
    assert max(latents.values()) < RTOL
