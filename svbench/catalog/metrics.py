"""The table of metrics: how each is built, its presets, and the weights that they need.

To add a metric, write its module and one entry here. On the command line an entry is
`--metrics NAME` or `--metrics NAME@PRESET`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.desync import desync
from svbench.catalog.columns.entry import (
    FRECHET_RESAMPLES,
    NATIVE,
    NETWORKS_ALSO,
    MetricEntry,
    MetricSettings,
    find_weights,
    split_option,
)
from svbench.catalog.derived_metrics import fad_inf, fvd_inf, kad, kvd, shown_name
from svbench.catalog.guards import guard_metric
from svbench.catalog.plugins import Offer, guarded
from svbench.catalog.registry import Joining, Registry
from svbench.errors import ConfigError, DataError
from svbench.limits import known

if TYPE_CHECKING:
    from svbench.metrics.audiobox import Judged
    from svbench.metrics.avalign.formulas import Variant
    from svbench.metrics.frechet import Frechet
    from svbench.metrics.imagebind_scores import IBKind
    from svbench.metrics.javisscore import JavisKind
    from svbench.protocols import Metric
    from svbench.types import View
    from svbench.walk.plan import Unavailable

NATIVE_ALSO: Final = {f"{NATIVE} behind any": "every clip at its own size and frame rate"}
DETECTORS_ALSO: Final = {
    "@FILE.json": "detectors of your own, as svbench tune-avalign writes them",
    **NATIVE_ALSO,
}
IB_ALSO: Final = {
    "@miniature": "the inputs of @published by another name, for ImageBind; the small network is "
    "+miniature",
    **NETWORKS_ALSO,
    **NATIVE_ALSO,
}
# name, a Fréchet distance -> another metric of the same features
Derive = Callable[[str, "Frechet"], "Metric"]


# --- entries -----------------------------------------------------------------------------------


def _av_align(variant: Variant, *, adjusted: bool = False) -> MetricEntry:
    from svbench.metrics.avalign.detector_files import find_detectors
    from svbench.metrics.avalign.events import DETECTORS
    from svbench.metrics.avalign.score import AVAlign

    usual = "published"

    def build(option: str, settings: MetricSettings) -> Metric:
        del settings  # nothing of them decides the score of a clip
        detectors = find_detectors((option or usual).removesuffix(NATIVE))
        view: View = "native" if option.endswith(NATIVE) else "conformed"
        return AVAlign(variant, detectors, view, adjusted)

    return MetricEntry(build, dict.fromkeys(DETECTORS, ()), usual, also=DETECTORS_ALSO)


def _synchrony() -> MetricEntry:
    from svbench.metrics.avalign.synchrony import PRESETS, Synchrony

    def build(option: str, settings: MetricSettings) -> Metric:
        del settings  # nothing of them decides the score of a clip
        known(dict.fromkeys(PRESETS), option or PRESETS[0], "metrics synchrony")
        return Synchrony("native" if option.endswith(NATIVE) else "conformed")

    return MetricEntry(build, dict.fromkeys(PRESETS, ()), PRESETS[0])


def _fvd(
    metric: str = "fvd", derive: Derive | None = None, *, with_ddof: bool = True
) -> MetricEntry:
    from svbench.metrics import fvd, miniature
    from svbench.walk.plan import Unavailable

    protocols = {
        name: protocol
        for name, protocol in fvd.PROTOCOLS.items()
        if with_ddof or not name.endswith("-ddof1")  # the same rows; ddof is of covariances
    }

    def build(option: str, settings: MetricSettings) -> Metric | Unavailable:
        name, small = split_option(option, miniature.FVD_USUAL, settings)
        protocol = known(protocols, name, f"metrics {metric}")
        draws, machine = min(settings.resamples, FRECHET_RESAMPLES), settings.machine
        frames = protocol.frames if settings.frames is None else settings.frames
        files = find_weights(protocol.weights) if not small else []
        short = f"{frames} frames are judged, I3D needs {protocol.frames}"
        reason = short if frames < protocol.frames else files
        if isinstance(reason, str):
            return Unavailable(
                f"{metric}@{name}", f"{shown_name(metric)} ({name})", "lower", reason
            )
        if small:
            built = miniature.fvd(name, machine=machine, resamples=draws, seed=settings.seed)
        else:
            built = fvd.fvd(name, *reason, machine=machine, resamples=draws, seed=settings.seed)
        return derive(metric, built) if derive else built

    presets = {name: (protocol.weights,) for name, protocol in protocols.items()}
    return MetricEntry(build, presets, miniature.FVD_USUAL, compares=True, also=NETWORKS_ALSO)


def _fad(metric: str = "fad", derive: Derive | None = None) -> MetricEntry:
    from svbench.metrics import fad, miniature
    from svbench.walk.plan import Unavailable

    def build(option: str, settings: MetricSettings) -> Metric | Unavailable:
        name, small = split_option(option, miniature.FAD_USUAL, settings)
        known(fad.PROTOCOLS, name, f"metrics {metric}")
        draws, machine = min(settings.resamples, FRECHET_RESAMPLES), settings.machine
        files = find_weights("vggish") if not small else []
        if isinstance(files, str):
            return Unavailable(f"{metric}@{name}", f"{shown_name(metric)} ({name})", "lower", files)
        if small:
            built = miniature.fad(name, machine=machine, resamples=draws, seed=settings.seed)
        else:
            built = fad.fad(name, *files, machine=machine, resamples=draws, seed=settings.seed)
        return derive(metric, built) if derive else built

    presets = dict.fromkeys(fad.PROTOCOLS, ("vggish",))
    return MetricEntry(build, presets, miniature.FAD_USUAL, compares=True, also=NETWORKS_ALSO)


def _imagebind(kind: IBKind, *, reads_captions: bool = False) -> MetricEntry:
    from svbench.metrics import imagebind_scores, miniature
    from svbench.metrics.networks import imagebind_inputs
    from svbench.metrics.networks.imagebind_text import ClipTokenizer
    from svbench.walk.plan import Unavailable

    def build(option: str, settings: MetricSettings) -> Metric | Unavailable:
        name, small = split_option(option, miniature.IB_USUAL, settings)
        base, machine = name.removesuffix(NATIVE), settings.machine
        protocol = known(imagebind_inputs.PROTOCOLS, base, f"metrics {kind}")
        view: View = "native" if name.endswith(NATIVE) else protocol.view
        if small:
            folder = miniature.FOLDER / settings.imagebind_weights
            return miniature.ib(kind, base, machine=machine, folder=folder, view=view)
        files = find_weights("imagebind", "clip-bpe")
        if isinstance(files, str) and not reads_captions:
            files = find_weights("imagebind")
        if isinstance(files, str):
            return Unavailable(f"{kind}@{name}", f"{kind.upper()} ({name})", "higher", files)
        network, *vocabulary = files
        words = ClipTokenizer(vocabulary[0]) if vocabulary else None
        extractor = imagebind_scores.ImageBindEmbeddings(
            network, protocol, words, machine=machine, view=view
        )
        return imagebind_scores.IB(kind, extractor)

    needed = ("imagebind", "clip-bpe") if reads_captions else ("imagebind",)
    presets = dict.fromkeys(imagebind_inputs.PROTOCOLS, needed)
    return MetricEntry(build, presets, miniature.IB_USUAL, reads_captions, also=IB_ALSO)


def _javis(metric: JavisKind) -> MetricEntry:
    from svbench.catalog.columns.javisscore import entry

    return entry(metric)


def _jedi() -> MetricEntry:
    from svbench.catalog.columns.jedi import entry

    return entry()


def _audio_tagging(metric: str) -> MetricEntry:
    from svbench.catalog.columns.audio_tagging import entry

    return entry(metric)


def _clap() -> MetricEntry:
    from svbench.catalog.columns.clap import entry

    return entry()


def _audiobox(axis: Judged) -> MetricEntry:
    from svbench.catalog.columns.audiobox import entry

    return entry(axis)


def _guard(entry: MetricEntry, offer: Offer) -> MetricEntry:
    """Return the entry of a plug-in, whose exceptions name the plug-in."""
    build = guarded(entry.build, offer.origin, ConfigError)
    return replace(entry, build=lambda *given: guard_metric(build(*given), offer))


METRICS: Final[Registry[MetricEntry]] = Registry(
    "metrics",
    {
        "fvd": _fvd,
        "fad": _fad,
        "kvd": partial(_fvd, "kvd", kvd, with_ddof=False),
        "kad": partial(_fad, "kad", kad),
        "fvd-inf": partial(_fvd, "fvd-inf", fvd_inf),
        "fad-inf": partial(_fad, "fad-inf", fad_inf),
        "av-align-corrected": partial(_av_align, "corrected"),
        "av-align-tempotokens-2023": partial(_av_align, "tempotokens-2023"),
        "av-align-tempotokens-2025": partial(_av_align, "tempotokens-2025"),
        "av-align-adjusted-corrected": partial(_av_align, "corrected", adjusted=True),
        "av-align-adjusted-tempotokens-2023": partial(_av_align, "tempotokens-2023", adjusted=True),
        "av-align-adjusted-tempotokens-2025": partial(_av_align, "tempotokens-2025", adjusted=True),
        "synchrony": _synchrony,
        "desync": desync,
        "ib-av": partial(_imagebind, "ib-av"),
        "ib-ta": partial(_imagebind, "ib-ta", reads_captions=True),
        "ib-tv": partial(_imagebind, "ib-tv", reads_captions=True),
        "javisscore": partial(_javis, "javisscore"),
        "avhscore": partial(_javis, "avhscore"),
        "jedi": _jedi,
        "fd": partial(_audio_tagging, "fd"),
        "kl": partial(_audio_tagging, "kl"),
        "is": partial(_audio_tagging, "is"),
        "clap": _clap,
        "audiobox-ce": partial(_audiobox, "CE"),
        "audiobox-cu": partial(_audiobox, "CU"),
        "audiobox-pc": partial(_audiobox, "PC"),
        "audiobox-pq": partial(_audiobox, "PQ"),
        "audiobox-mean": partial(_audiobox, "mean"),
    },
    Joining(MetricEntry, _guard),
)

# What is judged where no metrics are named: by a scale of `run`, unless the data set has metrics
# of its own; by `score`, and joined to it where clips have captions.
DEFAULT_METRICS: Final[Mapping[str, Sequence[str]]] = {
    "mini": (
        "fvd",
        "fad",
        "ib-av",
        "ib-ta",
        "ib-tv",
        "desync",
        "av-align-corrected@miniature",
        "av-align-corrected@published",
        "av-align-adjusted-corrected@miniature",
    ),
    "paper": (
        "fvd",
        "fad",
        "ib-av",
        "ib-ta",
        "ib-tv",
        "av-align-corrected@published",
        "synchrony@impacts",
    ),
    "score": (
        "fvd",
        "fad",
        "ib-av",
        "av-align-corrected@published",
        "av-align-adjusted-corrected@published",
        "synchrony@impacts+native",
    ),
    "score with captions": ("ib-ta", "ib-tv"),
}


# --- columns -----------------------------------------------------------------------------------


def build_metrics(
    names: Sequence[str],
    settings: MetricSettings,
    *,
    strict: bool = False,
    plugins: Sequence[str] = (),
) -> tuple[Metric | Unavailable, ...]:
    """Build the columns of a table.

    Parameters
    ----------
    names : sequence of str
        NAME or NAME@PRESET of each
    settings : MetricSettings
        what they read of the command
    strict : bool
        whether a column that cannot be filled is an error
    plugins : sequence of str
        modules that offer metrics, beside installed packages

    Raises
    ------
    ConfigError
        if a name or preset is unknown, or two names give the same column
    DataError
        if weights are absent and `strict` is set
    """
    from svbench.limits import check_distinct
    from svbench.walk.plan import Unavailable

    columns: list[Metric | Unavailable] = []
    for name in names:
        base, option = split_name(name)
        entry = METRICS.known(base, plugins)
        if option and not entry.also:  # else more may stand there, and the builder checks it
            known(entry.presets, option, f"metrics {base}")
        column = entry.build(option, settings)
        if isinstance(column, Unavailable) and strict:
            raise DataError(f"--strict: {column.title} cannot be computed: {column.reason}")
        columns.append(column)
    check_distinct("--metrics", [column.name for column in columns])  # fvd, and its usual protocol
    return tuple(columns)


def split_name(name: str) -> tuple[str, str]:
    """Return the metric and the preset of NAME@PRESET."""
    base, at, option = name.partition("@")
    if at and not option:
        raise ConfigError(
            f"--metrics: found {name!r}, expected a preset behind the @; without the @, the "
            "usual one is taken"
        )
    plain, plus, view = base.partition("+")
    if plus and plain in METRICS:
        raise ConfigError(
            f"--metrics: found {name!r}, expected a preset before the +, such as "
            f"{plain}@PRESET+{view} (see svbench list metrics)"
        )
    return base, option


def reads_captions(column: str, plugins: Sequence[str] = ()) -> bool:
    """Return whether the column of this name (METRIC@PRESET) depends on captions."""
    base = column.partition("@")[0]
    return base in METRICS.names(plugins) and METRICS.known(base, plugins).reads_captions


def compares(column: Metric | Unavailable, plugins: Sequence[str] = ()) -> bool:
    """Return whether a column compares with real clips."""
    from svbench.walk.plan import Unavailable

    if not isinstance(column, Unavailable):
        return column.needs_reference
    base = column.name.partition("@")[0]
    return base in METRICS.names(plugins) and METRICS.known(base, plugins).compares
