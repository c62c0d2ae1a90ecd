"""One loaded model for all rows that it makes: at true size a second one takes 9 GB more."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from svbench.baselines.checkpoints.find import Found
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.compute import CPU, Machine


class SharedModel:
    """A model on disk that is read once: its digests, and its networks for the last machine.

    Rows of one model differ in gamma alone and are made one after the other. Behind the last one
    the networks are let go, before other models and those of metrics are loaded.

    Parameters
    ----------
    found : Found
        the model on disk, loaded for sampling
    rows : int
        how many share it (Default value = 1)
    """

    def __init__(self, found: Found, rows: int = 1) -> None:
        self._found = found.for_sampling()
        self._rows, self._to_come = rows, rows
        self._digests: Mapping[str, str] = {}
        self._loaded: dict[Machine, JointModel] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[SharedModel], tuple[Found, int]]:
        """Pickle without what was loaded."""
        return type(self), (self._found, self._rows)

    def weights(self) -> Mapping[str, str]:
        """Return the digest of every component, as of the first call."""
        with self._lock:
            if not self._digests:
                self._digests = self._found.weights()
            return self._digests

    def load(self, machine: Machine = CPU) -> JointModel:
        """Return the model on a machine; its own digests are taken when it is loaded."""
        with self._lock:
            if machine not in self._loaded:
                self._loaded.clear()
                self._loaded[machine] = self._found.load(machine)
            return self._loaded[machine]

    def load_codecs(self, machine: Machine = CPU) -> Pair[Any]:
        """Return the codecs on a machine, loaded for the caller alone."""
        return self._found.load_codecs(machine)

    def release(self) -> None:
        """Take note that a row is made; free what was loaded once all are."""
        with self._lock:
            self._to_come -= 1
            if self._to_come <= 0:
                self._loaded.clear()
