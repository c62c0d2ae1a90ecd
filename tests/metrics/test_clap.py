"""CLAP: rows of clips, scores, front end; by a network so small that no number means anything."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import ClapModel

from svbench.compute import digest_file
from svbench.errors import DataError, ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.files.weights.random_files import network_file, random_tensor
from svbench.files.weights.saving import save_safetensors
from svbench.metrics.clap import CHECKPOINTS, Checkpoint, ClapEmbeddings, ClapScore
from svbench.metrics.imagebind_scores import Kind
from svbench.metrics.networks import clap
from svbench.metrics.networks.clap_config import LONGEST, ClapInputs, ClapSize
from svbench.metrics.networks.clap_inputs import middle, prepared, spectrograms
from svbench.metrics.networks.clap_text import RobertaTokenizer
from svbench.types import Clip, ClipSpec, Features

SMALL = ClapSize(
    width=16,
    depths=(1, 1, 1, 1),
    heads=(1, 2, 4, 8),
    embedding=8,
    text_width=16,
    text_layers=1,
    text_heads=2,
    text_hidden=16,
)
SPEC = ClipSpec(frames=8, fps=8.0, size=(4, 4), sample_rate=16000)


def noise(seconds: float, rate: int = 48000, seed: int = 0) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).standard_normal(round(seconds * rate))
    return (0.1 * drawn).astype(np.float32)


def clip(seed: int) -> Clip:
    return Clip(np.zeros((8, 4, 4, 3), np.uint8), noise(1, 16000, seed), SPEC)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> WeightFile:
    root = tmp_path_factory.mktemp("roberta")
    file = network_file("roberta-tokenizer", Path())
    file.write(root, 0)
    path = root / file.path
    return WeightFile("roberta-tokenizer", path, digest_file(path))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> WeightFile:
    path = tmp_path_factory.mktemp("clap") / "small.safetensors"
    shapes = {n: tuple(t.shape) for n, t in clap.empty(SMALL).named_parameters()}
    shapes |= {n: tuple(t.shape) for n, t in clap.empty(SMALL).named_buffers() if "batch" in n}
    save_safetensors({n: random_tensor("0", n, s) for n, s in shapes.items()}, path, {})
    return WeightFile("small", path, digest_file(path))


@pytest.fixture(scope="module")
def extractor(weights: WeightFile, vocabulary: WeightFile) -> ClapEmbeddings:
    return ClapEmbeddings(weights, Checkpoint("small", "small", "small", SMALL), vocabulary)


def features(extractor: ClapEmbeddings, captions: list[str]) -> Features:
    rows = extractor([clip(i) for i in range(len(captions))], captions)
    owner = np.repeat(np.arange(len(rows)), [len(block) for block in rows])
    names = tuple(f"clip{i}/0" for i in range(len(rows)))
    return Features(extractor.key, np.concatenate(rows), owner, names)


# --- rows and scores ---------------------------------------------------------------------------


def test_a_clip_has_a_row_of_its_sound_and_of_its_caption(extractor: ClapEmbeddings) -> None:
    both, silent = extractor([clip(0), clip(0)], ["a dog", " "])
    assert both[:, 0].tolist() == [Kind.AUDIO, Kind.TEXT]
    assert silent[:, 0].tolist() == [Kind.AUDIO]
    np.testing.assert_allclose(np.linalg.norm(both[:, 1:], axis=1), 1, rtol=1e-6)
    assert np.array_equal(both[:1], silent)


def test_rows_do_not_depend_on_what_lies_beside_a_clip(extractor: ClapEmbeddings) -> None:
    together = extractor([clip(0), clip(1)], ["a dog", "a much longer caption of a cat"])
    alone = [extractor([clip(i)], [c])[0] for i, c in ((1, "a much longer caption of a cat"),)]
    assert np.array_equal(together[1], alone[0])


def test_the_score_is_the_mean_cosine(extractor: ClapEmbeddings) -> None:
    found = features(extractor, ["a dog", "a cat"])
    audio, text = found.values[::2, 1:], found.values[1::2, 1:]
    judged = ClapScore(extractor).score(found)
    expected = (audio * text).sum(axis=1)
    assert [c.value for c in judged.clips] == pytest.approx(expected.tolist(), abs=1e-6)
    assert judged.score.value == pytest.approx(expected.mean(), abs=1e-6)
    assert judged.score.better == "higher"


def test_a_clip_without_caption_has_no_score(extractor: ClapEmbeddings) -> None:
    with pytest.raises(ScoreError, match=r"clap@small: 1 of 2 clips have no caption.*clip1/0"):
        ClapScore(extractor).score(features(extractor, ["a dog", ""]))


def test_joined_rows_are_those_of_the_re_paired_clip(extractor: ClapEmbeddings) -> None:
    picture, sound = extractor([clip(0), clip(1)], ["a dog", "a cat"])
    (expected,) = extractor([clip(1)], ["a dog"])
    assert np.array_equal(extractor.joined(picture, sound), expected)


def test_a_key_names_what_decides(extractor: ClapEmbeddings) -> None:
    small = extractor.checkpoint
    others = [
        replace(extractor, view="native"),
        replace(extractor, checkpoint=replace(small, inputs=ClapInputs(centred=True))),
        replace(extractor, checkpoint=replace(small, longest=77)),
        replace(extractor, vocabulary=replace(extractor.vocabulary, sha256="0" * 64)),
        replace(extractor, weights=replace(extractor.weights, sha256="0" * 64)),
    ]
    keys = {other.key for other in others}
    assert len(keys | {extractor.key}) == 1 + len(others)


def test_an_extractor_can_be_sent_to_another_process(extractor: ClapEmbeddings) -> None:
    sent: ClapEmbeddings = pickle.loads(pickle.dumps(extractor))
    assert sent.key == extractor.key
    assert np.array_equal(sent([clip(0)], ["a dog"])[0], extractor([clip(0)], ["a dog"])[0])


def test_checkpoints_and_views_make_other_columns(weights: WeightFile) -> None:
    made = [
        ClapScore(ClapEmbeddings(weights, checkpoint, weights, view=view))
        for checkpoint in CHECKPOINTS.values()
        for view in ("conformed", "native")
    ]
    assert len({metric.name for metric in made}) == len(made) == 10
    assert len({metric.title for metric in made}) == len(made)


# --- front end ---------------------------------------------------------------------------------


def test_short_sound_is_repeated_whole_then_padded() -> None:
    short, fused = spectrograms(noise(4), ClapInputs())
    whole = np.concatenate([noise(4), noise(4), np.zeros(2 * 48000, np.float32)])
    assert not fused
    assert torch.equal(short, spectrograms(whole, ClapInputs())[0])


def test_long_sound_is_cropped_in_the_middle() -> None:
    sound = noise(12)
    crop = sound[48000 : 48000 + LONGEST]
    ours = spectrograms(sound, ClapInputs())[0]
    assert torch.equal(ours, spectrograms(crop, ClapInputs())[0])
    assert [middle(n) for n in (1, 2, 3, 96001)] == [0, 0, 1, 48000]


def test_only_sound_longer_than_a_hop_beyond_ten_seconds_is_fused() -> None:
    inputs = ClapInputs(fused=True)
    for samples, fused in ((LONGEST, False), (LONGEST + 479, False), (LONGEST + 480, True)):
        found, is_fused = spectrograms(noise(samples / 48000), inputs)
        assert is_fused == fused
        assert found.shape == (4 if fused else 1, 1001, 64)


def test_short_sound_is_fused_of_four_equal_spectrograms_on_purpose() -> None:
    four, fused = spectrograms(noise(4), ClapInputs(fused=True, always_fused=True))
    assert fused
    assert torch.equal(four, spectrograms(noise(4), ClapInputs(fused=True))[0].expand(4, -1, -1))


def test_mean_and_sixteen_bits() -> None:
    sound = noise(1) + np.float32(0.25)
    centred = prepared(sound, 48000, ClapInputs(centred=True))
    assert abs(float(centred.mean())) < 1e-6
    quantised = prepared(sound, 48000, ClapInputs(quantised=True))
    steps = quantised * np.float32(32767)
    np.testing.assert_allclose(steps, np.round(steps), atol=2e-3)
    assert np.all(np.abs(quantised) <= np.abs(sound))  # rounded towards zero
    assert np.abs(quantised - sound).max() < 1 / 32767 + 1e-7


def test_a_clip_without_sound_is_refused() -> None:
    with pytest.raises(ScoreError, match="CLAP: the clip has no sound, expected at least one"):
        prepared(np.zeros(0, np.float32), 48000, ClapInputs())


# --- captions and weights ----------------------------------------------------------------------


def test_captions_begin_and_end_and_are_truncated(vocabulary: WeightFile) -> None:
    whole = RobertaTokenizer(vocabulary)("A dog barks.")
    assert (whole[0], whole[-1]) == (0, 2)
    short = RobertaTokenizer(vocabulary, 4)("A dog barks.")
    assert short.tolist() == [*whole[:3], 2]


def test_a_tokenizer_that_changed_is_refused(vocabulary: WeightFile, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(DataError, match="it was replaced meanwhile"):
        RobertaTokenizer(replace(vocabulary, path=path))("a dog")
    wrong = WeightFile("roberta-tokenizer", path, digest_file(path))
    with pytest.raises(DataError, match="found no readable tokenizer"):
        RobertaTokenizer(wrong)("a dog")


def test_weights_of_another_network_are_refused(weights: WeightFile) -> None:
    with pytest.raises(DataError, match=r"found \d+ weights, expected \d+"):
        clap.load({"a": torch.zeros(1)}, weights.path, SMALL)


def test_what_the_constructor_computes_is_kept(weights: WeightFile) -> None:
    from svbench.files.weights.loading import load_state

    network = clap.load(load_state(weights.path), weights.path, SMALL)
    fresh = ClapModel(clap.config(SMALL))
    for name, ours in network.named_buffers():
        if "batch_norm" not in name:
            assert torch.equal(ours, fresh.get_buffer(name)), name
