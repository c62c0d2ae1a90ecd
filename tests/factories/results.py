"""Synthetic result tables, as a run would write them: three models, ceiling and floor.

Per clip the models differ by constants, so every paired difference is known beforehand:
CMC-PE at gamma 1.5 scores 0.5 more than at gamma 1 on one half of the clips and as much on the
other, and that one as much as cross-attention on average, 0.125 less on the first half and 0.125
more on the second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from svbench.files.results import ClipValues, dump_scores, dump_table
from svbench.types import ClipScore, ClipSpec, Column, ResultTable, Row, Score

SPEC = ClipSpec(32, 8.0, (64, 64), 16000)
ALIGN = "av-align-corrected@published"
FVD = "fvd@stylegan-v-16f+miniature"
REQUESTS = [f"clip-{place:02d}/0" for place in range(16)]
COLUMNS = (
    Column(FVD, "FVD (miniature I3D)", "lower", {"extractor": "i3d-1", "ddof": 0}),
    Column(
        ALIGN,
        "AV-Align (corrected, published detectors)",
        "higher",
        {
            "window": 3,
            "bounds": [0.0, 1.0],
            "detectors": {"onsets": {"delta": 0.07}, "peaks": {"relative": 0.0}},
        },
    ),
)
OFFSETS = {  # system -> what its clips score above and below the mean of cross-attention, 0.25
    "cross-attention-gamma1": (0.0, 0.0),
    "cmc-pe-gamma1": (-0.125, 0.125),
    "cmc-pe-gamma1.5": (0.375, 0.125),
    "real": (0.5, 0.5),
    "shuffled": (-0.125, -0.125),
}


def clip_values() -> dict[tuple[str, str], dict[str, float]]:
    """Return the AV-Align score of every clip; FVD has no scores per clip."""
    return {
        (system, ALIGN): {
            request: 0.25 + offsets[place % 2] for place, request in enumerate(REQUESTS)
        }
        for system, offsets in OFFSETS.items()
    }


def make_table(**changed: object) -> ResultTable:
    """Return the table; `changed` replaces fields of it."""
    rows = (
        _row("real", "real clips (ceiling)", (70.0, 0.0, 140.0), reference=True),
        _row("shuffled", "real pictures, sound of another clip (floor)", None, reference=True),
        _model("cross-attention", "1", (379.0, 350.0, 400.0)),
        _model("cmc-pe", "1", (393.0, 360.0, 420.0)),
        _model("cmc-pe", "1.5", (300.0, 280.0, 320.0)),
    )
    table = ResultTable(
        title="Greatest Hits, miniature",
        dataset="greatesthits",
        scale="mini",
        spec=SPEC,
        columns=COLUMNS,
        rows=rows,
        notes=("miniature: drawn clips, not comparable with published figures",),
        record={"seed": 0, "real clips": 16, "real set": "c0ffee"},
    )
    return replace(table, **changed)  # type: ignore[arg-type]


def with_score(table: ResultTable, system: str, metric: str, **changed: object) -> ResultTable:
    """Return the table with one score changed, e.g. `value=0.5`."""

    def change(row: Row) -> Row:
        if row.system != system:
            return row
        score = replace(row.scores[metric], **changed)  # type: ignore[arg-type]
        return replace(row, scores={**row.scores, metric: score})

    return replace(table, rows=tuple(map(change, table.rows)))


def write_run(folder: Path, table: ResultTable, scores: ClipValues | None = None) -> Path:
    """Write results.json and scores.csv into a folder, as a run would."""
    folder.mkdir(parents=True, exist_ok=True)
    values: Mapping[tuple[str, str], Mapping[str, float]] = scores or clip_values()
    lines = [
        (system, metric, ClipScore(request, value))
        for (system, metric), of in values.items()
        for request, value in of.items()
    ]
    (folder / "results.json").write_text(dump_table(table), encoding="utf-8")
    (folder / "scores.csv").write_text(dump_scores(lines), encoding="utf-8")
    return folder


def write_requests(folder: Path, categories: Mapping[str, Mapping[str, str]]) -> None:
    """Write requests.jsonl into a run folder, with the categories of each example."""
    lines = (
        {"id": name, "caption": f"caption of {name}", "categories": dict(of), "source": name}
        for name, of in categories.items()
    )
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / "requests.jsonl").write_text(text, encoding="utf-8")


def _model(mixer: str, gamma: str, fvd: tuple[float, float, float]) -> Row:
    settings = {"mixer": mixer, "gamma": gamma, "steps": "25", "weights": "sha256:1", "set": "a"}
    return _row(f"{mixer}-gamma{gamma}", f"{mixer}, gamma {gamma}", fvd, settings=settings)


def _row(
    system: str,
    title: str,
    fvd: tuple[float, float, float] | None,
    *,
    reference: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Row:
    mean = 0.25 + sum(OFFSETS[system]) / 2
    scores = {ALIGN: Score(ALIGN, mean, "higher", 16, (mean - 0.05, mean + 0.05), "events-1")}
    if fvd is not None:
        count = 8 if reference else 16
        scores[FVD] = Score(FVD, fvd[0], "lower", count, fvd[1:], "i3d-1", count)
    absent = {} if fvd is not None else {FVD: "a distance needs more clips"}
    return Row(system, title, 16, reference, dict(settings or {"set": "b"}), scores, absent)
