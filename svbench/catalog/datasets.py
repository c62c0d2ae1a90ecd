"""The table of data sets: one entry owns everything that svbench ties to the name of a data set.

An entry holds what reads the real set, what draws its miniature, its default metrics, what the
paper states about it, and the folders of the small networks trained on its miniature. Other rooms
take these as folders and numbers. To add a data set, write its loader (and what draws its
miniature) and one entry here.

At `--scale mini` the miniature is drawn into the run folder in the real set's form on disk; at
either scale the same loader reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.catalog.guarded_datasets import guard_dataset
from svbench.catalog.registry import Joining, Registry
from svbench.datasets.prepared import cutting_notes
from svbench.datasets.survey import Surveying, selected
from svbench.errors import ConfigError
from svbench.limits import GAMMAS
from svbench.preparation.settings import Preparation
from svbench.types import ClipSpec, Example

if TYPE_CHECKING:
    from svbench.baselines.miniature.design import Design
    from svbench.config import RunConfig

MINI_CLIPS: Final = (
    40  # test clips of a miniature run: with all systems some 4 minutes on two cores
)
NOTE: Final = "miniature: drawn and synthesised clips, not comparable with published figures"
TUNABLE: Final = (
    "the data folder holds annotated hits: `svbench tune-avalign --data-root` chooses detectors of "
    "AV-Align on them"
)

Categories = Callable[[str, str], Mapping[str, str]]  # of an example, from its id and caption
# folder of the real set, settings -> examples, and notes for the table
Load = Callable[[Path, "RunConfig"], tuple[tuple[Example, ...], tuple[str, ...]]]


def _as_many(clips: int) -> int:
    return clips


def _every(_example: Example) -> bool:
    return True


def _usual_design() -> Design:
    from svbench.baselines.miniature.design import Design

    return Design()


@dataclass(frozen=True, slots=True)
class Miniature:
    """A small rendition of a data set, drawn and synthesised by svbench.

    Parameters
    ----------
    draw : callable
        `draw(root, seed=..., test=40)` draws so many clips of each split into a folder
    load : callable
        `load(root, split=..., limit=...)` returns the examples of that folder
    spec : ClipSpec
        the format in which its clips are judged
    version : int
        raised when the same seed gives other clips
    to_draw : callable
        test clips to draw so that a given number of them is judged
    is_judged : callable
        whether an example of the test split is judged
    unjudged : str
        why others are not, for the note that counts them
    notes : tuple of str
        for the table, behind the one that all miniatures have
    design : callable
        returns the sizes of its joint models' networks
    """

    draw: Callable[..., None]
    load: Callable[..., tuple[Example, ...]]
    spec: ClipSpec
    version: int
    to_draw: Callable[[int], int] = _as_many
    is_judged: Callable[[Example], bool] = _every
    unjudged: str = ""
    notes: tuple[str, ...] = ()
    design: Callable[[], Design] = _usual_design


@dataclass(frozen=True, slots=True)
class Published:
    """What the paper states about a data set: Tables 1 to 3, and section 4.1.

    Parameters
    ----------
    batch, epochs : int
        of a training, batch in clips
    gammas : tuple of float
        at which models with adjusted time steps are sampled; none: the preset's alone
    all_mixers : bool
        whether its table compares the mixers, or shows the adjusted one alone
    """

    batch: int
    epochs: int
    gammas: tuple[float, ...] = ()
    all_mixers: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that `--dataset` takes.

    Parameters
    ----------
    title : str
        its name above a table
    about : str
        one line for `svbench list datasets`
    spec : ClipSpec
        the format in which its clips are judged at full size
    captions : str
        where its captions come from, for the list
    load : callable
        reads the real set: folder and settings -> examples and notes
    splits : sequence of str
        the parts that it is divided into
    miniature : Miniature, optional
        what `--scale mini` draws in its place
    metrics : sequence of str
        judged where none are named, in place of the scale's defaults
    published : Published, optional
        what the paper states about it
    joint_weights : str, optional
        folder of the small joint models trained on its miniature, in that of
        `svbench.baselines.miniature`; None: svbench ships none
    imagebind_weights : str
        folder of the small ImageBind that embeds its captions, in that of
        `svbench.metrics.miniature`
    categories : callable, optional
        id and caption of an example -> kind -> category, for run folders whose requests.jsonl has
        no categories; a loader gives them with its examples
    listed_name : callable, optional
        what a CSV list of captions, which `load` reads, calls an example; None: there are no such
        lists
    prepare : Preparation, optional
        how its archive becomes a folder that `load` reads, where it needs that
    surveying : Surveying
        what `svbench data check` begins with: the lists, also where clips are missing
    """

    title: str
    about: str
    spec: ClipSpec
    captions: str
    load: Load
    splits: Sequence[str] = ("train", "test")
    miniature: Miniature | None = None
    metrics: Sequence[str] = ()
    published: Published | None = None
    joint_weights: str | None = None
    imagebind_weights: str = "."
    categories: Categories | None = None
    listed_name: Callable[[Example], str] | None = None
    prepare: Preparation | None = None
    surveying: Surveying = field(default_factory=Surveying)


@dataclass(frozen=True, slots=True)
class LoadedDataset:
    """The clips of a data set that a run judges."""

    title: str
    spec: ClipSpec
    examples: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    reference: tuple[Example, ...] = ()  # real clips kept apart, to compare sets with
    # Of a real set, for the record: which of its clips they are (split, list, limit).
    selection: Mapping[str, str | int | None] = field(default_factory=dict)


# --- entries -----------------------------------------------------------------------------------


def _greatesthits() -> Dataset:
    from svbench.datasets import greatesthits as real
    from svbench.datasets import greatesthits_survey as surveys
    from svbench.miniature import greatesthits as small
    from svbench.miniature.drawing import strokes
    from svbench.preparation.greatesthits import PREPARATION

    def load(root: Path, config: RunConfig) -> tuple[tuple[Example, ...], tuple[str, ...]]:
        split, captions = config.split, config.captions
        examples = real.load(
            root,
            split=split,
            captions=captions,
            limit=config.limit,
            allow_missing=config.allow_missing,
        )
        annotated = any(example.onsets for example in examples)
        return examples, (*real.notes(root, split, captions), *((TUNABLE,) if annotated else ()))

    return Dataset(
        title="Greatest Hits",
        about=_first_line(real.__doc__),
        spec=real.SPEC,
        captions=real.CAPTIONS,
        load=load,
        miniature=Miniature(
            small.draw,
            real.load,
            small.SPEC,
            small.VERSION,
            to_draw=strokes.drawn_for,
            is_judged=lambda example: bool(example.onsets),
            unjudged="the drumstick strikes nothing in them, so that nothing could be in time",
        ),
        published=Published(batch=16, epochs=1000, gammas=GAMMAS, all_mixers=True),
        joint_weights=".",
        listed_name=real.listed_name,
        prepare=PREPARATION,
        surveying=Surveying(surveys.survey, surveys.list_of, surveys.recording_of, real.FORM),
    )


def _landscape() -> Dataset:
    from svbench.datasets import landscape as real
    from svbench.miniature import landscape as small
    from svbench.preparation.landscape import PREPARATION

    return _of_scenes(real, small, Published(batch=16, epochs=100), "landscape", PREPARATION)


def _vggsound() -> Dataset:
    from svbench.datasets import vggsound as real
    from svbench.miniature import vggsound as small
    from svbench.preparation.vggsound import PREPARATION

    return _of_scenes(real, small, Published(batch=128, epochs=30), "vggsound", PREPARATION)


def _of_scenes(
    real: Any, small: Any, published: Published, joint_weights: str, prepare: Preparation
) -> Dataset:
    """Return the entry of a data set of scenes, captioned by classes, from its two modules."""
    from svbench.miniature.drawing.scenes import SPEC

    return Dataset(
        title=real.NAME,
        about=_first_line(real.__doc__),
        spec=real.SPEC,
        captions=real.CAPTIONS,
        load=_listed(real.load),
        miniature=Miniature(small.draw, real.load, SPEC, small.VERSION, design=_frames_design),
        # Of Tables 2 and 3: AV-Align is not informative for sounds without onsets.
        metrics=("fvd", "ib-tv", "fad", "ib-ta", "ib-av"),
        published=published,
        joint_weights=joint_weights,
        imagebind_weights="scenes",
        categories=real.categories,
        listed_name=real.listed_name,
        prepare=prepare,
        surveying=Surveying(real.survey, real.list_of, real.recording_of, real.FORM),
    )


def _first_line(doc: str | None) -> str:
    return (doc or "").partition("\n")[0].rstrip(".")


def _listed(read: Callable[..., tuple[Example, ...]]) -> Load:
    """Return the loader of a set whose `--captions` list clips, of which some may be missing."""

    def load(root: Path, config: RunConfig) -> tuple[tuple[Example, ...], tuple[str, ...]]:
        examples = read(
            root,
            split=config.split,
            limit=config.limit,
            listing=config.captions,
            allow_missing=config.allow_missing,
        )
        return examples, cutting_notes(root)

    return load


def _frames_design() -> Design:
    """Return the sizes of networks for scenes that move everywhere, such as rain."""
    from svbench.baselines.miniature.design import Design

    return Design("frames", (40, 56), codec_bits=8)


DATASETS: Final[Registry[Dataset]] = Registry(
    "dataset",
    {
        "greatesthits": _greatesthits,
        "landscape": _landscape,
        "vggsound": _vggsound,
    },
    Joining(Dataset, guard_dataset),
)


# --- reading -----------------------------------------------------------------------------------


def spec_of(config: RunConfig) -> ClipSpec:
    """Return the format of the clips that systems make, at the scale of a run."""
    entry = DATASETS.known(config.dataset, config.plugins)
    small = entry.miniature if config.scale == "mini" else None
    return entry.spec if small is None else small.spec


def load_dataset(config: RunConfig, out: Path, *, compared: bool = False) -> LoadedDataset:
    """Return the clips that a run judges; a miniature is drawn into the run folder `out` first.

    A miniature has `--limit` clips, and as many for reference if sets of clips are `compared`.
    Real data sets have no reference apart.
    """
    from svbench.catalog.checks import check_data, real_root

    entry = DATASETS.known(config.dataset, config.plugins)
    check_data(config)
    if config.scale == "mini":
        clips = config.limit or MINI_CLIPS
        return load_miniature(config, out / "data", clips, compared=compared)
    root = real_root(config)
    examples, notes = entry.load(root, config)
    selection = selected(entry.surveying, root, config.split, config.captions, config.limit)
    return LoadedDataset(entry.title, entry.spec, examples, notes, selection=selection)


def load_miniature(
    config: RunConfig, root: Path, clips: int, *, compared: bool, draw: bool = True
) -> LoadedDataset:
    """Return the clips of a miniature in a folder; unless `draw`, only those that lie there."""
    small = drawn(config.dataset, config.plugins)
    judged = config.split == "test"
    splits = (config.split, *(("reference",) if compared else ()))
    count = small.to_draw(clips) if judged else clips
    if draw:
        small.draw(root, seed=config.seed, **dict.fromkeys(splits, count))
    found = [small.load(root, split=split, limit=count) for split in splits]
    kept = [tuple(filter(small.is_judged, part)) if judged else part for part in found]
    examples, *reference = (part[:clips] for part in kept)
    title = f"{DATASETS.known(config.dataset, config.plugins).title}, miniature"
    return LoadedDataset(
        title=title,
        spec=small.spec,
        examples=examples,
        notes=(NOTE, *small.notes, *_unjudged(title, found[0], kept[0], small.unjudged)),
        reference=reference[0] if reference else (),
    )


def _unjudged(
    title: str, found: Sequence[Example], kept: Sequence[Example], why: str
) -> Iterator[str]:
    """Yield how many of the drawn clips of a test split are not judged, if there are any."""
    if len(kept) < len(found):
        reason = f": {why}" if why else ""
        left_out = f"{len(found) - len(kept)} of {len(found)} drawn test clips are not judged"
        yield f"{title}: {left_out}{reason}"


def usual_mixers(name: str) -> tuple[MixerKind, ...]:
    """Return the mixers whose joint models are trained for a data set where none are named."""
    published = DATASETS.known(name).published
    compared = published is not None and published.all_mixers
    return tuple(kind for kind, mixer in MIXERS.items() if compared or mixer.adjusted)


def drawn(name: str, plugins: Sequence[str] = ()) -> Miniature:
    """Return the miniature of a data set; raise ConfigError if it has none."""
    entry = DATASETS.known(name, plugins)
    if entry.miniature is None:
        raise ConfigError(f"--dataset {name}: it has no miniature, expected --scale paper")
    return entry.miniature


def training_clips(name: str, root: Path, *, seed: int, clips: int) -> tuple[Example, ...]:
    """Draw the training clips of a miniature, unless they are there, and return them."""
    small = drawn(name)
    small.draw(root, seed=seed, train=clips)
    return small.load(root, split="train", limit=clips)
