"""From a run folder to clips that a browser plays: which clips of a run a report shows.

The clips are those that were judged, in the format they were judged in: from `samples/` where
a run made them, from the user's own files where `svbench score` read them. A set that is not the
one that its row was computed from is refused: numbers never stand beside other clips. A clip that
cannot be read becomes a line in `Gallery.problems`, which the report prints in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from svbench.engines.protocol import Engine, worth_spreading
from svbench.errors import DataError
from svbench.files.clip_view import ClipView, Gallery
from svbench.files.names import check_name
from svbench.files.store import Store
from svbench.protocols import MotionReader
from svbench.types import Example, ResultTable, Row, SampleSet
from svbench.walk.recorded import FIRST, recorded
from svbench.walk.views import View, make_view


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The sets of a run that lie outside its folder, as its lists and folders hold them now."""

    sets: Mapping[str, tuple[Path, str, tuple[Example, ...]]] = field(default_factory=dict)
    # of each row -> where its clips were found, what the set is called, and the clips
    pad: bool = False  # clips that are too short were filled up
    repeat: str = FIRST  # follows the ids of the clips in those of their requests


def make_gallery(
    run: Path,
    table: ResultTable,
    requests: Sequence[str],
    out: Path,
    engine: Engine,
    *,
    elsewhere: Elsewhere,
    motion: MotionReader,
    advance: Callable[[int], None] = lambda _count: None,
) -> Gallery:
    """Make the views of some requests in every row, and read the captions of all.

    Parameters
    ----------
    run : Path
        the run folder
    table : ResultTable
        its results, or some rows of them
    requests : sequence of str
        ids, in the order in which they are shown
    out : Path
        the folder of the report; media files lie below `out`/media
    engine : Engine
        maps the work over workers
    elsewhere : Elsewhere
        the sets that lie outside the run folder
    motion : MotionReader
        reads trajectories of motion from the features of the run
    advance : callable
        called for each view (Default value: shows nothing)

    Raises
    ------
    DataError
        where the clips of a row are not those that its numbers were computed from
    """
    sets = find_sets(run, table, engine, elsewhere)
    captions = {s.request_id: s.caption for one in sets.values() for s in one.samples if s.caption}
    places = {name: {s.request_id: i for i, s in enumerate(o.samples)} for name, o in sets.items()}
    wanted = [
        View(row.system, sets[row.system], places[row.system][request], _extractors(row, motion))
        for request in requests
        for row in table.rows
        if request in places.get(row.system, ())
    ]
    store = Store(run)

    def make(view: View) -> ClipView | str:
        try:
            return make_view(view, store, motion, out)
        except DataError as error:
            return str(error)

    def named(view: View) -> str:
        return f"{view.system}: {view.sample.request_id}"

    views: list[ClipView] = []
    problems = {}
    spread = worth_spreading(engine, len(wanted), light=False)  # threads do: it is few clips
    results = engine.spread(make, wanted, named=named) if spread else engine.map(make, wanted)
    for view, made in zip(wanted, results, strict=True):
        if isinstance(made, ClipView):
            views.append(made)
        else:
            problems[view.system, view.sample.request_id] = made
        advance(1)
    return Gallery(captions, tuple(views), problems)


def find_sets(
    run: Path, table: ResultTable, engine: Engine, elsewhere: Elsewhere
) -> dict[str, SampleSet]:
    """Return the clips of every row, from the store or from where `svbench score` read them.

    A floor made from the clips of another row has none, and no set; nor has an absent row. Raises
    DataError where clips are not those that the numbers of the row were computed from.
    """
    store = Store(run)
    sets = {}
    for row in (row for row in table.rows if row.floor_of is None and row.asked):
        check_name(row.system, "system", str(run))
        if row.system in elsewhere.sets:
            where, name, examples = elsewhere.sets[row.system]
            found, _ = recorded(
                name,
                examples,
                table.spec,
                engine,
                pad=elsewhere.pad,
                repeat=elsewhere.repeat,
            )
        else:
            where = store.manifest_path(row.system)
            found = store.load_set(row.system, table.spec)
        if found.digest != row.settings.get("set"):
            raise DataError(f"{where}: changed since the run; run the same command again")
        sets[row.system] = found
    return sets


def _extractors(row: Row, motion: MotionReader) -> tuple[str, ...]:
    """Return the keys of the extractors that measured the motion of a row's clips."""
    keys = (score.extractor for score in row.scores.values() if motion.reads(score.metric))
    return tuple(dict.fromkeys(keys))
