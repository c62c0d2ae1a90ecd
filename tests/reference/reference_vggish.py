"""VGGish embeddings and FAD of sounds, against torchvggish inside frechet-audio-distance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svbench.metrics.fad import PROTOCOLS, VGGishEmbeddings
from svbench.metrics.frechet import distance, stats
from svbench.metrics.networks import vggish
from svbench.types import Clip, ClipSpec
from tests.factories.seeded_networks import seeded_vggish, write_weights
from tests.reference.packages import Compare, importable

SPEC = ClipSpec(frames=32, fps=8.0, size=(8, 8), sample_rate=16000)
SOUNDS = 6  # of a set


def draw(seed: int) -> list[NDArray[np.float32]]:
    """Draw tones in noise, 4 s each."""
    random = np.random.default_rng(seed)
    times = np.arange(SPEC.samples) / SPEC.sample_rate
    hertz, loud = random.uniform(80, 4000, SOUNDS), random.uniform(0.05, 0.4, SOUNDS)
    noise = random.standard_normal((SOUNDS, SPEC.samples)) * 0.02
    tones = loud[:, None] * np.sin(2 * np.pi * hertz[:, None] * times)
    return list((tones + noise).astype(np.float32))


def test_frechet_audio_distance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audio_distance: Any, compare: Compare
) -> None:
    state = seeded_vggish(vggish.VGGish(), seed=0)
    published = importable("torchvggish.torchvggish")
    network = published.VGG(published.make_layers(), postprocess=False)
    network.load_state_dict(state)
    listener = importable("torchvggish.vggish_input")

    class Listening(torch.nn.Module):
        """What torch.hub would return: waveforms in, embeddings out."""

        def __init__(self) -> None:
            super().__init__()
            self.features, self.embeddings = network.features, network.embeddings

        def forward(self, sound: NDArray[np.float32], rate: int) -> torch.Tensor:
            network.embeddings = self.embeddings  # without its last ReLU by now
            mel = torch.as_tensor(listener.waveform_to_examples(sound, rate))
            found: torch.Tensor = network(mel.float().reshape(-1, 1, 96, 64))
            return found

    monkeypatch.setattr(torch.hub, "load", lambda **_asked: Listening())
    model = audio_distance.FrechetAudioDistance(ckpt_dir=str(tmp_path), model_name="vggish")
    sets = [draw(seed) for seed in (1, 2)]
    theirs = [model.get_embeddings(some, sr=SPEC.sample_rate) for some in sets]
    weights = write_weights(tmp_path / "random.safetensors", state)
    extractor = VGGishEmbeddings(weights, PROTOCOLS["torchvggish"])
    still = np.zeros((SPEC.frames, *SPEC.size, 3), np.uint8)
    ours = [
        np.concatenate(extractor([Clip(still, sound, SPEC) for sound in some], [""] * SOUNDS))
        for some in sets
    ]
    package = "frechet-audio-distance"
    for mine, other in zip(ours, theirs, strict=True):
        compare("VGGish embeddings", package, mine, other, 1e-5)
    parts = [model.calculate_embd_statistics(some) for some in theirs]
    found = model.calculate_frechet_distance(*parts[0], *parts[1])
    mine = distance(stats(ours[0]), stats(ours[1]))
    compare(f"FAD of {SOUNDS} against {SOUNDS} sounds", package, mine, found, 1e-4)
