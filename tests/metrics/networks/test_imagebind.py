"""ImageBind's network: names as published, checkpoints in their published form, no leaks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from svbench.errors import ConfigError, DataError
from svbench.files.weights.loading import load_state
from svbench.metrics.networks.imagebind import ImageBind, load, shapes
from svbench.metrics.networks.imagebind_config import HUGE, MODALITIES, ImageBindConfig, Size
from svbench.metrics.networks.imagebind_parts import Attention
from tests.factories.small_imagebind import SMALL, random_state
from tests.goldens.places import fact

WHOLE = replace(SMALL, depth=Size(8, 1, 1), thermal=Size(8, 1, 1), imu=Size(8, 1, 1))


def inputs(count: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return random inputs of each modality."""
    numbers = torch.Generator().manual_seed(seed)
    side = SMALL.image
    return {
        "vision": torch.randn(count, 3, 2, side, side, generator=numbers),
        "audio": torch.randn(count, 1, SMALL.bins, SMALL.bin_frames, generator=numbers),
        "text": torch.randint(0, SMALL.vocabulary, (count, SMALL.context), generator=numbers),
    }


def test_the_published_keys_at_full_size() -> None:
    path = fact("imagebind_huge_keys.json")
    published = {name: tuple(shape) for name, shape in json.loads(path.read_text()).items()}
    ours = shapes(HUGE)
    assert ours == published
    assert list(ours) == list(published)


def test_sizes_that_people_quote() -> None:
    ours = shapes(HUGE)
    assert len(ours) == 1311
    assert sum(torch.Size(shape).numel() for shape in ours.values()) == 1_200_786_990
    assert (HUGE.image_tokens, HUGE.audio_tokens) == (257, 229)


def test_a_checkpoint_of_full_size_loads(tmp_path: Path) -> None:
    path = tmp_path / "imagebind_huge.pth"
    # one number stands for each tensor, so that the file holds kilobytes in place of 4.8 GB
    state = {name: torch.randn(()).expand(shape) for name, shape in shapes(HUGE).items()}
    torch.save(state, path)
    network = load(load_state(path), path, HUGE)
    assert network.modality_trunks["vision"].blocks[31].mlp.fc1.weight.shape == (5120, 1280)
    for name, value in network.state_dict().items():
        assert torch.equal(value.as_strided((), ()), state[name].as_strided((), ())), name


@pytest.mark.parametrize("form", ["imagebind.pth", "wrapped.pth", "imagebind.safetensors"])
def test_a_checkpoint_loads_in_each_form(form: str, tmp_path: Path) -> None:
    state, path = random_state(WHOLE), tmp_path / form
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if "wrapped" in form else state, path)
    network = load(load_state(path), path, WHOLE)
    assert set(network.modality_trunks) == set(MODALITIES)
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert not any(p.requires_grad for p in network.parameters())


def test_towers_that_are_not_asked_for_may_be_absent() -> None:
    state = random_state(WHOLE)
    kept = {n: v for n, v in state.items() if n.split(".")[1] in ("vision", "audio")}
    network = load(kept, Path("w.pth"), WHOLE, ("vision", "audio"))
    assert set(network.modality_heads) == {"vision", "audio"}
    with pytest.raises(DataError, match=r"w\.pth: .* missing modality_heads\.text\.proj\.0\.bias"):
        load(kept, Path("w.pth"), WHOLE)


def test_what_does_not_fit_is_refused() -> None:
    state = random_state()
    with pytest.raises(DataError, match=r"w\.pth: .* unexpected strange\.weight; is it"):
        load({**state, "strange.weight": torch.zeros(1)}, Path("w.pth"), SMALL)
    narrow = {**state, "modality_heads.audio.0.bias": torch.zeros(5)}
    with pytest.raises(DataError, match=r"w\.pth: modality_heads\.audio\.0\.bias has shape"):
        load(narrow, Path("w.pth"), SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": 30}, "30 px cannot be split into patches of 16 px"),
        ({"audio_patch": 64}, "32 x 204 is smaller than a patch of 64"),
        ({"text": {"width": 9, "blocks": 1, "heads": 2}}, "multiple of its heads"),
        ({"ears": 2}, "is invalid: .*ears"),
    ],
)
def test_configurations_that_cannot_be(change: dict[str, object], message: str) -> None:
    size = {"width": 8, "blocks": 1, "heads": 2}
    values = {"embedding": 4, "vision": size, "text": size, "audio": size}
    values |= {"image": 32, "image_patch": 16, "bins": 32}
    assert ImageBindConfig.of(values).imu is None
    with pytest.raises(ConfigError, match=message):
        ImageBindConfig.of(values | change)


@pytest.mark.parametrize("modality", MODALITIES)
def test_an_embedding_does_not_depend_on_its_neighbours(modality: str) -> None:
    network = load(random_state(), Path("w.pth"), SMALL)
    batch = inputs(5)[modality]
    together = network(modality, batch)
    alone = torch.cat([network(modality, one[None]) for one in batch])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    assert torch.equal(together, network(modality, batch))


def test_lengths_are_the_scales() -> None:
    network = load(random_state(), Path("w.pth"), SMALL)
    for modality, length in (("vision", 1.0), ("audio", 20.0), ("text", 1 / 0.07)):
        found = network(modality, inputs(3)[modality])
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.norm(dim=1), torch.full((3,), length))


def test_a_learned_scale_ends_at_100() -> None:
    name = "modality_postprocessors.text.1.log_logit_scale"
    network = load({**random_state(), name: torch.tensor(9.0)}, Path("w.pth"), SMALL)
    assert network("text", inputs(1)["text"]).norm().item() == pytest.approx(100.0)


def test_a_still_picture_is_a_video_that_stands() -> None:
    network = load(random_state(), Path("w.pth"), SMALL)
    still = inputs(2)["vision"][:, :, 0]
    assert torch.equal(network("vision", still), network("vision", torch.stack([still] * 2, 2)))


def test_what_follows_the_end_of_a_sentence_is_not_read() -> None:
    network = load(random_state(), Path("w.pth"), SMALL)
    end = SMALL.vocabulary - 1
    rows = torch.tensor([[8, 2, 3, end, 0, 0, 0, 0], [8, 2, 3, end, 5, 4, 3, 2]])
    first, second = network("text", rows)
    assert torch.equal(first, second)


@pytest.mark.parametrize("bias_kv", [False, True])
def test_attention_is_that_of_torch(bias_kv: bool) -> None:
    ours = Attention(12, 3, bias_kv=bias_kv)
    theirs = torch.nn.MultiheadAttention(12, 3, add_bias_kv=bias_kv, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 7, 12)
    torch.testing.assert_close(ours(x, None), theirs(x, x, x)[0], rtol=1e-5, atol=1e-6)


def test_a_fresh_network_learns() -> None:
    torch.manual_seed(0)
    network = ImageBind(SMALL)
    for modality in MODALITIES:
        network(modality, inputs(2)[modality]).square().mean(dim=0).std().backward()
    found = {n.split(".")[1] for n, p in network.named_parameters() if p.grad is not None}
    assert found == set(MODALITIES)
