"""Memory and time of a training step with gradient checkpointing, relative to one without.

Run by `tox -e bench`. Nothing here asserts a time; it is asserted that the gradients are the same
and that memory is saved.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.pair import Pair
from svbench.baselines.training.batches import generator
from svbench.baselines.training.loop import set_checkpointing
from svbench.baselines.training.loss import draw, joint_loss
from svbench.baselines.training.parameters import set_trainable
from tests.factories.joint import CAPTION, ROWS, WORDS, tiny_joint
from tests.factories.measuring import HAS_PROC, QUICK, in_turn, torch_threads

CLIPS = 2 if QUICK else 4
FRAMES, SIZE = 8, 16  # of the latents of a video


def gradients(*, checkpointing: bool) -> list[Tensor]:
    """Return the gradients of a step on noise."""
    joint = tiny_joint()
    trained = set_trainable(joint.train(), "all")
    set_checkpointing(joint, checkpointing)
    shapes = Pair((8, ROWS, 8), (4, FRAMES, SIZE, SIZE))
    drawn = draw(shapes, [generator(0, i) for i in range(CLIPS)], self_conditioning=0)
    random = torch.Generator().manual_seed(0)
    clean = shapes.map(lambda shape: torch.randn(CLIPS, *shape, generator=random))
    texts = Pair((CAPTION.audio,), (WORDS, CAPTION.video))
    text = texts.map(lambda shape: torch.randn(CLIPS, *shape, generator=random))
    losses = joint_loss(joint, clean, text, drawn, PAPER_SCHEDULES, ROWS).losses
    (losses.audio + losses.video).backward()
    return [weight.grad for weight in trained.values() if weight.grad is not None]


def test_checkpointing_costs_time(benchmark: BenchmarkFixture) -> None:
    with torch_threads(1):
        turns = in_turn(
            benchmark,
            lambda: gradients(checkpointing=True),
            lambda: gradients(checkpointing=False),
        )
    assert all(map(torch.equal, turns.found[-1], turns.expected[-1]))
    benchmark.extra_info["CPU time of a step, checkpointing / without"] = 1 / turns.less_cpu


# Each side in a process of its own, which prints its own peak.
# A package of the peers' installs a folder `tests` of its own, which a plain import would find.
MEASURED = """
import sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = ["tests"]
from tests.bench_training import gradients, tiny_joint, torch
torch.set_num_threads(1)
tiny_joint()
if sys.argv[1] != "idle":
    gradients(checkpointing=sys.argv[1] == "checkpointing")
with open("/proc/self/status") as status:
    print(*(line for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not HAS_PROC, reason="needs Linux's /proc")
def test_checkpointing_saves_memory(benchmark: BenchmarkFixture) -> None:
    def peak(kind: str) -> int:
        command = [sys.executable, "-c", MEASURED, kind]
        place = Path(__file__).parent.parent
        done = subprocess.run(command, capture_output=True, check=True, cwd=place)
        return int(done.stdout.split()[-2])

    idle, plain = peak("idle"), peak("plain")
    ours = benchmark.pedantic(peak, args=("checkpointing",), rounds=1)
    assert QUICK or ours < plain
    benchmark.extra_info["peak memory above an idle process, checkpointing / without"] = (
        ours - idle
    ) / (plain - idle)
    benchmark.extra_info["MiB: idle, without, checkpointing"] = [
        round(kib / 1024) for kib in (idle, plain, ours)
    ]
