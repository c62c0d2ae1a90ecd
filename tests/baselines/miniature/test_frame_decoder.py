"""The decoder of frames: its identities, what it depends on, and how near shipped ones come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from svbench.baselines import miniature
from svbench.baselines.miniature.frame_decoder import (
    HIDDEN,
    REPLACED,
    FrameHead,
    frame_features,
    upsampled,
)
from svbench.baselines.miniature.nets import FRAME_CHANNELS, video_autoencoder
from svbench.baselines.miniature.video_codec import TrajectoryCodec
from svbench.catalog.datasets import DATASETS, drawn, training_clips
from svbench.files import media
from svbench.miniature.greatesthits import SPEC


@pytest.mark.parametrize("side", [1, 4, 5])
def test_one_transposed_convolution_upsamples_and_convolves(side: int) -> None:
    """Borders included, which meet padding."""
    inputs, weight, bias = (
        torch.randn(2, 3, side, side + 1),
        torch.randn(5, 3, 3, 3),
        torch.randn(5),
    )
    nearest = functional.interpolate(inputs, scale_factor=2, mode="nearest")
    expected = functional.conv2d(nearest, weight, bias, padding=1)
    torch.testing.assert_close(upsampled(inputs, weight, bias), expected, rtol=1e-5, atol=1e-5)


def test_features_are_what_the_autoencoders_decoder_goes_on_with() -> None:
    autoencoder, latents = video_autoencoder().eval(), torch.randn(2, 16, 4, 4)
    with torch.inference_mode():
        hidden = features = frame_features(autoencoder, latents)
        decoder = autoencoder.decoder
        for block in decoder.up_blocks[-REPLACED:]:
            hidden = block(hidden)
        frames = decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(hidden)))
        expected = autoencoder.decode(latents).sample
    assert features.shape == (2, FRAME_CHANNELS, 32, 32)
    torch.testing.assert_close(frames, expected, rtol=1e-4, atol=1e-4)


def test_the_heads_channels_are_the_pixels_of_a_position() -> None:
    head, levels = FrameHead(), torch.arange(12.0)
    for weight in head.parameters():
        torch.nn.init.zeros_(weight)
    with torch.no_grad():
        head.get_parameter("4.bias").copy_(levels)
    frames = head(torch.randn(2, FRAME_CHANNELS, 32, 32))
    assert frames.shape == (2, 3, 64, 64)
    assert torch.equal(frames[:, :, ::2, ::2], levels[::4].view(1, 3, 1, 1).expand(2, 3, 32, 32))
    assert torch.equal(frames[0, :, :2, :2], levels.view(3, 2, 2))
    assert sum(p.numel() for p in head.parameters()) < 10 * (FRAME_CHANNELS + HIDDEN + 12) * HIDDEN


def test_frames_depend_on_neither_threads_nor_company() -> None:
    torch.manual_seed(0)
    codec = TrajectoryCodec()
    latents = torch.randn(2, *codec.shape(SPEC))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first, second = codec.decode(latents, SPEC)
        (alone,) = codec.decode(latents[1:], SPEC)
        torch.set_num_threads(2)
        with_two = codec.decode(latents[:1], SPEC)[0]
    finally:
        torch.set_num_threads(threads)
    assert first.std() > 0
    assert np.array_equal(alone, second)
    assert np.array_equal(with_two, first)


# --- what is shipped -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_shipped_heads_come_as_near_as_the_autoencoders_decoder(tmp_path: Path, name: str) -> None:
    """In the peak signal-to-noise ratio to real frames of clips that none was trained on."""
    weights = DATASETS[name].joint_weights
    assert weights is not None
    video, spec = miniature.assemble("cmc-pe", miniature.FOLDER / weights).video, drawn(name).spec
    examples = training_clips(name, tmp_path, seed=77, clips=4)
    clips = [media.read(example.recording, spec) for example in examples]
    latents = video.encode(clips)
    with torch.inference_mode():
        moments = [video.reconstruct(each.flatten(1)).view(-1, 16, 4, 4) for each in latents]
        whole = [video._video(video.codec.decode(each)) for each in moments]
    by_head, by_autoencoder = (
        np.mean([psnr(frames, clip.video) for frames, clip in zip(decoded, clips, strict=True)])
        for decoded in (video.decode(latents, spec), whole)
    )
    assert by_head > 19
    assert by_head > by_autoencoder - 0.3


def psnr(frames: NDArray[np.uint8], real: NDArray[np.uint8]) -> float:
    error = (frames.astype(np.float64) - real) ** 2
    return float(10 * np.log10(255**2 / error.mean()))
