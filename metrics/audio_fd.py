"""FD: Fréchet distance between the embeddings of generated and real sound, by PANNs or PaSST.

The same formula as FAD (`frechet`, covariance divided by N - 1) on the embeddings of networks that
tag sounds (`audio_tagging`), one row a clip. With 2048 or 768 features the covariance of a few
hundred clips is singular and the distance mostly a matter of their number: compare at equal
counts only, as the note of a column says.

Conventions
-----------
Generated first, real second; rows are the embeddings, (N, D), of clips as `audio_tagging` reads
them. Arithmetic is float64.

Metrics
-------
- :class:`AudioFD`: the distance as a metric of clips; :func:`audio_fd` builds it.

av-benchmark's `FD-PANN` and `FD-PASST` take the root of the product of both covariances, which is
not exact where they are singular; here no root is taken. Where there are more clips than features
the values are equal.

References
----------
- H. Liu et al.: AudioLDM: text-to-audio generation with latent diffusion models. ICML 2023,
  https://arxiv.org/abs/2301.12503 (FD by PANNs).
- https://github.com/hkchengrex/av-benchmark
"""

from __future__ import annotations

from dataclasses import dataclass

from svbench.metrics.audio_tagging import TaggerFeatures, embeddings
from svbench.metrics.frechet import Frechet
from svbench.types import Features


@dataclass(frozen=True)
class AudioFD(Frechet):
    """Fréchet distance between the embeddings of `TaggerFeatures`."""

    def compared(
        self, generated: Features, reference: Features | None, name: str
    ) -> tuple[Features, Features]:
        """Return the embeddings of either side; raises as `Frechet.compared`."""
        one, other = super().compared(generated, reference, name)
        return embeddings(one), embeddings(other)


def audio_fd(extractor: TaggerFeatures, *, resamples: int = 200, seed: int = 0) -> AudioFD:
    """Build the metric of an extractor.

    Parameters
    ----------
    extractor : TaggerFeatures
        whose embeddings are compared
    resamples, seed : int
        of the bootstrap (Default value = 200, 0)
    """
    return AudioFD(
        name=f"fd@{extractor.name}",
        title=f"FD ({extractor.title})",
        extractor=extractor,
        resamples=resamples,
        seed=seed,
    )
