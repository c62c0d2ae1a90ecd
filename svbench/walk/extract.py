"""From sets of samples to features: each clip is decoded once for all extractors and all sets.

Clips of one digest and caption are one clip, whichever sets they lie in: a real clip may be a row
and the reference of other rows. All clips form one queue of shards, whose last ones are small, so
that all workers end at nearly the same time.

References
----------
C. Polychronopoulos, D. Kuck: Guided self-scheduling. IEEE Transactions on Computers C-36, 1987
(shards that shrink with the work that is left).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import numpy as np

from svbench.compute import import_torch
from svbench.engines.protocol import Engine, cut, cut_evenly, worth_spreading
from svbench.files.feature_store import clip_key
from svbench.files.known_files import KnownFiles
from svbench.files.store import Store
from svbench.pace import Advance, Progress
from svbench.protocols import Extractor, LightExtractor
from svbench.types import Features, Sample, SampleSet, Values
from svbench.walk.extract_shard import Found, Source, Work, WorkElsewhere, describe, load_features

LOADED: Final = 64  # clips whose stored features are loaded at a time
SHARD: Final = 4  # clips in memory at a time per worker: 25 MB at 256 x 256 px and 32 frames
LABEL: Final = "extracting features"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A set of clips, and what is to be extracted from each of them."""

    samples: SampleSet
    extractors: Sequence[Extractor]  # those of one key are one

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys of the extractors."""
        return frozenset(extractor.key for extractor in self.extractors)


@dataclass(frozen=True, slots=True)
class Extraction:
    """Features by extractor key, and one line for each clip of which some are missing."""

    features: dict[str, Features] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    # By extractor key, one line of a clip without its features; of svbench validate alone:
    reasons: dict[str, str] = field(default_factory=dict)


def extract(
    extractors: Sequence[Extractor],
    samples: SampleSet,
    store: Store,
    engine: Engine,
    advance: Advance,
) -> Extraction:
    """Extract the features of every clip of one set; see `extract_sets`."""
    wanted = [Wanted(samples, extractors)]
    return extract_sets(wanted, store, engine, lambda *_: nullcontext(advance))[0]


def extract_sets(
    wanted: Sequence[Wanted], store: Store, engine: Engine, progress: Progress
) -> list[Extraction]:
    """Extract the features of every clip of some sets, each clip once.

    Features that the store holds are not computed again; new ones are kept there. A clip that
    cannot be read stops neither its shard nor the others, so nothing computed is lost.

    Parameters
    ----------
    wanted : sequence of Wanted
        the sets
    store : Store
        of the run
    engine : Engine
        maps shards of at most `SHARD` clips over workers
    progress : Progress
        gets one step, which counts distinct clips

    Returns
    -------
    extractions : list of Extraction
        one per set

    Raises
    ------
    StoppedError
        where a device has no memory for a single clip, or a file changed meanwhile
    """
    extractors = {e.key: e for one in wanted for e in one.extractors}
    work, found = Work(extractors, replace(store, known=KnownFiles())), Found()
    distinct = _distinct(wanted)
    with progress(LABEL, len(distinct)) as advance:
        for loaded in engine.map(partial(load_features, store=store), cut(distinct, LOADED)):
            found.add(loaded)
        lacking = list(_lacking(distinct, found))
        advance(len(distinct) - len(lacking), len(distinct) - len(lacking))
        _work_off(lacking, work, engine, found, advance)
    _work_off(_elsewhere(wanted, found), work, engine, found, lambda *_: None)
    return [_of_set(one, found) for one in wanted]


def _work_off(
    sources: Sequence[Source], work: Work, engine: Engine, found: Found, advance: Advance
) -> None:
    """Extract the features of clips, and add them to what is found."""
    light = all(isinstance(e, LightExtractor) and e.light for e in work.extractors.values())
    shards = list(cut_evenly(sources, SHARD))
    networks = not all(map(_without_network, work.extractors.values()))
    if sources and networks and not engine.distributed:
        import_torch()
    if worth_spreading(engine, len(sources), light=light):
        elsewhere = WorkElsewhere(work, work.extractors) if engine.distributed else work
        results = engine.spread(elsewhere, shards, named=describe)
    else:
        results = engine.map(work, shards)
    for shard, of_shard in zip(shards, results, strict=True):
        found.add(of_shard)
        advance(len(shard))


def _without_network(extractor: Extractor) -> bool:
    return isinstance(extractor, LightExtractor) and not hasattr(extractor, "machine")


def _lacking(sources: Iterable[Source], found: Found) -> Iterator[Source]:
    """Yield clips of which features are wanted that were not found, with the keys of these."""
    for source in sources:
        lacking = frozenset(key for key in source.wanted if found.lacks(source, key))
        if lacking:
            yield replace(source, wanted=lacking)


def _distinct(wanted: Iterable[Wanted]) -> list[Source]:
    """Return each clip once, where it lies first, with all that any set wants of it."""
    first: dict[str, tuple[Sample, SampleSet]] = {}
    keys: dict[str, frozenset[str]] = defaultdict(frozenset)
    for one in wanted:
        of_set, how = one.keys, replace(one.samples, samples=())
        for sample, clip in _keyed(one.samples):
            first.setdefault(clip, (sample, how))
            keys[clip] |= of_set
    return [Source(*place, keys[clip]) for clip, place in first.items()]


def _elsewhere(wanted: Iterable[Wanted], found: Found) -> list[Source]:
    """Return clips that had a problem where they lie first, wherever else equal ones lie.

    The file there may be whole; if not, it gets a line of its own.
    """
    sources = []
    for one in wanted:
        of_set, how = one.keys, replace(one.samples, samples=())
        for sample, clip in _keyed(one.samples):
            lacking = frozenset(key for key in of_set if clip not in found.blocks[key])
            if lacking - found.problems.get((clip, sample.recording), {}).keys():
                sources.append(Source(sample, how, lacking))
    return sources


def _of_set(wanted: Wanted, found: Found) -> Extraction:
    """Return what was found of a set, in its order."""
    keys = list(_by_view({extractor.key: extractor for extractor in wanted.extractors}))
    features, problems = {}, {}
    for key in keys:
        clips = found.blocks[key]
        names = {s.request_id: clips[k] for s, k in _keyed(wanted.samples) if k in clips}
        if names:
            features[key] = join_blocks(key, names)
    for sample, clip in _keyed(wanted.samples):
        lines = found.problems.get((clip, sample.recording), {})
        for key in keys:
            if key in lines and clip not in found.blocks[key]:  # which another file may have given
                problems[sample.request_id] = lines[key]
    return Extraction(features, problems)


def _keyed(samples: SampleSet) -> Iterator[tuple[Sample, str]]:
    return ((sample, clip_key(sample)) for sample in samples.samples)


def join_blocks(key: str, blocks: Mapping[str, Values]) -> Features:
    """Return the features of an extractor from those of each clip, by request, in their order."""
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks.values()])
    return Features(key, np.concatenate(list(blocks.values())), owner, tuple(blocks))


def _by_view(extractors: Mapping[str, Extractor]) -> dict[str, Extractor]:
    """Return extractors in the order in which they are applied: view by view."""
    views = list(dict.fromkeys(extractor.view for extractor in extractors.values()))
    return dict(sorted(extractors.items(), key=lambda entry: views.index(entry[1].view)))
