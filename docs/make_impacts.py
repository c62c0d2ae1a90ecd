"""Fit the model of impacts that svbench ships, and judge it on clips it has not seen.

    python docs/make_impacts.py --annotated FOLDER [--and CLIP.mp4 HITS.json] [--write]

FOLDER holds annotated clips: `hits.json`, a list of {clip, hits: [[time in s, what], ...]}, and
`<clip>.mp4` for each. `--and` adds one more clip with a JSON object that has such `hits`. Printed:
F of motion peaks and of onsets, within 1/15 s or one frame, at the clips' own rate and at
8 frames/s: of the published and tuned presets, and of impacts when each clip in turn is left out,
threshold and all. With --write the model goes to metrics/impact_model.py and the tables between
`<!-- begin impacts -->` and `<!-- end impacts -->` of docs/av-align.md.

Each clip is seen in four versions: at its own rate and size, and squeezed to 256 x 256 px, each
also at 8 frames/s. They are the pictures that the native and the conformed view show.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from svbench import media
from svbench.metrics import impact_fit, tuning
from svbench.metrics.av_events import DETECTORS, AVEvents, Detectors, read_events
from svbench.metrics.impact_fit import Annotated
from svbench.metrics.impacts import measure
from svbench.types import Clip, ClipSpec, Features, Recording

PAGE = Path(__file__).parent / "av-align.md"
MODEL = Path(__file__).parents[1] / "metrics" / "impact_model.py"
BEGIN, END = "<!-- begin impacts -->\n", "<!-- end impacts -->"
JUDGED = 8.0  # frames/s
SQUARE = (256, 256)  # px
VERSIONS = ("own rate", "own rate, 256 x 256 px", "8 frames/s", "8 frames/s, 256 x 256 px")


@dataclass(frozen=True)
class Source:
    """An annotated clip, decoded."""

    id: str
    clip: Clip  # native
    hits: tuple[float, ...]


def main() -> None:
    """Fit, judge, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotated", type=Path, required=True)
    parser.add_argument("--and", dest="more", type=Path, nargs=2, action="append", default=[])
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    sources = [*_annotated(asked.annotated), *(_one(*pair) for pair in asked.more)]
    seen = {v: [_version(s, v) for s in sources] for v in VERSIONS}
    versions = [
        Annotated(s.id, measure(clip.video, clip.frame_times, clip.spec.fps), s.hits)
        for v in VERSIONS
        for s, clip in zip(sources, seen[v], strict=True)
    ]
    left_out = impact_fit.left_out(versions)
    lines = list(_tables(sources, seen, left_out))
    tables = "\n".join(lines)
    print(tables)
    if asked.write:
        _write_model(impact_fit.fit(versions)[0], sources)
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}{tables}\n{END}{after}", encoding="utf-8")


def _annotated(folder: Path) -> Iterator[Source]:
    for entry in json.loads((folder / "hits.json").read_text(encoding="utf-8")):
        yield _source(folder / f"{entry['clip']}.mp4", entry["hits"])


def _one(clip: Path, hits: Path) -> Source:
    return _source(clip, json.loads(hits.read_text(encoding="utf-8"))["hits"])


def _source(path: Path, hits: Sequence[tuple[float, str]]) -> Source:
    times = tuple(sorted(float(time) for time, _ in hits))
    return Source(path.stem, media.read_native(Recording(path)), times)


def _version(source: Source, version: str) -> Clip:
    """Return a clip as a view shows it: frames of other times or sizes, the same sound."""
    clip = source.clip
    video, times, fps = clip.video, clip.frame_times, clip.spec.fps
    if version.startswith("8"):
        wanted = np.arange(0, times[-1] + 1e-6, 1 / JUDGED)
        nearest = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
        video, times, fps = video[nearest], wanted, JUDGED
    if version.endswith("px"):
        video = np.stack([cv2.resize(f, SQUARE, interpolation=cv2.INTER_AREA) for f in video])
    spec = ClipSpec(len(video), fps, video.shape[1:3], clip.spec.sample_rate)
    return Clip(np.ascontiguousarray(video), clip.audio, spec, times)


def _tables(
    sources: Sequence[Source], seen: dict[str, list[Clip]], left_out: dict[str, object]
) -> Iterator[str]:
    hits = sum(len(s.hits) for s in sources)
    yield f"{len(sources)} annotated real clips, {hits} hits; F (precision, recall)."
    yield ""
    yield f"| motion peaks | {' | '.join(VERSIONS)} |"
    yield "|---|" + "---|" * len(VERSIONS)
    for name in ("published", "tuned"):
        cells = [
            _cell(sources, seen[v], [DETECTORS[name]] * len(sources), "peaks") for v in VERSIONS
        ]
        yield f"| `{name}` | {' | '.join(cells)} |"
    models = [
        Detectors(f"without-{s.id}", impacts=left_out[s.id])
        for s in sources  # type: ignore[arg-type]
    ]
    cells = [_cell(sources, seen[v], models, "peaks") for v in VERSIONS]
    yield f"| impacts, each clip left out | {' | '.join(cells)} |"
    yield ""
    yield "| onsets | F (precision, recall) |"
    yield "|---|---|"
    for name in ("published", "tuned-2"):
        chosen = [DETECTORS[name]] * len(sources)
        yield f"| `{name}` | {_cell(sources, seen[VERSIONS[0]], chosen, 'onsets')} |"


def _cell(
    sources: Sequence[Source], clips: Sequence[Clip], detectors: Sequence[Detectors], what: str
) -> str:
    """Return F (precision, recall) over clips, each by its own detectors."""
    matched = hits = found = 0
    for source, clip, chosen in zip(sources, clips, detectors, strict=True):
        block = AVEvents(chosen)([clip], [""])[0]
        (events,) = read_events(Features("", block, np.zeros(len(block), np.int64), ("clip",)))
        times = getattr(events, what)[:, 0]
        tolerance = max(tuning.TOLERANCE, 1 / clip.spec.fps if what == "peaks" else 0)
        matched += tuning.matched(source.hits, times, tolerance + tuning.EPSILON)
        hits, found = hits + len(source.hits), found + len(times)
    f = 2 * matched / max(1, hits + found)
    return f"{f:.3f} ({matched / max(1, found):.2f}, {matched / max(1, hits):.2f})"


def _write_model(model: object, sources: Sequence[Source]) -> None:
    """Write the module that holds the model's numbers."""
    values = replace(
        model,  # type: ignore[type-var]
        weights=tuple(float(f"{w:.5g}") for w in model.weights),  # type: ignore[attr-defined]
        bias=float(f"{model.bias:.5g}"),  # type: ignore[attr-defined]
    )
    text = (
        f'"""The model of impacts that svbench ships, fitted by docs/make_impacts.py.\n\n'
        f"Fitted on {len(sources)} annotated real clips of Greatest Hits with "
        f"{sum(len(s.hits) for s in sources)} hits\n(A. Owens et al.: Visually indicated sounds. "
        f'CVPR 2016), each in four versions.\n"""\n\n'
        "from typing import Final\n\nfrom svbench.metrics.impacts import ImpactModel\n\n"
        f"IMPACT_MODEL: Final = {values!r}\n"
    )
    MODEL.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
