"""Metrics that score the features of FVD or FAD by another distance.

Each is built from the Fréchet distance of a preset, so that both columns share one extractor, one
protocol and one choice of rows: what is extracted for one serves the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from svbench.metrics.frechet import Frechet
    from svbench.protocols import Metric

KAD_SCALE: Final = 100.0  # of kadtk, so that values are of the size of published ones
VISION: Final = ("vision",)
AUDIO: Final = ("audio",)


def kvd(metric: str, frechet: Frechet) -> Metric:
    """Return the kernel distance of FVD's features, with the polynomial of KID."""
    from svbench.metrics.kernel_distance import KernelDistance
    from svbench.metrics.kernels import Polynomial

    return KernelDistance(*_renamed(metric, frechet), frechet, Polynomial(), compares=VISION)


def kad(metric: str, frechet: Frechet) -> Metric:
    """Return the kernel distance of FAD's features, with the Gaussian kernel of kadtk."""
    from svbench.metrics.kernel_distance import KernelDistance
    from svbench.metrics.kernels import Radial

    return KernelDistance(*_renamed(metric, frechet), frechet, Radial(), KAD_SCALE, AUDIO)


def fvd_inf(metric: str, frechet: Frechet) -> Metric:
    """Return FVD extrapolated to infinitely many clips."""
    from svbench.metrics.extrapolation import Extrapolated

    return Extrapolated(*_renamed(metric, frechet), frechet, VISION)


def fad_inf(metric: str, frechet: Frechet) -> Metric:
    """Return FAD extrapolated to infinitely many clips."""
    from svbench.metrics.extrapolation import Extrapolated

    return Extrapolated(*_renamed(metric, frechet), frechet, AUDIO)


def shown_name(metric: str) -> str:
    """Return a distance's name as titles print it: "kvd" -> "KVD", "fvd-inf" -> "FVD-inf"."""
    base, dash, form = metric.partition("-")
    return f"{base.upper()}{dash}{form}"


def _renamed(metric: str, frechet: Frechet) -> tuple[str, str]:
    """Return name and title: those of the Fréchet distance with another metric in front."""
    preset, network = frechet.name.partition("@")[2], frechet.title.partition(" ")[2]
    return f"{metric}@{preset}", f"{shown_name(metric)} {network}"
