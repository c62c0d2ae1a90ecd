"""Captions: shapes, lengths, and that a caption is read alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from svbench.baselines.checkpoints import find as released
from svbench.baselines.checkpoints.text_encoders import TextEncoders
from svbench.errors import ConfigError
from tests.factories.model_folders import CONFIG, write_bases


@pytest.fixture(scope="module")
def text_encoder(tmp_path_factory: pytest.TempPathFactory) -> TextEncoders:
    bases = write_bases(tmp_path_factory.mktemp("bases"))
    found = released.find_bases(bases, CONFIG).load().text_encoder
    assert isinstance(found, TextEncoders)
    return found


def test_sound_gets_one_vector_and_video_one_for_each_token(text_encoder: TextEncoders) -> None:
    text = text_encoder(["a stick", "a drum"])
    assert text.audio.shape == (2, 12)
    assert text.video.shape == (2, 77, 24)
    assert torch.allclose(text.audio.norm(dim=1), torch.ones(2))


def test_a_caption_is_read_alone(text_encoder: TextEncoders) -> None:
    one, other = text_encoder(["hit"]), text_encoder(["a person is hitting a log", "hit"])
    assert torch.equal(one.audio[0], other.audio[1])
    assert torch.equal(one.video[0], other.video[1])
    assert not torch.equal(other.audio[0], other.audio[1])


def test_the_empty_caption_is_a_caption(text_encoder: TextEncoders) -> None:
    assert all(found.isfinite().all() for found in text_encoder([""]))


def test_what_is_too_long_is_cut(text_encoder: TextEncoders) -> None:
    long, longer = text_encoder(["x" * 200]), text_encoder(["x" * 300])
    assert torch.equal(long.audio, longer.audio)
    assert torch.equal(long.video, longer.video)


def test_no_caption_is_an_error(text_encoder: TextEncoders) -> None:
    with pytest.raises(ConfigError, match="found none"):
        text_encoder([])


def test_nothing_is_said_on_the_way(
    text_encoder: TextEncoders, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    released.find_bases(write_bases(tmp_path), CONFIG)
    caplog.clear()
    released.find_bases(write_bases(tmp_path / "again"), CONFIG).load().text_encoder(["a", "b"])
    text_encoder(["a"])
    assert not caplog.records
