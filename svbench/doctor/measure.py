"""How long a clip takes here: some are made and measured, in a folder that is deleted again.

A joint model is sampled with one step and with two; their difference is a step, so the time of any
number of steps follows. As in a run, clips are made in batches and by as many workers at once as
share the model; before anything is timed, it is done once, which loads models and kernels.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from svbench.catalog.datasets import load_dataset
from svbench.catalog.systems import joint_models, joint_system
from svbench.config import RunConfig
from svbench.doctor.clips import Originals, Row, Survey
from svbench.doctor.estimate import Measured, work_of
from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.files import media
from svbench.files.store import Store
from svbench.pace import Advance, Progress, silent
from svbench.protocols import Extractor, System
from svbench.types import Clip, ClipSpec, Example, NotMade, Request, Sample
from svbench.walk.frame_readers import FrameReaders
from svbench.walk.plan import metrics_of
from svbench.walk.relays import parent_of
from svbench.walk.requests import seed_for

if TYPE_CHECKING:
    from svbench.baselines.joint.model import JointModel
    from svbench.baselines.joint.system import OnDisk

FEW = 2  # clips that are drawn of a miniature: `shuffled` needs another one


@dataclass(frozen=True, slots=True)
class Loaded:
    """A joint model on disk that is loaded once, for several settings of its sampler."""

    model: OnDisk
    kept: list[JointModel] = field(default_factory=list)

    def weights(self) -> Any:
        """Return the digests of its files, by part."""
        return self.model.weights()

    def load(self, machine: Any) -> JointModel:
        """Return the model, loaded at the first call."""
        if not self.kept:
            self.kept.append(self.model.load(machine))
        return self.kept[0]


def measure(found: Survey, workers: int, progress: Progress = silent) -> Measured:
    """Return what was measured of the clips that a run has to make and to measure.

    Rows that are made alike but for gamma are measured once. Raises DataError where a clip cannot
    be made or read.
    """
    rows = [
        (row, build)
        for row, build in zip(found.rows, found.plan.systems, strict=False)
        if row.to_make and row.seconds is None
    ]
    seconds: dict[str, float] = {}
    sizes: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="svbench-doctor-") as place,
        progress("measuring", len(rows) + 1) as advance,
    ):
        originals = _originals(found, Path(place))
        bench = Bench(found, originals, Store(Path(place) / "store"), Local(workers), workers)
        done: list[Row] = []
        for row, build in rows:
            alike = [r for r in done if row.settings and work_of(r) == work_of(row)]
            if alike:
                seconds[row.name], sizes[row.name] = seconds[alike[0].name], sizes[alike[0].name]
            else:
                seconds[row.name], sizes[row.name] = bench.make(row, build(originals))
            done.append(row)
            advance(1)
        extraction = bench.extract(advance) if found.features.clips_left else None
    return Measured(seconds, extraction, sizes, _peak())


def _originals(found: Survey, place: Path) -> Originals:
    """Return real clips that are there; a few are drawn where a miniature has none yet."""
    config = found.planned.config
    if len(found.originals.known) >= FEW or not isinstance(config, RunConfig):
        return Originals(found.originals.known, 0, found.spec)
    if config.scale != "mini":
        return Originals(found.originals.known, 0, found.spec)
    few = load_dataset(config.model_copy(update={"limit": FEW}), place)
    return Originals(few.examples, 0, found.spec)


@dataclass(frozen=True, slots=True)
class Bench:
    """What clips are made and measured with."""

    found: Survey
    originals: Originals
    store: Store
    engine: Local
    workers: int

    @property
    def spec(self) -> ClipSpec:
        """Return the format of the clips."""
        return self.found.spec

    def make(self, row: Row, system: System) -> tuple[float, float]:
        """Return the seconds to make and store a clip of a row, and its bytes."""
        config, mixer = self.found.planned.config, row.settings.get("mixer")
        if not isinstance(config, RunConfig) or mixer not in joint_models(config):
            return self._on_all_workers(lambda requests: self._warm(system, requests), 1)
        model = joint_models(config)[cast(Any, mixer)]
        # As `joint_system` decides: else there is one model, which makes one batch at a time.
        copies = config.scale == "mini" and row.settings.get("device") == "cpu"
        together, steps = int(row.settings.get("batch", 1)), int(row.settings["steps"])

        def work(requests: Sequence[Request]) -> tuple[float, float]:
            loaded = cast(Any, Loaded(model))
            one, two = (
                joint_system(config.model_copy(update={"steps": n}), cast(Any, mixer), loaded, 1.0)
                for n in (1, 2)
            )
            seconds, size = self._warm(one, requests)
            further, _ = self._made(two, requests)
            return seconds + (steps - 1) * max(0.0, further - seconds), size

        return self._on_all_workers(work, together, None if copies else 1)

    def _on_all_workers(
        self,
        work: Callable[[Sequence[Request]], tuple[float, float]],
        together: int,
        shards: int | None = None,
    ) -> tuple[float, float]:
        """Return seconds and bytes of a clip, where each worker makes so many clips together."""
        shards = shards or self.workers
        wanted = list(islice(self._requests(), together * shards))
        cut = [wanted[n * together : (n + 1) * together] for n in range(shards)]
        seconds, sizes = zip(*self.engine.map(work, cut), strict=True)
        return sum(seconds) / shards / len(wanted), sum(sizes) / shards

    def _warm(self, system: System, requests: Sequence[Request]) -> tuple[float, float]:
        """Make clips twice, as the first time loads models; return as `_made` does."""
        requests = self._carrying(system, requests)
        self._made(system, requests)
        return self._made(system, requests)

    def _carrying(self, system: System, requests: Sequence[Request]) -> Sequence[Request]:
        """Return requests that carry real clips, where a system completes those of another one."""
        if not parent_of(system):
            return requests
        examples = {example.id: example for example in self.originals.known}
        name = f"{system.name}-given"
        clips = [(one, self._read(examples[one.example])) for one in requests]
        kept = [self.store.put(name, "", one, clip) for one, clip in clips]
        return [replace(one, given=k.sample) for one, k in zip(requests, kept, strict=True)]

    def _made(self, system: System, requests: Sequence[Request]) -> tuple[float, float]:
        """Make and store clips; return the seconds of all, and the mean bytes of one."""
        start = time.perf_counter()
        kept = []
        for request, clip in zip(requests, system.generate(requests, self.spec), strict=True):
            if isinstance(clip, NotMade):
                raise DataError(f"{system.name}: {request.id}: {clip.reason}")
            kept.append(self.store.put(system.name, "", request, clip))
        return time.perf_counter() - start, sum(one.size for one in kept) / len(kept)

    def _requests(self) -> Iterator[Request]:
        """Yield requests for the real clips, over and over, each with a seed of its own."""
        for number, example in enumerate(cycle(self.originals.known)):
            name = f"{example.id}/{number}"
            yield Request(name, example.caption, seed_for(self.found.plan.seed, name))

    def extract(self, advance: Advance) -> float:
        """Return the seconds to read a clip and extract all its features."""
        metrics = metrics_of(self.found.plan.columns)
        extractors = list({m.extractor.key: m.extractor for m in metrics}.values())

        def work(example: Example) -> None:
            native = [e for e in extractors if e.view == "native"]
            if native:
                self._extract_native(example, native)
            if len(native) < len(extractors):
                clip = self._read(example)
                for extractor in extractors:
                    if extractor not in native:
                        extractor([clip], [example.caption])

        known = list(islice(cycle(self.originals.known), self.workers))
        for _ in self.engine.map(work, known):  # loads networks, compiles kernels
            pass
        start = time.perf_counter()
        for _ in self.engine.map(work, known):
            pass
        seconds = time.perf_counter() - start
        advance(1)
        return seconds / len(known)

    def _read(self, example: Example) -> Clip:
        return media.read(example.recording, self.spec, pad=self.found.plan.pad)

    def _extract_native(self, example: Example, extractors: Sequence[Extractor]) -> None:
        """Extract from frames as they are decoded, as a run does."""
        sample = Sample("", example.caption, example.recording, "")
        readers = FrameReaders({extractor.key: extractor for extractor in extractors}, sample)
        pad, channels = self.found.plan.pad, self.spec.channels
        with media.Streams() as streams:
            media.NativeFrames(
                example.recording, readers.begin, streams, pad=pad, channels=channels
            ).show()
        for _, result in readers.features():
            if isinstance(result, str):
                raise DataError(result)


def _peak() -> dict[str, int]:
    """Return the most memory that was used so far, in bytes: of the process and of each GPU."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            if used := torch.cuda.max_memory_allocated(number):
                peak[f"cuda:{number}"] = used
    return peak
