"""The clips and features of a planned run: how many there will be, and which lie there already.

Nothing is written. A miniature is not drawn: clips that its folder does not hold yet are counted,
without ids. What a run folder holds is looked up as the run itself would, by request and settings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final

from svbench.api.planned import Planned
from svbench.catalog.datasets import MINI_CLIPS, drawn, load_miniature
from svbench.config import RunConfig
from svbench.doctor.pacing import seconds_each
from svbench.errors import DataError
from svbench.files import media
from svbench.files.feature_store import CACHE, FeatureStore, clip_key, shared_cache
from svbench.files.set_manifest import Kept
from svbench.files.store import Store, identify
from svbench.protocols import System
from svbench.types import Clip, ClipSpec, Example, Sample, Setting
from svbench.walk.extract import SHARD
from svbench.walk.make_shard import made_by
from svbench.walk.plan import Data, Plan, is_paired, metrics_of
from svbench.walk.record import open_record
from svbench.walk.requests import requests_for

UNKNOWN: Final = "clip-"  # ids of clips that are not drawn yet


class Originals:
    """The real clips of a run; a clip is opened or hashed when it is asked for."""

    def __init__(self, examples: Sequence[Example], clips: int, spec: ClipSpec) -> None:
        self._known = {example.id: example for example in examples}
        self._digests: dict[str, str] = {}
        self.spec = spec
        more = range(len(self._known), clips)
        self.examples = (*self._known, *(f"{UNKNOWN}{number}" for number in more))

    @property
    def known(self) -> tuple[Example, ...]:
        """Return the clips that are there."""
        return tuple(self._known.values())

    def read(self, example: str, spec: ClipSpec) -> Clip:
        """Decode a clip; raise DataError if it is not there or cannot be read."""
        return media.read(self._found(example).recording, spec)

    def digest(self, example: str) -> str:
        """Return the digest of a clip; raise DataError if it is not there or cannot be read."""
        if example not in self._digests:
            recording = self._found(example).recording
            self._digests[example], _ = identify(recording, self.spec, pad=False)
        return self._digests[example]

    def _found(self, example: str) -> Example:
        if example not in self._known:
            raise DataError(f"{example}: not drawn yet, expected a clip")
        return self._known[example]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table to be.

    Parameters
    ----------
    name, title : str
        as in the table
    clips : int
        of the row
    kept : tuple of Kept
        those in the store that need not be made again
    settings : mapping
        of the system; empty for clips made elsewhere
    made_elsewhere : bool
        whether its clips are there as they are, and none are stored
    """

    name: str
    title: str
    clips: int
    kept: tuple[Kept, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    made_elsewhere: bool = False

    @property
    def to_make(self) -> int:
        """Return how many clips are to be made."""
        return 0 if self.made_elsewhere else self.clips - len(self.kept)

    @property
    def size(self) -> float | None:
        """Return the mean bytes of a stored clip; None without one."""
        return sum(kept.size for kept in self.kept) / len(self.kept) if self.kept else None

    @property
    def seconds(self) -> float | None:
        """Return the mean seconds of a clip when they were made; None where that is not known."""
        times = [kept.sample.recording.path.stat().st_mtime for kept in self.kept]
        return seconds_each(times, int(self.settings.get("batch", 1)))


@dataclass(frozen=True, slots=True)
class Features:
    """The features that a run needs."""

    clips: int  # distinct clips that are measured
    clips_left: int  # of which some features are not there
    needed: int
    there: int


@dataclass(frozen=True)
class Survey:
    """A planned run, and what its folder holds."""

    planned: Planned
    plan: Plan
    spec: ClipSpec
    originals: Originals
    systems: tuple[System, ...]
    rows: tuple[Row, ...]
    reference: Sequence[Example]  # with which sets are compared; none: no metric compares
    folders: Mapping[str, Sequence[Example]]
    to_draw: int  # clips of a miniature that are not drawn yet
    reference_to_draw: int  # and of those with which sets are compared

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of the extractors that all rows need."""
        return tuple(dict.fromkeys(m.extractor.key for m in metrics_of(self.plan.columns)))

    @cached_property
    def features(self) -> Features:
        """Return the features that are needed, and how many of them are there."""
        stores = list(_feature_stores(self.planned.folder))
        needed: dict[str, set[str]] = defaultdict(set)
        for number, (clip, keys) in enumerate(self._measured(hashed=bool(stores))):
            needed[clip or f"not known {number}"].update(keys)
        there = {
            clip: {key for key in keys if any(s.load(key, clip) is not None for s in stores)}
            for clip, keys in needed.items()
        }
        return Features(
            clips=len(needed),
            clips_left=sum(there[clip] != keys for clip, keys in needed.items()),
            needed=sum(map(len, needed.values())),
            there=sum(map(len, there.values())),
        )

    def _measured(self, *, hashed: bool) -> Iterator[tuple[str | None, Sequence[str]]]:
        """Yield each clip that is measured, None if it is not made yet, and its extractors."""
        for row in self.rows:
            if not row.made_elsewhere:
                yield from ((clip_key(kept.sample), self.keys) for kept in row.kept)
                yield from [(None, self.keys)] * row.to_make
        for example in chain.from_iterable(self.folders.values()):
            yield self._recorded(example, hashed=hashed), self.keys
        for examples, to_draw, keys in self._compared:
            if keys:
                yield from ((self._recorded(one, hashed=hashed), keys) for one in examples)
                yield from [(None, keys)] * to_draw

    @property
    def _compared(self) -> Iterator[tuple[Sequence[Example], int, Sequence[str]]]:
        """Yield real clips with which clips are compared, more to draw, and their extractors.

        Sets are compared with those that are kept apart, if there are any; paired metrics compare
        each clip with the real one that it was asked for.
        """
        comparing = [m for m in metrics_of(self.plan.columns) if m.needs_reference]
        sets = [m.extractor.key for m in comparing if not is_paired(m)]
        yield self.reference, self.reference_to_draw, sets
        pairs = [m.extractor.key for m in comparing if is_paired(m)]
        yield self.originals.known, self.to_draw, pairs

    def _recorded(self, example: Example, *, hashed: bool) -> str:
        """Return the key of a clip's features; its place where none can be there."""
        place = f"{example.recording} {example.caption}"
        if not hashed:
            return place
        try:
            digest, _ = identify(example.recording, self.spec, pad=self.plan.pad)
        except DataError:
            return place
        return clip_key(Sample(example.id, example.caption, example.recording, digest))

    @property
    def seconds_measured(self) -> float | None:
        """Return the mean seconds of a clip's extraction in this folder, if it was as planned.

        None where the folder has no features of one of the extractors: their time is not known.
        """
        root = self.planned.folder / "features"
        times = [[f.stat().st_mtime for f in (root / k).rglob("*.npz")] for k in self.keys]
        return seconds_each(max(times, key=len), SHARD) if times and all(times) else None


def survey(planned: Planned) -> Survey:
    """Return what a planned run makes and measures.

    Raises
    ------
    ConfigError, DataError
        as the run itself would, before it begins to work
    """
    plan = planned.build()
    record = open_record(plan.settings, planned.folder)
    clips, data = _data(planned, plan)
    originals = Originals(data.real, clips, data.spec)
    systems = tuple(build(originals) for build in plan.systems)
    store = Store(planned.folder)
    record.check(systems, originals.known, store)
    rows = [_row(system, plan, originals, store) for system in systems]
    joined = {one.name: one.clips for one in plan.join(data.real)}
    folders = {**joined, **data.folders}
    rows += [Row(n, n, len(of), made_elsewhere=True) for n, of in folders.items()]
    if data.folders and data.real:
        rows.append(Row("real", "real clips", len(data.real), made_elsewhere=True))
    compared = any(metric.needs_reference for metric in metrics_of(plan.columns))
    reference = (data.reference or data.real) if compared else ()
    return Survey(
        planned=planned,
        plan=plan,
        spec=data.spec,
        originals=originals,
        systems=systems,
        rows=tuple(rows),
        reference=reference,
        folders={**folders, "real": data.real} if data.folders else folders,
        to_draw=clips - len(data.real),
        reference_to_draw=clips - len(reference) if compared else 0,
    )


def _data(planned: Planned, plan: Plan) -> tuple[int, Data]:
    """Return how many real clips there will be, and the clips that are there."""
    config = planned.config
    if not isinstance(config, RunConfig) or config.scale != "mini":
        data = plan.read()  # reads lists, and draws nothing
        _check_files(chain(data.real, data.reference, *data.folders.values()))
        return len(data.real), data
    compared = any(metric.needs_reference for metric in metrics_of(plan.columns))
    clips, spec = config.limit or MINI_CLIPS, drawn(config.dataset, config.plugins).spec
    spec = replace(spec, frame_choice=config.frame_choice, channels=config.channels)
    root = planned.folder / "data"
    try:
        if root.is_dir():
            found = load_miniature(config, root, clips, compared=compared, draw=False)
            return clips, Data(found.title, spec, found.examples, found.reference)
    except DataError:  # of other splits, or damaged: a run draws what it lacks
        pass
    return clips, Data(config.dataset, spec, ())


def _check_files(examples: Iterable[Example]) -> None:
    """Raise DataError where files of clips are not there, without opening them."""
    files = {f for e in examples for f in (e.recording.path, e.recording.sound) if f is not None}
    absent = sorted(str(file) for file in files if not file.is_file())
    if absent:
        raise DataError(
            f"{absent[0]}: found no file there, nor at {len(absent) - 1} others of {len(files)}, "
            "expected clips"
        )


def _row(system: System, plan: Plan, originals: Originals, store: Store) -> Row:
    """Return the row of a system, with its clips that lie in the store."""
    repeats = 1 if system.made_of_real_clips else plan.repeats
    kept: list[Kept] = []
    if store.manifest_path(system.name).parent.is_dir():
        sealed = store.sealed(system.name)
        for request in requests_for(originals.known, repeats, plan.seed):
            try:
                how = made_by(system, request, originals.spec, plan.seed)
            except DataError:  # made of a clip that is not drawn yet
                continue
            found = store.find(system.name, how, request, originals.spec, sealed)
            kept += [] if found is None else [found]
    clips = len(originals.examples) * repeats
    return Row(system.name, system.title, clips, tuple(kept), system.settings)


def _feature_stores(folder: Path) -> Iterator[FeatureStore]:
    """Yield the stores that hold features: of the run, and the shared one, if it is there."""
    import os

    if (folder / "features").is_dir():
        yield FeatureStore(folder / "features")
    named = os.environ.get(CACHE, "")
    if named and Path(named).expanduser().is_dir():
        shared = shared_cache()
        assert shared is not None  # it is named
        yield shared
