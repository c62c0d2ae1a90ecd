"""JEDi: its distance by hand and against published numbers, features, keys, refusals."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from svbench.compute import digest_file
from svbench.errors import ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.metrics.jedi import PROTOCOLS, JEDi, VJEPAFeatures, video_input
from svbench.types import ClipSpec, Features
from tests.factories.clips import make_clip
from tests.goldens.places import golden
from tests.metrics.networks.test_vjepa import SMALL, states

SPEC = ClipSpec(8, 8.0, (40, 48), 16000)
CLIPS = [make_clip(seed, SPEC) for seed in range(3)]


def extractor(folder: Path, seed: int = 0) -> VJEPAFeatures:
    files = []
    for name, state in zip(("encoder", "probe"), states(seed), strict=True):
        path = folder / f"{name}-{seed}.safetensors"
        save_file(state, path)
        files.append(WeightFile(name, path, digest_file(path)))
    return VJEPAFeatures(files[0], files[1], config=SMALL)


def features(values: np.ndarray, key: str = "vjepa") -> Features:
    rows = np.asarray(values, np.float32)
    return Features(key, rows, np.arange(len(rows)), tuple(f"c{i}/0" for i in range(len(rows))))


def test_distance_by_hand(tmp_path: Path) -> None:
    """Rows (1, 0) and (0, 1) against two times (1, 0): 100 (1/8 + 1/4 - 1/4) with D = 2."""
    metric = JEDi(extractor(tmp_path))
    judged = metric.score(features(np.eye(2)), features(np.array([[1, 0], [1, 0]])))
    assert judged.score.value == pytest.approx(100 * (1 / 8 + 1 / 4 - 2 / 8))
    assert (judged.score.count, judged.score.reference_count, judged.clips) == (2, 2, ())
    assert judged.score.interval is None
    assert metric.score(features(np.eye(3)), features(np.eye(3))).score.value == 0


def test_published_values(tmp_path: Path) -> None:
    record = json.loads(golden("columns/arrays.json").read_text())["mmd"]
    with np.load(golden("columns/arrays.npz")) as arrays:
        for case, known in record.items():
            sides = (features(arrays[f"{case}_{side}"]) for side in ("gen", "ref"))
            found = JEDi(extractor(tmp_path)).score(*sides).score.value
            assert found == pytest.approx(known["jedi_x100"], rel=1e-4)
            assert found == pytest.approx(known["float64"]["jedi_x100"], rel=1e-9)


def test_features_do_not_depend_on_the_clips_beside(tmp_path: Path) -> None:
    embed = extractor(tmp_path)
    together = embed(CLIPS, [""] * 3)
    assert [rows.shape for rows in together] == [(1, 24)] * 3
    for clip, rows in zip(CLIPS, together, strict=True):
        assert np.array_equal(extractor(tmp_path)([clip], [""])[0], rows)
    longer = make_clip(0, SPEC)
    longer.video[4:] = 0  # of which the network sees four frames
    assert np.array_equal(embed([longer], [""])[0], together[0])


def test_input_is_normalised_by_colour() -> None:
    video = np.full((4, 64, 48, 3), (255, 0, 128), np.uint8)
    found = video_input(video, SMALL)
    assert found.shape == (3, 4, 32, 32)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225]
    assert found.amax(dim=(1, 2, 3)).tolist() == pytest.approx(expected, rel=1e-5)
    assert found.amin(dim=(1, 2, 3)).tolist() == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_judged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="the clip has 3 frames, expected at least 4"):
        video_input(CLIPS[0].video[:3], SMALL)
    metric = JEDi(extractor(tmp_path))
    with pytest.raises(ScoreError, match="needs reference clips"):
        metric.score(features(np.eye(2)), None)
    with pytest.raises(ScoreError, match="needs at least 2 clips on either side, got 1 and 2"):
        metric.score(features(np.eye(2)[:1]), features(np.eye(2)))


def test_keys_and_names_tell_what_decides(tmp_path: Path) -> None:
    embed = extractor(tmp_path)
    bare = replace(embed, protocol="jepa", config=replace(SMALL, projected=False))
    assert len({embed.key, bare.key, extractor(tmp_path, seed=1).key}) == 3
    assert pickle.loads(pickle.dumps(embed)).key == embed.key
    assert [JEDi(one).name for one in (embed, bare)] == ["jedi@videojedi", "jedi@jepa"]
    assert [config.projected for config in PROTOCOLS.values()] == [True, False]
