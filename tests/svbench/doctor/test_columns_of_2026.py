"""What a plan by the columns of 2026 needs: pairs of clips, networks in their files, lengths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from svbench.api.planned import planned_run, planned_score
from svbench.doctor.clips import Survey, survey
from svbench.doctor.lengths import short_clips
from svbench.doctor.memory import network_bytes
from svbench.files.weights.published import PUBLISHED
from svbench.metrics.desync import desync
from svbench.metrics.desync_protocols import PROTOCOLS
from tests.factories.clips import make_clip, write_clip
from tests.factories.small_synchformer import CONFIG, small_synchformer
from tests.svbench.validation.test_columns_of_2026 import LONG, SPEC
from tests.svbench.walk.test_paired_metrics import Apart, Whole


def drawn(out: Path, *metrics: Apart) -> Survey:
    """Return the survey of a run of 6 clips that is not begun, by stand-ins of metrics."""
    planned = planned_run("greatesthits", out=out, limit=6, systems=("real",), metrics=("fad",))
    found = survey(planned)
    return replace(found, plan=replace(found.plan, columns=metrics))


@pytest.mark.parametrize(
    ("metrics", "clips"),
    [
        ((Apart(),), 6 + 6),  # the row, and the real clips of its requests
        ((Whole(),), 6 + 6),  # the row, and the real clips that are kept apart
        ((Apart(), Whole()), 6 + 6 + 6),
    ],
)
def test_paired_metrics_measure_the_real_clips_of_the_requests(
    tmp_path: Path, metrics: tuple[Apart, ...], clips: int
) -> None:
    features = drawn(tmp_path / "run", *metrics).features
    assert (features.clips, features.needed) == (clips, clips)


def test_a_network_takes_what_its_parameters_do_and_not_what_its_file_holds_beside() -> None:
    assert network_bytes("synchformer") == pytest.approx(4 * 237.46e6, rel=1e-4)
    for name in ("vjepa-vith16", "clap-music-speech-audioset", "clap-630k-audioset-fusion"):
        assert 0 < network_bytes(name) < 0.4 * PUBLISHED[name].size
    unused = network_bytes("imagebind") / PUBLISHED["imagebind"].size
    assert 0.85 < unused < 0.95  # without depth, thermal images and motion sensors
    assert network_bytes("synchformer", "bfloat16") == network_bytes("synchformer") / 2
    assert network_bytes("clip-bpe") == 0


def test_clips_too_short_for_a_column_are_named_before_the_run(tmp_path: Path) -> None:
    for name, specs in (("mine", [SPEC, LONG, LONG]), ("real-clips", [SPEC, SPEC])):
        for number, spec in enumerate(specs):
            write_clip(tmp_path / name / f"c{number}.mp4", make_clip(number, spec))
    planned = planned_score(
        tmp_path / "mine",
        reference=tmp_path / "real-clips",
        metrics=("av-align-corrected@miniature",),
        frames=8,
        out=tmp_path / "out",
    )
    metric = desync(PROTOCOLS["av-benchmark"], small_synchformer(tmp_path), config=CONFIG)
    found = survey(planned)
    mine, real = short_clips(replace(found, plan=replace(found.plan, columns=(metric,))), 1)
    assert (mine.name, mine.state) == ("desync@av-benchmark", "missing")
    assert mine.found.startswith("mine: 1 of 3 clips are too short: 1.12 s long, Synchformer needs")
    assert mine.facts == {"set": "mine", "clips": 1, "of": 3}
    assert real.state == "note"  # an empty cell, and no more
    plan = replace(found.plan, columns=(metric,), allow_missing=True)
    assert {one.state for one in short_clips(replace(found, plan=plan), 1)} == {"note"}
