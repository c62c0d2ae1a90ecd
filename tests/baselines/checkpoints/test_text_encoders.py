"""Captions: shapes, lengths, and that a caption is read alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from svbench.baselines.checkpoints import find as released
from svbench.baselines.checkpoints.text_encoders import Captioner
from svbench.errors import ConfigError
from tests.factories.model_folders import CONFIG, write_bases


@pytest.fixture(scope="module")
def captioner(tmp_path_factory: pytest.TempPathFactory) -> Captioner:
    bases = write_bases(tmp_path_factory.mktemp("bases"))
    found = released.find_bases(bases, CONFIG).load().captions
    assert isinstance(found, Captioner)
    return found


def test_sound_gets_one_vector_and_video_one_for_each_token(captioner: Captioner) -> None:
    told = captioner(["a stick", "a drum"])
    assert told.audio.shape == (2, 12)
    assert told.video.shape == (2, 77, 24)
    assert torch.allclose(told.audio.norm(dim=1), torch.ones(2))


def test_a_caption_is_read_alone(captioner: Captioner) -> None:
    one, other = captioner(["hit"]), captioner(["a person is hitting a log", "hit"])
    assert torch.equal(one.audio[0], other.audio[1])
    assert torch.equal(one.video[0], other.video[1])
    assert not torch.equal(other.audio[0], other.audio[1])


def test_the_empty_caption_is_a_caption(captioner: Captioner) -> None:
    assert all(found.isfinite().all() for found in captioner([""]))


def test_what_is_too_long_is_cut(captioner: Captioner) -> None:
    long, longer = captioner(["x" * 200]), captioner(["x" * 300])
    assert torch.equal(long.audio, longer.audio)
    assert torch.equal(long.video, longer.video)


def test_no_caption_is_an_error(captioner: Captioner) -> None:
    with pytest.raises(ConfigError, match="found none"):
        captioner([])


def test_nothing_is_said_on_the_way(
    captioner: Captioner, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    released.find_bases(write_bases(tmp_path), CONFIG)
    caplog.clear()
    released.find_bases(write_bases(tmp_path / "again"), CONFIG).load().captions(["a", "b"])
    captioner(["a"])
    assert not caplog.records
