"""Speed of ImageBind-huge, relative to the network of its authors.

Run by `tox -e bench`. Both share the same random weights and are timed in turn; no timing is
asserted, but that the embeddings agree. Needs 6 GiB of memory.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import init_empty_weights
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from svbench.compute import CPU, inference
from svbench.engines.local import Local
from svbench.files.weights.loading import WeightFile
from svbench.metrics.imagebind_scores import ImageBindEmbeddings
from svbench.metrics.networks.batches import Forward
from svbench.metrics.networks.imagebind import ImageBind, load
from svbench.metrics.networks.imagebind_config import BATCH, HUGE, ImageBindConfig
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS, spectrograms, video_crops
from svbench.types import Clip, ClipSpec
from tests.factories.measuring import (
    flops,
    gemm_ceiling,
    in_turn,
    package,
    record_peer,
    torch_threads,
)
from tests.factories.seeded_networks import seeded_imagebind
from tests.reference.packages import importable

SPEC = ClipSpec(frames=32, fps=8.0, size=(256, 256), sample_rate=16000)
PROTOCOL = PROTOCOLS["published"]
TOLERANCE = 1e-4  # of the largest coordinate
USED = ("vision", "audio")


def deviation(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the largest difference as a share of the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.fixture(scope="module")
def network() -> ImageBind:
    with torch.device("meta"):
        whole = ImageBind(HUGE, USED)
    return load(seeded_imagebind(whole, seed=0), Path("random.pth"), HUGE, USED)


@pytest.fixture(scope="module")
def authors(network: ImageBind) -> Any:
    """Return the authors' network with the same tensors; encoders that nothing runs have none."""
    functional = importable("torchvision.transforms.functional")
    # the name under which pytorchvideo imports it
    sys.modules.setdefault("torchvision.transforms.functional_tensor", functional)
    imagebind = importable("imagebind.models.imagebind_model")
    with init_empty_weights():
        model = imagebind.imagebind_huge(pretrained=False)
    model.load_state_dict(network.state_dict(), strict=False, assign=True)
    return model.eval().requires_grad_(False)


def draw(seed: int) -> Clip:
    random = np.random.default_rng(seed)
    video = random.integers(0, 256, (SPEC.frames, *SPEC.size, 3), np.uint8)
    sound = random.standard_normal(SPEC.samples).astype(np.float32) * 0.1
    return Clip(video, sound, SPEC)


def work_of(**inputs: Tensor) -> int:
    """Return the operations of inputs of each modality."""
    with torch.device("meta"):
        network = ImageBind(HUGE, USED)
        return sum(flops(network, name, torch.empty(of.shape)) for name, of in inputs.items())


@pytest.mark.parametrize("modality", USED)
def test_encoder(
    benchmark: BenchmarkFixture, network: ImageBind, authors: Any, modality: str
) -> None:
    shape = {"vision": (1, 3, 2, 224, 224), "audio": (3, 1, 128, 204)}[modality]
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def theirs() -> NDArray[np.float32]:
        with torch_threads(1), torch.no_grad():
            # of each video it takes several windows, and averages over them
            given = inputs[:, None] if modality == "vision" else inputs
            return np.asarray(authors({modality: given})[modality])

    def ours() -> NDArray[np.float32]:
        with torch_threads(1), inference(CPU):
            return network(modality, inputs).numpy()

    turns = in_turn(benchmark, ours, theirs)
    apart = deviation(turns.found[-1], turns.expected[-1])
    assert apart <= TOLERANCE
    with torch_threads(1):
        floor = work_of(**{modality: inputs}) / gemm_ceiling()
    record_peer(
        benchmark,
        f"ImageBind-huge, {modality} encoder, {len(inputs)} inputs",
        package("imagebind-unofficial"),
        turns,
        threads=1,
        deviation=apart,
        floor=floor,
        limit="torch.mm",
    )


def made_of(network: ImageBind) -> ImageBindEmbeddings:
    """Return an extractor on a network in memory: its file would have 4 GB."""
    extractor = ImageBindEmbeddings(WeightFile("random", Path("random.pth"), "0" * 64), PROTOCOL)
    forward = Forward("ImageBind", lambda: network, CPU, BATCH)
    object.__setattr__(extractor, "_forward", forward)
    return extractor


def test_clips_on_two_workers(
    benchmark: BenchmarkFixture, network: ImageBind, authors: Any
) -> None:
    """A clip on each worker, from frames and sound to embeddings; theirs on two threads.

    The authors' loader cuts three squares of each frame, also of a square one, where they are equal
    and svbench embeds one of them. Their network gets what that loader returns.
    """
    clips = [draw(seed) for seed in range(2)]
    extractor = made_of(network)
    config: ImageBindConfig = network.config
    crops, which = zip(
        *(video_crops(c.video, SPEC.fps, PROTOCOL, config) for c in clips), strict=True
    )
    mels = [spectrograms(c.audio, SPEC.sample_rate, PROTOCOL, config) for c in clips]

    def theirs() -> NDArray[np.float32]:
        rows = []
        with torch_threads(2), torch.no_grad():
            for video, places, sound in zip(crops, which, mels, strict=True):
                seen = authors({"vision": video[places][:, None], "audio": sound})
                rows += [seen["vision"].mean(0), seen["audio"].mean(0)]
        return torch.stack(rows).numpy()

    def ours() -> NDArray[np.float32]:
        found = Local(2).map(lambda clip: extractor([clip], [""])[0], clips)
        return np.concatenate([rows[:, 1:] for rows in found])

    turns = in_turn(benchmark, ours, theirs, rounds=1, warm=False)
    apart = deviation(turns.found[-1], turns.expected[-1])
    assert apart <= TOLERANCE
    with torch_threads(2):
        work = sum(work_of(vision=v, audio=a) for v, a in zip(crops, mels, strict=True))
        floor = work / gemm_ceiling()
    record_peer(
        benchmark,
        "ImageBind-huge, 2 clips (frames and sound)",
        f"{package('imagebind-unofficial')} (inputs given, 3 crops of each window)",
        turns,
        threads=2,
        deviation=apart,
        floor=floor,
        limit="torch.mm",
    )
