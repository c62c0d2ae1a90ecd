"""What metrics share that score the features of a Fréchet distance by another distance.

They have its extractor, its protocol and its choice of rows: what is extracted for one column
serves the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from svbench.intervals import Interval
from svbench.metrics.frechet import Frechet
from svbench.protocols import Extractor
from svbench.types import Better, Features, Judgement, Score


@dataclass(frozen=True, slots=True)
class OfFrechetFeatures:
    """A metric of clips that compares what a Fréchet distance compares.

    Parameters
    ----------
    name, title : str
        as in `svbench.protocols.Metric`
    frechet : Frechet
        whose extractor, protocol and choice of rows it shares
    """

    name: str
    title: str
    frechet: Frechet

    @property
    def better(self) -> Better:
        """Return "lower": nearer to the real clips is better."""
        return "lower"

    @property
    def extractor(self) -> Extractor:
        """Return the extractor of the Fréchet distance."""
        return self.frechet.extractor

    @property
    def needs_reference(self) -> bool:
        """Return True: it is a distance to real clips."""
        return True

    def judged(
        self,
        value: float,
        interval: Interval | None,
        generated: Features,
        reference: Features,
        note: str = "",
    ) -> Judgement:
        """Return the judgement of a set by the distance of its rows from the reference's."""
        score = Score(
            metric=self.name,
            value=value,
            better=self.better,
            count=generated.count,
            interval=interval,
            extractor=generated.extractor,
            reference_count=reference.count,
            note=note,
        )
        return Judgement(score)
