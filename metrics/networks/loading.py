"""What extractors on networks share: a network loaded once, the digest of an extractor's key.

A network is large and slow to load, so an extractor holds one that is loaded at its first use
(`Once`) and shared by the threads of an engine: its weights lie in memory once, however many
workers there are. An extractor that is sent to another process loads its network there.

State dicts are loaded by `svbench.compute.load_weights`; a network is called by
`svbench.metrics.networks.batches`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final, Generic, TypeVar

from svbench.compute import digest_settings, installed, minor_version

KEY_LETTERS: Final = 10  # of the digest in an extractor's key

T = TypeVar("T")


class Once(Generic[T]):
    """A costly object, made at its first use and shared by threads.

    Parameters
    ----------
    make : callable
        returns the object; must be picklable if the owner is sent to another process
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._lock = Lock()

    def get(self) -> T:
        """Return the object; while one thread makes it, the others wait."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def __reduce__(self) -> tuple[type[Once[T]], tuple[Callable[[], T]]]:
        """Pickle what makes the object, not the object."""
        return type(self), (self._make,)


def digest_but_name(settings: Mapping[str, Any]) -> str:
    """Return `digest` without the name of the weights, whose own digest is among the settings."""
    return digest({name: value for name, value in settings.items() if name != "weights"})


def digest(settings: Mapping[str, Any]) -> str:
    """Return the digest of what decides an extractor's features, torch's minor version included."""
    whole = {**settings, "torch": minor_version(installed("torch"))}
    return digest_settings(whole, KEY_LETTERS)
