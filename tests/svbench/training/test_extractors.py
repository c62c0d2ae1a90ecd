"""The course of the miniature networks: repeatable, and read by what ships them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from svbench.errors import ConfigError
from svbench.metrics import miniature as shipped
from svbench.miniature.drawing.drumstick import Stroke
from svbench.training.miniature.extractors import Course, Lesson, draw, train
from svbench.training.miniature.learning import SILENT, answers_loss, batches, info_nce, likeness
from tests.factories.clips import make_clip

TINY = Course(
    clips=6,
    held_out=4,
    seed=3,
    i3d_steps=2,
    i3d_batch=3,
    vggish_steps=3,
    vggish_batch=4,
    imagebind_steps=3,
    imagebind_batch=4,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("course")
    train(out, TINY, lambda _line: None)
    return out


def test_the_same_course_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    said: list[str] = []
    train(tmp_path / "again", TINY, said.append)
    for name in (shipped.RECORD, *shipped.FILES.values()):
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes(), name
    assert any("i3d: step 2 of 2, loss" in line for line in said)


def test_what_it_writes_is_what_the_metrics_read(made: Path) -> None:
    lessons = draw(made / "data", "test", TINY)
    pictures, captions = [x.clip for x in lessons], [x.caption for x in lessons]
    widths = {
        shipped.I3D_CLASSES: shipped.fvd("first-16", folder=made),
        128: shipped.fad("audioldm-eval", folder=made),
        49: shipped.ib("ib-ta", "published", folder=made),
    }
    for width, metric in widths.items():
        assert metric.extractor(pictures, captions)[0].shape[1] == width


def test_the_record_tells_how_they_came_about(made: Path) -> None:
    record = json.loads((made / shipped.RECORD).read_text(encoding="utf-8"))
    assert record["course"]["seed"] == 3
    assert set(record["networks"]) == {"i3d", "vggish", "imagebind"}
    assert set(record["networks"]["i3d"]["held out"]) >= {"material", "shape", "place", "hit"}


def test_lessons_know_what_the_caption_says(made: Path) -> None:
    from svbench.miniature import greatesthits as miniature

    for lesson in draw(made / "data", "train", TINY):
        material, shape, place = lesson.kinds
        assert miniature.MATERIALS[material].name in lesson.caption.split()
        assert miniature.SHAPES[shape] in lesson.caption.split()
        assert lesson.caption.endswith(miniature.PLACES[place].name)
        assert ("still" in lesson.caption) == (not lesson.strokes)


def test_a_part_of_a_clip_tells_what_happens_in_it() -> None:
    strokes = Stroke(0.3, "hit"), Stroke(1.9, "scratch"), Stroke(2.0, "hit")
    lesson = Lesson(make_clip(), "", (0, 0, 0), strokes)
    assert lesson.seen(0) == [1, 1, 1, 1, 0, 0]  # 2 s at 8 frames/s: hit, scratch, 2 strokes
    assert lesson.seen(4) == [1, 1, 1, 1, 0, 0]  # 0.5 to 2.5 s
    assert lesson.heard(0) == [1, 0, 0, 1, 0, 0]  # 0.3 s is in the second quarter of 0.96 s
    assert lesson.heard(1) == [0, 1, 0, 0, 0, 1]
    assert lesson.heard(3) == [0, 0, 0, 0, 0, 0]


def test_a_course_needs_clips_and_steps() -> None:
    with pytest.raises(ConfigError, match="--clips: found 1, expected a whole number, 2 to"):
        Course(clips=1)
    with pytest.raises(ConfigError, match="some steps"):
        Course(i3d_steps=0)


# --- how it is judged --------------------------------------------------------------------------


def test_certain_right_answers_cost_nothing_and_silence_is_not_asked() -> None:
    answers = torch.tensor([[50.0, -50.0, 50.0], [-50.0, 50.0, -50.0]])
    kinds, happens = torch.tensor([[0], [SILENT]]), torch.tensor([[1.0], [0.0]])
    assert float(answers_loss(answers, kinds, happens, [2])) == pytest.approx(0.0, abs=1e-12)


def test_not_knowing_costs_the_logarithm_of_the_choices() -> None:
    kinds, happens = torch.tensor([[3]]), torch.tensor([[1.0, 0.0]])
    cost = answers_loss(torch.zeros(1, 6), kinds, happens, [4])
    assert float(cost) == pytest.approx(np.log(4) + np.log(2))


def test_info_nce_of_equal_vectors_is_the_logarithm_of_the_batch() -> None:
    same = torch.ones(5, 4) / 2
    assert float(info_nce([same, same, same])) == pytest.approx(np.log(5), rel=1e-6)
    one = torch.eye(5)
    assert float(info_nce([one, one, one])) < 0.001


def test_likeness_of_own_and_other_pairs() -> None:
    axes = torch.eye(3)
    marks = likeness([axes, axes, axes.roll(1, 0)])
    assert marks["vision-audio, own"] == 1
    assert marks["vision-audio, other"] == 0
    assert marks["text-audio, own"] == 0
    assert marks["text-audio, other"] == 0.5


def test_batches_use_every_clip_equally_often() -> None:
    drawn = np.concatenate([batch for _, batch in batches(6, 4, 3, seed=0)])
    assert sorted(drawn.tolist()) == sorted([*range(6)] * 2)
