"""Training of the ImageBind of Landscape and VGGSound: repeatable, readable by the metrics."""

from __future__ import annotations

import json
from pathlib import Path

from svbench.metrics import miniature as shipped
from svbench.miniature.landscape import SCENES as NATURE
from svbench.miniature.vggsound import SCENES as EVERYDAY
from svbench.training.miniature.recipes import ExtractorRecipe
from svbench.training.miniature.scenes import draw, train

TINY = ExtractorRecipe(clips=2 * 9, held_out=4, seed=3, imagebind_steps=2, imagebind_batch=4)


def test_the_same_recipe_gives_the_same_files(tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    for out in (first, again):
        train(out, TINY, lambda _line: None)
    names = ("imagebind.safetensors", "imagebind.json", shipped.RECORD)
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in names)
    record = json.loads((first / shipped.RECORD).read_text(encoding="utf-8"))
    assert record["course"]["clips"] == TINY.clips
    assert set(record["networks"]["imagebind"]) == {"loss", "held out"}

    scenes = draw(first, "train", TINY)
    assert {scene.caption for scene in scenes} == {*NATURE, *EVERYDAY}
    metric = shipped.ib("ib-tv", "published", folder=first)
    blocks = metric.extractor([s.clip for s in scenes[:2]], [s.caption for s in scenes[:2]])
    assert len(blocks) == 2
