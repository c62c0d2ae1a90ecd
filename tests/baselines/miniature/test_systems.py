"""The miniature's codecs, text encoder and networks, untrained and as shipped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0

from svbench.baselines import miniature
from svbench.baselines.joint.connector import connector_inputs
from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.miniature.audio_codec import AudioCodec, folded, unfolded
from svbench.baselines.miniature.design import Design, Motion
from svbench.baselines.miniature.nets import (
    CHANGE_COMPONENTS,
    PICTURE_COMPONENTS,
    STILL_VARIANCE,
    VIDEO_LATENTS,
    WINDOW,
    WORDS,
    FrameConv,
    OnePositionAttnProcessor,
    joint_unet,
)
from svbench.baselines.miniature.text_encoder import BEGIN, END, PADDING, UNKNOWN, TextEncoder
from svbench.baselines.miniature.video_codec import (
    VIDEO_SIZE,
    FrameCodec,
    TrajectoryCodec,
    codec_for,
    factorise,
    overlap_mean,
    windows,
)
from svbench.catalog.datasets import DATASETS, drawn
from svbench.compute import digest_file
from svbench.datasets import greatesthits
from svbench.errors import DataError
from svbench.files import media
from svbench.metrics import miniature as networks
from svbench.metrics.avalign.events import DETECTORS, AVEvents
from svbench.metrics.avalign.score import AVAlign
from svbench.miniature import greatesthits as greatest
from svbench.miniature.greatesthits import SPEC
from svbench.types import Clip, Features


def a_clip(seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    video = rng.integers(0, 256, (SPEC.frames, *SPEC.size, 3), dtype=np.uint8)
    time = np.arange(SPEC.samples) / SPEC.sample_rate
    audio = 0.3 * np.sin(2 * np.pi * 440 * (1 + seed) * time) * (time % 1 < 0.3)
    return Clip(video, audio.astype(np.float32), SPEC)


def test_folding_bands_is_undone() -> None:
    spectrogram = torch.arange(400 * 64.0).view(400, 64)
    channels = folded(spectrogram)
    assert channels.shape == (8, 400, 8)
    # band 11 of row 3 is channel 3 of column 1
    assert channels[3, 3, 1] == spectrogram[3, 11]
    assert torch.equal(unfolded(channels), spectrogram)


@pytest.mark.parametrize("motion", get_args(Motion))
def test_latents_have_the_promised_shapes_and_decode_to_clips(motion: Motion) -> None:
    audio, video = AudioCodec(), codec_for(motion)
    clips = [a_clip(0), a_clip(1)]
    latents = Pair(audio.encode(clips), video.encode(clips))
    assert latents.audio.shape == (2, *audio.shape(SPEC)) == (2, 12, 100, 1)
    assert latents.video.shape == (2, *video.shape(SPEC)) == (2, 23, 32, 1, 1)
    decoded = audio.decode(latents.audio, SPEC), video.decode(latents.video, SPEC)
    for sound, frames in zip(*decoded, strict=True):
        Clip(frames, sound, SPEC)  # checks shapes, types and finite values
    assert not any(tensor.is_inference() for tensor in latents)  # or they could not be trained on


def test_a_motion_of_one_pattern_is_encoded_without_loss() -> None:
    """Mean, pattern and trajectory are recovered, the fast change rising."""
    mean, pattern = torch.randn(256), torch.randn(256)
    strokes = torch.tensor([3.0, 2, 1, 0, 3, 2, 1, 0])  # falls slowly, rises at once
    for sign in (1, -1):
        found = factorise(mean + sign * strokes[:, None] * pattern)
        torch.testing.assert_close(
            found[0] + found[2][:, None] * found[1],
            mean + sign * (strokes[:, None] * pattern),
            rtol=0,
            atol=1e-4,
        )
        trajectory = found[2]
        torch.testing.assert_close(trajectory, (strokes - 1.5) / strokes.std(correction=0))


def test_a_still_clip_has_no_trajectory() -> None:
    mean, pattern, trajectory = factorise(torch.ones(32, 256))
    assert torch.equal(mean, torch.ones(256))
    assert not trajectory.any()
    assert not pattern.any()


def test_windows_hold_each_value_with_its_neighbours() -> None:
    trajectory = torch.arange(32.0)
    rows = windows(trajectory)
    assert rows.shape == (WINDOW, 32)
    assert rows[:, 10].tolist() == [8, 9, 10, 11, 12]
    assert rows[:, 0].tolist() == [0, 0, 0, 1, 2]
    torch.testing.assert_close(overlap_mean(rows), trajectory)


def test_frames_are_encoded_by_their_deviation_from_the_mean() -> None:
    """With as many components as dimensions that vary, moments are encoded without loss."""
    codec = FrameCodec()
    few = torch.zeros(20, 16, VIDEO_SIZE)  # clips that vary in few dimensions
    few[..., :CHANGE_COMPONENTS] = torch.randn(20, 16, CHANGE_COMPONENTS)
    few[..., -1] = torch.randn(20, 1)  # and what stands still in each
    codec.fit_components(list(few))
    components = codec.project(few[0])
    assert components.shape == (VIDEO_LATENTS, 16)
    still = components[:PICTURE_COMPONENTS]
    assert (still == still[:, :1]).all()
    changes = few[0] - few[0].mean(0)
    found = codec.reconstruct(components)
    torch.testing.assert_close(found - found.mean(0), changes, rtol=0, atol=1e-4)
    assert found[0, -1] == pytest.approx(float(few[0, 0, -1]), abs=0.2)


@pytest.mark.parametrize("motion", get_args(Motion))
def test_what_stands_still_cannot_flicker(motion: Motion) -> None:
    """Noise on what every frame repeats changes all frames alike."""
    codec = codec_for(motion)
    latents = codec.encode([a_clip()])
    latents[:, PICTURE_COMPONENTS:] = 0
    latents[:, :PICTURE_COMPONENTS] += torch.randn(1, PICTURE_COMPONENTS, 32, 1, 1)
    (video,) = codec.decode(latents, SPEC)
    assert (video == video[:1]).all()


def test_a_frame_sees_its_neighbours_of_the_same_clip() -> None:
    conv = FrameConv(2, 3)
    conv.frames = 4
    x = torch.randn(8, 2, 1, 1)  # two clips
    x[5] += 1  # the second frame of the second
    changed = conv(x) - conv(x.index_fill(0, torch.tensor([5]), 0))
    assert [bool(frame.any()) for frame in changed] == [False] * 4 + [True, True, True, False]
    # As a convolution over time of each clip.
    over_time = torch.nn.functional.conv1d(x.view(2, 4, 2).mT, conv.weight[..., 0], conv.bias, 1, 1)
    torch.testing.assert_close(conv(x)[..., 0, 0], over_time.mT.reshape(8, 3))


@pytest.mark.parametrize("frames", [16, 32])
def test_the_joint_model_takes_clips_of_any_length(frames: int) -> None:
    joint, empty = joint_unet("cmc-pe"), torch.zeros(2, dtype=torch.long)
    latents = Pair(torch.randn(2, 12, 50, 1), torch.randn(2, 23, frames, 1, 1))
    text = Pair(torch.randn(2, 32), torch.randn(2, WORDS, 32))
    output = joint(latents, Pair(empty, empty), text, connector_inputs(latents, latents))
    assert output.map(lambda x: x.shape) == latents.map(lambda x: x.shape)


def test_a_clip_does_not_depend_on_its_company() -> None:
    audio, video = AudioCodec(), TrajectoryCodec()
    for codec in (audio, video):
        alone, together = codec.encode([a_clip(1)]), codec.encode([a_clip(0), a_clip(1)])
        assert torch.equal(alone[0], together[1])


def test_griffin_lim_gives_the_pitch_back() -> None:
    codec = AudioCodec()
    audio = a_clip(0).audio
    found = codec.waveform(codec.spectrogram(audio).numpy(), SPEC.samples)
    assert found.shape == audio.shape
    # the loudest frequency of the first tone, resolution 1 / 0.3 s
    loudest = np.abs(np.fft.rfft(found[: int(0.3 * 16000)])).argmax() / 0.3
    assert abs(loudest - 440) < 40
    between = found[int(0.5 * 16000) : int(0.9 * 16000)]
    assert np.abs(between).max() < 0.1 * np.abs(found).max()


def test_silence_stays_silent() -> None:
    codec = AudioCodec()
    silent = codec.waveform(codec.spectrogram(np.zeros(SPEC.samples, np.float32)).numpy(), 64000)
    assert np.abs(silent).max() < 1e-3


def test_captions_become_numbers() -> None:
    text_encoder = TextEncoder(["a", "hitting", "wood"])
    numbers = text_encoder.tokens("A Wood, hitting! stone")
    assert numbers == [BEGIN, 4, 6, 5, UNKNOWN, END, *[PADDING] * (WORDS - 6)]
    long = text_encoder.tokens("wood " * 40)
    assert len(long) == WORDS
    assert long[-1] == END


def test_captions_are_told_in_the_joint_models_form() -> None:
    text_encoder = TextEncoder(["a", "wood"])
    text = text_encoder(["a wood", ""])
    assert text.audio.shape == (2, 32)
    assert text.video.shape == (2, WORDS, 32)
    torch.testing.assert_close(text.audio.norm(dim=-1), torch.ones(2))
    assert torch.equal(text_encoder(["a wood"]).video[0], text.video[0])


@pytest.mark.parametrize("mixer", MIXERS)
def test_attention_to_one_position_is_left_out_exactly(mixer: MixerKind) -> None:
    joint, empty = joint_unet(mixer).eval(), torch.zeros(2, dtype=torch.long)
    for weight in joint.parameters():
        if not weight.any():  # residual branches begin at zero
            torch.nn.init.normal_(weight, std=0.1)
    latents = Pair(torch.randn(2, 12, 50, 1), torch.randn(2, 23, 16, 1, 1))
    text = Pair(torch.randn(2, 32), torch.randn(2, WORDS, 32))
    inputs = (latents, Pair(empty, empty), text, connector_inputs(latents, latents))
    short = [
        module
        for module in joint.modules()
        if isinstance(getattr(module, "processor", None), OnePositionAttnProcessor)
    ]
    assert len(short) >= 8  # four blocks, four mixers
    with torch.inference_mode():
        found = joint(*inputs)
        for module in short:
            module.set_processor(AttnProcessor2_0())
        whole = joint(*inputs)
    assert torch.equal(found.video, whole.video)
    assert torch.equal(found.audio, whole.audio)


def test_queries_of_one_position_keep_their_gradients() -> None:
    attention = Attention(16, heads=2, dim_head=8, processor=OnePositionAttnProcessor())
    attention(torch.randn(4, 1, 16)).sum().backward()
    assert attention.to_q.weight.grad is not None
    assert not attention.to_q.weight.grad.any()
    assert attention.to_v.weight.grad.any()


@pytest.mark.parametrize("mixer", MIXERS)
def test_the_joint_model_stays_small(mixer: MixerKind) -> None:
    joint = joint_unet(mixer)
    assert 2e6 < sum(p.numel() for p in joint.parameters()) < 3.5e6
    assert set(joint.mixers.audio) == {"down0", "down1", "up0", "up1"}


def untrained(folder: Path, mixer: MixerKind) -> None:
    """Write a folder as `svbench train-systems` does, of untrained networks."""
    text_encoder = TextEncoder(["a", "wood"])
    (folder / miniature.WORDS).write_text(json.dumps(text_encoder.words))
    miniature.write_design(Design(), folder)
    miniature.write(text_encoder.encoder, folder / miniature.ENCODER)
    video = TrajectoryCodec()
    miniature.write(video.codec, folder / miniature.VIDEO)
    miniature.write(video.head, folder / miniature.FRAMES)
    miniature.write(AudioCodec().codec, folder / miniature.AUDIO)
    miniature.write(joint_unet(mixer), folder / f"{mixer}.safetensors", bits=8)
    digests = {path.name: digest_file(path) for path in folder.iterdir()}
    (folder / miniature.RECORD).write_text(json.dumps({"sha256": digests}))


@pytest.mark.parametrize("name", DATASETS)
def test_a_design_is_read_as_written(tmp_path: Path, name: str) -> None:
    design = replace(drawn(name).design(), clearer=Pair(1.0, 8.0))
    miniature.write_design(design, tmp_path)
    assert miniature.read_design(tmp_path) == design


def test_a_folder_without_a_design_is_refused_in_one_line(tmp_path: Path) -> None:
    untrained(tmp_path, "cmc-pe")
    (tmp_path / miniature.DESIGN).write_text('{"motion": "course"}')
    with pytest.raises(DataError, match=r"design\.json: cannot be read .*, expected what svbench"):
        miniature.assemble("cmc-pe", tmp_path)


@pytest.mark.parametrize("bits", [8, 16])
def test_rounding_is_what_writing_and_reading_leave(tmp_path: Path, bits: int) -> None:
    rounded, written = FrameCodec().codec, FrameCodec().codec
    written.load_state_dict(rounded.state_dict())
    miniature.write(written, tmp_path / "codec.safetensors", bits=bits)
    miniature.put(written, tmp_path / "codec.safetensors")
    miniature.rounded(rounded, bits)
    for name, weight in rounded.state_dict().items():
        assert torch.equal(weight, written.state_dict()[name]), name


def test_a_folder_is_loaded_whole(tmp_path: Path) -> None:
    untrained(tmp_path, "cmc-pe")
    shipped = miniature.Shipped("cmc-pe", tmp_path)
    model = shipped.load()
    assert set(model.weights) == {*shipped.files, "code"}  # a run makes old clips anew
    assert model.text_encoder(["a wood"]).audio.shape == (1, 32)
    assert not any(p.requires_grad for p in model.joint.parameters())


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    untrained(tmp_path, "cmc-pe")
    path = tmp_path / miniature.VIDEO
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"video.safetensors: found .*, expected .* in MADE"):
        miniature.Shipped("cmc-pe", tmp_path).weights()


def test_weights_of_an_older_svbench_are_refused_in_one_line(tmp_path: Path) -> None:
    untrained(tmp_path, "cmc-pe")
    record = json.loads((tmp_path / miniature.RECORD).read_text())
    del record["sha256"][miniature.FRAMES]
    (tmp_path / miniature.RECORD).write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"MADE\.json: found weights of an older .*train again.*$"):
        miniature.Shipped("cmc-pe", tmp_path).load()


def test_absent_weights_are_named(tmp_path: Path) -> None:
    untrained(tmp_path, "cmc-pe")
    with pytest.raises(DataError, match=r"cross-attention.safetensors: found no file, expected"):
        miniature.Shipped("cross-attention", tmp_path).weights()
    with pytest.raises(DataError, match=r"MADE\.json: found nothing there, expected a record"):
        miniature.Shipped("cmc-pe", tmp_path / "elsewhere").weights()


# --- what is shipped ------------------------------------------------------------------------------


def test_shipped_codecs_keep_the_strokes(tmp_path: Path) -> None:
    """The ceiling of every miniature system: clips that went through both codecs and back."""
    clips = 16
    greatest.draw(tmp_path / "data", seed=31, test=clips)
    real = [media.read(e.recording, SPEC) for e in greatesthits.load(tmp_path / "data")]
    miniature.verified(miniature.SHARED)
    model = miniature.assemble("cmc-pe")
    sounds = model.audio.decode(model.audio.encode(real), SPEC)
    videos = model.video.decode(model.video.encode(real), SPEC)
    again = [Clip(v, a, SPEC) for v, a in zip(videos, sounds, strict=True)]
    crossed = [Clip(v, a, SPEC) for v, a in zip(videos, sounds[1:] + sounds[:1], strict=True)]
    assert aligned(again) > aligned(real) - 0.1
    assert aligned(crossed) < aligned(again) - 0.4


def aligned(clips: list[Clip]) -> float:
    detectors = DETECTORS["miniature"]
    blocks = AVEvents(detectors)(clips, [""] * len(clips))
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"{i}/0" for i in range(len(blocks)))
    features = Features("events", np.concatenate(blocks), owner, names)
    return AVAlign("corrected", detectors).score(features, None).score.value


def test_shipped_latents_have_mean_0_and_the_promised_variance(tmp_path: Path) -> None:
    greatest.draw(tmp_path / "data", seed=31, test=32)
    real = [media.read(e.recording, SPEC) for e in greatesthits.load(tmp_path / "data")]
    model = miniature.assemble("cmc-pe")
    video = model.video.encode(real)
    still, trajectory = video[:, :-WINDOW], video[:, -WINDOW:]
    for latents, variance in (
        (model.audio.encode(real), 1.0),
        (still, STILL_VARIANCE),
        (trajectory, 1.0),
    ):
        assert abs(float(latents.mean())) < 0.2 * variance**0.5
        assert 0.5 < float(latents.var()) / variance < 1.7


def test_shipped_words_are_those_of_the_captions(tmp_path: Path) -> None:
    greatest.draw(tmp_path / "data", seed=31, test=40)
    text_encoder = TextEncoder(json.loads((miniature.FOLDER / miniature.WORDS).read_text()))
    for example in greatesthits.load(tmp_path / "data"):
        assert UNKNOWN not in text_encoder.tokens(example.caption)


def test_all_that_is_shipped_is_small_and_on_record() -> None:
    homes = (miniature.FOLDER, networks.FOLDER)
    sizes = [path.stat().st_size for home in homes for path in home.rglob("*.safetensors")]
    assert sum(sizes) < 25_500_000  # bytes: systems and extractors, DeSync's among them
    for dataset, entry in DATASETS.items():
        assert entry.joint_weights is not None
        folder = miniature.FOLDER / entry.joint_weights
        for mixer in miniature.shipped(folder):
            assert set(miniature.Shipped(mixer, folder).weights()) >= set(miniature.SHARED)
        design = replace(drawn(dataset).design(), clearer=Pair(1.0, 1.0))
        assert miniature.read_design(folder) == design
