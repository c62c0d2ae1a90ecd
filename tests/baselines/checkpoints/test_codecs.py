"""Clips to latents and back: shapes, mel features, batches, and samples of the posterior."""

from __future__ import annotations

import math
from collections.abc import Iterator

import librosa
import numpy as np
import pytest
import torch

from svbench.baselines.checkpoints.codecs import FLOOR, AudioCodec, VideoCodec
from svbench.errors import ConfigError, DataError
from svbench.types import Clip, ClipSpec
from tests.factories.clips import make_clip
from tests.factories.model_folders import SPEC, audio_vae, video_vae, vocoder

FOUR_SECONDS = ClipSpec(32, 8.0, (256, 256), 16000)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Use one core: networks this small only wait for each other on more."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)


@pytest.fixture(scope="module")
def audio() -> AudioCodec:
    torch.manual_seed(0)
    return AudioCodec(audio_vae(), vocoder())


@pytest.fixture(scope="module")
def video() -> VideoCodec:
    torch.manual_seed(0)
    return VideoCodec(video_vae(), at_once=3)


def test_four_seconds_are_104_rows_of_sound_and_32_frames(
    audio: AudioCodec, video: VideoCodec
) -> None:
    assert audio.shape(FOUR_SECONDS) == (8, 104, 16)  # 400 mel rows, rounded up to 416
    assert video.shape(FOUR_SECONDS) == (4, 32, 32, 32)


def test_fewer_halvings_need_less_padding() -> None:
    assert AudioCodec(audio_vae(), vocoder(), halvings=1).shape(FOUR_SECONDS) == (8, 100, 16)


def test_mel_features_are_those_of_audioldm(audio: AudioCodec) -> None:
    clip = make_clip(3, ClipSpec(32, 8.0, (32, 32), 16000))
    found = audio.mel(clip).numpy()
    power = librosa.feature.melspectrogram(
        y=clip.audio.astype(np.float64),
        sr=16000,
        n_fft=1024,
        hop_length=160,
        window="hann",
        pad_mode="reflect",
        power=1.0,
        n_mels=64,
        fmin=0,
        fmax=8000,
    )
    expected = np.log(np.maximum(power.T[:400], FLOOR))
    assert found.shape == (400, 64)
    assert np.abs(found - expected).max() < 1e-3


def test_silence_is_the_floor(audio: AudioCodec) -> None:
    mel = audio.mel(make_clip(0, SPEC, silent=True))
    assert torch.allclose(mel, torch.full_like(mel, math.log(FLOOR)))


def test_latents_have_a_row_for_four_mel_rows(audio: AudioCodec, video: VideoCodec) -> None:
    clips = [make_clip(i, SPEC) for i in range(2)]
    assert audio.encode(clips).shape == (2, 8, 13, 16)  # 0.5 s: 50 mel rows, filled up to 52
    assert video.encode(clips).shape == (2, 4, 4, 4, 4)


def test_decoded_clips_fit_the_format(audio: AudioCodec, video: VideoCodec) -> None:
    waveforms = audio.decode(torch.randn(2, *audio.shape(SPEC)), SPEC)
    videos = video.decode(torch.randn(2, *video.shape(SPEC)), SPEC)
    clips = [Clip(v, s, SPEC) for v, s in zip(videos, waveforms, strict=True)]
    assert len(clips) == 2
    assert max(float(np.abs(clip.audio).max()) for clip in clips) <= 1


def test_neither_slices_nor_other_clips_change_a_clip(audio: AudioCodec, video: VideoCodec) -> None:
    clips = [make_clip(i, SPEC) for i in range(3)]
    for codec in (audio, video):
        together = codec.encode(clips)
        alone = torch.cat([codec.encode([clip]) for clip in clips])
        assert torch.equal(together, alone)
        for one, both in zip(
            codec.decode(alone[:1], SPEC), codec.decode(alone, SPEC), strict=False
        ):
            assert np.array_equal(one, both)
    whole = VideoCodec(video._vae, at_once=4)
    assert torch.allclose(whole.encode(clips), video.encode(clips), atol=1e-5)


def test_latents_are_means_unless_a_generator_draws_them(
    audio: AudioCodec, video: VideoCodec
) -> None:
    clip = make_clip(1, SPEC)
    for codec in (audio, video):
        mean = codec.encode([clip])
        assert torch.equal(mean, codec.encode([clip]))
        first, again, other = (
            codec.encode([clip], torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert not torch.equal(first, mean)


def test_video_is_encoded_from_minus_one_to_one(video: VideoCodec) -> None:
    clip = make_clip(1, SPEC)
    images = torch.from_numpy(clip.video).permute(0, 3, 1, 2) / 127.5 - 1
    expected = video._vae.encode(images).latent_dist.mean * video._vae.config.scaling_factor
    assert torch.allclose(video.encode([clip])[0].transpose(0, 1), expected, atol=1e-5)


def test_latents_that_are_decoded_are_unscaled(video: VideoCodec) -> None:
    latents = torch.randn(4, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    (found,) = video.decode(latents[None], SPEC)
    images = video._vae.decode(latents.transpose(0, 1) / video._vae.config.scaling_factor)[0]
    expected = (images / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1) * 255
    assert float((torch.from_numpy(found) - expected).abs().max()) < 0.51


def test_formats_that_do_not_fit_are_refused(audio: AudioCodec, video: VideoCodec) -> None:
    with pytest.raises(ConfigError, match="found 44100 Hz, expected 16000 Hz"):
        audio.shape(ClipSpec(4, 8.0, (32, 32), 44100))
    with pytest.raises(ConfigError, match=r"found 36 x 32 px, expected .* multiples of 8"):
        video.shape(ClipSpec(4, 8.0, (32, 36), 16000))
    with pytest.raises(DataError, match="found 20 samples per mel frame, expected 160"):
        AudioCodec(audio_vae(), vocoder((5, 4)))
