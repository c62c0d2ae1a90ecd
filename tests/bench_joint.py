"""Speed and memory of the joint sampler, relative to a straightforward implementation.

Run by `tox -e bench`. Both are timed in turn. Nothing here asserts a time; it is asserted that both
agree.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import MotionAdapter
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.sampling import sample
from svbench.files.weights.random_files import RandomFile
from svbench.files.writing import write_text
from tests.alternatives.straightforward_joint import plainly, sample_plainly
from tests.factories.joint import CAPTION, WORDS, tiny_joint
from tests.factories.measuring import QUICK, in_turn, record_peer, torch_threads

FRAMES, ROWS, SIZE = 8, 24, 8  # latents of a short, small clip
SETTINGS = SamplerSettings(3 if QUICK else 25, 1.5, "official")


def inputs() -> tuple[Pair[Tensor], Pair[Tensor]]:
    random = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random)

    start = Pair(noise(1, 8, ROWS, 16), noise(1, 4, FRAMES, SIZE, SIZE))
    return start, Pair(noise(2, CAPTION.audio), noise(2, WORDS, CAPTION.video))


@pytest.mark.parametrize("mixer", ["cmc-pe", "cross-attention"])
def test_sampling(benchmark: BenchmarkFixture, mixer: MixerKind) -> None:
    joint = tiny_joint(mixer)
    plain = plainly(joint)
    start, text = inputs()
    with torch_threads(1):  # its kernels are too small for more
        turns = in_turn(
            benchmark,
            lambda: sample(joint, start, text, PAPER_SCHEDULES, SETTINGS),
            lambda: sample_plainly(plain, start, text, PAPER_SCHEDULES, SETTINGS),
        )
    pairs = zip(turns.found[-1], turns.expected[-1], strict=True)
    deviation = max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
    assert deviation < 1e-4
    what = f"joint sampling ({mixer}), {SETTINGS.steps} steps, tiny networks"
    record_peer(
        benchmark,
        what,
        "the same, written plainly",
        turns,
        threads=1,
        deviation=deviation,
    )


# Each side in a process of its own, which prints its own peak.
# A package of the peers' installs a folder `tests` of its own, which a plain import would find.
MEASURED = """
import sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = ["tests"]
from tests.bench_joint import PAPER_SCHEDULES, SETTINGS, inputs, plainly, sample, sample_plainly
from tests.factories.joint import tiny_joint
joint, given = tiny_joint(sys.argv[1]), inputs()
if sys.argv[2] == "plain":
    joint = plainly(joint)
work = sample_plainly if sys.argv[2] == "plain" else sample
if sys.argv[2] != "idle":
    work(joint, *given, PAPER_SCHEDULES, SETTINGS)
with open("/proc/self/status") as status:
    print(*(line for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_peak_memory(benchmark: BenchmarkFixture) -> None:
    def peak(kind: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, "cmc-pe", kind],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parent.parent,
        )
        return int(done.stdout.split()[-2])

    idle, plain = peak("idle"), peak("plain")
    ours = benchmark.pedantic(peak, args=("ours",), rounds=1)
    benchmark.extra_info["peak memory above an idle process, ours / written plainly"] = (
        ours - idle
    ) / (plain - idle)
    benchmark.extra_info["MiB: idle, written plainly, ours"] = [
        round(kib / 1024) for kib in (idle, plain, ours)
    ]


LOADED = """
import sys
from pathlib import Path
from svbench.baselines.checkpoints.components import find_part, load_part
from svbench.compute import Machine
part = find_part(Path(sys.argv[1]), "MotionAdapter")
if sys.argv[2] != "idle":
    load_part(part, Machine("cpu", sys.argv[2]))
with open("/proc/self/status") as status:
    print(*(line for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_peak_memory_of_loading(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Load a float16 file of 102 million numbers; 1 would be a memory that holds them once."""
    with torch.device("meta"):
        adapter = MotionAdapter((320, 640, 640), use_motion_mid_block=False)
    shapes = {name: tuple(tensor.shape) for name, tensor in adapter.state_dict().items()}
    file = RandomFile(Path("diffusion_pytorch_model.safetensors"), "safetensors", shapes)
    file.write(tmp_path, 0)
    write_text(tmp_path / "config.json", adapter.to_json_string())

    def peak(dtype: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", LOADED, str(tmp_path), dtype],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parent.parent,
        )
        return 1024 * int(done.stdout.split()[-2])

    idle, half = peak("idle"), peak("float16")
    whole = benchmark.pedantic(peak, args=("float32",), rounds=1)
    benchmark.extra_info["megabytes of the file"] = round(file.size / 1e6)
    benchmark.extra_info["peak memory above an idle process, of the weights in float32"] = (
        whole - idle
    ) / (2 * file.size)
    benchmark.extra_info["peak memory above an idle process, of the weights in float16"] = (
        half - idle
    ) / file.size
