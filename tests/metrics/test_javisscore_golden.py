"""JavisScore and AVHScore against JavisBench's own code: windows, scores, whole clips."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from svbench.compute import digest_file
from svbench.files.weights.loading import WeightFile
from svbench.metrics.javisscore import FrameEmbeddings, JavisScore, Kind, avh_score, javis_score
from svbench.metrics.networks.imagebind_config import HUGE, ImageBindConfig
from svbench.metrics.networks.imagebind_inputs import (
    SAMPLE_RATE,
    window_spectrograms,
    windows,
)
from svbench.metrics.networks.javis_inputs import (
    PROTOCOLS,
    JavisProtocol,
    paired_windows,
    still_inputs,
)
from svbench.metrics.networks.resampling import resample
from svbench.types import Clip, ClipSpec, Features
from tests.goldens.places import golden, golden_root

LEAKY = PROTOCOLS["javisbench-leaky"]
FOLDER = "columns"
CLOSED_FORM = 1e-6  # of scores: theirs are float32
SCORES = 1e-4  # behind the same pixels
PIXEL = 1.01 / 255 / 0.26130258  # one level, after the division by the smallest spread
EMBEDDINGS = 5e-4  # of unit vectors, behind pixels of which 0.3 % differ by a level


@cache
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden(f"{FOLDER}/javis.json").read_text())
    return found


@cache
def arrays() -> dict[str, NDArray[Any]]:
    with np.load(golden(f"{FOLDER}/javis.npz")) as file:
        return dict(file)


@cache
def extractor() -> FrameEmbeddings:
    """Return the extractor with the small ImageBind of the goldens of IB."""
    names = json.loads(golden("metrics/imagebind/golden.json").read_text())["config"]
    sizes = {
        modality: {
            "width": names[f"{modality}_embed_dim"],
            "blocks": names[f"{modality}_num_blocks"],
            "heads": names[f"{modality}_num_heads"],
        }
        for modality in HUGE.modalities
    }
    config = ImageBindConfig.of({"embedding": names["out_embed_dim"], **sizes})
    path = golden("metrics/imagebind/tiny_state.safetensors")
    return FrameEmbeddings(WeightFile("tiny", path, digest_file(path)), LEAKY, config)


def place(file: str) -> Path | None:
    """Return the file of a clip, which is under the folder of goldens or beside it."""
    named = golden_root().parent / file.replace("golden/", f"{golden_root().name}/", 1)
    return named if named.exists() else None


def decoded(path: Path) -> tuple[NDArray[np.uint8], float]:
    """Decode all frames as the reference did: by OpenCV, with the rate that it states."""
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    return np.stack(frames).astype(np.uint8), video.get(cv2.CAP_PROP_FPS)


def sound_of(path: Path, how: str) -> tuple[NDArray[np.float32], int]:
    """Return the sound (channels, S) that the reference read, and its rate."""
    if how == "beside the clip":
        values, rate = soundfile.read(path.with_suffix(".wav"), dtype="float32", always_2d=True)
        return np.ascontiguousarray(values.T), rate
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        to_s16 = av.AudioResampler(format="s16", layout=stream.layout, rate=stream.rate)
        decoded_frames = [one for frame in file.decode(stream) for one in to_s16.resample(frame)]
        channels, rate = stream.channels, stream.rate
    values = np.concatenate([frame.to_ndarray().ravel() for frame in decoded_frames])
    return np.ascontiguousarray(values.reshape(-1, channels).T / np.float32(32768)), rate


def test_windows() -> None:
    for case in record()["windows"]:
        protocol = JavisProtocol("", LEAKY.sound, case["window_s"], case["overlap_s"])
        found = paired_windows(case["frames"], case["fps"], case["samples"], protocol)
        assert [list(frames) for frames, _ in found] == case["video_windows"], case
        assert [list(samples) for _, samples in found] == case["audio_windows"], case
        first, end = found[0][0]
        assert int((end - first) * protocol.share) == case["k"], case


def test_scores_of_given_embeddings() -> None:
    for case in record()["given"]:
        name = f"g{case['case']}"
        frames, sound, parts = (arrays()[f"{name}_{of}"] for of in ("frames", "audio", "windows"))
        rows = np.concatenate(
            [
                _rows(Kind.FRAME, [(i, i + 1) for i in range(len(frames))], frames),
                _rows(Kind.WHOLE, [(0, len(frames))], sound),
                _rows(Kind.WINDOW, case["video_windows"], parts),
            ]
        )
        protocol = JavisProtocol("", LEAKY.sound)
        paired = paired_windows(case["frames"], case["fps"], case["samples"], protocol)
        assert [list(range_of) for range_of, _ in paired] == case["video_windows"]
        first, end = paired[0][0]
        assert int((end - first) * protocol.share) == case["k"]
        assert avh_score(rows) == pytest.approx(case["avh"], abs=CLOSED_FORM)
        assert javis_score(rows, 0.4) == pytest.approx(case["javis"], abs=CLOSED_FORM)
        assert javis_score(rows, 1.0) == pytest.approx(case["javis_k_all"], abs=CLOSED_FORM)


def test_two_frames_have_no_score() -> None:
    assert record()["two_frame_clip_javis"] == "nan"
    frames = np.eye(2, 4, dtype=np.float32)
    rows = np.concatenate(
        [
            _rows(Kind.FRAME, [(0, 1), (1, 2)], frames),
            _rows(Kind.WHOLE, [(0, 2)], frames[:1]),
            _rows(Kind.WINDOW, [(0, 2)], frames[:1]),
        ]
    )
    assert javis_score(rows, 0.4) is None


def _rows(kind: Kind, ranges: Any, embeddings: NDArray[Any]) -> NDArray[np.float32]:
    heads = [(kind, first, end) for first, end in ranges]
    return np.hstack([np.array(heads, np.float32), embeddings.astype(np.float32)])


def clips() -> list[tuple[int, dict[str, Any], Path]]:
    found = [(i, case, place(case["file"])) for i, case in enumerate(record()["clips"])]
    there = [(i, case, path) for i, case, path in found if path is not None]
    if not there:
        pytest.skip(f"none of the {len(found)} clips of javis.json is here")
    return there


def test_pixels_of_clips() -> None:
    for i, case, path in clips():
        video, fps = decoded(path)
        assert (len(video), fps) == (case["frames"], pytest.approx(case["fps"])), case["file"]
        ours = torch.stack(list(still_inputs(video[:: case["frames_sub_step"]], 224)))
        theirs = arrays()[f"c{i}_frames_sub"]
        gaps = np.abs(ours[:, :, ::32, ::32].numpy() - theirs)
        assert gaps.max() <= PIXEL, case["file"]


def test_whole_clips() -> None:
    """Windows, spectrograms, embeddings and both scores of whole clips."""
    for i, case, path in clips():
        video, fps = decoded(path)
        sound, rate = sound_of(path, case["wav"])
        assert len(sound) == case["channels"], case["file"]
        spec = ClipSpec(len(video), fps, (video.shape[1], video.shape[2]), rate)
        times = np.arange(len(video)) / fps  # the sound may end before or behind the frames
        clip = Clip(video, sound[0], spec, times)
        (rows,) = extractor()([clip], [""])
        shown = rows[rows[:, 0] == Kind.WINDOW]
        assert [[int(w[1]), int(w[2]) - 1] for w in shown] == case["windows"], case["file"]
        for kind, name in (
            (Kind.FRAME, "frame_emb"),
            (Kind.WHOLE, "audio_emb"),
            (Kind.WINDOW, "window_emb"),
        ):
            theirs = arrays()[f"c{i}_{name}"]
            scale = np.linalg.norm(theirs, axis=1).mean()
            gaps = np.abs(rows[rows[:, 0] == kind][:, 3:] - theirs) / scale
            assert gaps.max() <= EMBEDDINGS, (case["file"], name, gaps.max())
        said = Features("key", rows, np.zeros(len(rows), np.int64), ("clip/0",))
        for score, wanted in (("avhscore", case["avh"]), ("javisscore", case["javis"])):
            judged = JavisScore(score, extractor()).score(said)  # type: ignore[arg-type]
            assert judged.score.value == pytest.approx(wanted, abs=SCORES), (case["file"], score)


def test_spectrograms_of_windows() -> None:
    for i, case, path in clips():
        sound, rate = sound_of(path, case["wav"])
        whole = torch.stack(
            [resample(torch.from_numpy(one.copy()), rate, SAMPLE_RATE) for one in sound]
        )
        found = paired_windows(case["frames"], case["fps"], whole.shape[1], LEAKY)
        assert len(found) == min(case["audio_windows"], len(case["windows"])), case["file"]
        for number, (_, (first, end)) in enumerate(found):
            spectrograms = leaky_spectrograms if len(whole) > 1 else leaky_spectrograms_of_mono
            mels = spectrograms(whole[:, first:end])[:, 0]
            gaps = np.abs(mels[..., ::8, ::8].numpy() - arrays()[f"c{i}_wmel_sub"][number])
            assert gaps.max() <= 2e-4, (case["file"], number, gaps.max())


def leaky_spectrograms_of_mono(sound: torch.Tensor) -> torch.Tensor:
    return window_spectrograms(sound[0], LEAKY.sound, extractor().config)


def leaky_spectrograms(sound: torch.Tensor) -> torch.Tensor:
    """Compute those of the first channel (channels, S), from which the mean of all is subtracted.

    Clips of svbench are mono: this restates what the published code makes of its files.
    """
    protocol, found = LEAKY.sound, []
    once = replace(protocol, leaky=False, audio_windows=1)
    seconds = sound.shape[1] / SAMPLE_RATE
    for start, end in windows(seconds, protocol.audio_windows, protocol.seconds, protocol.starts):
        part = sound[:, int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
        part -= part.mean()
        found.append(window_spectrograms(part[0], once, extractor().config))
    return torch.cat(found)
