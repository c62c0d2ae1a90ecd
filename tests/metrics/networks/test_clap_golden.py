"""CLAP against laion-clap and transformers: front end, networks of either's names, embeddings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import ClapModel

from svbench.files.weights.loading import load_state
from svbench.metrics.networks import clap
from svbench.metrics.networks.clap_config import (
    BASE_LAION,
    FUSED_LAION,
    HOP,
    LONGEST,
    SAMPLE_RATE,
    ClapInputs,
    ClapSize,
    Kind,
)
from svbench.metrics.networks.clap_inputs import (
    Pick,
    log_mel,
    mel_bands,
    prepared,
    spectrograms,
)
from tests.goldens.clip_sounds import mono
from tests.goldens.named_numbers import filled, numbers
from tests.goldens.places import golden

INPUTS = {"rand_trunc": ClapInputs(), "fusion": ClapInputs(fused=True)}
TRUNCATIONS = list(INPUTS)
NAMES = ("short", "exact", "long", "just")  # in every set
WAVE = 1e-5
LOG_MEL = 2e-4  # dB
LAION_LOG_MEL = 1e-2
AUDIBLE_DB = 80.0  # below a frame's loudest band
FLOOR_DB = -99.0  # spectrograms below are log of nothing
Array = NDArray[Any]


@cache
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("columns/clap.json").read_text())
    return found


@cache
def arrays(name: str) -> dict[str, Array]:
    with np.load(golden(f"columns/{name}.npz")) as file:
        return dict(file)


@cache
def sound(name: str) -> NDArray[np.float32]:
    entry = record()["inputs"][name]
    return mono(entry["file"], 48000, precise=True)[: entry["samples_48k"]]


@cache
def base_seed() -> int:
    """Return the seed of the whole set: the one that reproduces the crop that is on record."""
    wanted = record()["crop"]["rand_trunc_long_idx"]
    starts = record()["inputs"]["long"]["samples_48k"] - LONGEST + 1
    for seed in range(10_000):
        if np.random.RandomState(seed + 5).randint(starts) == wanted:
            return seed
    raise AssertionError("no seed below 10000 gives the crop that is on record")


def seeded() -> Pick:
    """Return the choice of crops by NumPy's generator, as the published code draws them."""
    return np.random.RandomState(base_seed() + 5).randint


def close(ours: Any, theirs: Any, relative: float = 1e-4, absolute: float = 2e-5) -> None:
    atol = absolute + relative * float(np.std(theirs))
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=0, atol=atol)


def close_decibels(ours: Array, theirs: Array, tolerance: float) -> None:
    """Compare spectrograms; 0.1 % of the cells may differ by 0.01 dB, and those of no power."""
    gap = np.abs(ours - theirs)[theirs > FLOOR_DB]
    assert np.quantile(gap, 0.999) <= tolerance
    assert gap.max() <= max(tolerance, 1e-2)


# --- front end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_waves(name: str) -> None:
    entry, wave = record()["inputs"][name], sound(name)
    assert record()["config"][name] == [entry["file"], entry["seconds"]]
    assert len(wave) == round(entry["seconds"] * SAMPLE_RATE)
    close(wave[::19], arrays("clap_inputs")[f"{name}_wave48k_every19"], 0, WAVE)
    close([wave.mean(), wave.std()], [entry["mean"], entry["std"]], 0, WAVE)
    first = entry["first_over_1e_3"]
    assert np.abs(wave[:first]).max(initial=0) <= 1e-3 + WAVE
    assert abs(wave[first]) > 1e-3 - WAVE


@pytest.mark.parametrize(("ours", "theirs"), [(True, "htk"), (False, "slaney")])
def test_mel_bands(ours: bool, theirs: str) -> None:
    expected = arrays("clap_hf_features")[f"hf_mel_filters_{theirs}_513x64"]
    np.testing.assert_allclose(mel_bands(htk=ours), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("truncation", TRUNCATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_spectrograms(truncation: str, name: str) -> None:
    ours, fused = spectrograms(sound(name), INPUTS[truncation], seeded())
    theirs = arrays("clap_hf_features")[f"hf_{truncation}_repeatpad_{name}"]
    assert ours.shape == (4 if fused else 1, 1001, 64)
    longer = record()["laion"][f"{truncation}_{name}"]["longer"]
    assert fused == (longer and truncation == "fusion")
    close_decibels(ours.numpy()[..., ::4], theirs, LOG_MEL)


@pytest.mark.parametrize("truncation", TRUNCATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_form_of_spectrograms_of_transformers(truncation: str, name: str) -> None:
    """transformers marks a single short clip as longer, of four equal spectrograms."""
    entry = record()["hf"][f"{truncation}_repeatpad_{name}"]
    inputs = replace(INPUTS[truncation], always_fused=truncation == "fusion")
    ours, fused = spectrograms(sound(name), inputs, seeded())
    check_form(ours, entry)
    longer = fused if inputs.fused else len(sound(name)) > LONGEST
    assert entry["is_longer"] == [[longer]]


def check_form(ours: torch.Tensor, entry: Mapping[str, Any]) -> None:
    assert list(ours.shape) == entry["shape"]
    assert str(ours.dtype) == f"torch.{entry['dtype']}"
    assert torch.equal(ours, ours[:1].expand_as(ours)) == entry["four_equal"]
    assert abs(float(ours.mean()) - entry["mean"]) <= LOG_MEL


def test_transformers_marks_one_short_clip_of_a_batch() -> None:
    assert np.sum(record()["hf"]["batch_of_two_short_fusion_is_longer"]) == 1


def test_padding_that_we_do_not_use() -> None:
    copies = LONGEST // len(sound("short"))
    repeated = np.tile(sound("short"), copies + 1)[:LONGEST]
    padded = np.pad(sound("short"), (0, LONGEST - len(sound("short"))))
    for name, wave in (("repeat", repeated), ("pad", padded)):
        theirs = arrays("clap_hf_features")[f"hf_rand_trunc_{name}_short"]
        ours = log_mel(wave, htk=False)
        close_decibels(ours[:, ::4], theirs[0], LOG_MEL)
        entry = record()["hf"][f"rand_trunc_{name}_short"]
        check_form(torch.from_numpy(ours)[None], entry)
        assert entry["is_longer"] == [[False]]


def test_crops_by_the_published_generator() -> None:
    starts = seeded()
    frames = record()["crop"]["total_frames"]
    thirds = np.array_split(np.arange(frames - 1001 + 1), 3)
    expected = record()["crop"]["fusion_long_idx"]
    assert [int(third[starts(len(third))]) for third in thirds] == expected


# --- networks of transformers' names -----------------------------------------------------------


def size_of(truncation: str) -> ClapSize:
    values = record()["hf_small"][truncation]["config"]
    audio, text = values["audio_config"], values["text_config"]
    return ClapSize(
        fused=truncation == "fusion",
        width=audio["patch_embeds_hidden_size"],
        depths=tuple(audio["depths"]),
        heads=tuple(audio["num_attention_heads"]),
        embedding=values["projection_dim"],
        text_width=text["hidden_size"],
        text_layers=text["num_hidden_layers"],
        text_heads=text["num_attention_heads"],
        text_hidden=text["intermediate_size"],
        vocabulary=text["vocab_size"],
        positions=text["max_position_embeddings"],
        text_epsilon=text["layer_norm_eps"],
    )


def shifted(state: dict[str, torch.Tensor], norm: str) -> dict[str, torch.Tensor]:
    """Return weights whose first norm expects decibels."""
    mean, variance = f"{norm}.running_mean", f"{norm}.running_var"
    return {**state, mean: state[mean] - 40, variance: state[variance] * 400}


@cache
def of_transformers(truncation: str) -> ClapModel:
    given = record()["hf_small"][truncation]
    shapes = {n: s for n, s in given["shapes"].items() if n not in given["kept"]}
    state = filled(shapes, base_seed() + 3, 1.0)
    state = shifted(state, "audio_model.audio_encoder.batch_norm")
    return clap.load(state, golden("columns/clap.json"), size_of(truncation))


def embedded(network: ClapModel, kind: Kind, inputs: Any) -> Array:
    with torch.inference_mode():
        found: Array = clap.embed(network, kind, torch.as_tensor(inputs)[None]).numpy()[0]
    return found


def embedded_sound(
    network: ClapModel, wave: NDArray[np.float32], inputs: ClapInputs
) -> NDArray[np.float32]:
    mels, fused = spectrograms(wave, inputs, seeded())
    return embedded(network, "fused sound" if fused else "sound", mels)


@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_captions(truncation: str) -> None:
    theirs = arrays(f"clap_hf_small_{truncation}")
    lengths = theirs["attention_mask"].sum(axis=1)
    ids = [row[:length] for row, length in zip(theirs["input_ids"], lengths, strict=True)]
    ours = [embedded(of_transformers(truncation), "caption", row) for row in ids]
    close(ours, theirs["short_text_embeds"])


@pytest.mark.parametrize("name", ["short", "long"])
@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_embeddings_and_logits_of_transformers(truncation: str, name: str) -> None:
    # transformers marks a single short clip as longer
    inputs = ClapInputs(fused=truncation == "fusion", always_fused=truncation == "fusion")
    network, theirs = of_transformers(truncation), arrays(f"clap_hf_small_{truncation}")
    classes = {"num_classes": network.config.audio_config.num_classes}  # of a head left out
    check_settings(network.config.to_dict(), record()["hf_small"][truncation]["config"], classes)
    ours = embedded_sound(network, sound(name), inputs)
    close(ours, theirs[f"{name}_audio_embeds"][0])
    logits = network.logit_scale_a.exp().item() * theirs[f"{name}_text_embeds"] @ ours
    close(logits, theirs[f"{name}_logits_per_audio"][0], 1e-4, 1e-4)


def check_settings(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], other: Mapping[str, Any]
) -> None:
    """Compare the settings of a network of transformers, but for those that are of no effect."""
    for name, value in theirs.items():
        if isinstance(value, dict):
            check_settings(ours[name], value, other)
        elif name != "transformers_version" and name not in other:
            assert ours[name] == value, name


# --- networks of laion's names -----------------------------------------------------------------


@cache
def of_laion(truncation: str) -> ClapModel:
    """Return laion's audio encoder beside a caption encoder that is not looked at."""
    path = golden(f"columns/clap_laion_small_{truncation}_state.safetensors")
    given = record()["config"]
    size = replace(
        size_of(truncation),
        width=given["embed"],
        depths=tuple(given["depths"]),
        heads=tuple(given["heads"]),
        embedding=given["proj"],
    )
    state, known = load_state(path), record()["laion_small_shapes"][truncation]
    expected = {n: s for n, s in known["shapes"].items() if n not in known["not_filled"]}
    assert {n: list(t.shape) for n, t in state.items()} == expected
    audio = clap.laion_names(state)
    shapes = {n: tuple(t.shape) for n, t in clap.empty(size).state_dict().items()}
    others = {n: s for n, s in shapes.items() if not n.startswith("audio_")}
    return clap.load({**filled(others, 0, 1.0), **audio}, path, size)


def mels_of_laion(truncation: str, name: str) -> Array:
    key = "logmel_sub" if truncation == "rand_trunc" else "mel_fusion_sub"
    found = arrays("clap_laion")[f"{truncation}_{name}_{key}"]
    return found[None] if found.ndim == 2 else found


def laion_inputs(truncation: str, *, quantised: bool = False) -> ClapInputs:
    fused = truncation == "fusion"
    return ClapInputs(fused=fused, antialiased=fused, quantised=quantised)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_spectrograms_of_laion(truncation: str, name: str) -> None:
    ours, fused = spectrograms(sound(name), laion_inputs(truncation), seeded())
    entry = record()["laion"][f"{truncation}_{name}"]
    assert entry["longer"] == (fused if truncation == "fusion" else len(sound(name)) > LONGEST)
    assert entry["has_mel_fusion"] == (truncation == "fusion")
    assert entry["waveform_samples"] == LONGEST == (ours.shape[1] - 1) * HOP
    # both are one computation here; where the shrunk layers differ, they do as by both packages
    of_transformers, _ = spectrograms(sound(name), INPUTS[truncation], seeded())
    gaps = (ours - of_transformers)[..., ::4].abs().amax((1, 2)).numpy()
    np.testing.assert_allclose(gaps, np.ravel(entry["max_abs_vs_hf"]), atol=LAION_LOG_MEL)
    theirs = mels_of_laion(truncation, name)
    # laion's is computed in float32: its own distance to transformers' is 0.01 dB, and more where
    # a band is so far below the loudest one of its frame that rounding errors are all there is
    heard = np.where(theirs > theirs.max(axis=-1, keepdims=True) - AUDIBLE_DB, theirs, -np.inf)
    close_decibels(ours.numpy()[..., ::4], heard, LAION_LOG_MEL)
    assert np.isfinite(heard).mean() > 0.5


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_embeddings_of_laion(truncation: str, name: str, quantised: bool) -> None:
    inputs = laion_inputs(truncation, quantised=quantised)
    wave = prepared(sound(name), 48000, inputs)
    mels, fused = spectrograms(wave, inputs, seeded())
    stem = f"{truncation}_{name}{'_int16' if quantised else ''}"
    network = of_laion(truncation)
    with torch.inference_mode():
        longer = torch.tensor([[fused]])
        pooled = network.audio_model(input_features=mels[None], is_longer=longer).pooler_output
    close(pooled[0].numpy(), arrays("clap_laion")[f"{stem}_embedding"], 1e-3)
    ours = embedded(network, "fused sound" if fused else "sound", mels)
    close(ours, arrays("clap_laion")[f"{stem}_proj_normalised"], 1e-3)


def test_short_sound_is_another_when_fused() -> None:
    network = of_laion("fusion")
    plain, fused = (
        embedded_sound(network, sound("short"), ClapInputs(fused=True, always_fused=always))
        for always in (False, True)
    )
    apart = np.abs(plain - fused).max() / plain.std()
    assert apart > 0.05, "expected hundreds of times what embeddings of one form may differ by"


# --- of true size ------------------------------------------------------------------------------


@cache
def full_keys() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(golden("columns/clap_full_keys.json").read_text())
    return found


def test_names_and_shapes_of_transformers() -> None:
    given = full_keys()["transformers_default_unfused"]
    ours = {n: list(t.shape) for n, t in clap.empty(ClapSize()).state_dict().items()}
    assert ours == given["shapes"]
    assert sum(p.numel() for p in clap.empty(ClapSize()).parameters()) == given["parameters"]


@pytest.mark.parametrize(
    ("name", "size"), [("htsat_base_unfused", BASE_LAION), ("htsat_tiny_fused", FUSED_LAION)]
)
def test_checkpoints_of_laion_load_strictly(name: str, size: ClapSize) -> None:
    given = full_keys()[name]
    types = {n: getattr(torch, t.removeprefix("torch.")) for n, t in given["non_float32"].items()}
    state = {
        f"module.{n}": torch.zeros((), dtype=types.get(n, torch.float32)).expand(shape)
        for n, shape in given["shapes"].items()
    }
    clap.load(state, golden("columns/clap_full_keys.json"), size)


def test_embedding_of_true_size() -> None:
    given = full_keys()["htsat_base_unfused"]
    audio = ("audio_branch.", "audio_projection.")
    shapes = {n: s for n, s in given["shapes"].items() if n not in given["not_filled"]}
    shapes = {n: s for n, s in shapes.items() if n.startswith(audio)}
    state = shifted(filled(shapes, base_seed() + 4, 1.0), "audio_branch.bn0")
    others = {n: s for n, s in given["shapes"].items() if not n.startswith(audio)}
    state |= {n: torch.zeros(()).expand(shape) for n, shape in others.items()}
    network = clap.load(state, golden("columns/clap_full_keys.json"), BASE_LAION)
    noise = numbers("clap.full.wave", (LONGEST,), base_seed(), 0.1).numpy()
    beats = np.abs(np.sin(2 * np.pi * np.arange(LONGEST) / 96000))
    ours = embedded_sound(network, (noise * beats).astype(np.float32), ClapInputs())
    close(ours, arrays("clap_full_fill")["audio_embed"][0], 1e-3, 0)
