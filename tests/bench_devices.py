"""Speed of the scoring networks on a GPU, in float32 and bfloat16, and how far they deviate.

Run by `tox -e bench`; skipped without a GPU. Networks are of true size with random weights, inputs
are on the device. The deviation is from float32 on the CPU; the share of the roofline is that of
`torch.mm` on the same device in the same dtype. `tests/house/test_measuring.py` runs the same
functions on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from svbench.baselines.checkpoints.architectures import PAPER
from svbench.baselines.checkpoints.random_model import joint_on_meta
from svbench.baselines.joint.pair import Pair
from svbench.metrics.networks import i3d, imagebind, vggish
from svbench.metrics.networks.imagebind_config import HUGE
from tests.factories.devices import measure, measure_sampling
from tests.factories.measuring import record
from tests.factories.seeded_networks import seeded_i3d, seeded_imagebind, seeded_vggish

DTYPES = ("float32", "bfloat16")
LATENTS = Pair((8, 104, 16), (4, 32, 32, 32))  # of a clip of Greatest Hits at the paper's size
TEXT = Pair((512,), (77, 768))


@dataclass(frozen=True)
class Kind:
    """A network, and the inputs of a clip of 4 s."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]  # of an input
    inputs: int  # per clip
    clips: int  # in a batch
    bounds: dict[str, float]  # of the deviation, as a share of the largest value


def make_i3d() -> nn.Module:
    network = i3d.I3D()
    network.load_state_dict(seeded_i3d(network, 0))
    return i3d.prepared(network.eval().requires_grad_(False))


def make_vggish() -> nn.Module:
    network = vggish.VGGish()
    network.load_state_dict(seeded_vggish(network, 0))
    return network.eval().requires_grad_(False)


class Vision(nn.Module):
    """ImageBind-huge's encoder of pictures alone."""

    def __init__(self) -> None:
        super().__init__()
        config = HUGE
        with torch.device("meta"):
            whole = imagebind.ImageBind(config, ("vision",))
        state = seeded_imagebind(whole, 0)
        self.network = imagebind.load(state, Path("random.pth"), config, ("vision",))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network("vision", pictures)


KINDS = {
    "I3D": Kind(make_i3d, (3, 16, 224, 224), 2, 16, {"float32": 1e-4, "bfloat16": 0.1}),
    "VGGish": Kind(make_vggish, (96, 64), 4, 64, {"float32": 1e-4, "bfloat16": 0.1}),
    "ImageBind-huge, frames": Kind(
        Vision, (3, 2, 224, 224), 5, 8, {"float32": 1e-4, "bfloat16": 0.1}
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_networks_on_a_gpu(benchmark: BenchmarkFixture, name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU is at hand")
    kind = KINDS[name]
    network = kind.make()
    for dtype in DTYPES:
        found = measure(network, kind.shape, kind.inputs * kind.clips, "cuda", dtype)
        assert found.deviation <= kind.bounds[dtype]
        record(
            benchmark,
            "devices",
            what=name,
            device=torch.cuda.get_device_name(),
            dtype=dtype,
            batch=f"{kind.clips} clips",
            speed=kind.clips / found.seconds,
            deviation=found.deviation,
            share=found.share,
        )
    inputs = torch.rand(kind.inputs * kind.clips, *kind.shape, device="cuda")
    network.to("cuda", torch.float32)

    def once() -> None:
        with torch.inference_mode():
            network(inputs)
        torch.cuda.synchronize()

    benchmark.pedantic(once, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("batch", [1, 4, 8])
def test_sampling_on_a_gpu(benchmark: BenchmarkFixture, batch: int, compiled: bool) -> None:
    """Random weights of the paper's size, in bfloat16; for docs/clusters.md."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU is at hand")
    joint = joint_on_meta(PAPER, "cmc-pe").to_empty(device="cuda")
    for parameter in joint.parameters():
        torch.nn.init.normal_(parameter, std=0.01)
    found = benchmark.pedantic(
        measure_sampling,
        args=(joint, LATENTS, TEXT, batch, "cuda", "bfloat16"),
        kwargs={"compiled": compiled},
        rounds=1,
    )
    benchmark.extra_info["written plainly / ours"] = round(found.plain / found.seconds, 2)
    record(
        benchmark,
        "sampling",
        device=torch.cuda.get_device_name(),
        dtype="bfloat16, compiled" if compiled else "bfloat16",
        batch=batch,
        seconds=found.seconds,
        share=found.share,
        peak=found.peak,
    )
