"""Scores per clip as arrays: all of scores.csv, as figures and pages need it.

A large run has two million lines, so the file is read once, a block of one row and metric at a
time, and kept as arrays over requests.

Conventions
-----------
The R requests are in the order of their first occurrence in the file. NaN in an array means that
the row has no score there; scores themselves are finite. Times remain text as in the file (seconds,
separated by blanks) until a clip is drawn.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.results import FIXED, ClipValues, scores_file
from svbench.files.text import NUMBER, REASON, read_csv, shown

ONSETS, PEAKS = "onset_times", "motion_peak_times"
LISTS = (ONSETS, PEAKS)  # fields of several numbers each
TIMES = re.compile(rf"({NUMBER.pattern}( {NUMBER.pattern})*)?", re.ASCII)
VALUE = "value"
PRECISION, RECALL = "precision", "recall"

Numbers = NDArray[np.float64]
Key = tuple[str, str]  # (system, metric)


@dataclass(frozen=True, slots=True, eq=False)
class ClipScores:
    """The scores of every clip of a run, with the numbers behind them."""

    requests: tuple[str, ...]
    numbers: Mapping[Key, Mapping[str, Numbers]]  # -> field -> (R,); `value` is always there
    times: Mapping[Key, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    # -> ONSETS or PEAKS -> R texts; "" without any, and where the row was not scored

    def values(self, system: str, metric: str) -> Numbers | None:
        """Return the scores of a row, (R,); None if the metric has no values per clip."""
        found = self.numbers.get((system, metric))
        return None if found is None else found[VALUE]

    def known(self, system: str, metric: str, name: str = VALUE) -> Numbers:
        """Return one field of a row where it is known, (k,) with k <= R."""
        found = self.numbers.get((system, metric), {}).get(name)
        return np.empty(0) if found is None else found[~np.isnan(found)]

    def by_request(self) -> ClipValues:
        """Return the scores in the form of `load_scores`, each row converted on access."""
        return _ByRequest(self)

    def joined(self, others: ClipValues) -> ClipScores:
        """Return these with scores of other metrics, such as imported ones.

        Requests that are new stand behind those known.
        """
        named = dict.fromkeys(request for of in others.values() for request in of)
        requests = tuple(dict.fromkeys((*self.requests, *named)))
        more = len(requests) - len(self.requests)
        numbers = {
            key: {
                name: np.pad(of, (0, more), constant_values=np.nan) for name, of in fields.items()
            }
            for key, fields in self.numbers.items()
        }
        for key, of in others.items():
            values = np.array([of.get(request, np.nan) for request in requests])
            numbers[key] = {VALUE: values}
        times = {
            key: {name: (*texts, *[""] * more) for name, texts in fields.items()}
            for key, fields in self.times.items()
        }
        return ClipScores(requests, numbers, times)

    def metrics(self, name: str = VALUE) -> tuple[str, ...]:
        """Return the metrics that have this field per clip, in the order of the file."""
        return tuple(dict.fromkeys(m for (_, m), fields in self.numbers.items() if name in fields))


class _ByRequest(Mapping[Key, Mapping[str, float]]):
    """A view of scores by request that holds no copy of them."""

    def __init__(self, scores: ClipScores) -> None:
        self._scores = scores

    def __getitem__(self, key: Key) -> Mapping[str, float]:
        values = self._scores.numbers[key][VALUE].tolist()
        pairs = zip(self._scores.requests, values, strict=True)
        return {request: value for request, value in pairs if not math.isnan(value)}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._scores.numbers)

    def __len__(self) -> int:
        return len(self._scores.numbers)


def times_of(text: str) -> tuple[float, ...]:
    """Return the times in a field of scores.csv, in seconds."""
    return tuple(map(float, text.split()))


def read_clip_scores(path: Path) -> ClipScores:
    """Load a scores.csv, or the one in a run folder; raise DataError if it is malformed."""
    file = scores_file(path)
    return _read(read_csv(file, "scores per clip", escaped=True), file)


def _read(rows: Iterator[tuple[int, list[str]]], file: Path) -> ClipScores:
    _, heading = next(rows, (0, []))
    if tuple(heading[: len(FIXED)]) != FIXED:
        raise DataError(
            f"{file}: found the columns {heading[:4]!r:.80}, expected {list(FIXED)} first"
        )
    if len(set(heading)) != len(heading):
        raise DataError(f"{file}: found a column twice in its heading, expected each once")
    places: dict[str, int] = {}  # request -> index
    blocks: dict[Key, tuple[list[int], dict[str, Numbers], dict[str, list[str]]]] = {}
    lines = _of_length(rows, len(heading), file)
    for (system, metric), group in itertools.groupby(lines, key=lambda line: (line[0], line[2])):
        block = list(group)
        if (system, metric) in blocks:
            raise DataError(
                f"{file}: found lines of {shown(metric)} of {shown(system)} in two places, "
                "expected them together"
            )
        columns = dict(zip(heading, zip(*block, strict=True), strict=True))
        at = [places.setdefault(request, len(places)) for request in columns["request"]]
        if len(set(at)) != len(at):
            raise DataError(
                f"{file}: found a request of {shown(system)}, {shown(metric)} twice, expected once"
            )
        names = [n for n in heading if n not in FIXED and any(columns[n])]
        # such as the lags of a clip's windows: checked, but nothing shows them
        lists = [name for name in names if any(" " in word for word in columns[name])]
        for name in lists:
            _times(columns[name], file, name)
        numeric = [VALUE, *(name for name in names if name not in (*LISTS, *lists))]
        numbers = {name: _numbers(columns[name], file, name) for name in numeric}
        whole = PRECISION in names and set(LISTS) <= columns.keys()
        texts = {name: _times(columns[name], file, name) for name in LISTS if whole}
        blocks[system, metric] = at, numbers, texts
    count = len(places)
    return ClipScores(
        tuple(places),
        {
            key: {name: _spread(values, at, count) for name, values in numbers.items()}
            for key, (at, numbers, _) in blocks.items()
        },
        {
            key: {name: _spread_text(words, at, count) for name, words in texts.items()}
            for key, (at, _, texts) in blocks.items()
            if texts
        },
    )


def _of_length(
    rows: Iterator[tuple[int, list[str]]], length: int, file: Path
) -> Iterator[list[str]]:
    for number, row in rows:
        if len(row) != length:
            raise DataError(
                f"{file}, line {number}: found {len(row)} fields, expected {length} as in its "
                "heading"
            )
        yield row


def _numbers(words: Sequence[str], file: Path, name: str) -> Numbers:
    try:
        found = np.array([word or "nan" for word in words], dtype=np.float64)
    except ValueError as error:
        raise DataError(
            f"{file}: column {shown(name)}: {shown(error, REASON)}, expected numbers"
        ) from error
    given = np.array([word != "" for word in words])
    if not np.isfinite(found[given]).all() or (name == VALUE and not given.all()):
        raise DataError(f"{file}: column {shown(name)}: found no finite number, expected numbers")
    return found


def _times(words: Sequence[str], file: Path, name: str) -> list[str]:
    wrong = next((word for word in words if not TIMES.fullmatch(word)), None)
    if wrong is not None:
        raise DataError(
            f"{file}: column {name}: found {wrong!r:.60}, expected seconds, separated by blanks"
        )
    return list(words)


def _spread(values: Numbers, at: Sequence[int], count: int) -> Numbers:
    spread = np.full(count, np.nan)
    spread[at] = values
    return spread


def _spread_text(words: Sequence[str], at: Sequence[int], count: int) -> Sequence[str]:
    if list(at) == list(range(count)):
        return words
    spread = [""] * count
    for place, word in zip(at, words, strict=True):
        spread[place] = word
    return spread
