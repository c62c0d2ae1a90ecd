"""Speed of VGGish, from sound to embeddings, relative to torchvggish.

Run by `tox -e bench`. Both have the same random weights and are timed in turn; no timing is
asserted, but that the embeddings agree. Theirs are called sound by sound, as by
frechet-audio-distance.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.engines.local import Local
from svbench.engines.protocol import cut
from svbench.metrics.fad import PROTOCOLS, VGGishEmbeddings
from svbench.metrics.networks import vggish
from svbench.metrics.networks.vggish_inputs import BANDS, FRAMES
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
from tests.factories.seeded_networks import seeded_vggish, write_weights
from tests.reference.packages import importable

SPEC = ClipSpec(frames=32, fps=8.0, size=(8, 8), sample_rate=16000)
SOUNDS = 4 if QUICK else 24  # of 4 s
SHARD = 4
TOLERANCE = 1e-5  # of the largest embedding


def draw() -> list[Clip]:
    """Draw tones in noise, 4 s each."""
    random = np.random.default_rng(0)
    times = np.arange(SPEC.samples) / SPEC.sample_rate
    tones = 0.2 * np.sin(2 * np.pi * random.uniform(80, 4000, SOUNDS)[:, None] * times)
    sounds = (tones + random.standard_normal(tones.shape) * 0.02).astype(np.float32)
    still = np.zeros((SPEC.frames, *SPEC.size, 3), np.uint8)
    return [Clip(still, sound, SPEC) for sound in sounds]


def floor(threads: int) -> float:
    """Return the least seconds of the network's passes, one for each sound."""
    with torch.device("meta"):
        network = vggish.VGGish()
        examples = int(SPEC.duration / 0.96)
        work = flops(network, torch.empty(examples, FRAMES, BANDS))
    return SOUNDS * least_seconds(work, weight_bytes(network), threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_sound_to_embeddings(benchmark: BenchmarkFixture, tmp_path: Path, threads: int) -> None:
    published = importable("torchvggish.torchvggish")
    listener = importable("torchvggish.vggish_input")
    state = seeded_vggish(vggish.VGGish(), seed=0)
    network = published.VGG(published.make_layers(), postprocess=False).eval()
    network.load_state_dict(state)
    network.embeddings = network.embeddings[:-1]  # before the last ReLU, as audioldm_eval
    weights = write_weights(tmp_path / "random.safetensors", state)
    extractor = VGGishEmbeddings(weights, PROTOCOLS["torchvggish"])
    clips = draw()

    def theirs() -> NDArray[np.float32]:
        with torch_threads(threads), torch.no_grad():
            mels = (listener.waveform_to_examples(c.audio, SPEC.sample_rate) for c in clips)
            found = [network(mel.float()).numpy() for mel in mels]
        return np.concatenate(found)

    def ours() -> NDArray[np.float32]:
        found = Local(threads).map(
            lambda some: extractor(some, [""] * len(some)), cut(clips, SHARD)
        )
        return np.concatenate([rows for shard in found for rows in shard])

    turns = in_turn(benchmark, ours, theirs)
    deviation = np.abs(turns.found[-1] - turns.expected[-1]).max()
    deviation /= np.abs(turns.expected[-1]).max()
    assert deviation <= TOLERANCE
    record_peer(
        benchmark,
        f"VGGish, sound to embeddings, {SOUNDS} sounds of 4 s",
        package("torchvggish"),
        turns,
        threads=threads,
        deviation=float(deviation),
        floor=floor(threads),
        limit="torch.mm, or reading the weights",
    )
