"""The table of systems: controls made of real clips, and joint models, each with its rows.

A control gives one row. A joint model gives a row for each gamma, from the same requests and
seeds, so that rows can be compared clip by clip. Without `--gamma` the rows are those of the
paper's table of the data set, at either scale: cross-attention at gamma 1; CMC-PE over the gammas
of Table 1 on Greatest Hits, and at the preset's gamma elsewhere.

The weights of joint models are, at `--scale paper`, in the folders of `--weights`; at
`--scale mini` they come with svbench, or from a folder that `svbench train-systems` wrote.

Other people's systems give one row each: see `svbench.catalog.external`, and for those of the
paper's tables `svbench.catalog.paper_rows`.

To add a system, write its module and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.catalog.external_names import EXTERNAL
from svbench.catalog.guards import guard_system
from svbench.catalog.plugins import Offer, guarded
from svbench.catalog.registry import Joining, Registry
from svbench.compute import Machine
from svbench.errors import ConfigError, DataError
from svbench.limits import CORES

if TYPE_CHECKING:
    from svbench.baselines.joint.system import OnDisk
    from svbench.config import RunConfig
    from svbench.protocols import RealClips, System

MINI_BATCH: Final = 20  # clips sampled together at the miniature's scale: at 8 a third is overhead

Build = Callable[["RealClips"], "System"]  # on the usable real clips


@dataclass(frozen=True, slots=True)
class SystemEntry:
    """A system that `--systems` takes.

    Parameters
    ----------
    title : str
        its name in a table
    rows : callable
        settings -> what builds each of its rows; wrong settings or weights raise at once
    made_of_real_clips : bool
        whether its clips hold pictures or sound of real ones (a control)
    usual : bool
        whether a run that names no systems makes it, joint models where weights are at hand
    reads : sequence of str
        settings of models that decide its clips; those that no system of a run reads are refused
    parents : sequence of str
        systems whose clips its rows complete, which are made as well
    """

    title: str
    rows: Callable[[RunConfig], Sequence[Build]]
    made_of_real_clips: bool = False
    usual: bool = False
    reads: Sequence[str] = ("repeats",)
    parents: Sequence[str] = ()


# --- controls ----------------------------------------------------------------------------------


def _control(
    title: str,
    rows: Callable[[RunConfig], Sequence[Build]],
    *,
    usual: bool = False,
    reads: Sequence[str] = (),
) -> SystemEntry:
    return SystemEntry(title, rows, made_of_real_clips=True, usual=usual, reads=reads)


def _real() -> SystemEntry:
    from svbench.baselines import controls

    rows = [controls.real]
    return _control(controls.REAL_TITLE, lambda _: rows, usual=True)


def _shuffled() -> SystemEntry:
    from svbench.baselines import controls

    def rows(config: RunConfig) -> Sequence[Build]:
        if config.limit == 1:
            raise ConfigError(
                "--limit: found 1, expected at least 2 for the row shuffled (see --systems)"
            )
        return [partial(controls.shuffled, seed=config.seed)]

    return _control(controls.SHUFFLED_TITLE, rows, usual=True)


def _lagged() -> SystemEntry:
    from svbench.baselines import controls

    rows = [partial(controls.lagged, lag=controls.LAG)]
    title = controls.LAGGED_TITLE.format(controls.LAG)
    return _control(title, lambda _: rows, usual=True)


def _slightly_lagged() -> SystemEntry:
    from svbench.baselines import controls

    rows = [partial(controls.lagged, lag=controls.SMALL_LAG)]
    title = controls.LAGGED_TITLE.format(controls.SMALL_LAG)
    return _control(title, lambda _: rows)


def _codec() -> SystemEntry:
    from svbench.baselines.controls import CODEC_TITLE

    return _control(CODEC_TITLE, _codec_rows, reads=("weights",))


def _codec_rows(config: RunConfig) -> Sequence[Build]:
    """Return the row of real clips encoded and decoded by the codecs of the first joint model."""
    from svbench.baselines.checkpoints.base_models import HOW_TO_GET
    from svbench.baselines.controls import CodecRoundTrip
    from svbench.baselines.joint.system import short_digest

    models = joint_models(config)
    if not models:
        raise DataError(f"--systems codec: found no joint weights, expected {HOW_TO_GET}")
    model, machine = next(iter(models.values())), Machine(config.device)
    small = _small(config, machine)  # an absent device is an error before the folder is made
    machine = machine if small else _on_all_cores(machine)

    def build(clips: RealClips) -> System:
        digest = short_digest(model.weights())
        load = partial(model.load_codecs, machine)
        return CodecRoundTrip(clips, load, digest, machine, shares_device=small)

    return [build]


# --- joint models ------------------------------------------------------------------------------


def _joint(mixer: MixerKind) -> SystemEntry:
    from svbench.catalog.checks import OF_MODELS

    return SystemEntry(
        MIXERS[mixer].title, partial(_joint_rows, mixer), usual=True, reads=OF_MODELS
    )


def _joint_rows(mixer: MixerKind, config: RunConfig) -> Sequence[Build]:
    """Return a row per gamma; none if there are no weights and the model is not named."""
    from svbench.baselines.checkpoints.base_models import HOW_TO_GET

    models = joint_models(config)
    if mixer in models:
        gammas = _gammas(config, mixer)
        model = _shared(config, models[mixer], len(gammas))
        systems = [joint_system(config, mixer, model, gamma) for gamma in gammas]
        return [partial(_ready, system) for system in systems]
    if mixer in config.systems:
        wanted = HOW_TO_GET if config.scale == "paper" else f"one of {', '.join(models)}"
        raise DataError(f"--systems {mixer}: found no weights of it, expected {wanted}")
    return []


def _shared(config: RunConfig, model: OnDisk, rows: int) -> OnDisk:
    """Return a model of true size as one that its rows share; each row loads small ones anew."""
    if config.scale == "mini":
        return model
    from svbench.baselines.checkpoints.find import Found
    from svbench.baselines.checkpoints.shared import SharedModel

    return SharedModel(model, rows) if isinstance(model, Found) else model


def _ready(system: System, _clips: RealClips) -> System:
    return system


def joint_models(config: RunConfig) -> Mapping[MixerKind, OnDisk]:
    """Return the joint models whose weights are at hand."""
    from svbench.baselines import miniature
    from svbench.catalog.datasets import DATASETS

    for word in config.weights:
        if not word.strip() or word.endswith("="):
            raise ConfigError(f"--weights: found {word!r}, expected FOLDER or SYSTEM=FOLDER")
    if config.scale == "paper" and not config.weights:
        return {}
    if config.scale == "paper":
        from svbench.baselines.checkpoints.find import find_models

        return find_models(config.weights)
    if len(config.weights) > 1:
        raise ConfigError(
            f"--weights {config.weights[1]}: found a second folder, expected one that "
            "svbench train-systems wrote, or --scale paper beside it"
        )
    shipped = DATASETS.known(config.dataset, config.plugins).joint_weights
    if not config.weights and shipped is None:
        return {}
    folder = Path(config.weights[0]) if config.weights else miniature.FOLDER / str(shipped)
    models = {mixer: miniature.Shipped(mixer, folder) for mixer in miniature.shipped(folder)}
    if config.weights and not models:
        raise DataError(
            f"--weights {folder}: found no joint weights of the miniature, expected a folder "
            "that svbench train-systems wrote; for others add --scale paper"
        )
    return models


def _gammas(config: RunConfig, mixer: MixerKind) -> Sequence[float | None]:
    """Return the gammas of a mixer's rows; None is the preset's."""
    from svbench.catalog.datasets import DATASETS

    if config.gamma:
        return config.gamma
    if not MIXERS[mixer].adjusted:
        return (1.0,)  # as the baselines of Table 1: nothing is adjusted
    published = DATASETS.known(config.dataset, config.plugins).published
    return (published.gammas if published is not None else ()) or (None,)


def joint_system(config: RunConfig, mixer: MixerKind, model: OnDisk, gamma: float | None) -> System:
    """Return a row of a joint model; None as gamma is the preset's."""
    from svbench.baselines import miniature
    from svbench.baselines.joint.pair import Pair
    from svbench.baselines.joint.system import Joint, recipe

    chosen = recipe(config.preset, steps=config.steps, gamma=gamma)
    batch = config.batch
    guidance = chosen.sampler.guidance
    if config.scale == "mini":
        guidance = miniature.GUIDANCE
        batch = batch or MINI_BATCH
    if config.guidance is not None:
        guidance = Pair(*config.guidance)
    chosen = replace(chosen, sampler=replace(chosen.sampler, guidance=guidance))
    machine = Machine(config.device, config.dtype, batch=batch)
    small = _small(config, machine)
    machine = machine if small else _on_all_cores(machine)
    return Joint(mixer, model, chosen, machine, compiled=config.compile, copies=small)


def _small(config: RunConfig, machine: Machine) -> bool:
    """Return whether several models may be loaded and compute side by side."""
    return config.scale == "mini" and machine.kind == "cpu"


def _on_all_cores(machine: Machine) -> Machine:
    """Return a machine whose forward passes use all cores of a CPU, one pass at a time.

    Several large models do not fit into memory, nor do their activations. How many workers there
    are changes nothing; how many cores changes how sums are rounded, and is on record.
    """
    return replace(machine, threads=CORES) if machine.kind == "cpu" else machine


# --- other people's systems --------------------------------------------------------------------


def _external(name: str) -> SystemEntry:
    from svbench.catalog.external import external_rows, find_system

    named = find_system(name, SYSTEMS)
    real, rows = named.made_of_real_clips, partial(external_rows, named)
    return SystemEntry(named.title(), rows, made_of_real_clips=real)


def _own(path: str, _plugins: Sequence[str]) -> SystemEntry:
    """Return the entry of `external:PATH`."""
    return _external(f"external:{path}")


def _relay(half: str, argument: str, plugins: Sequence[str]) -> SystemEntry:
    """Return the entry of `audio-of:PARENT>SYSTEM` or `picture-of:PARENT>SYSTEM`."""
    from svbench.catalog.external import find_system, relay_rows

    parent, arrow, name = argument.partition(">")
    if not (parent and arrow and name):
        raise ConfigError(
            f"--systems {half}:{argument}: expected {half}:SYSTEM>EXTERNAL, in quotes"
        )
    named, other = find_system(name, SYSTEMS), SYSTEMS.known(parent, plugins)

    def rows(config: RunConfig) -> Sequence[Build]:
        parents = other.rows(config)
        if not parents:
            raise DataError(
                f"--systems {half}:{argument}: found no row of {parent}, expected its weights"
            )
        return relay_rows(named, half, parents, config)

    return SystemEntry(named.title(parent), rows, reads=other.reads, parents=(parent,))


def _diffusers(argument: str, _plugins: Sequence[str]) -> SystemEntry:
    """Return the entry of `diffusers:CLASS=FOLDER`, or of two of these with a + between them."""
    from svbench.catalog.diffusers_rows import diffusers_rows, find_pipelines

    named = find_pipelines(argument)
    return SystemEntry(named.title, partial(diffusers_rows, named), reads=named.reads)


def _guard(entry: SystemEntry, offer: Offer) -> SystemEntry:
    """Return the entry of a plug-in, whose exceptions name the plug-in."""
    rows = guarded(entry.rows, offer.origin, ConfigError)

    def guard(build: Build) -> Build:
        build = guarded(build, offer.origin, ConfigError)
        return lambda clips: guard_system(build(clips), offer)

    return replace(entry, rows=lambda config: [guard(build) for build in rows(config)])


JOINT: Final = tuple(sorted(MIXERS, key=lambda mixer: MIXERS[mixer].adjusted))  # as in Table 1
ADJUSTED: Final = tuple(mixer for mixer in JOINT if MIXERS[mixer].adjusted)
SYSTEMS: Final[Registry[SystemEntry]] = Registry(
    "systems",
    {
        "real": _real,
        "codec": _codec,
        "shuffled": _shuffled,
        "lagged": _lagged,
        "lagged-0.25": _slightly_lagged,
        **{mixer: partial(_joint, mixer) for mixer in JOINT},
        **{name: partial(_external, name) for name in EXTERNAL},
    },
    Joining(SystemEntry, _guard),
    {
        "diffusers": _diffusers,
        "external": _own,
        **{half: partial(_relay, half) for half in ("audio-of", "picture-of")},
    },
)


# --- rows --------------------------------------------------------------------------------------


def build_systems(
    config: RunConfig, beside: Mapping[str, Sequence[str]] | None = None
) -> tuple[Build, ...]:
    """Return what builds the rows of a run: controls as named, then models in the table's order.

    `beside` holds the settings that other rows of the run read, by system.

    Raises
    ------
    ConfigError
        if a name is unknown, or a setting has no effect on any row
    DataError
        if weights are missing or wrong
    """
    from svbench.catalog.checks import check_effects

    entries = {name: SYSTEMS.known(name, config.plugins) for name in config.generated}
    if not config.systems:
        entries = {name: entry for name, entry in SYSTEMS.items() if entry.usual}
    for parent in [parent for entry in entries.values() for parent in entry.parents]:
        entries.setdefault(parent, SYSTEMS.known(parent, config.plugins))
    controls = [name for name, entry in entries.items() if entry.made_of_real_clips]
    order = dict.fromkeys([*SYSTEMS, *entries])
    models = [name for name in order if name in entries and name not in controls]
    rows = [row for name in controls for row in entries[name].rows(config)]
    made = {name: entries[name].rows(config) for name in models}
    if config.systems and any(made.values()):
        _check_used(config, list(entries))
    with_rows = [*controls, *(name for name, of in made.items() if of)]
    beside = {**(beside or {}), **dict.fromkeys(config.joined, ("repeats",))}
    check_effects(config, {name: entries[name].reads for name in with_rows} | beside)
    return (*rows, *(row for of in made.values() for row in of))


def _check_used(config: RunConfig, systems: Sequence[str]) -> None:
    """Refuse weights of a joint model that no row is made of."""
    if config.scale != "paper" or "codec" in systems:
        return
    named = [name for name in systems if name in JOINT]
    unused = [mixer for mixer in joint_models(config) if mixer not in named]
    if unused:
        raise ConfigError(
            f"--weights: found a joint model of {unused[0]}, expected only those of --systems "
            f"{', '.join(named or systems)}"
        )
