"""Joint models of random weights: true sizes, the hub's forms, activations that stay finite."""

from __future__ import annotations

import json
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer, RobertaTokenizer

from svbench.baselines.checkpoints.architectures import PAPER, TINY
from svbench.baselines.checkpoints.find import Found, find_model, find_models
from svbench.baselines.checkpoints.random_model import weight_files, write_settings
from svbench.baselines.checkpoints.shared import SharedModel
from svbench.baselines.joint.mixers import MIXERS
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.system import Joint, recipe
from svbench.baselines.joint.unet import JointUNet
from svbench.compute import Machine
from svbench.errors import ConfigError, DataError
from svbench.files.weights.random_files import random_tensor
from svbench.types import ClipSpec, Request

SPEC = ClipSpec(4, 8.0, (32, 32), 16000)
REQUESTS = [Request(f"{n}/0", caption, n) for n, caption in enumerate(("a dog barks", "rain"))]
# The released model's parts, as counted in its own classes.
COUNTS = {
    "audio/unet": 415_954_568,
    "video/unet": 859_520_964,
    "motion": 453_209_280,
    "joint": 467_744_079,
    "cross-attention/joint": 323_687_759,
}
POSITIONS = 604_160  # of the motion modules: sinusoids beside the weights, no parameters


def write(folder: Path, *mixers: Any) -> Path:
    write_settings(folder, TINY, mixers)
    for file in weight_files(TINY, mixers):
        file.write(folder, seed=0)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("random"), "cmc-pe", "cross-attention")


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    return find_model(folder)


def test_the_files_hold_as_many_numbers_as_the_papers_model() -> None:
    files = weight_files(PAPER, ("cmc-pe", "cross-attention"))
    counts = {str(file.path.parent): file.parameters for file in files}
    counts["motion"] -= POSITIONS
    assert {name: counts[name] for name in COUNTS} == COUNTS
    assert sum(counts[name] for name in ("audio/unet", "video/unet", "motion")) == 1_728_684_812


def test_diffusers_and_transformers_load_every_part(folder: Path) -> None:
    for kind, part in (
        (UNet2DConditionModel, "audio/unet"),
        (UNet2DConditionModel, "video/unet"),
        (AutoencoderKL, "audio/vae"),
        (MotionAdapter, "motion"),
        (CLIPTextModel, "video/text_encoder"),
    ):
        loaded: Any = kind.from_pretrained(folder / part, local_files_only=True)
        assert all(torch.isfinite(weight).all() for weight in loaded.parameters())


def test_tokenizers_have_true_sizes_and_special_ids(folder: Path) -> None:
    roberta: Any = RobertaTokenizer.from_pretrained(str(folder / "audio/tokenizer"))
    clip: Any = CLIPTokenizer.from_pretrained(str(folder / "video/tokenizer"))
    assert (len(roberta), len(clip)) == (50_265, 49_408)
    ids = roberta("a dog", padding="max_length", max_length=9)["input_ids"]
    assert (ids[0], ids[-1], ids.count(2)) == (0, 1, 1)  # <s>, <pad>, </s>
    assert roberta.mask_token_id == 50_264
    ids = clip("a dog", padding="max_length", max_length=9)["input_ids"]
    assert (ids[0], ids[-1]) == (49_406, 49_407)
    for tokenizer in (roberta, clip):
        whole = tokenizer("zebra crossings, 3 of them")["input_ids"]
        assert max(whole) < len(tokenizer)
        assert tokenizer.decode(whole, skip_special_tokens=True).strip() == (
            "zebra crossings, 3 of them" if tokenizer is roberta else "zebra crossings , 3 of them"
        )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_sample_is_finite_and_no_constant(found: Found, dtype: Any) -> None:
    system = Joint("cmc-pe", found, recipe(steps=3), Machine("cpu", dtype))
    for clip in system.generate(REQUESTS, SPEC):  # a Clip refuses sound that is not finite
        assert clip.audio.std() > 1e-4
        assert clip.video.std() > 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_activations_keep_their_size_through_many_blocks(dtype: torch.dtype) -> None:
    """Deep and narrow: as many residual blocks in a row as the true U-Net has, and more."""
    shapes = {**TINY.unets.video, "layers_per_block": 8, "sample_size": 8}
    with torch.device("meta"):
        unet: Any = UNet2DConditionModel(**shapes)
    state = {n: torch.Size(t.shape) for n, t in unet.state_dict().items()}
    weights = {n: random_tensor("0 deep", n, tuple(s)).to(dtype) for n, s in state.items()}
    unet.load_state_dict(weights, assign=True)
    noise, text = torch.randn(1, 4, 8, 8, dtype=dtype), torch.randn(1, 5, 24, dtype=dtype)
    sizes: list[float] = []
    for block in (*unet.down_blocks, *unet.up_blocks):
        block.register_forward_hook(
            lambda _m, _i, out: sizes.append(float((out if torch.is_tensor(out) else out[0]).std()))
        )
    with torch.inference_mode():
        output = unet(noise, 500, text)[0]
    assert torch.isfinite(output).all()
    assert 0.1 < float(output.float().std()) < 10
    assert max(sizes) < 100


def test_it_is_known_as_random_whatever_part_is(found: Found, folder: Path) -> None:
    assert found.random
    assert all(
        model.random for model in find_models([str(folder), f"{folder}/cross-attention"]).values()
    )


def test_both_mixers_stand_on_the_same_bases(folder: Path) -> None:
    bases = json.loads((folder / "cross-attention/bases.json").read_text())
    assert bases == {"audio": "../audio", "video": "../video", "motion": "../motion"}
    assert MIXERS.keys() > find_models([str(folder), f"{folder}/cross-attention"]).keys()


# --- loaded for sampling -----------------------------------------------------------------------


def clips(model: Any) -> list[bytes]:
    system = Joint("cmc-pe", model, recipe(steps=2), Machine("cpu"))
    made = system.generate(REQUESTS, SPEC)
    return [clip.video.tobytes() + clip.audio.tobytes() for clip in made]


def test_a_model_loaded_for_sampling_makes_the_same_clips(found: Found) -> None:
    assert clips(found.for_sampling()) == clips(found)


def test_text_encoders_are_loaded_for_new_captions_alone(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, brief = found.load(), found.for_sampling().load()
    captions = ["a", "b", "a"]
    expected = whole.text_encoder(captions)
    for _ in range(2):
        for one, other in zip(brief.text_encoder(captions), expected, strict=True):
            assert torch.equal(one, other)
        monkeypatch.setattr(brief.text_encoder, "_load", None)  # known captions load nothing
    with pytest.raises(ConfigError, match="captions: found none"):
        brief.text_encoder([])


def test_text_encoders_that_were_replaced_meanwhile_are_refused(tmp_path: Path) -> None:
    model = find_model(write(tmp_path, "cmc-pe")).for_sampling().load()
    config = tmp_path / "video/text_encoder/config.json"
    config.write_text(config.read_text() + "\n")
    with pytest.raises(DataError, match="found other weights than when the work began"):
        model.text_encoder(["a"])


def test_rows_share_one_model(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[JointModel] = []
    load = Found.load

    def counted(self: Found, machine: Machine) -> JointModel:
        loaded.append(load(self, machine))
        return loaded[-1]

    monkeypatch.setattr(Found, "load", counted)
    shared = SharedModel(found, rows=2)
    rows = [Joint("cmc-pe", shared, recipe(steps=2, gamma=g), Machine("cpu")) for g in (1, 1.5)]
    made = []
    for row in rows:
        (clip,) = row.generate(REQUESTS[:1], SPEC)
        made.append(clip.video.tobytes())
        row.release()
    assert len(loaded) == 1
    assert made[0] != made[1]


def test_a_shared_model_is_let_go_behind_its_last_row(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it takes memory beside the networks of metrics, 9 GB at true size."""
    kept: list[weakref.ref[JointUNet]] = []
    load = Found.load

    def watched(self: Found, machine: Machine) -> JointModel:
        model = load(self, machine)
        kept.append(weakref.ref(model.joint))
        return model

    monkeypatch.setattr(Found, "load", watched)
    shared = SharedModel(found, rows=2)
    rows = [Joint("cmc-pe", shared, recipe(steps=1, gamma=g), Machine("cpu")) for g in (1, 1.5)]
    there = []
    for row in rows:
        assert len(list(row.generate(REQUESTS[:1], SPEC))) == 1
        row.release()
        there.append(kept[0]() is not None)
    assert there == [True, False]
    list(rows[0].generate(REQUESTS[:1], SPEC))  # whoever asks for more has it loaded again
    rows[0].release()
    assert [ref() for ref in kept] == [None, None]


def test_shards_and_variants_make_the_same_clip(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain", "cmc-pe")
    other = tmp_path / "other"
    shutil.copytree(plain, other)
    for path in [*other.glob("video/*/*.safetensors"), *other.glob("motion/*.safetensors")]:
        path.rename(path.with_suffix(".fp16.safetensors"))
    split(other / "audio/unet/diffusion_pytorch_model.safetensors")
    split(other / "audio/text_encoder/model.safetensors")

    def made(folder: Path) -> tuple[bytes, bytes]:
        joint = Joint("cmc-pe", find_model(folder), recipe(steps=1), Machine("cpu"))
        (clip,) = joint.generate(REQUESTS[:1], SPEC)
        return clip.video.tobytes(), clip.audio.tobytes()

    assert made(plain) == made(other)


def split(path: Path) -> None:
    """Put two shards and their index in place of a file."""
    tensors = load_file(path)
    path.unlink()
    places = {name: f"{path.stem}-{n % 2}.safetensors" for n, name in enumerate(tensors)}
    for shard in set(places.values()):
        of_shard = {name: tensors[name] for name, place in places.items() if place == shard}
        save_file(of_shard, path.with_name(shard), {"format": "pt"})
    path.with_name(f"{path.name}.index.json").write_text(json.dumps({"weight_map": places}))
