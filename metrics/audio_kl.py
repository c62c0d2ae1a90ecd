r"""KL: how far the classes that a tagger finds in a generated sound are from those of the real one.

A network that tags sounds (`audio_tagging`) gives either clip of a request the logits of 527
classes; the score of a clip is the Kullback-Leibler divergence of the generated distribution from
the real one, KL(real || generated), and that of a set the mean over its clips.

Conventions
-----------
Generated first, real second; arithmetic is float64, in nats. Papers use two forms:

- softmax: the classes exclude each other, p = softmax(logits), and the divergence is
  sum_k p_real (log p_real - log p_generated), at least 0. av-benchmark's `KL-PANNS-softmax` and
  `KL-PASST-softmax`; Verse-Bench and others.
- sigmoid: p = sigmoid(logits), class by class, and the same sum. It lacks the terms of
  1 - p, so it is no divergence: it is negative where the generated clip has more of every class.

A clip is compared with the real clip of its own example, never with another, so KL does not ask
for equal counts, and rows that are made of the real clips are scored like any other: that of the
real clips themselves is 0.

Metrics
-------
- :class:`AudioKL`: mean over clips of the divergence.

Edge cases
----------
Generated clips without a real clip of their example are left out, and a note counts them; where
none has one, as with clips of other prompts than the real ones, a ScoreError.

References
----------
- V. Iashin, E. Rahtu: Taming visually guided sound generation. BMVC 2021,
  https://arxiv.org/abs/2110.08791 (melception's KL, paired by clip).
- https://github.com/hkchengrex/av-benchmark, https://github.com/haoheliu/audioldm_eval
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.intervals import METHOD
from svbench.metrics.audio_tagging import TaggerFeatures, logits
from svbench.metrics.per_clip import mean_of_clips
from svbench.types import Better, ClipScore, Features, Judgement, Values

Form = Literal["softmax", "sigmoid"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
USUAL: Final[Form] = "softmax"
FORMULAS: Final[Mapping[Form, str]] = {
    "softmax": "sum over classes of p_real (log p_real - log p_generated), p = softmax(logits)",
    "sigmoid": "sum over classes of p_real (log p_real - log p_generated), p = sigmoid(logits)",
}
# Of the record: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1


def divergences(generated: Values, reference: Values, form: Form = USUAL) -> NDArray[np.float64]:
    """Compute the divergence of each generated clip from its real one, in nats.

    Parameters
    ----------
    generated, reference : np.ndarray, shape=(N, K)
        logits, row by row of the same example
    form : str
        one of `FORMS` (Default value = softmax)

    Returns
    -------
    divergences : np.ndarray, shape=(N,)

    Raises
    ------
    ScoreError
        if the shapes differ
    """
    from scipy.special import log_expit, log_softmax

    if generated.shape != reference.shape:
        raise ScoreError(
            f"KL: found logits {generated.shape} and {reference.shape}, expected the same shape"
        )
    both = generated.astype(np.float64), reference.astype(np.float64)
    ours, real = (log_softmax(x, axis=1) if form == "softmax" else log_expit(x) for x in both)
    found: NDArray[np.float64] = (np.exp(real) * (real - ours)).sum(axis=1)
    return found


@dataclass(frozen=True, slots=True)
class AudioKL:
    """Mean divergence of clips from the real clips of their examples, with an interval."""

    extractor: TaggerFeatures
    form: Form = USUAL

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ConfigError(f"KL: found form {self.form!r}, expected one of {', '.join(FORMS)}")

    @property
    def name(self) -> str:
        """Return the name, of network, sampling, form and view."""
        tagger, plus, view = self.extractor.name.partition("+")
        form = "" if self.form == USUAL else f"-{self.form}"
        return f"kl@{tagger}{form}{plus}{view}"

    @property
    def title(self) -> str:
        """Return the title of its column."""
        form = "" if self.form == USUAL else f", {self.form}"
        return f"KL ({self.extractor.title}{form})"

    @property
    def better(self) -> Better:
        """Return "lower": nearer to the real clip is better."""
        return "lower"

    @property
    def needs_reference(self) -> bool:
        """Return True: it compares with real clips."""
        return True

    @property
    def paired(self) -> bool:
        """Return True: each clip is compared with the real clip of its own example."""
        return True

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the formula, and the settings of the extractor."""
        return {
            "compares": ["audio"],
            "formula": FORMULAS[self.form],
            "pairs": "by example",
            "extractor": self.extractor.key,
            "view": self.extractor.view,
            "code": CODE_VERSION,
            "interval": METHOD,
        }

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Compute the mean divergence of clips that have a real clip of their example.

        Raises
        ------
        ScoreError
            without reference clips, with features of different extractors, or where no clip has a
            real one of its example
        """
        if reference is None:
            raise ScoreError(f"{self.name} needs reference clips to compare with, got none")
        if generated.extractor != reference.extractor:
            raise ScoreError(
                f"{self.name}: features of generated clips are by {generated.extractor}, of "
                f"reference clips by {reference.extractor}; expected the same extractor"
            )
        ours, real = pairs(generated.requests, reference.requests)
        if not ours:
            raise ScoreError(
                f"{self.name} compares each clip with the real clip of its example, and none of "
                f"the {generated.count} clips has one of the same name"
            )
        rows = logits(generated).values[ours], logits(reference).values[real]
        clips = tuple(
            ClipScore(generated.requests[place], float(value))
            for place, value in zip(ours, divergences(*rows, self.form), strict=True)
        )
        note = _unpaired(generated.count - len(ours), generated.count)
        judged = mean_of_clips(self, clips, generated.extractor, None, note)
        return replace(judged, score=replace(judged.score, reference_count=len(set(real))))


def pairs(generated: tuple[str, ...], reference: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Return the places of clips that have a real clip of the same example, and those of these.

    Requests are "<example>/<repeat>"; of several real clips of an example the first one serves.
    """
    places: dict[str, int] = {}
    for place, request in enumerate(reference):
        places.setdefault(_example(request), place)
    ours = [i for i, request in enumerate(generated) if _example(request) in places]
    return ours, [places[_example(generated[i])] for i in ours]


def _example(request: str) -> str:
    return request.rpartition("/")[0] or request


def _unpaired(count: int, of: int) -> str:
    """Return a note on clips that are left out; "" if there are none."""
    return f"{count} of {of} clips have no real clip of their example" if count else ""
