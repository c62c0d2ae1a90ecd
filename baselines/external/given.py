"""The half that a system is given: the sound of an a2v system, the picture of a v2a one.

It is that of the real clip of the same example, or of a clip that another system of the run made
(a relay: `Request.given`). What decides it is part of what decides the clip: its digest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from svbench.errors import DataError
from svbench.protocols import RealClips
from svbench.types import Clip, ClipSpec, Request, Sample


class GivenClips(Protocol):
    """The clips whose one half a system is given."""

    @property
    def real(self) -> bool:
        """Return whether they are made of real clips."""
        ...

    def read(self, request: Request, spec: ClipSpec) -> Clip:
        """Return the clip of a request."""
        ...

    def digest(self, request: Request) -> str:
        """Return the digest of what `read` returns."""
        ...


@dataclass(frozen=True, slots=True)
class OfRealClips:
    """The real clips of a run, by the example of a request."""

    clips: RealClips
    real: bool = True

    def read(self, request: Request, spec: ClipSpec) -> Clip:
        """Return the real clip of a request's example."""
        return self.clips.read(request.example, spec)

    def digest(self, request: Request) -> str:
        """Return its digest."""
        return self.clips.digest(request.example)


@dataclass(frozen=True, slots=True)
class OfOtherSystem:
    """The clips that another system made for the same requests, which these carry.

    Parameters
    ----------
    read_stored : callable
        (sample of the store, format) -> clip, its digest verified
    real : bool
        whether that system is a control
    """

    read_stored: Callable[[Sample, ClipSpec], Clip]
    real: bool = False

    def read(self, request: Request, spec: ClipSpec) -> Clip:
        """Return the clip that a request carries."""
        return self.read_stored(self._sample(request), spec)

    def digest(self, request: Request) -> str:
        """Return its digest."""
        return self._sample(request).digest

    @staticmethod
    def _sample(request: Request) -> Sample:
        if request.given is None:
            raise DataError(f"{request.id}: found no clip of another system, expected one given")
        return request.given
