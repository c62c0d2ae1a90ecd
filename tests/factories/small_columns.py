"""Every column of the table of metrics at its usual preset, by networks small enough for tests.

Those that svbench ships judge where there are such; of the others, the published classes at small
widths with random weights. No value means anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.metrics import METRICS, build_metrics
from svbench.compute import CPU, Machine, digest_file
from svbench.files.weights.loading import WeightFile
from svbench.files.weights.random_files import network_file, random_tensor
from svbench.files.weights.saving import save_safetensors
from svbench.metrics.audio_fd import audio_fd
from svbench.metrics.audio_kl import AudioKL
from svbench.metrics.audio_tagging import TaggerFeatures
from svbench.metrics.audiobox import AudioBoxFeatures, AudioBoxScore
from svbench.metrics.clap import Checkpoint, ClapEmbeddings, ClapScore
from svbench.metrics.desync import desync
from svbench.metrics.desync_protocols import PROTOCOLS
from svbench.metrics.inception_score import InceptionScore
from svbench.metrics.jedi import JEDi, VJEPAFeatures
from svbench.metrics.networks import clap, panns, passt, vjepa
from svbench.metrics.networks.audiobox import AudioBox
from svbench.metrics.networks.audiobox_config import AXES, AudioBoxSize
from svbench.metrics.networks.clap_config import ClapSize
from svbench.metrics.networks.vjepa_config import VJEPAConfig
from svbench.protocols import Metric
from svbench.types import ClipSpec
from svbench.walk.plan import metrics_of
from tests.factories.small_synchformer import CONFIG as SYNCHFORMER
from tests.factories.small_synchformer import small_synchformer

# The least that every column takes: 16 frames for FVD.
SPEC: Final = ClipSpec(frames=16, fps=8.0, size=(48, 48), sample_rate=16000)
RESAMPLES: Final = 10

# Of networks of which none is shipped, and the columns that each gives.
TAGGER: Final = 1 / 32  # width
CLAP: Final = ClapSize(
    width=16,
    depths=(1, 1, 1, 1),
    heads=(1, 2, 4, 8),
    embedding=8,
    text_width=16,
    text_layers=1,
    text_heads=2,
    text_hidden=16,
)
AUDIOBOX: Final = AudioBoxSize(
    width=8,
    layers=2,
    heads=2,
    hidden=16,
    channels=8,
    position_kernel=16,
    position_groups=2,
    head_layers=3,
)
VJEPA: Final = VJEPAConfig(width=24, blocks=2, heads=3, frames=4, image=32, classes=5)


def small_columns(folder: Path, machine: Machine = CPU) -> tuple[Metric, ...]:
    """Return a column of every metric; the weights are written into the folder."""
    random = tuple(_by_random_weights(folder, machine))
    bases = {metric.name.partition("@")[0] for metric in random}
    settings = MetricSettings(resamples=RESAMPLES, small=True, machine=machine)
    shipped = build_metrics([name for name in METRICS if name not in bases], settings)
    return (*metrics_of(shipped), *random)


def _by_random_weights(folder: Path, machine: Machine) -> Iterator[Metric]:
    """Yield the columns of networks of which none is shipped, two views of PaSST among them."""
    offsets = partial(desync, PROTOCOLS["av-benchmark"], config=SYNCHFORMER, machine=machine)
    yield offsets(small_synchformer(folder))
    networks = {"panns-16k": panns.Cnn14, "passt-32k": passt.PaSST}
    files = {name: _written(folder, name, _state(net, TAGGER)) for name, net in networks.items()}
    tagged = TaggerFeatures(files["panns-16k"], "panns-16k", machine, TAGGER)
    yield audio_fd(tagged, resamples=RESAMPLES, seed=0)
    yield AudioKL(tagged)
    yield InceptionScore(tagged, RESAMPLES)
    yield AudioKL(TaggerFeatures(files["passt-32k"], "passt-32k", machine, TAGGER))
    yield AudioKL(TaggerFeatures(files["passt-32k"], "passt-32k", machine, TAGGER, "native"))
    yield ClapScore(_clap(folder, machine))
    judges = AudioBoxFeatures(
        _written(folder, "audiobox", _state(AudioBox, AUDIOBOX)), AUDIOBOX, machine
    )
    yield from (AudioBoxScore(axis, judges) for axis in (*AXES, "mean"))
    parts = ((vjepa.Encoder, vjepa.ENCODER_PREFIX), (vjepa.Probe, vjepa.PROBE_PREFIX))
    encoder, probe = (
        _written(folder, part.__name__, _state(part, VJEPA), prefix) for part, prefix in parts
    )
    yield JEDi(VJEPAFeatures(encoder, probe, config=VJEPA, machine=machine))


def _clap(folder: Path, machine: Machine) -> ClapEmbeddings:
    vocabulary = network_file("roberta-tokenizer", Path())
    vocabulary.write(folder, 0)
    path = folder / vocabulary.path
    words = WeightFile("roberta-tokenizer", path, digest_file(path))
    checkpoint = Checkpoint("small", "small", "small", CLAP)
    return ClapEmbeddings(
        _written(folder, "clap", _state(clap.empty, CLAP)), checkpoint, words, machine
    )


def _state(make: Callable[..., nn.Module], *about: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's weights."""
    with torch.device("meta"):
        return {name: tuple(t.shape) for name, t in make(*about).state_dict().items()}


def _written(
    folder: Path, name: str, shapes: Mapping[str, tuple[int, ...]], prefix: str = ""
) -> WeightFile:
    """Write random weights of these shapes."""
    path = folder / f"{name}.safetensors"
    weights = {f"{prefix}{n}": random_tensor("0", n, shape) for n, shape in shapes.items()}
    save_safetensors(weights, path, {})
    return WeightFile(name, path, digest_file(path))
