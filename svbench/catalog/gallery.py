"""The clips of a run folder for pages and figures: what `svbench.walk.gallery` has to be given.

The clips of `svbench score`, and those that joined a run, are found again by its settings, as its
plan found them; motion is read back from the features of the metrics of the AV-Align family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from svbench.catalog.joined import joined_answers, joined_sets
from svbench.config import PLACE, RunConfig, ScoreConfig
from svbench.datasets.scored import load_scored
from svbench.engines.protocol import Engine
from svbench.files.clip_view import Gallery
from svbench.files.results import load_requests, load_settings
from svbench.metrics.avalign.events import read_events
from svbench.types import Example, Features, Recording, ResultTable
from svbench.walk.gallery import Elsewhere, make_gallery
from svbench.walk.recorded import WHOLE

EVENTS: Final = "av-align"  # metrics whose extractor keeps a trajectory of motion
REAL, REFERENCE = "real", "reference"  # of `svbench score`: the row, and the name of its set


class EventMotion:
    """Reads motion from the audio-visual events of a clip."""

    def reads(self, metric: str) -> bool:
        """Return whether a metric scores audio-visual events."""
        return metric.startswith(EVENTS)

    def motion(self, features: Features) -> tuple[float, NDArray[Any]]:
        """Return the frame rate, frames / s, and the motion (T,), px per frame, of one clip."""
        (events,) = read_events(features)
        return events.fps, events.motion[:, 1]


def gallery_of(
    run: Path, table: ResultTable, requests: Sequence[str], out: Path, engine: Engine
) -> Gallery:
    """Make the views of some requests in every row of a run; see `make_gallery`."""
    elsewhere = find_elsewhere(run)
    return make_gallery(
        run, table, requests, out, engine, elsewhere=elsewhere, motion=EventMotion()
    )


def find_elsewhere(run: Path) -> Elsewhere:
    """Return the clips of a run that lie outside its folder, as they lie there now.

    Raises DataError or ConfigError where run.json, a folder or a list cannot be read.
    """
    recorded = load_settings(run)
    if recorded["command"] != ScoreConfig.command:
        return _joined(run, recorded["config"])
    config = ScoreConfig.of(**recorded["config"])
    where = config.reference_clips
    found = load_scored(config.generated, config.reference, config.captions, reference_clips=where)
    made = {name: (found.places[name], name, clips) for name, clips in found.folders.items()}
    if config.reference is None:
        return Elsewhere(made, config.pad)
    return Elsewhere({REAL: (config.reference, REFERENCE, found.real), **made}, config.pad)


def _joined(run: Path, settings: Mapping[str, Any]) -> Elsewhere:
    """Return the clips that joined a run, found again by the requests that it holds."""
    words = settings.get("systems")
    if not isinstance(words, list) or not any(PLACE in str(word) for word in words):
        return Elsewhere()
    config = RunConfig.of(**settings)
    requests = load_requests(run) or {}
    examples = [Example(name, one.caption, Recording(run)) for name, one in requests.items()]
    found = joined_answers(config, joined_sets(config, run), examples)
    sets = {name: (config.joined[name], name, of.clips) for name, of in found.items()}
    return Elsewhere(sets, repeat=WHOLE)
