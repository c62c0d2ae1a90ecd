"""Whole models on disk: the released pipeline against its own end-to-end run, and our forms."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from svbench.baselines.checkpoints import components
from svbench.baselines.checkpoints import find as released
from svbench.baselines.checkpoints import ours as checkpoint
from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.sampling import sample
from svbench.errors import ConfigError, DataError
from svbench.types import ClipSpec
from tests.factories.model_folders import CONFIG, write_bases, write_joint, write_parts
from tests.goldens.places import golden


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_bases(tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parts(tmp_path_factory.mktemp("ours"))


# --- the released pipeline ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def pipeline() -> tuple[JointModel, dict[str, Any], dict[str, Tensor]]:
    folder = golden("official_pipeline")
    arguments = json.loads((folder / "end_to_end.json").read_text())
    outputs = load_file(next(folder.glob("end_to_end*.safetensors")))
    return released.find_model(folder).load(), arguments, outputs


def encoded(model: JointModel, arguments: dict[str, Any]) -> Pair[Tensor]:
    """Encode the captions as the released code does.

    It truncates the negative caption, for the audio alone, to as many tokens as the embedding is
    long. At full size that is 512, the longest that the encoder takes; at golden size it is few.
    """
    both = model.text_encoder([arguments["negative"], arguments["prompt"]])
    tokenizer = components.load_tokenizer(
        golden("official_pipeline/tokenizer_a"), "RobertaTokenizer"
    )
    width = both.audio.shape[1]
    kept = tokenizer(arguments["negative"], max_length=width, truncation=True)["input_ids"]
    cut = tokenizer.decode(kept, skip_special_tokens=True)
    return Pair(torch.cat([model.text_encoder([cut]).audio, both.audio[1:]]), both.video)


def test_captions_are_encoded_as_by_the_released_code(pipeline: Any) -> None:
    model, arguments, expected = pipeline
    for found, letter in zip(encoded(model, arguments), "av", strict=True):
        # 1e-7 with AVX-512 kernels, 8e-7 with AVX2's; values reach 2.
        assert float((found - expected[f"emb_{letter}_uncond_then_cond"]).abs().max()) < 2e-6


def test_a_clip_comes_out_as_from_the_released_code(pipeline: Any) -> None:
    model, arguments, expected = pipeline
    settings = SamplerSettings(
        arguments["num_inference_steps"],
        arguments["gamma"],
        "official",
        Pair(arguments["cfg_a"], arguments["cfg_v"]),
    )
    frames = round(arguments["length_in_s"] * arguments["frame_rate"])
    size = arguments["height_v"], arguments["width_v"]
    spec = ClipSpec(frames, float(arguments["frame_rate"]), size, 16000)
    start = Pair(expected["in.latents_a"], expected["in.latents_v"])
    assert Pair(model.audio.shape(spec), model.video.shape(spec)) == start.map(
        lambda latents: tuple(latents.shape[1:])
    )
    latents = sample(model.joint, start, encoded(model, arguments), model.schedules, settings)
    waveform = torch.from_numpy(model.audio.decode(latents.audio, spec)[0])
    wanted = expected["out.audio"][0]
    assert float((waveform - wanted).abs().max() / wanted.abs().max()) < 2e-5
    video = torch.from_numpy(model.video.decode(latents.video, spec)[0]).float()
    assert float((video - 255 * expected["out.video"]).abs().max()) < 0.51  # half by rounding


def test_every_part_of_the_pipeline_is_on_record(pipeline: Any) -> None:
    model, _, _ = pipeline
    assert set(model.weights) == {*released.NETWORKS, *released.TOKENIZERS, "joint"}
    assert model.schedules == PAPER_SCHEDULES


def spoiled(tmp_path: Path, ours: Path) -> Path:
    """Write a released pipeline, made of ours, whose joint weights are unreadable."""
    folder = tmp_path / "released"
    shutil.copytree(ours, folder)
    index = {name: ["library", kind] for name, kind in released.NETWORKS.items()}
    index |= {name: ["library", kinds[0]] for name, kinds in released.SYNONYMS.items()}
    index |= {released.RELEASED_JOINT: ["va_core.model.svg.unet_svg", released.RELEASED_CLASS]}
    whole = {"_class_name": released.PIPELINE, **index}
    (folder / released.INDEX).write_text(json.dumps(whole))
    joint = folder / released.RELEASED_JOINT
    joint.mkdir()
    (joint / "diffusion_pytorch_model.bin").write_bytes(b"")
    side = {"connector_in_type": "additive", "with_connector": [False, False, True, True]}
    side |= {"connector_out_input": "x_pred", "num_blocks_connector": [1, 1]}
    side |= {"connector_channel": 40, "channel_mult_connector": [1, 2]}
    unet = {"attention_head_dim": 8}
    config = {"connector_audio_config": side, "connector_video_config": side}
    config |= {"unet_audio_config": unet, "unet_video_config": unet}
    (joint / "config.json").write_text(json.dumps({"_class_name": "UNetModelSVG", **config}))
    return folder


def test_the_classes_of_the_pipeline_are_not_imported(tmp_path: Path, ours: Path) -> None:
    folder = spoiled(tmp_path, ours)
    assert released.find_model(folder).config == CONFIG
    with pytest.raises(DataError, match=r"diffusion_pytorch_model\.bin: found no readable weights"):
        released.find_model(folder).load()


@pytest.mark.parametrize(
    ("part", "named", "line"),
    [
        ("unet_v", ["diffusers", "UNet3D"], "found unet_v 'UNet3D', expected UNetMotionModel"),
        ("vocoder", None, "found vocoder 'nothing', expected SpeechT5HifiGan"),
        ("_class_name", "AudioLDMPipeline", "expected VideoAudioGenWithSVGPipeline"),
        ("scheduler_a", ["diffusers", "PNDMScheduler"], "expected DDIMSchedulerRev or DDIM"),
    ],
)
def test_another_pipeline_is_refused(
    tmp_path: Path, ours: Path, part: str, named: Any, line: str
) -> None:
    folder = spoiled(tmp_path, ours)
    index = json.loads((folder / released.INDEX).read_text())
    index[part] = named
    if named is None:
        del index[part]
    (folder / released.INDEX).write_text(json.dumps(index))
    with pytest.raises(DataError, match=line) as caught:
        released.find_model(folder)
    assert "\n" not in str(caught.value)


# --- our forms ---------------------------------------------------------------------------------


def test_our_form_holds_what_was_saved(ours: Path) -> None:
    model = released.find_model(ours).load()
    saved = load_file(ours / "joint" / checkpoint.WEIGHTS)
    added = model.joint.added.state_dict()
    assert set(added) == set(saved)
    assert all(torch.equal(added[name], saved[name]) for name in saved)
    assert not model.joint.training


def test_base_models_that_lie_apart_are_joined(bases: dict[str, str], tmp_path: Path) -> None:
    found = released.find_model(write_joint(tmp_path / "model", bases))
    model = found.load()
    assert {"motion", "joint", "unet_v"} <= set(model.weights)
    video: Any = model.joint.unets.video
    adapter = load_file(Path(bases["motion"]) / "diffusion_pytorch_model.safetensors")
    image_unet = load_file(Path(bases["video"]) / "unet" / "diffusion_pytorch_model.safetensors")
    state = video.state_dict()
    for name, tensor in {**adapter, **image_unet}.items():
        assert torch.equal(state[name], tensor)
    assert model.schedules == PAPER_SCHEDULES


def test_an_untrained_model_needs_base_models_alone(bases: dict[str, str]) -> None:
    found = released.find_bases(bases, CONFIG)
    assert "joint" not in found.weights()
    with torch.no_grad():
        assert not found.load().joint.mixers.video["up0"].proj_out.weight.any()


def test_bases_may_lie_beside_the_joint_weights(bases: dict[str, str], tmp_path: Path) -> None:
    folder = write_joint(tmp_path / "model", bases)
    shutil.copytree(Path(bases["audio"]).parent, folder / "bases")
    beside = {name: f"bases/{name}" for name in bases}
    (folder / "bases.json").write_text(json.dumps(beside))
    assert released.find_model(folder).networks["unet_a"].weights.is_relative_to(folder)


def test_an_absent_base_model_is_named_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, bases: dict[str, str], tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = write_joint(tmp_path / "model", bases)
    (folder / "bases.json").unlink()
    with pytest.raises(DataError, match=r"get it by: hf download cvssp/audioldm-m-full$"):
        released.find_model(folder)


def test_a_hub_cache_is_read(
    monkeypatch: pytest.MonkeyPatch, bases: dict[str, str], tmp_path: Path
) -> None:
    hub = tmp_path / "models--some--audio"
    (hub / "refs").mkdir(parents=True)
    (hub / "refs" / "main").write_text("0" * 40)
    shutil.copytree(bases["audio"], hub / "snapshots" / ("0" * 40))
    from huggingface_hub import snapshot_download

    def cached(name: str, **options: Any) -> str:
        return snapshot_download(name, cache_dir=tmp_path, **options)

    monkeypatch.setattr("huggingface_hub.snapshot_download", cached)
    found = released.find_bases({**bases, "audio": "some/audio"}, CONFIG)
    assert found.networks["vocoder"].weights.is_relative_to(hub)


def test_a_folder_of_no_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no joint model, expected the released pipeline"):
        released.find_model(tmp_path)


@pytest.mark.parametrize(
    ("gone", "line"),
    [
        ("unet_a/config.json", "found nothing there, expected the configuration of a UN"),
        ("vae_v/diffusion_pytorch_model.safetensors", "expected the weights of a AutoencoderKL"),
        ("tokenizer_a/vocab.json", "expected the words of a tokenizer"),
        ("scheduler_v/scheduler_config.json", "expected a noise schedule"),
        ("joint/joint.safetensors", "expected joint weights"),
    ],
)
def test_a_missing_file_is_one_line(tmp_path: Path, ours: Path, gone: str, line: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ours, folder)
    (folder / gone).unlink()
    with pytest.raises(DataError, match=line) as caught:
        released.find_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "entry"),
    [("scheduler_a/scheduler_config.json", "beta_start"), ("joint/config.json", "head_size")],
)
def test_a_configuration_that_lacks_an_entry_is_one_line(
    tmp_path: Path, ours: Path, file: str, entry: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ours, folder)
    config = json.loads((folder / file).read_text())
    del config[entry]
    (folder / file).write_text(json.dumps(config))
    with pytest.raises(DataError, match=f"{file}: found no '{entry}', expected"):
        released.find_model(folder)


def test_a_network_of_another_class_is_refused(tmp_path: Path, ours: Path) -> None:
    with pytest.raises(DataError, match="found a AutoencoderKL, expected a UNetMotionModel"):
        components.find_part(ours / "vae_v", "UNetMotionModel")
    del tmp_path


def test_weights_of_another_shape_or_name_are_refused(tmp_path: Path, ours: Path) -> None:
    shutil.copytree(ours / "vae_a", tmp_path / "vae")
    file = tmp_path / "vae" / "diffusion_pytorch_model.safetensors"
    state = load_file(file)
    file.unlink()
    as_bin = file.with_suffix(".bin")
    torch.save({**state, "conv_in.weight": torch.zeros(3)}, as_bin)
    with pytest.raises(DataError, match=r"unexpected conv_in\.weight"):
        components.load_part(components.find_part(tmp_path / "vae", "AutoencoderKL"))
    torch.save({**state, "encoder.conv_in.weight": torch.zeros(3)}, as_bin)
    with pytest.raises(DataError, match=r"encoder\.conv_in\.weight has shape \(3,\), expected"):
        components.load_part(components.find_part(tmp_path / "vae", "AutoencoderKL"))


def test_old_names_are_converted(tmp_path: Path, ours: Path) -> None:
    shutil.copytree(ours / "vae_a", tmp_path / "vae")
    file = tmp_path / "vae" / "diffusion_pytorch_model.safetensors"
    state, old = load_file(file), {}
    file.unlink()
    for name, tensor in state.items():
        for today, once in (("to_out.0", "proj_attn"), ("to_q", "query"), ("to_k", "key")):
            name = name.replace(today, once)
        old[name.replace("to_v", "value")] = tensor.half()
    assert set(old) != set(state)
    torch.save(old, file.with_suffix(".bin"))
    found = components.load_part(
        components.find_part(tmp_path / "vae", "AutoencoderKL")
    ).state_dict()
    assert all(torch.equal(found[name], state[name].half().float()) for name in state)


def test_counters_and_prefixes_of_old_text_encoders_are_converted(
    tmp_path: Path, ours: Path
) -> None:
    shutil.copytree(ours / "text_encoder_v", tmp_path / "clip")
    part = components.find_part(tmp_path / "clip", "CLIPTextModel")
    now = components.load_part(part).state_dict()
    bare = {name.removeprefix("text_model."): tensor for name, tensor in now.items()}
    old = {f"text_model.{name}": tensor for name, tensor in bare.items()}
    part.weights.unlink()
    counter = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    torch.save({**old, **counter}, tmp_path / "clip" / "pytorch_model.bin")
    found = components.load_part(
        components.find_part(tmp_path / "clip", "CLIPTextModel")
    ).state_dict()
    assert all(torch.equal(found[name], now[name]) for name in now)


def test_nothing_but_tensors_is_unpickled(tmp_path: Path, ours: Path) -> None:
    shutil.copytree(ours / "vae_a", tmp_path / "vae")
    file = tmp_path / "vae" / "diffusion_pytorch_model.safetensors"
    file.unlink()
    torch.save({"x": Path("y")}, file.with_suffix(".bin"))
    with pytest.raises(DataError, match="found no readable weights"):
        components.load_part(components.find_part(tmp_path / "vae", "AutoencoderKL"))


def test_the_configuration_names_the_mixer(ours: Path) -> None:
    assert set(released.find_models([str(ours)])) == {"cmc-pe"}
    assert set(released.find_models([f"cmc-pe={ours}"])) == {"cmc-pe"}
    with pytest.raises(DataError, match="found a joint model of cmc-pe, expected cross-attention"):
        released.find_models([f"cross-attention={ours}"])
    with pytest.raises(ConfigError, match="found a second joint model of cmc-pe"):
        released.find_models([str(ours), f"cmc-pe={ours}"])


def test_a_digest_follows_every_byte(tmp_path: Path, ours: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ours, folder)
    before = released.find_model(folder).weights()
    with (folder / "tokenizer_a" / "merges.txt").open("a") as file:
        file.write("a b\n")
    after = released.find_model(folder).weights()
    assert {name for name in before if before[name] != after[name]} == {"tokenizer_a"}
