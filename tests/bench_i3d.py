"""Speed of I3D, from frames to logits, relative to piergiaj's network inside cd-fvd.

Run by `tox -e bench`. Both have the same random weights and are timed in turn; no timing is
asserted, but that the logits agree. cd-fvd (the implementation that pytorch-fvd and VideoGPT share)
passes batches through one network on torch's threads; svbench passes shards to workers of one
thread each.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.engines.local import Local
from svbench.engines.protocol import cut
from svbench.metrics.fvd import PROTOCOLS, I3DLogits
from svbench.metrics.networks import i3d
from svbench.metrics.networks.i3d_inputs import SIZE
from svbench.types import Clip, ClipSpec
from tests.factories.measuring import (
    QUICK,
    flops,
    in_turn,
    least_seconds,
    package,
    record_peer,
    torch_threads,
    weight_bytes,
)
from tests.factories.seeded_networks import seeded_i3d, write_weights
from tests.reference.packages import importable

SPEC = ClipSpec(frames=16, fps=8.0, size=(256, 256), sample_rate=16000)
SHARD = 4  # clips
CLIPS = SHARD if QUICK else 2 * SHARD
PROTOCOL = replace(PROTOCOLS["cd-fvd-16f"], weights="random")
TOLERANCE = 1e-4  # of the largest logit


def draw() -> list[Clip]:
    """Draw clips of noise around levels of their own."""
    random = np.random.default_rng(0)
    levels = random.integers(0, 200, (CLIPS, 1, 1, 1, 3))
    noise = random.integers(0, 56, (CLIPS, SPEC.frames, *SPEC.size, 3))
    sound = np.zeros(SPEC.samples, np.float32)
    return [Clip(video, sound, SPEC) for video in (levels + noise).astype(np.uint8)]


def floor(threads: int) -> float:
    """Return the least seconds of the networks' passes over all clips."""
    with torch.device("meta"):
        network = i3d.I3D()
        work = flops(network, torch.empty(CLIPS, 3, SPEC.frames, SIZE, SIZE))
    return least_seconds(work, weight_bytes(network) * CLIPS / SHARD, threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_to_logits(benchmark: BenchmarkFixture, tmp_path: Path, threads: int) -> None:
    loading = importable("cdfvd.third_party.i3d.utils")
    state = seeded_i3d(i3d.I3D(eps=PROTOCOL.eps), seed=0)
    torch.save(state, tmp_path / "random.pt")
    network = loading.load_i3d_model(torch.device("cpu"), str(tmp_path / "random.pt"))
    extractor = I3DLogits(write_weights(tmp_path / "random.safetensors", state), PROTOCOL)
    clips = draw()
    captions = [""] * SHARD
    extractor(clips[:SHARD], captions)  # loads the network

    def theirs() -> NDArray[np.float32]:
        with torch_threads(threads), torch.no_grad():
            videos = [np.stack([clip.video for clip in some]) for some in cut(clips, SHARD)]
            found = [network(loading.preprocess_i3d(some)) for some in videos]
        return np.concatenate([of.numpy() for of in found])

    def ours() -> NDArray[np.float32]:
        engine = Local(threads)
        found = engine.map(lambda some: extractor(some, captions), cut(clips, SHARD))
        return np.concatenate([rows for shard in found for rows in shard])

    turns = in_turn(benchmark, ours, theirs, warm=False)
    deviation = np.abs(turns.found[-1] - turns.expected[-1]).max()
    deviation /= np.abs(turns.expected[-1]).max()
    assert deviation <= TOLERANCE
    record_peer(
        benchmark,
        f"I3D, frames to logits, {CLIPS} windows of 16 frames",
        f"piergiaj's in {package('cd-fvd')}",
        turns,
        threads=threads,
        deviation=float(deviation),
        floor=floor(threads),
        limit="torch.mm",
    )
