"""ImageBind's inputs and embeddings at small widths, against the code of its authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svbench.compute import digest_file
from svbench.files.weights.loading import WeightFile
from svbench.metrics.networks.imagebind import load
from svbench.metrics.networks.imagebind_config import ImageBindConfig, Size
from svbench.metrics.networks.imagebind_inputs import fbank
from svbench.metrics.networks.imagebind_text import ClipTokenizer
from tests.factories.small_imagebind import random_state
from tests.reference.packages import Compare

PACKAGE = "imagebind-unofficial"
SMALL = ImageBindConfig(
    embedding=24,
    vision=Size(32, 2, 4),
    text=Size(32, 2, 4),
    audio=Size(24, 2, 3),
    depth=Size(16, 1, 2),
    thermal=Size(16, 1, 2),
    imu=Size(16, 1, 2),
)
SENTENCES = (
    "A person hits a metal rail with a stick.",
    "it's  RAINING &amp; thundering, 24/7 — naïve café",
    "<|startoftext|> twice",
    "",
    "a very long sentence " * 30,
)


def reference(imagebind: Any) -> Any:
    """Return the authors' network at our small widths; towers that nothing runs included."""
    sizes: dict[str, int] = {}
    for tower in ("vision", "text", "audio", "depth", "thermal", "imu"):
        size: Size = getattr(SMALL, tower)
        sizes[f"{tower}_embed_dim"] = size.width
        sizes[f"{tower}_num_blocks"] = size.blocks
        sizes[f"{tower}_num_heads"] = size.heads
    return imagebind.imagebind_model.ImageBindModel(out_embed_dim=SMALL.embedding, **sizes).eval()


@pytest.mark.parametrize("modality", ["vision", "audio", "text"])
def test_embeddings(modality: str, imagebind: Any, compare: Compare) -> None:
    state = random_state(SMALL)
    theirs = reference(imagebind)
    theirs.load_state_dict(state)
    random = torch.Generator().manual_seed(0)
    inputs = {
        "vision": torch.randn(3, 3, 2, 224, 224, generator=random),
        "audio": torch.randn(3, 1, 128, 204, generator=random),
        "text": torch.tensor([[49406, *range(n, n + 5), 49407, *[0] * 70] for n in (1, 50, 900)]),
    }[modality]
    with torch.inference_mode():
        # theirs takes several windows of each video, and averages over them
        found = theirs({modality: inputs[:, None] if modality == "vision" else inputs})[modality]
        mine = load(state, Path("small.pth"), SMALL)(modality, inputs)  # type: ignore[arg-type]
    compare(f"ImageBind embeddings, {modality}", PACKAGE, mine, found, 1e-5)


def test_spectrogram(imagebind: Any, compare: Compare) -> None:
    random = np.random.default_rng(0)
    sound = torch.from_numpy(random.standard_normal(32000).astype(np.float32) * 0.1)
    found = imagebind.data.waveform2melspec(sound[None].clone(), 16000, 128, 204)[0]
    mine = torch.nn.functional.pad(fbank(sound - sound.mean(), 128).T, (0, 204 - 198))
    compare("ImageBind log-mel spectrogram", PACKAGE, mine, found, 1e-5)


def test_tokens(imagebind: Any, compare: Compare) -> None:
    path = Path(imagebind.data.return_bpe_path())
    tokenizer = ClipTokenizer(WeightFile("clip-bpe", path, digest_file(path)))
    theirs = imagebind.data.load_and_transform_text(list(SENTENCES), "cpu")
    compare("CLIP tokens of five sentences", PACKAGE, tokenizer(SENTENCES), theirs, 0)
