"""Real clips that went through a joint model's codecs and back: what its systems can reach at best.

A joint model makes latents; what its autoencoders, its vocoder or Griffin-Lim lose is lost for
every system behind them. This row tells that loss apart from the model's own faults: the ceiling
of all rows that share these codecs, as `real` is of all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from svbench.baselines.joint.model import JointModel
from svbench.compute import CPU, Machine, inference
from svbench.protocols import RealClips
from svbench.types import Clip, ClipSpec, Request


@dataclass(frozen=True)
class Coded:
    """A system that answers every request with the real clip, encoded and decoded.

    Parameters
    ----------
    clips : RealClips
        the real clips
    load : callable
        gives the model whose codecs are used; called at the first request
    weights : str
        digest of these codecs
    machine : Machine
        where they compute
    """

    clips: RealClips
    load: Callable[[], JointModel]
    weights: str
    machine: Machine = CPU
    name: str = "codec"
    title: str = "real clips, encoded and decoded (the models' ceiling)"
    made_of_real_clips: bool = True

    @property
    def settings(self) -> Mapping[str, str]:
        """Return its settings: the codecs."""
        return {"weights": self.weights}

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what decides one clip: the codecs, and the real clip by its digest."""
        return {**self.settings, "clip": self.clips.digest(request.example)}

    @cached_property
    def _model(self) -> JointModel:
        return self.load()

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order; each passes through alone."""
        for request in requests:
            yield self._coded(self.clips.read(request.example, spec), spec)

    def _coded(self, clip: Clip, spec: ClipSpec) -> Clip:
        """Return a clip that was encoded and decoded."""
        audio, video = self._model.audio, self._model.video
        with inference(self.machine):
            (sound,) = audio.decode(audio.encode([clip]), spec)
            (frames,) = video.decode(video.encode([clip]), spec)
        return Clip(frames, sound, spec)
