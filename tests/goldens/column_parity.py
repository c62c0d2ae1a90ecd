"""How far the columns' networks and scores are from the code that published them, as numbers.

Golden tests only state that deviations are allowed; here they are measured, for docs/metrics.md.
Weights are random by recipe, inputs those of the golden folder (`places`), which holds what the
published code computed of them.

Conventions
-----------
A deviation is the largest absolute difference relative to the largest value, as in docs/parity.md.
Seconds are CPU time of one forward pass of the published size on one thread, loading left out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike

from svbench.compute import digest_file
from svbench.files.weights.loading import WeightFile
from svbench.metrics.audio_kl import divergences
from svbench.metrics.desync import OffsetLogits
from svbench.metrics.desync_protocols import PROTOCOLS
from svbench.metrics.frechet import distance, stats
from svbench.metrics.inception_score import inception_score
from svbench.metrics.javisscore import JavisKind, JavisScore
from svbench.metrics.kernel_variants import javisbench_kvd, jedi, kadtk
from svbench.metrics.kernels import Radial
from svbench.metrics.networks import audiobox, panns, panns_inputs, passt, passt_inputs, synchformer
from svbench.metrics.networks.audiobox_config import AXES, AudioBoxSize
from svbench.metrics.networks.clap_inputs import prepared, spectrograms
from svbench.types import Clip, ClipSpec, Features
from tests.goldens.named_numbers import filled, numbers
from tests.goldens.places import golden
from tests.metrics import test_javisscore_golden as javis_goldens
from tests.metrics.networks import test_audio_taggers_golden as tagger_goldens
from tests.metrics.networks import test_audiobox_golden as audiobox_goldens
from tests.metrics.networks import test_clap_golden as clap_goldens
from tests.metrics.networks import test_synchformer_golden as sync_goldens

AV_BENCHMARK: Final = "av-benchmark@050a5cd"
JAVIS: Final = "JavisDiT@b505b37"
# What the goldens' README calls fair: of networks, of scores, behind pixels that were resized.
LARGE: Final = 1e-3
SMALL: Final = 1e-4
RESIZED: Final = 5e-3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parity:
    """One comparison with published code."""

    columns: Sequence[str]  # that rest on it
    quantity: str
    against: str
    deviation: float
    allowed: float
    seconds: float | None = field(default=None)  # CPU time of our forward pass


def deviation(ours: ArrayLike, theirs: ArrayLike) -> float:
    """Return the largest absolute difference relative to the largest of their values."""
    one, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if one.shape != other.shape:
        raise ValueError(f"found shape {one.shape}, expected {other.shape}")
    return float(np.abs(one - other).max() / np.abs(other).max())


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return what a call returns, and its CPU time on one thread, s."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            started = time.process_time()
            return call(), time.process_time() - started
    finally:
        torch.set_num_threads(before)


# --- networks ----------------------------------------------------------------------------------


def of_synchformer() -> Iterator[Parity]:
    """Measure the network of full size, part by part, on named numbers."""
    seed, found = sync_goldens.seed(), sync_goldens.arrays("full_fill")
    net = synchformer.load(filled(synchformer.shapes(), seed + 7, 1.0), Path("filled"))
    video = numbers("full.video", (1, 1, 16, 3, 224, 224), seed)[0].transpose(1, 2)
    mel = numbers("full.mel", (1, 1, 1, 128, 66), seed, 0.5)[0, :, 0]
    window = sync_goldens.window(seed, "full", 1, 768)
    for what, part, inputs, theirs in (
        ("tokens of a segment's pictures", "video", video, found["vfeat"][0]),
        ("tokens of a segment's sound", "audio", mel, found["afeat"][0]),
        ("logits of a window", "offset", window, found["logits"]),
    ):
        ours, seconds = timed(lambda part=part, inputs=inputs: net(part, inputs).numpy())  # type: ignore[misc]
        quantity = f"Synchformer, {what}"
        yield Parity(["desync"], quantity, AV_BENCHMARK, deviation(ours, theirs), LARGE, seconds)


def of_desync() -> Iterator[Parity]:
    """Measure the logits of whole clips, from their files, by the golden set's small network."""
    found, gaps = sync_goldens.arrays("features"), []
    file = sync_goldens.state_file()
    weights = WeightFile("golden", file, digest_file(file))
    for case, values in sync_goldens.record()["lengths"].items():
        if "error" in values["avbench"] or (key := f"{case}_avbench_logits") not in found:
            continue
        name, seconds = case.rsplit("_", 1)
        clip = _cut(sync_goldens.clip(name), float(seconds))
        extract = OffsetLogits(weights, PROTOCOLS["av-benchmark"].inputs, sync_goldens.config())
        (rows,) = extract([clip], [""])
        gaps.append(deviation(rows[:, 1:], found[key][: len(rows)]))
    yield Parity(
        ["desync"], "DeSync, logits of clips from their files", AV_BENCHMARK, max(gaps), RESIZED
    )


def _cut(clip: Clip, seconds: float) -> Clip:
    """Return the first seconds of a native clip."""
    count = int(np.searchsorted(clip.frame_times, seconds - 1e-6))
    samples = round(seconds * clip.spec.sample_rate)
    spec = ClipSpec(count, clip.spec.fps, clip.spec.size, clip.spec.sample_rate)
    return Clip(clip.video[:count], clip.audio[:samples], spec, clip.frame_times[:count])


def of_taggers() -> Iterator[Parity]:
    """Measure PANNs and PaSST of full size on the golden sounds."""
    for name, shown, against, load in (
        ("panns", "PANNs", f"{AV_BENCHMARK}, panns-inference 0.1.1", panns.load),
        ("passt", "PaSST", "hear21passt 0.0.26", passt.load),
    ):
        network = load(tagger_goldens.state_of(name), Path("filled"))
        gaps, seconds = zip(*_tagged(name, network), strict=True)
        for what, gap in zip(("embeddings", "logits"), np.max(gaps, axis=0), strict=True):
            columns = ["fd"] if what == "embeddings" else ["kl", "is"]
            quantity = f"{shown} {what} of sounds from their files"
            yield Parity(columns, quantity, against, float(gap), LARGE, min(seconds))


def _tagged(name: str, network: torch.nn.Module) -> Iterator[tuple[tuple[float, float], float]]:
    tagger, inputs = {
        "panns": ("panns-16k", panns_inputs),
        "passt": ("passt-32k", passt_inputs),
    }[name]
    expected, embedding = tagger_goldens.arrays(name), "2048" if name == "panns" else "embed"
    for number, entry in enumerate(tagger_goldens.facts()["inputs"]):
        sound = tagger_goldens.cut(entry, tagger, inputs.SAMPLE_RATE)
        mel = inputs.log_mel(sound)[None]
        (row,), seconds = timed(lambda mel=mel: network(mel).numpy())  # type: ignore[misc]
        theirs = expected[f"in{number}_{embedding}"], expected[f"in{number}_logits"]
        width = len(theirs[0])
        yield (deviation(row[:width], theirs[0]), deviation(row[width:], theirs[1])), seconds


def of_clap() -> Iterator[Parity]:
    """Measure small networks of laion's and of transformers' names on the golden sounds."""
    for kind, shown in (("rand_trunc", "unfused"), ("fusion", "fused")):
        network, inputs = clap_goldens.of_laion(kind), clap_goldens.laion_inputs(kind)
        gaps = []
        for name in clap_goldens.NAMES:
            wave = prepared(clap_goldens.sound(name), 48000, inputs)
            mels, fused = spectrograms(wave, inputs, clap_goldens.seeded())
            ours = clap_goldens.embedded(network, "fused sound" if fused else "sound", mels)
            theirs = clap_goldens.arrays("clap_laion")[f"{kind}_{name}_proj_normalised"]
            gaps.append(deviation(ours, theirs))
        quantity = f"CLAP embeddings of sounds from their files, {shown}"
        yield Parity(["clap"], quantity, "laion-clap 1.1.7", max(gaps), LARGE)
        theirs = clap_goldens.arrays(f"clap_hf_small_{kind}")
        network = clap_goldens.of_transformers(kind)
        pairs = zip(theirs["input_ids"], theirs["attention_mask"].sum(axis=1), strict=True)
        captions = [clap_goldens.embedded(network, "caption", ids[:n]) for ids, n in pairs]
        gap = deviation(captions, theirs["short_text_embeds"])
        quantity = f"CLAP embeddings of captions, {shown}"
        yield Parity(["clap"], quantity, "transformers 5.24.0", gap, LARGE)


def of_audiobox() -> Iterator[Parity]:
    """Measure the scores of a sound by the network of full size."""
    given = audiobox_goldens.record()["full"]
    state = filled(given["shapes"], audiobox_goldens.full_seed(), given["gain"])
    size = AudioBoxSize(head_layers=1, targets=audiobox_goldens.targets())
    network = audiobox.load(state, golden("columns/audiobox.json"), size)
    ours, seconds = timed(lambda: audiobox_goldens.scores(network, audiobox_goldens.wave(1)))
    gap = deviation(ours, [given["scores_in1"][axis] for axis in AXES])
    columns = [f"audiobox-{axis.lower()}" for axis in (*AXES, "mean")]
    against = "audiobox-aesthetics 0.0.4"
    quantity = "AudioBox scores of a sound from its file"
    yield Parity(columns, quantity, against, gap, LARGE, seconds)


def of_javis() -> Iterator[Parity]:
    """Measure both scores of whole clips, by the golden set's small ImageBind."""
    kinds: tuple[tuple[JavisKind, str, str], ...] = (
        ("javisscore", "javis", "JavisScore"),
        ("avhscore", "avh", "AVHScore"),
    )
    read = [(case, _javis_rows(case, path)) for _, case, path in javis_goldens.clips()]
    for kind, key, shown in kinds:
        metric = JavisScore(kind, javis_goldens.extractor())
        ours = [metric.score(rows).score.value for _, rows in read]
        gap = deviation(ours, [case[key] for case, _ in read])
        yield Parity([kind], f"{shown} of clips from their files", JAVIS, gap, RESIZED)


def _javis_rows(case: dict[str, Any], path: Path) -> Features:
    video, fps = javis_goldens.decoded(path)
    sound, rate = javis_goldens.sound_of(path, case["wav"])
    spec = ClipSpec(len(video), fps, (video.shape[1], video.shape[2]), rate)
    clip = Clip(video, sound[0], spec, np.arange(len(video)) / fps)
    (rows,) = javis_goldens.extractor()([clip], [""])
    return Features("key", rows, np.zeros(len(rows), np.int64), ("clip/0",))


# --- scores of given features ------------------------------------------------------------------


def of_scores() -> Iterator[Parity]:
    """Measure FD, KL and IS as av-benchmark's whole evaluation prints them, of stored features."""
    expected, arrays = _numbers()["evaluate"], _arrays()
    for fd, network in (("PANN", "PANNS"), ("PASST", "PASST")):
        stem = "pann2048" if fd == "PANN" else "passt_embed"
        made, real = arrays[f"eval_pred_{stem}"], arrays[f"eval_gt_{stem}"]
        found: dict[str, tuple[str, float]] = {
            f"FD-{fd}": ("fd", distance(stats(made), stats(real)))
        }
        stem = "pannlogits" if fd == "PANN" else "passt_logits"
        made, real = arrays[f"eval_pred_{stem}"], arrays[f"eval_gt_{stem}"]
        found[f"KL-{network}-softmax"] = ("kl", float(divergences(made, real).mean()))
        found[f"ISC-{network}-mean"] = ("is", inception_score(made)[0])
        for name, (column, ours) in found.items():
            quantity = f"{name} of stored features"
            gap = deviation(ours, expected[name])
            yield Parity([column], quantity, AV_BENCHMARK, gap, SMALL)


def of_kernels() -> Iterator[Parity]:
    """Measure published kernel distances of stored features."""
    arrays, numbers_of = _arrays(), _numbers()
    cases = {case: (arrays[f"{case}_gen"], arrays[f"{case}_ref"]) for case in numbers_of["mmd"]}
    for column, quantity, against, ours, group, key in (
        ("jedi", "JEDi of stored features", "JEDi@c03d178", jedi, "mmd", "jedi_x100"),
        ("kvd", "JavisBench's KVD of stored features", JAVIS, javisbench_kvd, "mmd", "javis_kvd"),
        ("kad", "kadtk's KAD of stored features", "kadtk@8bda71d", _kadtk, "kad", "gaussian"),
    ):
        gaps = [
            deviation(ours(*sets), numbers_of[group][case][key]) for case, sets in cases.items()
        ]
        yield Parity([column], quantity, against, max(gaps), SMALL)


def _kadtk(generated: Any, reference: Any) -> float:
    return kadtk(generated, reference, Radial("gaussian"))


def _numbers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("columns/arrays.json").read_text())
    return found


def _arrays() -> dict[str, Any]:
    with np.load(golden("columns/arrays.npz")) as file:
        return dict(file)


QUICK: Final = (of_scores, of_kernels)  # need no media and no large network
EVERY: Final = (*QUICK, of_synchformer, of_desync, of_taggers, of_clap, of_audiobox, of_javis)


def measured() -> list[Parity]:
    """Measure everything; raise SystemExit where the golden folder lacks a part of it."""
    found: list[Parity] = []
    for measure in EVERY:
        try:
            found += measure()
        except pytest.skip.Exception as absent:
            raise SystemExit(f"{measure.__name__}: {absent}") from None
    return found
