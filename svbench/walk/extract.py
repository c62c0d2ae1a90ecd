"""From a set of samples to features: each clip is decoded once for all extractors."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from svbench.engines.protocol import Engine, cut
from svbench.errors import DataError, ScoreError, StoppedError, SvbenchError
from svbench.files.feature_store import clip_key
from svbench.files.store import Store, read_sample
from svbench.pace import Advance
from svbench.protocols import Extractor
from svbench.types import Clip, Features, Sample, SampleSet, Values, View

SHARD = 4  # clips in memory at a time per worker: 25 MB at 256 x 256 px and 32 frames

Problems = dict[str, str]  # by request: one line
Blocks = dict[str, dict[str, Values]]  # by extractor key, then by request or by key of the clip


@dataclass(frozen=True, slots=True)
class Extraction:
    """Features by extractor key, and one line for each clip of which some are missing."""

    features: dict[str, Features] = field(default_factory=dict)
    problems: Problems = field(default_factory=dict)


def extract(
    extractors: Sequence[Extractor],
    samples: SampleSet,
    store: Store,
    engine: Engine,
    advance: Advance,
) -> Extraction:
    """Extract the features of every clip by every extractor.

    Features that the store holds are not computed again; new ones are kept there. A clip that
    cannot be read stops neither its shard nor the others, so nothing computed is lost.

    Parameters
    ----------
    extractors : sequence of Extractor
        those of one key are one
    samples : SampleSet
        the clips
    store : Store
        of the run
    engine : Engine
        maps shards of `SHARD` clips over workers
    advance : Advance
        called for each shard that is done, from the workers' threads

    Raises
    ------
    StoppedError
        where a device has no memory for a single clip, or a file changed meanwhile
    """
    distinct = {e.key: e for e in extractors}
    blocks: Blocks = defaultdict(dict)
    problems: Problems = {}

    def work(shard: Sequence[Sample]) -> tuple[Blocks, Problems]:
        found, wrong, read = _extract_shard(list(distinct.values()), shard, samples, store)
        advance(len(shard), len(shard) - read)
        return found, wrong

    for found, wrong in engine.map(work, cut(samples.samples, SHARD)):
        for key, by_request in found.items():
            blocks[key].update(by_request)
        problems |= wrong
    features = {key: _join(key, blocks[key]) for key in distinct if blocks[key]}
    return Extraction(features, problems)


def _join(key: str, blocks: dict[str, Values]) -> Features:
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks.values()])
    return Features(key, np.concatenate(list(blocks.values())), owner, tuple(blocks))


def _extract_shard(
    extractors: Sequence[Extractor], shard: Sequence[Sample], samples: SampleSet, store: Store
) -> tuple[Blocks, Problems, int]:
    """Return features by extractor and request, problems, and how many clips were decoded."""
    kept = {e.key: _load(e, shard, store) for e in extractors}
    problems: Problems = {}
    read: set[str] = set()
    for view in dict.fromkeys(e.view for e in extractors):
        viewing = [e for e in extractors if e.view == view]
        batches = [shard] if view == "conformed" else [(s,) for s in shard]
        for batch in batches:
            fresh = [s for s in batch if any(clip_key(s) not in kept[e.key] for e in viewing)]
            read.update(s.request_id for s in fresh)
            clips, wrong = _read(fresh, samples, view)
            problems |= wrong
            for extractor in viewing:
                new = [(s, c) for s, c in clips if clip_key(s) not in kept[extractor.key]]
                extracted, wrong = _apply(extractor, new)
                kept[extractor.key] |= extracted
                problems |= wrong
                for clip, block in extracted.items():
                    store.save_features(extractor.key, clip, block)
    found = {
        key: {s.request_id: blocks[clip_key(s)] for s in shard if clip_key(s) in blocks}
        for key, blocks in kept.items()
    }
    return found, problems, len(read)


def _load(extractor: Extractor, shard: Sequence[Sample], store: Store) -> dict[str, Values]:
    """Return the features that the store holds of the clips of a shard, by key of the clip."""
    found = {clip: store.load_features(extractor.key, clip) for clip in map(clip_key, shard)}
    return {clip: block for clip, block in found.items() if block is not None}


def _read(
    wanted: Sequence[Sample], samples: SampleSet, view: View
) -> tuple[list[tuple[Sample, Clip]], Problems]:
    """Decode clips; whatever is raised for one of them becomes its problem."""
    clips: list[tuple[Sample, Clip]] = []
    problems: Problems = {}
    for sample in wanted:
        try:
            clips.append((sample, read_sample(sample, samples, view)))
        except DataError as error:
            problems[sample.request_id] = str(error)
        except Exception as error:
            problems[sample.request_id] = f"{sample.recording.path}: {_foreign(error)}"
    return clips, problems


def _apply(
    extractor: Extractor, batch: Sequence[tuple[Sample, Clip]]
) -> tuple[dict[str, Values], Problems]:
    """Extract features of a batch; if that fails, clip by clip, to find out which one it was."""
    if not batch:
        return {}, {}
    try:
        blocks = extractor([c for _, c in batch], [s.caption for s, _ in batch])
        pairs = zip(batch, map(checked_features, blocks), strict=True)
        return {clip_key(sample): block for (sample, _), block in pairs}, {}
    except (DataError, ScoreError) as error:
        problem = str(error)
    except Exception as error:
        problem = _foreign(error, alone=len(batch) == 1)
    if len(batch) == 1:
        sample = batch[0][0]
        return {}, {sample.request_id: f"{sample.recording.path}: {problem}"}
    extracted: dict[str, Values] = {}
    problems: Problems = {}
    for one in batch:
        found, wrong = _apply(extractor, [one])
        extracted |= found
        problems |= wrong
    return extracted, problems


def checked_features(block: Values) -> Values:
    """Return the features of a clip; raise ScoreError unless they are rows of finite numbers."""
    if block.ndim != 2 or not len(block) or not np.isfinite(block).all():
        raise ScoreError(f"found features {block.shape} or not finite, expected rows of numbers")
    return block


def _foreign(error: Exception, *, alone: bool = True) -> str:
    """Return the error of another library, which is blamed on a clip, as part of one line.

    What is not about the clip is raised instead: an error of ours (the disk is full, a clip
    changed), and a device without memory for a single clip.
    """
    if isinstance(error, SvbenchError):
        raise error
    torch = sys.modules.get("torch")
    if torch is not None and alone and isinstance(error, torch.OutOfMemoryError):
        raise StoppedError(
            "the device has no memory left for one clip; free some, then run the same command "
            "again to go on"
        ) from error
    text = " ".join(str(error).split())
    found = f"found {type(error).__name__} ({text:.300})"
    return f"{found}, expected a clip that features can be extracted from"
