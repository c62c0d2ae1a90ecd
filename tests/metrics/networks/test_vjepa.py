"""V-JEPA: formulas against torch's own layers, names of the published files, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from svbench.errors import ConfigError, DataError
from svbench.files.weights.loading import load_state
from svbench.files.weights.structure import structure
from svbench.metrics.networks.vjepa import (
    ENCODER_PREFIX,
    PROBE_PREFIX,
    Block,
    CrossAttention,
    Encoder,
    Probe,
    load_encoder,
    load_probe,
)
from svbench.metrics.networks.vjepa_config import VJEPAConfig

SMALL = VJEPAConfig(width=24, blocks=2, heads=3, frames=4, image=32, classes=5)
FILES = Path("encoder.pt"), Path("probe.pt")


def states(seed: int = 0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    numbers = torch.Generator().manual_seed(seed)
    found = []
    for network, prefix in ((Encoder(SMALL), ENCODER_PREFIX), (Probe(SMALL), PROBE_PREFIX)):
        shapes = {f"{prefix}{name}": value.shape for name, value in network.state_dict().items()}
        found.append({n: torch.randn(s, generator=numbers) * 0.3 for n, s in shapes.items()})
    return found[0], found[1]


def videos() -> Tensor:
    return torch.randn((2, 3, 4, 32, 32), generator=torch.Generator().manual_seed(1))


def computed(
    encoder: dict[str, Tensor], probe: dict[str, Tensor], config: VJEPAConfig = SMALL
) -> Tensor:
    networks = load_encoder(encoder, FILES[0], config), load_probe(probe, FILES[1], config)
    with torch.inference_mode():
        found: Tensor = networks[1](networks[0](videos()))
    return found


def test_a_block_is_torchs_pre_norm_layer() -> None:
    """The same weights in nn.TransformerEncoderLayer give the same tokens."""
    torch.manual_seed(0)
    ours = Block(24, 3).eval()
    theirs = nn.TransformerEncoderLayer(
        24, 3, 96, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    ).eval()
    names = {
        "attn.qkv.weight": "self_attn.in_proj_weight",
        "attn.qkv.bias": "self_attn.in_proj_bias",
        **{f"attn.proj.{p}": f"self_attn.out_proj.{p}" for p in ("weight", "bias")},
        **{f"mlp.fc{n}.{p}": f"linear{n}.{p}" for n in (1, 2) for p in ("weight", "bias")},
    }
    state = {names.get(name, name): value for name, value in ours.state_dict().items()}
    theirs.load_state_dict(state)
    tokens = torch.randn(2, 7, 24)
    torch.testing.assert_close(ours(tokens), theirs(tokens), rtol=0, atol=1e-5)


@pytest.mark.parametrize("projected", [True, False])
def test_cross_attention_is_torchs(projected: bool) -> None:
    torch.manual_seed(0)
    ours = CrossAttention(24, 3, projected=projected).eval()
    theirs = nn.MultiheadAttention(24, 3, batch_first=True).eval()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.q.weight, ours.kv.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.q.bias, ours.kv.bias]))
        theirs.out_proj.weight.copy_(ours.proj.weight if projected else torch.eye(24))
        theirs.out_proj.bias.copy_(ours.proj.bias if projected else torch.zeros(24))
    queries, tokens = torch.randn(2, 1, 24), torch.randn(2, 7, 24)
    expected, _ = theirs(queries, tokens, tokens)
    torch.testing.assert_close(ours(queries, tokens), expected, rtol=0, atol=1e-5)


def test_names_are_those_of_the_published_files() -> None:
    for name, network, prefix, count in (
        ("vjepa-vith16", Encoder, ENCODER_PREFIX, 389),
        ("vjepa-ssv2-probe", Probe, PROBE_PREFIX, 17),
    ):
        with torch.device("meta"):
            ours = {f"{prefix}{n}": tuple(t.shape) for n, t in network().state_dict().items()}
        assert structure(name).namings["facebookresearch"] == ours
        assert len(ours) == count


def test_a_published_file_has_the_network_beside_the_state_of_its_training(tmp_path: Path) -> None:
    encoder, probe = states()
    other = {"target_encoder": encoder, "encoder": {}, "opt": {"lr": 0.1}, "epoch": 3}
    torch.save(other, tmp_path / "encoder.pth.tar")
    torch.save({"classifier": probe, "opt": {}, "epoch": 3}, tmp_path / "probe.pth.tar")
    read = [load_state(tmp_path / f"{name}.pth.tar") for name in ("encoder", "probe")]
    assert torch.equal(computed(*read), computed(encoder, probe))


def test_prefixes_may_be_absent_and_the_projection_is_a_choice() -> None:
    encoder, probe = states()
    plain = (
        {name.removeprefix(ENCODER_PREFIX): value for name, value in encoder.items()},
        {name.removeprefix(PROBE_PREFIX): value for name, value in probe.items()},
    )
    found = computed(encoder, probe)
    assert found.shape == (2, 24)
    assert torch.equal(computed(*plain), found)
    bare = computed(encoder, probe, replace(SMALL, projected=False))
    assert not torch.allclose(bare, found, atol=1e-3)


def test_other_networks_are_refused() -> None:
    encoder, probe = states()
    with pytest.raises(DataError, match="found 'extra' beside names with"):
        load_encoder({**encoder, "extra": torch.zeros(1)}, FILES[0], SMALL)
    with pytest.raises(DataError, match=r"probe\.pt: found 16 weights, expected 17; missing lin"):
        load_probe({n: v for n, v in probe.items() if "linear.bias" not in n}, FILES[1], SMALL)
    with pytest.raises(ConfigError, match="V-JEPA needs whole heads"):
        VJEPAConfig(width=25)
