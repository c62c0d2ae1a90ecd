"""From a set of samples to features: each clip is decoded once for all extractors."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from svbench.engines.local import Engine, cut
from svbench.errors import DataError, ScoreError, StoppedError, SvbenchError
from svbench.files.feature_store import clip_key
from svbench.files.store import Store, read_sample
from svbench.pace import Advance
from svbench.protocols import Extractor
from svbench.types import Clip, Features, Sample, SampleSet, Values, View

SHARD = 4  # clips in memory at a time per worker: 25 MB at 256 x 256 px and 32 frames


@dataclass(frozen=True, slots=True)
class Extraction:
    """Features by extractor key, and a line for each clip that could not be described."""

    features: dict[str, Features] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # request id -> one line


def extract(
    extractors: Sequence[Extractor],
    samples: SampleSet,
    store: Store,
    engine: Engine,
    advance: Advance,
) -> Extraction:
    """Describe every clip by every extractor, or say in one line why it could not be.

    What the store already knows of a clip is not computed again. A clip that cannot be read
    stops neither its shard nor the others, so nothing computed is lost.
    """
    distinct = {e.key: e for e in extractors}
    blocks: dict[str, dict[str, Values]] = defaultdict(dict)
    problems: dict[str, str] = {}

    def describe(shard: Sequence[Sample]) -> tuple[dict[str, dict[str, Values]], dict[str, str]]:
        found, wrong, fresh = _describe(list(distinct.values()), shard, samples, store)
        advance(len(shard), len(shard) - fresh)
        return found, wrong

    for found, wrong in engine.map(describe, cut(samples.samples, SHARD)):
        for key, by_request in found.items():
            blocks[key].update(by_request)
        problems |= wrong
    features = {key: _join(key, blocks[key]) for key in distinct if blocks[key]}
    return Extraction(features, problems)


def _join(key: str, blocks: dict[str, Values]) -> Features:
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks.values()])
    return Features(key, np.concatenate(list(blocks.values())), owner, tuple(blocks))


def _describe(
    extractors: Sequence[Extractor], shard: Sequence[Sample], samples: SampleSet, store: Store
) -> tuple[dict[str, dict[str, Values]], dict[str, str], int]:
    """Return blocks by extractor and request, problems by request, and how many clips were read."""
    known = {e.key: _known(e, shard, store) for e in extractors}
    problems: dict[str, str] = {}
    read: set[str] = set()
    for view in dict.fromkeys(e.view for e in extractors):
        asking = [e for e in extractors if e.view == view]
        batches = [shard] if view == "conformed" else [(s,) for s in shard]
        for batch in batches:
            fresh = [s for s in batch if any(clip_key(s) not in known[e.key] for e in asking)]
            read.update(s.request_id for s in fresh)
            clips, wrong = _read(fresh, samples, view)
            problems |= wrong
            for extractor in asking:
                asked = [(s, c) for s, c in clips if clip_key(s) not in known[extractor.key]]
                measured, wrong = _ask(extractor, asked)
                known[extractor.key] |= measured
                problems |= wrong
                for clip, block in measured.items():
                    store.save_features(extractor.key, clip, block)
    found = {
        key: {s.request_id: blocks[clip_key(s)] for s in shard if clip_key(s) in blocks}
        for key, blocks in known.items()
    }
    return found, problems, len(read)


def _known(extractor: Extractor, shard: Sequence[Sample], store: Store) -> dict[str, Values]:
    """Return what the store holds of the clips of a shard."""
    found = {clip: store.load_features(extractor.key, clip) for clip in map(clip_key, shard)}
    return {clip: block for clip, block in found.items() if block is not None}


def _read(
    wanted: Sequence[Sample], samples: SampleSet, view: View
) -> tuple[list[tuple[Sample, Clip]], dict[str, str]]:
    clips: list[tuple[Sample, Clip]] = []
    problems: dict[str, str] = {}
    for sample in wanted:
        try:
            clips.append((sample, read_sample(sample, samples, view)))
        except DataError as error:
            problems[sample.request_id] = str(error)
        except Exception as error:
            problems[sample.request_id] = f"{sample.recording.path}: {_foreign(error)}"
    return clips, problems


def _ask(
    extractor: Extractor, asked: Sequence[tuple[Sample, Clip]]
) -> tuple[dict[str, Values], dict[str, str]]:
    """Ask for a batch; if that fails, clip by clip, to learn which one it was."""
    if not asked:
        return {}, {}
    try:
        blocks = extractor([c for _, c in asked], [s.caption for s, _ in asked])
        pairs = zip(asked, map(_whole, blocks), strict=True)
        return {clip_key(sample): block for (sample, _), block in pairs}, {}
    except (DataError, ScoreError) as error:
        problem = str(error)
    except Exception as error:
        problem = _foreign(error, alone=len(asked) == 1)
    if len(asked) == 1:
        sample = asked[0][0]
        return {}, {sample.request_id: f"{sample.recording.path}: {problem}"}
    said: dict[str, Values] = {}
    problems: dict[str, str] = {}
    for one in asked:
        answer, wrong = _ask(extractor, [one])
        said |= answer
        problems |= wrong
    return said, problems


def _whole(block: Values) -> Values:
    """Raise ScoreError unless a clip has rows of finite numbers: else they would be kept."""
    if block.ndim != 2 or not len(block) or not np.isfinite(block).all():
        raise ScoreError(f"found features {block.shape} or not finite, expected rows of numbers")
    return block


def _foreign(error: Exception, *, alone: bool = True) -> str:
    """Return what another library found wrong with a clip, as part of one line.

    What says nothing of the clip is raised instead: an error of ours (the disk is full, a clip
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
    return f"found {type(error).__name__} ({text:.300}), expected a clip that can be described"
