"""The columns of 2026 by networks of random weights, small enough for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from svbench.compute import digest_file
from svbench.files.weights.loading import WeightFile
from svbench.files.weights.random_files import network_file, random_tensor
from svbench.metrics.audio_fd import audio_fd
from svbench.metrics.audio_kl import AudioKL
from svbench.metrics.audio_tagging import TaggerFeatures
from svbench.metrics.audiobox import AudioBoxFeatures, AudioBoxScore
from svbench.metrics.clap import Checkpoint, ClapEmbeddings, ClapScore
from svbench.metrics.desync import desync
from svbench.metrics.desync_protocols import PROTOCOLS
from svbench.metrics.inception_score import InceptionScore
from svbench.metrics.jedi import JEDi, VJEPAFeatures
from svbench.metrics.networks import clap, panns
from svbench.metrics.networks.audiobox import AudioBox
from svbench.protocols import Metric
from tests.factories.seeded_networks import write_weights
from tests.factories.small_synchformer import CONFIG, small_synchformer
from tests.goldens.named_numbers import filled
from tests.metrics.networks.test_vjepa import SMALL as VJEPA
from tests.metrics.networks.test_vjepa import states
from tests.metrics.test_audiobox import SMALL as AUDIOBOX
from tests.metrics.test_clap import SMALL as CLAP

WIDTH = 1 / 32  # of PANNs


def small_columns(folder: Path) -> tuple[Metric, ...]:
    """Write the weights, and return FD, KL, IS, CLAP, AudioBox, DeSync and JEDi by them.

    DeSync refuses clips of less than 1.28 s here.
    """
    tagger = TaggerFeatures(_weights(folder / "panns", _panns()), "panns-16k", width=WIDTH)
    audiobox = AudioBoxFeatures(_weights(folder / "audiobox", _audiobox()), AUDIOBOX)
    encoder, probe = (_weights(folder / f"vjepa{i}", state) for i, state in enumerate(states()))
    return (
        audio_fd(tagger, resamples=0),
        AudioKL(tagger),
        InceptionScore(tagger, resamples=0),
        _clap(folder),
        AudioBoxScore("PQ", audiobox),
        desync(PROTOCOLS["av-benchmark"], small_synchformer(folder), config=CONFIG),
        JEDi(VJEPAFeatures(encoder, probe, config=VJEPA)),
    )


def _weights(path: Path, state: Mapping[str, Tensor]) -> WeightFile:
    return write_weights(path.with_suffix(".safetensors"), state)


def _panns() -> dict[str, Tensor]:
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in panns.Cnn14(WIDTH).state_dict().items()}
    return filled(shapes, 0, 1.2)


def _audiobox() -> dict[str, Tensor]:
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in AudioBox(AUDIOBOX).state_dict().items()}
    return {name: random_tensor("0", name, shape) for name, shape in shapes.items()}


def _clap(folder: Path) -> ClapScore:
    shapes = {n: tuple(t.shape) for n, t in clap.empty(CLAP).named_parameters()}
    shapes |= {n: tuple(t.shape) for n, t in clap.empty(CLAP).named_buffers() if "batch" in n}
    state = {name: random_tensor("0", name, shape) for name, shape in shapes.items()}
    file = network_file("roberta-tokenizer", Path())
    file.write(folder, 0)
    path = folder / file.path
    vocabulary = WeightFile("roberta-tokenizer", path, digest_file(path))
    checkpoint = Checkpoint("small", "small", "small", CLAP)
    return ClapScore(ClapEmbeddings(_weights(folder / "clap", state), checkpoint, vocabulary))
