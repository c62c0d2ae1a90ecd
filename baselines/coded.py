"""Real clips that went through a joint model's codecs and back: what its systems can reach at best.

A joint model makes latents; what its autoencoders, its vocoder or Griffin-Lim lose is lost for
every system behind them. This row tells that loss apart from the model's own faults: the ceiling
of all rows that share these codecs, as `real` is of all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from svbench.baselines.model import JointModel
from svbench.baselines.reference import ReadReal
from svbench.types import Clip, ClipSpec, Request


@dataclass(frozen=True)
class Coded:
    """A system that answers every request with the real clip, encoded and decoded.

    Parameters
    ----------
    read : callable
        example id and format -> the real clip
    load : callable
        gives the model whose codecs are used; called at the first request
    weights : str
        digest of these codecs
    """

    read: ReadReal
    load: Callable[[], JointModel]
    weights: str
    name: str = "codec"
    title: str = "real clips, encoded and decoded (the models' ceiling)"
    made_of_real_clips: bool = True

    @property
    def settings(self) -> Mapping[str, str]:
        """Tell everything that decides its clips."""
        return {"weights": self.weights}

    @cached_property
    def _model(self) -> JointModel:
        return self.load()

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order; each passes through alone."""
        for request in requests:
            clip = self.read(request.example, spec)
            (sound,) = self._model.audio.decode(self._model.audio.encode([clip]), spec)
            (video,) = self._model.video.decode(self._model.video.encode([clip]), spec)
            yield Clip(video, sound, spec)
