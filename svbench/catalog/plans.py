"""Everything svbench knows by name: three tables, name -> builder.

Builders import what they need when they are called, so naming a thing costs nothing. To add a
metric, a system or a data set, write its module and add one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from svbench.errors import ConfigError, DataError
from svbench.types import ClipSpec, Example

if TYPE_CHECKING:
    from svbench.config import RunConfig, ScoreConfig
    from svbench.files.weights.loading import WeightFile
    from svbench.metrics.avalign.score import Variant
    from svbench.metrics.imagebind_scores import IBKind
    from svbench.protocols import Metric, RealClips, System
    from svbench.walk.plan import Plan, Unavailable

T = TypeVar("T")
LISTS = {"metrics": "metrics", "systems": "systems", "dataset": "datasets"}  # by flag


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set as a run sees it."""

    title: str
    spec: ClipSpec
    examples: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    reference: tuple[Example, ...] = ()  # real clips kept apart, to compare sets with


# --- data sets ---------------------------------------------------------------------------------

MINI_CLIPS = 40  # test clips of a miniature run: with all systems some 4 minutes on two cores


def _greatesthits(config: RunConfig, out: Path, *, compared: bool = False) -> Dataset:
    from svbench.catalog.hits_dataset import find

    return Dataset(*find(config, out, config.limit or MINI_CLIPS, compared=compared))


def _of_classes(config: RunConfig, out: Path, *, compared: bool = False) -> Dataset:
    from svbench.catalog.class_datasets import find

    return Dataset(*find(config, out, config.limit or MINI_CLIPS, compared=compared))


# `compared`: whether sets of clips are compared, for which a miniature keeps real clips apart
DATASETS: dict[str, Callable[..., Dataset]] = {
    "greatesthits": _greatesthits,
    "landscape": _of_classes,
    "vggsound": _of_classes,
}

# --- systems -----------------------------------------------------------------------------------


def _real(_config: RunConfig, clips: RealClips) -> System:
    from svbench.baselines import controls as reference

    return reference.real(clips)


def _shuffled(config: RunConfig, clips: RealClips) -> System:
    from svbench.baselines import controls as reference

    return reference.shuffled(clips, config.seed)


def _lagged(_config: RunConfig, clips: RealClips) -> System:
    from svbench.baselines import controls as reference

    return reference.lagged(clips)


def _forgiven(_config: RunConfig, clips: RealClips) -> System:
    from svbench.baselines import controls as reference

    return reference.lagged(clips, reference.FORGIVEN_LAG)


def _codec(config: RunConfig, clips: RealClips) -> System:
    from svbench.catalog.joint_systems import coded

    return coded(config, clips)


REFERENCES: dict[str, Callable[[RunConfig, RealClips], System]] = {
    "real": _real,
    "codec": _codec,
    "shuffled": _shuffled,
    "lagged": _lagged,
    "lagged-0.25": _forgiven,
}
USUAL_REFERENCES = ("real", "shuffled", "lagged")  # beside whatever joint weights are at hand
JOINT = ("cross-attention", "cross-attention-sequence", "cmc-pe")
SYSTEMS = (*REFERENCES, *JOINT)


def _systems(config: RunConfig) -> tuple[Callable[[RealClips], System], ...]:
    """Return the builders of a run's systems; wrong weights or settings are an error at once."""
    from svbench.catalog.checks import check_effects

    for name in config.systems:
        known(dict.fromkeys(SYSTEMS), name, "systems")
    rows = [name for name in config.systems or USUAL_REFERENCES if name in REFERENCES]
    builders = [partial(REFERENCES[name], config) for name in rows]
    trained = [name for name in config.systems if name in JOINT]
    if config.systems and not {*trained, "codec"} & {*config.systems}:
        check_effects(config, rows, joint=False)
        return tuple(builders)
    from svbench.catalog import joint_systems

    if "codec" in rows:
        joint_systems.find_codec(config)
    made = joint_systems.joint_systems(config, trained) if trained or not config.systems else []
    check_effects(config, rows, joint=bool(made))
    return (*builders, *(partial(_ready, system) for system in made))


def _ready(system: System, _clips: RealClips) -> System:
    return system


# --- metrics -----------------------------------------------------------------------------------


Build = Callable[[str, "RunConfig | ScoreConfig"], "Metric | Unavailable"]  # option, settings


def _av_align(variant: Variant, *, adjusted: bool = False) -> Build:
    def build(option: str, config: RunConfig | ScoreConfig) -> Metric:
        del config  # nothing of it decides the score of a clip
        from svbench.metrics.avalign import score as av_align
        from svbench.metrics.avalign.adjusted import AdjustedAVAlign
        from svbench.metrics.avalign.detector_files import find_detectors

        preset = (option or "published").removesuffix(NATIVE)
        kind = AdjustedAVAlign if adjusted else av_align.AVAlign
        return kind(
            variant=variant,
            detectors=find_detectors(preset),
            view="native" if option.endswith(NATIVE) else "conformed",
        )

    return build


def _synchrony(option: str, config: RunConfig | ScoreConfig) -> Metric:
    del config  # nothing of it decides the score of a clip
    from svbench.metrics.avalign.synchrony import PRESETS, Synchrony

    known(dict.fromkeys(PRESETS), option or PRESETS[0], "metrics synchrony")
    return Synchrony("native" if option.endswith(NATIVE) else "conformed")


NATIVE = "+native"  # behind detectors: clips as they were made
MINIATURE = "+miniature"  # behind a protocol: by the small networks that svbench ships
FRECHET_RESAMPLES = 200  # each costs a distance


def _protocol(option: str, usual: str, config: RunConfig | ScoreConfig) -> tuple[str, bool]:
    """Give the protocol that is asked for, and whether the small networks are to judge by it."""
    small = getattr(config, "scale", "paper") == "mini" or option.endswith(MINIATURE)
    return option.removesuffix(MINIATURE) or usual, small


def _weights(*names: str) -> list[WeightFile] | str:
    """Give files of weights, or the reason why a cell stays empty."""
    from svbench.files.weights.folder import find, weights_folder

    found = {name: find(name) for name in names}
    absent = " ".join(name for name, file in found.items() if file is None)
    if absent:
        return f"no weights in {weights_folder()}; get them by: svbench weights fetch {absent}"
    return [file for file in found.values() if file is not None]


def _fvd(option: str, config: RunConfig | ScoreConfig) -> Metric | Unavailable:
    from svbench.metrics import fvd, miniature
    from svbench.walk.plan import Unavailable

    protocol, small = _protocol(option, miniature.FVD_USUAL, config)
    chosen = known(fvd.PROTOCOLS, protocol, "metrics fvd")
    window = chosen.frames
    draws = min(config.resamples, FRECHET_RESAMPLES)
    frames = getattr(config, "frames", window)
    files = _weights(chosen.weights) if not small else []
    reason = f"{frames} frames are judged, I3D needs {window}" if frames < window else files
    if isinstance(reason, str):
        return Unavailable(f"fvd@{protocol}", f"FVD ({protocol})", "lower", reason)
    if small:
        return miniature.fvd(protocol, machine=config.scoring, resamples=draws, seed=config.seed)
    return fvd.fvd(protocol, *files, machine=config.scoring, resamples=draws, seed=config.seed)


def _fad(option: str, config: RunConfig | ScoreConfig) -> Metric | Unavailable:
    from svbench.metrics import fad, miniature
    from svbench.walk.plan import Unavailable

    protocol, small = _protocol(option, miniature.FAD_USUAL, config)
    known(fad.PROTOCOLS, protocol, "metrics fad")
    draws = min(config.resamples, FRECHET_RESAMPLES)
    if small:
        return miniature.fad(protocol, machine=config.scoring, resamples=draws, seed=config.seed)
    files = _weights("vggish")
    if isinstance(files, str):
        return Unavailable(f"fad@{protocol}", f"FAD ({protocol})", "lower", files)
    return fad.fad(protocol, *files, machine=config.scoring, resamples=draws, seed=config.seed)


def _ib(kind: IBKind) -> Build:
    def build(option: str, config: RunConfig | ScoreConfig) -> Metric | Unavailable:
        from svbench.metrics import imagebind_scores, miniature
        from svbench.metrics.networks import imagebind_inputs
        from svbench.metrics.networks.imagebind_text import ClipTokenizer
        from svbench.walk.plan import Unavailable

        name, small = _protocol(option, miniature.IB_USUAL, config)
        protocol = known(imagebind_inputs.PROTOCOLS, name, f"metrics {kind}")
        if small:
            folder = miniature.IB_FOLDERS.get(getattr(config, "dataset", ""), miniature.FOLDER)
            return miniature.ib(kind, name, machine=config.scoring, folder=folder)
        files = _weights("imagebind", "clip-bpe")
        if isinstance(files, str) and kind == "ib-av":  # which reads no captions
            files = _weights("imagebind")
        if isinstance(files, str):
            return Unavailable(f"{kind}@{name}", f"{kind.upper()} ({name})", "higher", files)
        network, *vocabulary = files
        words = ClipTokenizer(vocabulary[0]) if vocabulary else None
        extractor = imagebind_scores.ImageBindEmbeddings(
            network, protocol, words, machine=config.scoring
        )
        return imagebind_scores.IB(kind, extractor)

    return build


METRICS: dict[str, Build] = {
    "fvd": _fvd,
    "fad": _fad,
    "av-align-corrected": _av_align("corrected"),
    "av-align-tempotokens-2023": _av_align("tempotokens-2023"),
    "av-align-tempotokens-2025": _av_align("tempotokens-2025"),
    "av-align-adjusted-corrected": _av_align("corrected", adjusted=True),
    "av-align-adjusted-tempotokens-2023": _av_align("tempotokens-2023", adjusted=True),
    "av-align-adjusted-tempotokens-2025": _av_align("tempotokens-2025", adjusted=True),
    "synchrony": _synchrony,
    "ib-av": _ib("ib-av"),
    "ib-ta": _ib("ib-ta"),
    "ib-tv": _ib("ib-tv"),
}

DEFAULT_METRICS = {
    "mini": (
        "fvd",
        "fad",
        "ib-av",
        "ib-ta",
        "ib-tv",
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
}
# Tables 2 and 3 of the paper: on sounds without hits, AV-Align says nothing.
TABLES_2_AND_3 = ("fvd", "ib-tv", "fad", "ib-ta", "ib-av")
DATASET_METRICS = {"landscape": TABLES_2_AND_3, "vggsound": TABLES_2_AND_3}  # before the scale's
WITH_CAPTIONS = ("ib-ta", "ib-tv")  # joined to those of `svbench score` if clips have one

# --- plans -------------------------------------------------------------------------------------


def prepare_run(config: RunConfig, out: Path) -> Callable[[], Plan]:
    """Check all that can be checked without writing; return what puts the plan together.

    A miniature is drawn into the run folder, so its data have to wait until that is held.
    """
    from svbench.catalog.checks import check_captioned, check_data
    from svbench.walk.plan import Plan, Unavailable

    find = known(DATASETS, config.dataset, "dataset")
    check_data(config)
    usual = DATASET_METRICS.get(config.dataset, DEFAULT_METRICS[config.scale])
    columns = _columns(config.metrics or usual, config)
    systems = _systems(config)
    compared = any(not isinstance(c, Unavailable) and c.needs_reference for c in columns)

    def plan() -> Plan:
        data = find(config, out, compared=compared)
        check_captioned(columns, {config.dataset: data.examples})
        called = (data.title, config.dataset, config.scale)
        spec = replace(data.spec, frame_choice=config.frame_choice, channels=config.channels)
        made = Plan(*called, spec, data.examples, columns, systems, notes=data.notes)
        return replace(made, reference=data.reference)

    if config.scale == "mini":
        return plan
    made = plan()
    return lambda: made


def plan_score(config: ScoreConfig, out: Path | None = None) -> Plan:
    """Put together what `svbench score` walks through, to write it into `out`."""
    from svbench.catalog.checks import check_captioned, check_captions, usual_of_captions
    from svbench.datasets.scored import load_scored
    from svbench.walk.plan import Plan
    from svbench.walk.shuffled_floor import NOTE, check_floor_names

    check_captions(config.captions)
    found = load_scored(config.generated, config.reference, config.captions, out)
    check_floor_names(found.folders)
    columns, notes = _columns(config.metrics or DEFAULT_METRICS["score"], config), found.notes
    if config.metrics:
        check_captioned(columns, found.folders)
    else:
        captioned, more = usual_of_captions(_columns(WITH_CAPTIONS, config), found, config.strict)
        columns, notes = (*columns, *captioned), (*notes, *more)
    return Plan(
        title=f"Clips against {config.reference.resolve().name}",
        dataset=config.reference.resolve().name,
        scale="elsewhere",
        spec=config.spec,
        real=found.real,
        columns=columns,
        folders=found.folders,
        notes=(f"every clip brought to {config.spec}, from its start", *notes, NOTE),
    )


def _columns(
    names: Sequence[str], config: RunConfig | ScoreConfig
) -> tuple[Metric | Unavailable, ...]:
    """Build the metrics; with --strict, one that cannot be built is an error."""
    from svbench.catalog.checks import check_scoring
    from svbench.limits import check_distinct
    from svbench.walk.plan import Unavailable

    columns: list[Metric | Unavailable] = []
    for name in names:
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
        column = known(METRICS, base, "metrics")(option, config)
        if isinstance(column, Unavailable) and config.strict:
            raise DataError(f"--strict: {column.title} cannot be computed: {column.reason}")
        columns.append(column)
    check_distinct("--metrics", [column.name for column in columns])  # fvd, and its usual protocol
    check_scoring(config, columns)
    return tuple(columns)


def known(table: Mapping[str, T], name: str, flag: str) -> T:
    """Look a name up, or say in one line which names there are."""
    if name not in table:
        see = LISTS.get(flag.split()[0])
        listed = f" (see svbench list {see})" if see else ""
        raise ConfigError(f"--{flag}: found {name!r}, expected one of {', '.join(table)}{listed}")
    return table[name]
