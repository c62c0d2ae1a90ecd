"""Synchformer and its inputs against published code: features, logits, frames, sound, DeSync."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.files import media
from svbench.files.weights.loading import WeightFile, load_state
from svbench.metrics.desync import DeSync, OffsetLogits
from svbench.metrics.desync_protocols import JAVIS_README_SECONDS, PROTOCOLS, Inputs
from svbench.metrics.networks.synchformer import Synchformer, load, shapes
from svbench.metrics.networks.synchformer_config import Size, SynchformerConfig
from svbench.metrics.networks.synchformer_inputs import Material, frame_choice, log_mel, prepare
from svbench.types import Clip, ClipSpec, Features, Recording
from tests.goldens.named_numbers import filled, numbers
from tests.goldens.places import golden, real_clips

LEVEL = 2 / 127.5  # of pixels: one level of 255 is 1 / 127.5
# A tenth of what their README calls fair: a kernel in float32, as of torchaudio's function instead
# of its class Resample, is already 1e-5 off on loud sound at 22.05 kHz.
WAVE = 1e-6
FRAMES, SAMPLES = 25, 16000  # per second


@cache
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("columns/sync.json").read_text())
    return found


@cache
def seed() -> int:
    """Return the seed by which the stored state was filled: its folder's README alone names it."""
    state, name = load_state(state_file()), "vproj.bias"
    for candidate in range(2000):
        found = filled({name: tuple(state[name].shape)}, candidate, 1.0)[name]
        if torch.allclose(found, state[name], atol=1e-6):
            return candidate
    raise AssertionError("no seed below 2000 fits the state")


@cache
def arrays(name: str) -> dict[str, NDArray[Any]]:
    with np.load(golden(f"columns/sync_{name}.npz")) as file:
        return dict(file)


@cache
def config() -> SynchformerConfig:
    c = record()["config"]
    return SynchformerConfig(
        width=c["width"],
        video=Size(c["v_depth"], c["v_heads"]),
        audio=Size(c["a_layers"], c["a_heads"]),
        head=Size(c["g_layers"], c["g_heads"]),
        hidden=c["a_ffn"],
    )


def state_file() -> Path:
    return golden("columns/sync_small_state.safetensors")


@cache
def network() -> Synchformer:
    return load(load_state(state_file()), state_file(), config())


def run(part: Any, inputs: torch.Tensor, net: Synchformer | None = None) -> NDArray[np.float32]:
    with torch.inference_mode():
        found: NDArray[np.float32] = (net or network())(part, inputs).numpy()
    return found


def near(ours: NDArray[Any], theirs: NDArray[Any], absolute: float, relative: float) -> None:
    """Compare within an absolute error, and one relative to the standard deviation."""
    tolerance = absolute + relative * float(np.std(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def small(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    near(ours, theirs, 2e-5, 1e-4)


# --- the network -------------------------------------------------------------------------------


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    published = json.loads(golden("columns/sync_full_keys.json").read_text())
    ours = shapes()
    assert ours == {name: tuple(shape) for name, shape in published["shapes"].items()}
    assert sum(int(np.prod(shape)) for shape in ours.values()) == published["parameters"]
    stored = {name: tuple(shape) for name, shape in record()["small_shapes"].items()}
    assert shapes(config()) == stored


def test_the_small_network_is_filled_by_the_recipe() -> None:
    state = load_state(state_file())
    expected = filled(record()["small_shapes"], seed(), record()["config"]["gain"])
    for name, tensor in expected.items():
        if not name.startswith("transformer.off_head."):  # changed afterwards, by their README
            torch.testing.assert_close(state[name], tensor, rtol=0, atol=1e-6, msg=name)


def test_features_and_logits_of_named_inputs() -> None:
    found = arrays("synthetic")
    video = numbers("input.video", (1, 2, 16, 3, 224, 224), seed())[0].transpose(1, 2)
    small(run("video", video), found["vfeat"][0])
    mels = numbers("input.mel", (1, 2, 1, 128, 66), seed(), 0.5)[0, :, 0]
    small(run("audio", mels), found["afeat"][0])
    small(run("offset", window(seed(), "input", 2, config().width)), found["logits"])


def window(number: int, prefix: str, count: int, width: int) -> torch.Tensor:
    video = numbers(f"{prefix}.vfeat", (count, 14, 8, width), number).flatten(1, 2)
    audio = numbers(f"{prefix}.afeat", (count, 14, 6, width), number).flatten(1, 2)
    return torch.cat([video, audio], dim=1)


def test_activations_of_each_block_of_pictures() -> None:
    found, encoder = arrays("synthetic"), network().vfeat_extractor
    known = record()["v_stats"]

    def compare(name: str, tokens: torch.Tensor) -> None:
        mean, spread, shape = known[name]
        assert list(tokens.shape) == shape, name
        small(tokens[:, ::97].numpy(), found[f"{name}_tok"])
        near(np.array([tokens.mean(), tokens.std()]), np.array([mean, spread]), 1e-4 * spread, 0)

    video = numbers("input.video", (1, 2, 16, 3, 224, 224), seed())[0].transpose(1, 2)
    with torch.inference_mode():
        tokens = encoder.embedded(video)
        patches = encoder.patch_embed_3d.proj(video).flatten(2).mT
        compare("v_patch", patches)
        for i, block in enumerate(encoder.blocks):
            tokens = block(tokens, encoder.steps)
            compare(f"v_block{i}", tokens)
        compare("v_norm", encoder.norm(tokens[:, 1:]))


def test_activations_of_each_block_of_the_last_transformer() -> None:
    found, head = arrays("synthetic"), network().transformer
    tokens, seen = window(seed(), "input", 2, config().width), 14 * 8
    with torch.inference_mode():
        video, audio = network().vproj(tokens[:, :seen]), network().aproj(tokens[:, seen:])
        tokens = head.embedded(video, audio)
        small(tokens[:, ::11].numpy(), found["g_pos"])
        for i, block in enumerate(head.blocks):
            tokens = block(tokens)
            small(tokens[:, ::11].numpy(), found[f"g_block{i}"])
        small(head.ln_f(tokens)[:, ::11].numpy(), found["g_ln_f"])


def test_activations_of_each_layer_of_sound() -> None:
    found, encoder = arrays("synthetic"), network().afeat_extractor.ast
    mels = numbers("input.mel", (1, 2, 1, 128, 66), seed(), 0.5)[0, :, 0]
    last: list[torch.Tensor] = []  # transformers gives the last one behind the norm
    hook = encoder.layernorm.register_forward_pre_hook(lambda _, inputs: last.append(*inputs))
    with torch.inference_mode():
        output = encoder(mels.transpose(1, 2), output_hidden_states=True)
    hook.remove()
    embedded, *layers = output.hidden_states
    small(embedded.numpy(), found["a_embed"])
    for i, layer in enumerate([*layers[:-1], *last]):
        small(layer.numpy(), found[f"a_layer{i}"])
    small(output.last_hidden_state.numpy(), found["a_norm"])


def test_the_network_of_full_size() -> None:
    found = arrays("full_fill")
    net = load(filled(shapes(), seed() + 7, 1.0), Path("filled"))
    video = numbers("full.video", (1, 1, 16, 3, 224, 224), seed())[0].transpose(1, 2)
    near(run("video", video, net), found["vfeat"][0], 0, 1e-3)
    mel = numbers("full.mel", (1, 1, 1, 128, 66), seed(), 0.5)[0, :, 0]
    near(run("audio", mel, net), found["afeat"][0], 0, 1e-3)
    near(run("offset", window(seed(), "full", 1, 768), net), found["logits"], 0, 1e-3)


# --- inputs ------------------------------------------------------------------------------------


def clip_names() -> list[str]:
    return list(record()["clips"])


@cache
def clip(name: str) -> Clip:
    """Return a clip as golden files have it: native frames, and sound in 16 bits."""
    path = real_clips().parent / record()["clips"][name]["file"]
    if not path.exists():
        pytest.skip(f"no golden clip at {path}")
    native = media.read_native(Recording(path))
    samples, rate = _pcm(path)
    entry = record()["clips"][name]
    if hashlib.sha256(samples.tobytes()).hexdigest() != entry["s16_sha256"]:
        pytest.skip(f"{path}: decoded otherwise than where the golden numbers were made")
    assert (rate, len(samples) // entry["channels"]) == (entry["sr"], entry["s16_samples"])
    assert [native.spec.size[1], native.spec.size[0]] == entry["native"]
    sound = (samples.reshape(-1, entry["channels"]) / np.float32(32768)).mean(axis=1)
    spec = native.spec
    spec = ClipSpec(spec.frames, spec.fps, spec.size, rate)
    return Clip(native.video, sound.astype(np.float32), spec, native.times)


def _pcm(path: Path) -> tuple[NDArray[np.int16], int]:
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        to_s16 = av.AudioResampler(format="s16")
        frames = [f for frame in file.decode(stream) for f in to_s16.resample(frame)]
        frames += to_s16.resample(None)
        return np.concatenate([f.to_ndarray().ravel() for f in frames]), int(stream.rate)


@cache
def material(name: str) -> Material:
    return prepare(clip(name), config(), len(record()["clips"][name]["source_frame"]))


@pytest.mark.parametrize("name", clip_names())
def test_frames_are_those_of_ffmpegs_filter(name: str) -> None:
    expected = record()["clips"][name]["source_frame"]
    found = frame_choice(clip(name).frame_times, clip(name).spec.fps)[: len(expected)]
    assert found.tolist() == expected
    shown, entry = clip(name).video[found], record()["clips"][name]
    distance = entry["max_abs_graph_minus_to_ndarray"]  # of its pixels to those of PyAV alone
    if not distance:
        assert hashlib.sha256(shown[0].tobytes()).hexdigest() == entry["frame0_sha256"]
        assert hashlib.sha256(shown.tobytes()).hexdigest() == entry["frames_sha256"]
    means = np.array(entry["frame_mean_uint8"])
    places = np.arange(len(means)) * (len(shown) // len(means))
    np.testing.assert_allclose(shown[places].mean((1, 2)), means, rtol=0, atol=distance + 1e-4)


@pytest.mark.parametrize("name", clip_names())
def test_pixels(name: str) -> None:
    found = arrays("preprocessed")
    levels = torch.from_numpy(material(name).frames).permute(0, 3, 1, 2).double()
    pixels = (levels / 255 - 0.5) / 0.5
    sub = found[f"{name}_sub16"]
    step = len(pixels) // len(sub)
    np.testing.assert_allclose(pixels[::step, :, ::16, ::16], sub, rtol=0, atol=LEVEL)
    np.testing.assert_allclose(pixels.mean((2, 3)), found[f"{name}_mean"], rtol=0, atol=LEVEL / 4)
    np.testing.assert_allclose(pixels.std((2, 3)), found[f"{name}_std"], rtol=0, atol=LEVEL / 4)


@pytest.mark.parametrize("name", clip_names())
def test_sound(name: str) -> None:
    expected = arrays("wave16k")[f"{name}_wave16k"]
    np.testing.assert_allclose(material(name).sound[: len(expected)], expected, rtol=0, atol=WAVE)


@pytest.mark.parametrize("name", clip_names())
def test_log_mel_spectrograms(name: str) -> None:
    wave, expected = arrays("wave16k")[f"{name}_wave16k"], arrays("mel")[f"{name}_mel"]
    found = [log_mel(wave[i * 5120 : i * 5120 + 10240], 128).numpy() for i in range(len(expected))]
    off = np.abs(np.stack(found) - expected)
    assert (off > 2e-4).mean() < 1e-3
    assert off.max() < 1e-2


@pytest.mark.parametrize("name", clip_names())
def test_features_of_clips(name: str) -> None:
    found = arrays("features")
    last = len(found[f"{name}_vfeat"]) - 1
    for place in (0, last // 2, last):
        video = run("video", material(name).pictures(place)[None])[0]
        near(video, found[f"{name}_vfeat"][place], 0, 5e-3)
        audio = run("audio", material(name).mel(place, config().bins)[None])[0]
        near(audio, found[f"{name}_afeat"][place], 0, 5e-3)


# --- DeSync ------------------------------------------------------------------------------------


def cases(kind: str) -> list[tuple[str, str]]:
    """Return the name of each case, and under which name it holds the results of a kind."""
    return [
        (case, key)
        for case, values in record()["lengths"].items()
        for key in values
        if key.startswith(kind) and "error" not in values[key]
    ]


def refused(kind: str) -> list[str]:
    """Return the cases for which the published code raised an error."""
    return [case for case, values in record()["lengths"].items() if "error" in values[kind]]


@cache
def features(case: str, inputs: Inputs) -> Features:
    """Return what the extractor finds in the first seconds of a clip."""
    name, seconds = case.rsplit("_", 1)
    known = record()["lengths"][case]
    material_of = material(name).cut(round(float(seconds) * FRAMES))
    found = (len(material_of.frames), len(material_of.sound), material_of.segments)
    assert found == (known["frames"], known["samples"], known["segments"])
    whole = _as_clip(material_of)
    weights = WeightFile("golden", state_file(), _digest())
    (rows,) = OffsetLogits(weights, inputs, config())([whole], [""])
    owner = np.zeros(len(rows), np.int64)
    return Features("offsets", rows, owner, (case,))


def _as_clip(of: Material) -> Clip:
    """Return frames and sound that need no preparation: their preparation is tested above."""
    spec = ClipSpec(len(of.frames), FRAMES, of.frames.shape[1:3], SAMPLES)  # type: ignore[arg-type]
    return Clip(of.frames, of.sound, spec)


@cache
def _digest() -> str:
    return hashlib.sha256(state_file().read_bytes()).hexdigest()


def judged(protocol: str, found: Features, inputs: Inputs) -> tuple[float, dict[str, Any]]:
    weights = WeightFile("golden", state_file(), _digest())
    metric = DeSync(PROTOCOLS[protocol], OffsetLogits(weights, inputs, config()))
    (one,) = metric.score(found).clips
    return one.value, dict(one.detail)


def compare(found: Features, logits: NDArray[Any], values: Mapping[str, Any]) -> list[bool]:
    """Compare logits; return which likeliest classes are far enough from the next ones."""
    ours = found.values[:, 1:]
    near(ours, logits, 0, 5e-3)
    errors = np.abs(ours - logits).max(axis=1)
    clear = [gap > 10 * error for gap, error in zip(values["gaps"], errors, strict=False)]
    classes = zip(clear, ours.argmax(axis=1), values["argmax"], strict=False)
    assert all(one == other for sure, one, other in classes if sure)
    return clear


@pytest.mark.parametrize("case", refused("avbench"))
def test_av_benchmark_fails_for_less_than_a_window(case: str) -> None:
    with pytest.raises(ScoreError, match="expected the 14 of a window"):
        features(case, PROTOCOLS["av-benchmark"].inputs)


@pytest.mark.parametrize(("case", "key"), cases("avbench"))
def test_av_benchmark(case: str, key: str) -> None:
    values, inputs = record()["lengths"][case], PROTOCOLS["av-benchmark"].inputs
    found = features(case, inputs)
    logits = arrays("features")[f"{case}_avbench_logits"]
    unequal = logits[: len(found.values)]  # one window that is first and last is computed once
    value, detail = judged("av-benchmark", found, inputs)
    clear = compare(found, unequal, {**values[key], "gaps": values["top1_minus_top2"]})
    grid = arrays("features")["class_grid"]
    np.testing.assert_allclose(config().offsets, grid, rtol=0, atol=1e-6)
    offsets = [-lag for lag in detail["lags"]]
    ends = (0, "front"), (-1, "back")
    for place, end in ends:
        if clear[place]:
            assert abs(offsets[place]) == pytest.approx(values[key][end], abs=1e-6)
    first = values["expectation_first_window"]
    if clear[0]:
        assert offsets[0] == pytest.approx(first["argmax_signed"], abs=1e-6)
        assert abs(offsets[0]) == pytest.approx(first["argmax_abs"], abs=1e-6)
    if all(clear):
        assert value == pytest.approx(values[key]["desync"], abs=1e-6)


@pytest.mark.parametrize(("case", "key"), cases("javis_max"))
def test_javisbench(case: str, key: str) -> None:
    """Of a clip filled to the length that is asked for, or of its own length."""
    seconds, most = float(case.rsplit("_", 1)[1]), float(key.removeprefix("javis_max"))
    values = record()["lengths"][case][key]
    own = PROTOCOLS["javisbench+repeat"].inputs
    inputs = Inputs("all", most, most) if seconds < most else own
    if most == JAVIS_README_SECONDS:
        inputs = PROTOCOLS["javisbench-4s"].inputs
    found = features(case, inputs)
    value, _ = judged("javisbench", found, inputs)
    assert len(found.values) == values["windows"]
    logits = arrays("features")[f"{case}_{key}_logits"]
    if all(compare(found, logits, {**values, "gaps": values["top1_minus_top2"]})):
        assert value == pytest.approx(values["desync"], abs=1e-6)


@pytest.mark.parametrize("case", [c for c, _ in cases("expectation")])
def test_expectation(case: str) -> None:
    values = record()["lengths"][case]["expectation_first_window"]
    inputs = PROTOCOLS["expected"].inputs
    value, detail = judged("expected", features(case, inputs), inputs)
    assert value == pytest.approx(values["abs"], abs=5e-3)
    assert -detail["lag"] == pytest.approx(values["signed"], abs=5e-3)
