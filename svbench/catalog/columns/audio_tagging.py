"""The columns of networks that tag sounds, PANNs and PaSST: FD, KL and IS.

A preset names the network and its sampling, for KL also the form of the divergence, and behind
these the view: `passt-32k-sigmoid+native`. No small network comes with svbench, so at
`--scale mini`, too, the published ones judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.entry import (
    FRECHET_RESAMPLES,
    MINIATURE,
    NATIVE,
    NO_MINIATURE,
    MetricEntry,
    MetricSettings,
    find_weights,
)
from svbench.limits import known
from svbench.metrics.audio_fd import audio_fd
from svbench.metrics.audio_kl import FORMS, AudioKL
from svbench.metrics.audio_kl import USUAL as USUAL_FORM
from svbench.metrics.audio_tagging import TAGGERS, TaggerFeatures
from svbench.metrics.inception_score import InceptionScore
from svbench.types import Better, View

if TYPE_CHECKING:
    from svbench.metrics.audio_kl import Form
    from svbench.protocols import Metric
    from svbench.walk.plan import Unavailable

USUAL: Final = "panns-16k"
BETTER: Final[Mapping[str, Better]] = {"fd": "lower", "kl": "lower", "is": "higher"}


@dataclass(frozen=True, slots=True)
class Preset:
    """What stands behind the @."""

    tagger: str
    form: Form = USUAL_FORM
    native: bool = False

    @property
    def name(self) -> str:
        """Return the preset as on the command line."""
        form = "" if self.form == USUAL_FORM else f"-{self.form}"
        return f"{self.tagger}{form}{NATIVE if self.native else ''}"

    @property
    def title(self) -> str:
        """Return the same as titles of columns print it."""
        form = "" if self.form == USUAL_FORM else f", {self.form}"
        native = ", native clips" if self.native else ""
        return f"{TAGGERS[self.tagger].title}{native}{form}"


def entry(metric: str) -> MetricEntry:
    """Return the entry of FD, KL or IS, by its name in the table."""
    forms = FORMS if metric == "kl" else (USUAL_FORM,)
    found = [Preset(*of) for of in product(TAGGERS, forms, (False, True))]
    presets = {preset.name: preset for preset in found}
    needed = {name: (TAGGERS[preset.tagger].weights,) for name, preset in presets.items()}
    return MetricEntry(partial(_built, metric, presets), needed, USUAL, compares=metric != "is")


def _built(
    metric: str, presets: Mapping[str, Preset], option: str, settings: MetricSettings
) -> Metric | Unavailable:
    """Return the column of a preset, or what stands in its place while weights are absent."""
    from svbench.walk.plan import Unavailable

    small, name = option.endswith(MINIATURE), option.removesuffix(MINIATURE) or USUAL
    preset = known(presets, name, f"metrics {metric}")
    files = NO_MINIATURE if small else find_weights(TAGGERS[preset.tagger].weights)
    if isinstance(files, str):
        title = f"{metric.upper()} ({preset.title})"
        return Unavailable(f"{metric}@{preset.name}", title, BETTER[metric], files)
    view: View = "native" if preset.native else "conformed"
    extractor = TaggerFeatures(files[0], preset.tagger, settings.machine, view=view)
    return _BUILD[metric](extractor, preset, settings)


def _fd(extractor: TaggerFeatures, preset: Preset, settings: MetricSettings) -> Metric:
    del preset
    resamples = min(settings.resamples, FRECHET_RESAMPLES)
    return audio_fd(extractor, resamples=resamples, seed=settings.seed)


def _kl(extractor: TaggerFeatures, preset: Preset, settings: MetricSettings) -> Metric:
    del settings  # nothing of them decides the score of a clip
    return AudioKL(extractor, preset.form)


def _is(extractor: TaggerFeatures, preset: Preset, settings: MetricSettings) -> Metric:
    del preset
    return InceptionScore(extractor, settings.resamples, settings.seed)


_BUILD: Final[Mapping[str, Callable[[TaggerFeatures, Preset, MetricSettings], Metric]]] = {
    "fd": _fd,
    "kl": _kl,
    "is": _is,
}
