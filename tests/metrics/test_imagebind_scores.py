"""IB-AV, IB-TA, IB-TV: cosines by hand, one extractor for all, keys, threads, captions."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from svbench.compute import Machine
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.metrics.imagebind_scores import (
    IB,
    IBKind,
    Kind,
    cosine,
    read_embeddings,
    read_small,
)
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS
from svbench.types import Clip, ClipSpec, Features, Values
from tests.factories.clips import make_clip
from tests.factories.small_imagebind import SMALL, WORDS, random_weights, small_extractor

SPEC = ClipSpec(32, 8.0, (32, 48), 16000)
CLIPS = [make_clip(seed, SPEC) for seed in range(4)]
CAPTIONS = ["a dog barks", "a stick hits wood", "a dog barks", "wood"]


def features(blocks: list[Values]) -> Features:
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"c{i}/0" for i in range(len(blocks)))
    return Features("imagebind-test", np.concatenate(blocks), owner, names)


def block(video: list[float], audio: list[float], text: list[float] | None = None) -> Values:
    rows = {Kind.VIDEO: video, Kind.AUDIO: audio, Kind.TEXT: text}
    return np.array([[kind, *row] for kind, row in rows.items() if row], np.float32)


def test_scores_by_hand(tmp_path: Path) -> None:
    extractor = small_extractor(tmp_path)
    said = features([block([1, 0], [20, 0], [0, 3]), block([0, 1], [3, 4], [0, 2])])
    # audio and video: 1 and 4/5; text and audio: 0 and 4/5; text and video: 0 and 1
    for kind, values in (("ib-av", [1, 0.8]), ("ib-ta", [0, 0.8]), ("ib-tv", [0, 1])):
        judged = IB(kind, extractor).score(said)
        assert [clip.value for clip in judged.clips] == pytest.approx(values)
        assert judged.score.value == pytest.approx(np.mean(values))
        assert (judged.score.count, judged.score.better) == (2, "higher")
        assert judged.score.interval is not None
        assert judged.score.interval[0] <= judged.score.value <= judged.score.interval[1]


def test_lengths_do_not_matter_until_there_is_none() -> None:
    a, b = np.array([[3, 4], [1, 0]], np.float32)
    assert cosine(a, b) == cosine(7 * a, 0.01 * b) == pytest.approx(0.6)
    assert cosine(a, 0 * b) == 0.0


def test_one_extractor_serves_all(tmp_path: Path) -> None:
    extractor = small_extractor(tmp_path)
    metrics = [IB(kind, extractor) for kind in get_args(IBKind)]
    assert len({m.extractor.key for m in metrics}) == 1
    said = features(extractor(CLIPS, CAPTIONS))
    assert said.values.dtype == np.float32
    assert said.values.shape == (4 * 3, 1 + SMALL.embedding)
    scores = {m.name: m.score(said).score.value for m in metrics}
    assert list(scores) == ["ib-av@published", "ib-ta@published", "ib-tv@published"]
    assert len(set(scores.values())) == 3
    for metric in metrics:
        json.dumps(metric.settings)
        assert not metric.needs_reference


def test_joined_embeddings_are_those_of_the_re_paired_clip(tmp_path: Path) -> None:
    extractor = small_extractor(tmp_path)
    captions = [*CAPTIONS[:3], ""]  # the last clip has none
    blocks = extractor(CLIPS, captions)
    for picture, caption, block_ in zip(CLIPS, captions, blocks, strict=True):
        for sound, other in zip(CLIPS, blocks, strict=True):
            clip = Clip(picture.video, sound.audio, SPEC)
            (expected,) = extractor([clip], [caption])
            assert np.array_equal(extractor.joined(block_, other), expected)


def test_a_clip_without_caption_has_sound_and_pictures(tmp_path: Path) -> None:
    extractor = small_extractor(tmp_path)
    said = features(extractor(CLIPS, ["a dog", " ", "wood", ""]))
    assert [len(rows) for rows in read_embeddings(said)] == [3, 2, 3, 2]
    assert IB("ib-av", extractor).score(said).score.count == 4
    with pytest.raises(ScoreError, match=r"2 of 4 clips have no caption, .*: c1/0, c3/0"):
        IB("ib-ta", extractor).score(said)
    mute = replace(extractor, tokenizer=None)
    assert mute.key != extractor.key
    assert [len(b) for b in mute(CLIPS, CAPTIONS)] == [2] * 4


def test_nothing_to_score(tmp_path: Path) -> None:
    nothing = Features("x", np.zeros((0, 3), np.float32), np.zeros(0, np.int64), ())
    with pytest.raises(ScoreError, match="at least one clip"):
        IB("ib-av", small_extractor(tmp_path)).score(nothing)
    narrow = Features("x", np.zeros((1, 1), np.float32), np.zeros(1, np.int64), ("a",))
    with pytest.raises(ScoreError, match=r"rows \(kind, embedding...\), got 1 columns"):
        read_embeddings(narrow)


def test_the_answer_does_not_depend_on_batch_order_or_threads(tmp_path: Path) -> None:
    extractor = small_extractor(tmp_path)
    together = extractor(CLIPS, CAPTIONS)
    fresh = small_extractor(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        alone = list(
            pool.map(lambda i: fresh([CLIPS[i]], [CAPTIONS[i]])[0], reversed(range(len(CLIPS))))
        )
    for one, other in zip(together, reversed(alone), strict=True):
        assert np.array_equal(one, other)


def test_a_caption_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    call = type(WORDS).__call__
    monkeypatch.setattr(
        type(WORDS),
        "__call__",
        lambda self, sentences: read.extend(sentences) or call(self, sentences),
    )
    small_extractor(tmp_path)(CLIPS, CAPTIONS)
    assert read == list(dict.fromkeys(CAPTIONS))


def test_weights_are_read_late_and_an_extractor_travels(tmp_path: Path) -> None:
    extractor = small_extractor(tmp_path)
    expected = extractor(CLIPS[:1], CAPTIONS[:1])[0]
    travelled = pickle.loads(pickle.dumps(extractor))
    assert travelled == extractor
    assert np.array_equal(travelled(CLIPS[:1], CAPTIONS[:1])[0], expected)
    key = extractor.key
    del extractor, travelled  # else their network is shared, which is that of the digest
    lost = small_extractor(tmp_path)
    lost.weights.path.unlink()
    assert lost.key == key
    with pytest.raises(DataError):
        lost(CLIPS[:1], CAPTIONS[:1])


def test_a_key_names_all_that_decides(tmp_path: Path) -> None:
    extractor = small_extractor(tmp_path)
    others = [
        replace(extractor, weights=random_weights(tmp_path, seed=1)),
        replace(extractor, protocol=PROTOCOLS["published-leaky"]),
        replace(extractor, protocol=PROTOCOLS["pytorchvideo-0.1.5"]),
        replace(extractor, tokenizer=replace(WORDS, words=("a", "cat"))),
        replace(extractor, config=replace(SMALL, image=64)),
        replace(extractor, machine=Machine("cpu", "bfloat16")),
        replace(extractor, machine=Machine("meta")),
        replace(extractor, machine=Machine("cpu", batch=2)),
        replace(extractor, view="native"),
    ]
    assert len({extractor.key, *(other.key for other in others)}) == 1 + len(others)
    renamed = replace(extractor, weights=replace(extractor.weights, name="other"))
    assert renamed.key == extractor.key
    assert IB("ib-av", others[-1]).name == "ib-av@published+native"
    assert IB("ib-av", others[-1]).title == "IB-AV (published, native clips)"


def test_lower_precision_says_nearly_the_same(tmp_path: Path) -> None:
    exact = small_extractor(tmp_path)
    rough = replace(exact, machine=Machine("cpu", "bfloat16"))
    blocks = (extractor(CLIPS[:2], CAPTIONS[:2]) for extractor in (exact, rough))
    for a, b in zip(*blocks, strict=True):
        assert all(cosine(x[1:], y[1:]) > 0.99 for x, y in zip(a, b, strict=True))


def test_the_description_of_a_small_network(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    network = asdict(SMALL)
    path.write_text(json.dumps({"network": network, "words": WORDS.words}))
    assert read_small(path) == (SMALL, WORDS)
    path.write_text(json.dumps({"network": network, "words": ["a"]}))
    with pytest.raises(ConfigError, match="vocabulary of 10, expected 5 for 1 words"):
        read_small(path)
    path.write_text("{}")
    with pytest.raises(DataError, match="no configuration of an ImageBind network"):
        read_small(path)
