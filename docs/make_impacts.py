"""Fit the pretrained model of impacts, and evaluate it by cross-validation.

    python docs/make_impacts.py --annotated FOLDER [--and CLIP.mp4 HITS.json]

FOLDER holds annotated clips: `hits.json`, a list of {clip, hits: [[time in s, what], ...]}, and
`<clip>.mp4` for each. `--and` adds one more clip with a JSON object that has such `hits`. Measured:
F of motion peaks and of onsets, within 1/15 s or one frame, of the published and tuned presets, and
of impacts when each clip in turn is left out, threshold included. The output is data/impacts.json,
from it the table of the page, and the model in metrics/avalign/impact_model.py.

Each clip has four versions: at its own rate and size, and resized to 256 x 256 px, each also at
8 frames/s. They are the frames of the native and the conformed view.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from page_blocks import head, line, load, put, save

from svbench.files import media
from svbench.metrics.avalign import impact_fit
from svbench.metrics.avalign.detection import EPSILON, TOLERANCE, matching, tolerance_at
from svbench.metrics.avalign.events import DETECTORS, AVEvents, Detectors, read_events
from svbench.metrics.avalign.impact_fit import Annotated
from svbench.metrics.avalign.impacts import ImpactModel, measure
from svbench.types import Clip, ClipSpec, Features, Recording

PAGE = Path(__file__).parent / "av-align.md"
MODEL = Path(__file__).parents[1] / "metrics" / "avalign" / "impact_model.py"
BLOCK = NAME = "impacts"  # of the page, and of the data
COMMAND = "python docs/make_impacts.py --annotated FOLDER --and CLIP.mp4 HITS.json"
RATE = 8.0  # frames/s, of the conformed versions
SQUARE = (256, 256)  # px
VERSIONS = ("own rate", "own rate, 256 x 256 px", "8 frames/s", "8 frames/s, 256 x 256 px")


@dataclass(frozen=True)
class Source:
    """An annotated clip, decoded."""

    id: str
    clip: Clip  # native
    hits: tuple[float, ...]


def main() -> None:
    """Fit, evaluate, write the data, the model and the page's block."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_annotated(parser)
    options = parser.parse_args()
    sources = list(annotated(options))
    clips = {v: [_version(s, v) for s in sources] for v in VERSIONS}
    versions = fitted_on(sources, clips)
    save(NAME, COMMAND, {BLOCK: _measured(sources, clips, impact_fit.left_out(versions))})
    put(PAGE, BLOCK, rendered())
    _write_model(impact_fit.fit(versions)[0], sources)


def add_annotated(parser: argparse.ArgumentParser) -> None:
    """Add the options of annotated clips to a parser."""
    parser.add_argument("--annotated", type=Path, required=True)
    parser.add_argument("--and", dest="more", type=Path, nargs=2, action="append", default=[])


def annotated(options: argparse.Namespace) -> Iterator[Source]:
    """Yield the annotated clips of the options, decoded."""
    yield from _annotated(options.annotated)
    yield from (_one(*pair) for pair in options.more)


def fitted_on(
    sources: Sequence[Source], clips: Mapping[str, Sequence[Clip]] | None = None
) -> list[Annotated]:
    """Return all versions of annotated clips, the training set of the pretrained model."""
    clips = clips or {v: [_version(s, v) for s in sources] for v in VERSIONS}
    return [
        Annotated(
            s.id,
            measure(clip.video, clip.frame_times, clip.spec.fps),
            s.hits,
            tolerance_at(clip.spec.fps),
        )
        for v in VERSIONS
        for s, clip in zip(sources, clips[v], strict=True)
    ]


def rendered() -> str:
    """Return the block of the page, from the data."""
    found = load(NAME)[BLOCK]["measured"]
    lines = [
        f"{found['clips']} annotated real clips, {found['hits']} hits; F (precision, recall).",
        "",
    ]
    lines += head("motion peaks", *VERSIONS)
    lines += [line(name, *map(_shown, cells)) for name, cells in found["peaks"].items()]
    lines += ["", *head("onsets", "F (precision, recall)")]
    return "\n".join([*lines, *(line(n, _shown(cell)) for n, cell in found["onsets"].items())])


def _shown(cell: Sequence[float]) -> str:
    return "{:.3f} ({:.2f}, {:.2f})".format(*cell)


def _annotated(folder: Path) -> Iterator[Source]:
    for entry in json.loads((folder / "hits.json").read_text(encoding="utf-8")):
        yield _source(folder / f"{entry['clip']}.mp4", entry["hits"])


def _one(clip: Path, hits: Path) -> Source:
    return _source(clip, json.loads(hits.read_text(encoding="utf-8"))["hits"])


def _source(path: Path, hits: Sequence[tuple[float, str]]) -> Source:
    times = tuple(sorted(float(time) for time, _ in hits))
    return Source(path.stem, media.read_native(Recording(path)), times)


def _version(source: Source, version: str) -> Clip:
    """Return a version of a clip: frames of other times or sizes, the same sound."""
    clip = source.clip
    video, times, fps = clip.video, clip.frame_times, clip.spec.fps
    if version.startswith("8"):
        wanted = np.arange(0, times[-1] + 1e-6, 1 / RATE)
        nearest = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
        video, times, fps = video[nearest], wanted, RATE
    if version.endswith("px"):
        video = np.stack([cv2.resize(f, SQUARE, interpolation=cv2.INTER_AREA) for f in video])
    spec = ClipSpec(len(video), fps, video.shape[1:3], clip.spec.sample_rate)
    return Clip(np.ascontiguousarray(video), clip.audio, spec, times)


def _measured(
    sources: Sequence[Source],
    clips: Mapping[str, Sequence[Clip]],
    left_out: Mapping[str, ImpactModel],
) -> dict[str, Any]:
    """Evaluate presets, and the models fitted without each clip."""
    models = [Detectors(f"without-{s.id}", impacts=left_out[s.id]) for s in sources]
    chosen = {f"`{n}`": [DETECTORS[n]] * len(sources) for n in ("published", "tuned", "tuned-2")}
    motion = {**chosen, "impacts, each clip left out": models}
    del motion["`tuned-2`"]  # which was fitted on them
    own = clips[VERSIONS[0]]
    return {
        "clips": len(sources),
        "hits": sum(len(s.hits) for s in sources),
        "peaks": {
            n: [_cell(sources, clips[v], of, "peaks") for v in VERSIONS] for n, of in motion.items()
        },
        "onsets": {n: _cell(sources, own, of, "onsets") for n, of in chosen.items()},
    }


def _cell(
    sources: Sequence[Source], clips: Sequence[Clip], detectors: Sequence[Detectors], what: str
) -> tuple[float, float, float]:
    """Return F, precision and recall over clips, each by its own detectors."""
    matched = hits = found = 0
    for source, clip, chosen in zip(sources, clips, detectors, strict=True):
        block = AVEvents(chosen)([clip], [""])[0]
        (events,) = read_events(Features("", block, np.zeros(len(block), np.int64), ("clip",)))
        times = getattr(events, what)[:, 0]
        tolerance = max(TOLERANCE, 1 / clip.spec.fps if what == "peaks" else 0)
        matched += len(matching(source.hits, times, tolerance + EPSILON))
        hits, found = hits + len(source.hits), found + len(times)
    return 2 * matched / max(1, hits + found), matched / max(1, found), matched / max(1, hits)


def _write_model(model: ImpactModel, sources: Sequence[Source]) -> None:
    """Write the module that holds the model's numbers."""
    weights = tuple(float(f"{weight:.5g}") for weight in model.weights)
    values = replace(model, weights=weights, bias=float(f"{model.bias:.5g}"))
    text = (
        f'"""The pretrained model of impacts, fitted by docs/make_impacts.py.\n\n'
        f"Fitted on {len(sources)} annotated real clips of Greatest Hits with "
        f"{sum(len(s.hits) for s in sources)} hits\n(A. Owens et al.: Visually indicated sounds. "
        f'CVPR 2016), each in four versions.\n"""\n\n'
        "from typing import Final\n\nfrom svbench.metrics.avalign.impacts import ImpactModel\n\n"
        f"IMPACT_MODEL: Final = {values!r}\n"
    )
    MODEL.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
