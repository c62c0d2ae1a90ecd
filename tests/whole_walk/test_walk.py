"""The whole walk with toys: order, resumption, counts, and equal bits for any sharding."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.baselines import controls as reference
from svbench.catalog.plans import settings_of
from svbench.config import RunConfig
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.files.results import load_requests, load_table
from svbench.types import (
    Clip,
    ClipScore,
    ClipSpec,
    Detection,
    Features,
    HumanAgreement,
    Judgement,
    Request,
    ResultTable,
    Score,
    Values,
)
from svbench.walk.plan import Data, Plan, Unavailable
from svbench.walk.requests import requests_for, seed_for
from svbench.walk.run import walk
from tests.factories.clips import SPEC, make_clip, write_folder

CONFIG = RunConfig(dataset="toys")


@dataclass(frozen=True)
class Toy:
    """A system that draws a clip from the request's seed, and fails at one if that is set."""

    name: str = "toy"
    title: str = "toy system"
    settings: Mapping[str, str] = field(default_factory=dict)
    made_of_real_clips: bool = False
    fail_at: str = ""
    made: list[str] = field(default_factory=list)

    def decided_by(self, request: Request) -> Mapping[str, str]:
        return {**self.settings, "caption": request.caption}

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        for request in requests:
            if request.id == self.fail_at:
                raise RuntimeError("the power went")
            self.made.append(request.id)
            yield make_clip(request.seed % 1000, spec)


@dataclass(frozen=True)
class Levels:
    """Extracts the mean grey and the mean loudness of a clip."""

    key: str = "levels-1"
    view: str = "conformed"
    batches: list[int] = field(default_factory=list)

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        assert len(clips) == len(captions)
        self.batches.append(len(clips))
        return [np.array([[c.video.mean(), np.abs(c.audio).mean()]]) for c in clips]


@dataclass(frozen=True)
class MeanGrey:
    """The mean of the first column of features, whatever the reference."""

    extractor: Levels
    needs_reference: bool = False
    name: str = "grey"
    title: str = "Grey"
    better: str = "higher"
    settings: Mapping[str, Any] = field(default_factory=dict)
    judged: list[tuple[tuple[str, ...], tuple[str, ...] | None]] = field(default_factory=list)

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        self.judged.append((generated.requests, reference.requests if reference else None))
        values = generated.values[:, 0]
        clips = tuple(
            ClipScore(r, float(v)) for r, v in zip(generated.requests, values, strict=True)
        )
        against = reference.count if reference else None
        score = Score(self.name, float(values.mean()), "higher", generated.count, None, "", against)
        return Judgement(score, clips)


@pytest.fixture
def real(tmp_path: Path) -> tuple:
    write_folder(tmp_path / "real", 6)
    (examples,) = manifest.load(tmp_path / "real").values()
    return examples


def plan(
    real: tuple, *, systems: Sequence[Any] = (), metrics: Sequence[Any] = (), **data: Any
) -> Plan:
    """Return a plan of toys; `data` are fields of its data, e.g. `folders`."""
    read = Data(**{"title": "Toys", "spec": SPEC, "real": real, **data})
    return Plan(
        dataset="toys",
        scale="mini",
        columns=tuple(metrics) or (MeanGrey(Levels()),),
        read=lambda: read,
        settings=settings_of(CONFIG),
        systems=tuple(s if callable(s) else (lambda _clips, s=s: s) for s in systems or (Toy(),)),
    )


def go(out: Path, made: Plan, config: RunConfig = CONFIG, workers: int = 1) -> ResultTable:
    """Walk a plan, by the settings of a configuration."""
    names = ("seed", "repeats", "allow_missing", "strict")
    settings = {name: getattr(config, name) for name in names}
    return walk(replace(made, settings=settings_of(config), **settings), out, Local(workers))


def test_the_table_holds_what_was_measured(tmp_path: Path, real: tuple) -> None:
    toy = Toy()
    table = go(tmp_path / "run", plan(real, systems=[toy]))
    (row,) = table.rows
    expected = np.mean(
        [make_clip(seed_for(0, f"{e.id}/0") % 1000, SPEC).video.mean() for e in real]
    )
    assert row.scores["grey"].value == pytest.approx(expected, rel=1e-12)
    assert (row.asked, row.scores["grey"].count) == (6, 6)
    assert load_table(tmp_path / "run") == table


def test_scores_csv_holds_every_clip(tmp_path: Path, real: tuple) -> None:
    table = go(tmp_path / "run", plan(real))
    lines = list(csv.DictReader((tmp_path / "run/scores.csv").read_text().splitlines()))
    assert [line["request"] for line in lines] == [f"c{i}/0" for i in range(6)]
    mean = np.mean([float(line["value"]) for line in lines])
    assert mean == pytest.approx(table.rows[0].scores["grey"].value, rel=1e-12)


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_no_bit(tmp_path: Path, real: tuple, workers: int) -> None:
    go(tmp_path / "one", plan(real))
    go(tmp_path / "many", plan(real), workers=workers)
    for name in ("results.json", "scores.csv", "samples/toy/manifest.jsonl"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_the_same_command_again_makes_and_extracts_nothing(tmp_path: Path, real: tuple) -> None:
    go(tmp_path / "run", plan(real))
    before = (tmp_path / "run/results.json").read_bytes()
    toy, levels = Toy(), Levels()
    go(tmp_path / "run", plan(real, systems=[toy], metrics=[MeanGrey(levels)]))
    assert (toy.made, levels.batches) == ([], [])
    assert (tmp_path / "run/results.json").read_bytes() == before


def test_after_a_stop_only_the_rest_is_made(tmp_path: Path, real: tuple) -> None:
    with pytest.raises(RuntimeError, match="the power went"):
        go(tmp_path / "run", plan(real, systems=[Toy(fail_at="c4/0")]))
    toy = Toy()
    go(tmp_path / "run", plan(real, systems=[toy]))
    assert toy.made == ["c4/0", "c5/0"]
    go(tmp_path / "whole", plan(real))
    results = [(tmp_path / run / "results.json").read_bytes() for run in ("run", "whole")]
    assert results[0] == results[1]


def test_a_system_with_other_settings_makes_its_clips_anew(tmp_path: Path, real: tuple) -> None:
    go(tmp_path / "run", plan(real))
    toy = Toy(settings={"gamma": "1.5"})
    go(tmp_path / "run", plan(real, systems=[toy]))
    assert len(toy.made) == 6


def test_another_caption_makes_its_clip_anew(tmp_path: Path, real: tuple) -> None:
    go(tmp_path / "run", plan(real))
    toy = Toy()
    changed = (replace(real[0], caption="a hit"), *real[1:])
    go(tmp_path / "run", plan(changed, systems=[toy]))
    assert toy.made == ["c0/0"]


def test_a_column_that_cannot_be_filled_is_a_dash_with_its_reason(
    tmp_path: Path, real: tuple
) -> None:
    lacking = Unavailable("fvd", "FVD", "lower", "no weights; svbench weights fetch i3d")
    table = go(tmp_path / "run", plan(real, metrics=[lacking, MeanGrey(Levels())]))
    assert [column.metric for column in table.columns] == ["fvd", "grey"]
    assert table.rows[0].absent == {"fvd": "no weights; svbench weights fetch i3d"}
    assert list(table.rows[0].scores) == ["grey"]


def test_a_system_that_gives_too_few_clips_is_found_out(tmp_path: Path, real: tuple) -> None:
    class Lazy(Toy):
        def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
            return super().generate(requests[:-1], spec)

    with pytest.raises(DataError, match="toy: gave 5 clips, expected 6"):
        go(tmp_path / "run", plan(real, systems=[Lazy()]))


def test_a_folder_of_another_run_is_refused(tmp_path: Path, real: tuple) -> None:
    go(tmp_path / "run", plan(real))
    with pytest.raises(ConfigError, match="seed was 0, is 1"):
        go(tmp_path / "run", plan(real), RunConfig(dataset="toys", seed=1))


def test_each_clip_is_decoded_once_for_all_extractors(
    tmp_path: Path, real: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svbench.walk import extract_shard

    reads = []
    original = extract_shard.read_sample
    monkeypatch.setattr(
        extract_shard,
        "read_sample",
        lambda s, *rest: (reads.append(s.request_id), original(s, *rest))[1],
    )
    one, two = MeanGrey(Levels()), MeanGrey(Levels(key="levels-2"), name="grey-2")
    go(tmp_path / "run", plan(real, metrics=[one, two]))
    assert reads == [f"c{i}/0" for i in range(6)]


# --- controls ----------------------------------------------------------------------------------


def test_a_clip_that_cannot_be_judged_stops_the_table_but_not_the_work(
    tmp_path: Path, real: tuple
) -> None:
    real[2].recording.path.write_bytes(b"text")
    with pytest.raises(DataError, match=r"c2\.mp4: found no readable media") as caught:
        go(tmp_path / "run", plan(real, systems=[Toy()]))
    assert "1 of 6 clips" in str(caught.value)
    assert not (tmp_path / "run/results.json").exists()


def test_missing_clips_are_left_out_only_when_allowed_and_then_counted(
    tmp_path: Path, real: tuple
) -> None:
    real[2].recording.path.write_bytes(b"text")
    folders = {"mine": real}
    made = replace(plan(real[:2], folders=folders), systems=())
    table = go(tmp_path / "run", made, RunConfig(dataset="toys", allow_missing=True))
    row = table.rows[0]
    assert (row.asked, row.scores["grey"].count) == (6, 5)
    assert list(row.left_out) == ["c2/0"]


def test_real_clips_that_cannot_be_read_make_no_requests(tmp_path: Path, real: tuple) -> None:
    real[2].recording.path.write_bytes(b"text")
    config = RunConfig(dataset="toys", allow_missing=True)
    toy = Toy()
    table = go(tmp_path / "run", plan(real, systems=[toy, reference.real]), config)
    assert sorted(toy.made) == ["c0/0", "c1/0", "c3/0", "c4/0", "c5/0"]
    assert [row.scores["grey"].count for row in table.rows] == [5, 5]
    assert any("1 of 6 real clips left out" in note for note in table.notes)


def test_no_clip_left_gives_an_absent_cell_with_its_reason(tmp_path: Path, real: tuple) -> None:
    for example in real[2:]:
        example.recording.path.write_bytes(b"")
    made = replace(plan(real[:2], folders={"m": real[2:]}), systems=())
    row = go(tmp_path / "run", made, RunConfig(dataset="toys", allow_missing=True)).rows[0]
    assert not row.scores
    assert row.absent == {"grey": "no features could be extracted from any of its clips"}


# --- frame times -------------------------------------------------------------------------------


def test_the_table_notes_what_frame_times_it_rests_on(tmp_path: Path, real: tuple) -> None:
    def noted(out: str, spec: ClipSpec) -> tuple[str, ...]:
        return go(tmp_path / out, replace(plan(real, spec=spec), scale="paper")).notes

    (note,) = noted("cut", SPEC)
    assert note.startswith(f"6 of 6 files of real clips are at {SPEC.fps:g} frames/s already, so")
    notes = noted("late", replace(SPEC, frame_choice="official"))
    assert notes[0].startswith("frame choice official: recorded clips show what ffmpeg -r")
    assert notes[1] == note
    assert noted("other", replace(SPEC, fps=SPEC.fps / 2, frames=SPEC.frames // 2)) == ()


# --- requests ----------------------------------------------------------------------------------


def test_a_seed_depends_on_the_run_and_the_request_alone(real: tuple) -> None:
    one = {r.id: r.seed for r in requests_for(real, 1, 5)}
    more = {r.id: r.seed for r in requests_for(real[::-1], 3, 5)}
    assert one.items() <= more.items()
    assert len(set(more.values())) == 18
    assert seed_for(6, "c0/0") != one["c0/0"]
    assert all(0 <= seed < 2**63 for seed in more.values())


def test_a_run_lists_its_requests(tmp_path: Path, real: tuple) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    for out, examples in ((whole, real), (part, real[1:3])):
        go(out, plan(examples))
    requests = load_requests(whole)
    assert requests is not None
    assert {name: one.caption for name, one in requests.items()} == {e.id: e.caption for e in real}
    assert load_requests(part) == {e.id: requests[e.id] for e in real[1:3]}
    ((_, listed),) = manifest.load(whole / "requests.jsonl").items()
    assert [e.recording.path.resolve() for e in listed] == [e.recording.path for e in real]


def test_the_run_folder_records_settings_and_versions(tmp_path: Path, real: tuple) -> None:
    go(tmp_path / "run", plan(real))
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["config"]["dataset"] == "toys"
    assert {"python", "svbench", "numpy", "librosa", "av"} <= record["versions"].keys()


# --- whether columns follow people -------------------------------------------------------------


def test_a_column_keeps_what_is_known_of_its_validity(tmp_path: Path, real: tuple) -> None:
    absent = Unavailable("none", "None", "lower", "no weights")
    asked = []

    def validity(metric: Any, spec: ClipSpec) -> HumanAgreement:
        asked.append((metric.name, spec))
        return HumanAgreement(0.5)

    made = plan(real, metrics=[MeanGrey(Levels()), absent])
    table = go(tmp_path / "run", replace(made, validity=validity))
    assert [column.validity for column in table.columns] == [HumanAgreement(0.5), None]
    assert asked == [("grey", SPEC)]
    assert load_table(tmp_path / "run") == table
    assert go(tmp_path / "other", made).rows == table.rows


# --- annotated events --------------------------------------------------------------------------


@dataclass(frozen=True)
class GreyFlashes(MeanGrey):
    """A metric that detects a flash at the time of each clip's mean grey, as a share of white."""

    def detection(
        self, features: Features, annotated: Mapping[str, Sequence[float]]
    ) -> tuple[Detection, ...]:
        times = dict(zip(features.requests, features.values[:, 0] / 255, strict=True))
        right = int(sum(abs(times[request] - hit) < 1e-9 for request, (hit,) in annotated.items()))
        return (Detection("flashes", right, len(annotated), len(times), len(annotated), 1e-3),)


def annotated(real: tuple) -> tuple:
    """Return the real clips, all but the first annotated, and the last of these wrongly."""
    grey = [media.read(e.recording, SPEC).video.mean() / 255 for e in real]
    wrong = [*grey[:-1], 2.0]
    return (real[0], *(replace(e, onsets=(wrong[i],)) for i, e in enumerate(real) if i))


@pytest.mark.parametrize("workers", [1, 3])
def test_annotated_events_are_compared_with_those_of_the_real_clips(
    tmp_path: Path, real: tuple, workers: int
) -> None:
    """Neither with those of models nor with those of controls that change the clips."""
    systems = [reference.lagged, Toy(), reference.real]
    made = plan(annotated(real), systems=systems, metrics=[GreyFlashes(Levels())])
    table = go(tmp_path / "run", made, workers=workers)
    assert table.columns[0].detection == (Detection("flashes", 4, 5, 6, 5, 1e-3),)
    assert load_table(tmp_path / "run") == table
    go(tmp_path / "one", made)
    results = [(tmp_path / run / "results.json").read_bytes() for run in ("run", "one")]
    assert results[0] == results[1]


def test_clips_made_elsewhere_are_judged_beside_annotated_ones(tmp_path: Path, real: tuple) -> None:
    made = replace(
        plan(annotated(real), metrics=[GreyFlashes(Levels())], folders={"theirs": real}),
        systems=(),
    )
    (column,) = go(tmp_path / "run", made).columns
    assert column.detection == (Detection("flashes", 4, 5, 6, 5, 1e-3),)


def test_without_annotations_or_the_real_row_nothing_is_stated(tmp_path: Path, real: tuple) -> None:
    metrics = [GreyFlashes(Levels())]
    bare = plan(real, systems=[reference.real], metrics=metrics)
    assert go(tmp_path / "bare", bare).columns[0].detection == ()
    models = plan(annotated(real), metrics=metrics)
    assert go(tmp_path / "models", models).columns[0].detection == ()
    plain = plan(annotated(real), systems=[reference.real])
    assert go(tmp_path / "plain", plain).columns[0].detection == ()
