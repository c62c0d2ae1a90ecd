"""I3D's logits and FVD of whole clips, against cd-fvd, both with the same random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from svbench.metrics.frechet import distance, stats
from svbench.metrics.fvd import PROTOCOLS, I3DLogits
from svbench.metrics.networks import i3d
from svbench.types import Clip, ClipSpec
from tests.factories.seeded_networks import seeded_i3d, write_weights
from tests.reference.packages import Compare, importable

SPEC = ClipSpec(frames=16, fps=8.0, size=(64, 96), sample_rate=16000)
CLIPS = 3  # of a set
PROTOCOL = replace(PROTOCOLS["cd-fvd-16f"], weights="random")


def draw(seed: int) -> list[Clip]:
    """Draw clips of noise around levels of their own."""
    random = np.random.default_rng(seed)
    levels = random.integers(0, 200, (CLIPS, 1, 1, 1, 3))
    noise = random.integers(0, 56, (CLIPS, SPEC.frames, *SPEC.size, 3))
    videos = (levels + noise).astype(np.uint8)
    return [Clip(video, np.zeros(SPEC.samples, np.float32), SPEC) for video in videos]


def test_cd_fvd(tmp_path: Path, compare: Compare) -> None:
    theirs = importable("cdfvd.fvd")
    state = seeded_i3d(i3d.I3D(eps=PROTOCOL.eps), seed=0)
    torch.save(state, tmp_path / "random.pt")
    model = theirs.cdfvd(
        "i3d",
        n_fake="full",
        ckpt_path=str(tmp_path / "random.pt"),
        compute_feats=True,
        device="cpu",
    )
    one, other = draw(1), draw(2)
    distances = model.compute_fvd(*(np.stack([c.video for c in clips]) for clips in (one, other)))
    extractor = I3DLogits(write_weights(tmp_path / "random.safetensors", state), PROTOCOL)
    features = [np.concatenate(extractor(clips, [""] * CLIPS)) for clips in (one, other)]
    for clips, theirs_too in zip(features, (model.real_stats, model.fake_stats), strict=True):
        compare("I3D logits", "cd-fvd", clips, theirs_too.get_all(), 1e-5)
    found = distance(stats(features[1]), stats(features[0]), PROTOCOL.ddof)
    compare(f"FVD of {CLIPS} against {CLIPS} clips", "cd-fvd", found, distances, 1e-4)
