"""Training of the miniature networks: repeatable, and readable by the metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svbench.errors import ConfigError, DataError
from svbench.metrics import miniature as shipped
from svbench.miniature.drawing.drumstick import Stroke
from svbench.training.miniature.extractors import train
from svbench.training.miniature.fitting import (
    IGNORED,
    batches,
    classification_loss,
    cosine_similarities,
    info_nce,
)
from svbench.training.miniature.recipes import NETWORKS, ExtractorRecipe
from svbench.training.miniature.samples import LabelledClip, draw
from tests.factories.clips import make_clip

TINY = ExtractorRecipe(
    clips=6,
    held_out=4,
    seed=3,
    i3d_steps=2,
    i3d_batch=3,
    vggish_steps=3,
    vggish_batch=4,
    imagebind_steps=3,
    imagebind_batch=4,
    synchformer_strokes_steps=2,
    synchformer_recordings=4,
    synchformer_strokes_batch=3,
    synchformer_steps=3,
    synchformer_batch=4,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("extractors")
    train(out, TINY, lambda _line: None)
    return out


def test_the_same_recipe_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    train(tmp_path / "again", TINY, lines.append)
    for name in (shipped.RECORD, *shipped.FILES.values()):
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes(), name
    assert any("i3d: step 2 of 2, loss" in line for line in lines)


def test_one_network_is_trained_alone_and_the_record_keeps_the_others(
    made: Path, tmp_path: Path
) -> None:
    other = replace(TINY, synchformer_steps=1)
    train(tmp_path, other, lambda _line: None, ["synchformer"])
    assert list(load(tmp_path)["networks"]) == ["synchformer"]
    train(tmp_path, TINY, lambda _line: None, ["i3d"])
    record, whole = load(tmp_path), load(made)
    assert list(record["networks"]) == ["i3d", "synchformer"]
    assert record["networks"]["i3d"] == whole["networks"]["i3d"]
    assert record["networks"]["synchformer"]["course"]["synchformer_steps"] == 1
    file = shipped.weight_file("synchformer", tmp_path)
    assert file.sha256 != whole["sha256"][file.path.name]
    with pytest.raises(DataError, match=r"vggish\.safetensors: cannot be verified"):
        shipped.weight_file("vggish", tmp_path)
    with pytest.raises(ConfigError, match="--networks: found 'i4d', expected one of i3d, vggish"):
        train(tmp_path, TINY, lambda _line: None, ["i4d"])


def load(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / shipped.RECORD).read_text(encoding="utf-8"))
    return found


def test_what_it_writes_is_what_the_metrics_read(made: Path) -> None:
    samples = draw(made / "data", "test", TINY)
    clips, captions = [s.clip for s in samples], [s.caption for s in samples]
    widths = {
        shipped.I3D_CLASSES: shipped.fvd("first-16", folder=made),
        128: shipped.fad("audioldm-eval", folder=made),
        49: shipped.ib("ib-ta", "published", folder=made),
        22: shipped.desync("av-benchmark", folder=made),
    }
    for width, metric in widths.items():
        assert metric.extractor(clips, captions)[0].shape[1] == width


def test_the_record_holds_the_recipe_and_the_scores(made: Path) -> None:
    networks = load(made)["networks"]
    assert list(networks) == ["i3d", "vggish", "imagebind", "synchformer"]
    assert set(networks["i3d"]["held out"]) >= {"material", "shape", "place", "hit"}
    for name, trained in networks.items():
        of_it = {"clips", "held_out", "seed", "threads", f"{name}_steps", f"{name}_batch"}
        assert set(trained["course"]) >= of_it
        assert trained["course"]["seed"] == 3
        assert not [key for key in trained["course"] if key.startswith(others(name))]


def others(name: str) -> tuple[str, ...]:
    return tuple(f"{other}_" for other in NETWORKS if other != name)


def test_labels_agree_with_captions(made: Path) -> None:
    from svbench.miniature import greatesthits as miniature

    for sample in draw(made / "data", "train", TINY):
        material, shape, place = sample.classes
        assert miniature.MATERIALS[material].name in sample.caption.split()
        assert miniature.SHAPES[shape] in sample.caption.split()
        assert sample.caption.endswith(miniature.PLACES[place].name)
        assert ("still" in sample.caption) == (not sample.strokes)


def test_labels_of_parts_of_a_clip() -> None:
    strokes = Stroke(0.3, "hit"), Stroke(1.9, "scratch"), Stroke(2.0, "hit")
    sample = LabelledClip(make_clip(), "", (0, 0, 0), strokes)
    assert sample.frame_labels(0) == [
        1,
        1,
        1,
        1,
        0,
        0,
    ]  # 2 s at 8 frames/s: hit, scratch, 2 strokes
    assert sample.frame_labels(4) == [1, 1, 1, 1, 0, 0]  # 0.5 to 2.5 s
    assert sample.audio_labels(0) == [1, 0, 0, 1, 0, 0]  # 0.3 s is in the second quarter of 0.96 s
    assert sample.audio_labels(1) == [0, 1, 0, 0, 0, 1]
    assert sample.audio_labels(3) == [0, 0, 0, 0, 0, 0]


def test_a_recipe_needs_clips_and_steps() -> None:
    with pytest.raises(ConfigError, match="--clips: found 1, expected a whole number, 2 to"):
        ExtractorRecipe(clips=1)
    with pytest.raises(ConfigError, match="some steps"):
        ExtractorRecipe(i3d_steps=0)


# --- losses and scores -------------------------------------------------------------------------


def test_certain_right_predictions_cost_nothing_and_an_ignored_class_does_not_count() -> None:
    logits = torch.tensor([[50.0, -50.0, 50.0], [-50.0, 50.0, -50.0]])
    classes, events = torch.tensor([[0], [IGNORED]]), torch.tensor([[1.0], [0.0]])
    loss = classification_loss(logits, classes, events, [2])
    assert float(loss) == pytest.approx(0.0, abs=1e-12)


def test_uniform_predictions_cost_the_logarithm_of_the_choices() -> None:
    classes, events = torch.tensor([[3]]), torch.tensor([[1.0, 0.0]])
    loss = classification_loss(torch.zeros(1, 6), classes, events, [4])
    assert float(loss) == pytest.approx(np.log(4) + np.log(2))


def test_info_nce_of_equal_vectors_is_the_logarithm_of_the_batch() -> None:
    same = torch.ones(5, 4) / 2
    assert float(info_nce([same, same, same])) == pytest.approx(np.log(5), rel=1e-6)
    one = torch.eye(5)
    assert float(info_nce([one, one, one])) < 0.001


def test_cosines_of_own_and_other_pairs() -> None:
    axes = torch.eye(3)
    scores = cosine_similarities([axes, axes, axes.roll(1, 0)])
    assert scores["vision-audio, own"] == 1
    assert scores["vision-audio, other"] == 0
    assert scores["text-audio, own"] == 0
    assert scores["text-audio, other"] == 0.5


def test_batches_use_every_clip_equally_often() -> None:
    drawn = np.concatenate([batch for _, batch in batches(6, 4, 3, seed=0)])
    assert sorted(drawn.tolist()) == sorted([*range(6)] * 2)
