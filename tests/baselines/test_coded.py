"""The row of real clips that went through the codecs."""

from __future__ import annotations

import numpy as np
import torch

from svbench.baselines import miniature
from svbench.baselines.coded import Coded
from svbench.baselines.joint.model import JointModel
from svbench.miniature.greatesthits import SPEC
from svbench.types import Clip, ClipSpec, Request
from tests.baselines.miniature.test_systems import a_clip


class Numbered:
    """Clips by their numbers."""

    examples = ("0", "1")

    def read(self, example: str, spec: ClipSpec) -> Clip:
        assert spec == SPEC
        return a_clip(int(example))

    def digest(self, example: str) -> str:
        return f"digest of {example}"


def test_each_real_clip_is_encoded_and_decoded_alone() -> None:
    loaded: list[JointModel] = []

    def load() -> JointModel:
        loaded.append(miniature.assemble("cmc-pe"))
        return loaded[-1]

    system = Coded(Numbered(), load, "abc")
    assert not loaded  # nothing is loaded before a clip is asked for
    assert system.settings == {"weights": "abc"}
    assert system.made_of_real_clips
    assert system.decided_by(Request("7/0", "", 0)) == {"weights": "abc", "clip": "digest of 7"}
    requests = [Request(f"{i}/0", "", i) for i in range(2)]
    clips = list(system.generate(requests, SPEC))
    assert len(loaded) == 1
    (model,) = loaded
    for number, clip in enumerate(clips):
        latents = model.video.encode([a_clip(number)])
        (frames,) = model.video.decode(latents, SPEC)
        assert np.array_equal(clip.video, frames)
    assert torch.equal(model.audio.encode(clips[:1]), model.audio.encode([clips[0]]))
