"""The memory that a planned run takes: weights by their parameters, clips by their format.

Parameters are counted from the shapes in the headers of weight files; no tensor is read. What
activations take is known only if it was measured (`--measure`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from svbench.catalog.columns.entry import MINIATURE
from svbench.catalog.metrics import METRICS, split_name
from svbench.catalog.systems import joint_models
from svbench.compute import Dtype, Machine
from svbench.config import RunConfig
from svbench.doctor.clips import Survey
from svbench.doctor.estimate import SUBJECT, Measured
from svbench.doctor.findings import Finding, gigabytes
from svbench.doctor.processor import memory as of_machine
from svbench.files.weights.folder import weights_folder
from svbench.files.weights.forms import read_entries
from svbench.files.weights.published import PUBLISHED
from svbench.files.weights.structure import structure
from svbench.types import ClipSpec
from svbench.walk.extract import SHARD
from svbench.walk.plan import metrics_of

BYTES: Final[Mapping[Dtype, int]] = {"float32": 4, "bfloat16": 2, "float16": 2}
SUFFIXES: Final = (".safetensors", ".bin")


def memory(found: Survey, measured: Measured, workers: int) -> Finding:
    """Return the memory of a run, and whether the weights alone fit into the device's."""
    scoring = found.planned.config.scoring.dtype
    joint, networks = max(_joint(found), default=0), sum(_networks(found, scoring))
    clips = clip_bytes(found.spec) * 2 * workers * SHARD
    parts = {
        "weights of the largest joint model": joint,
        "networks of the metrics": networks,
        "clips being measured, at most": clips,
    }
    text = ", ".join(f"{what} {gigabytes(size)}" for what, size in parts.items() if size)
    here, free = _device_memory(found)
    facts = {"joint": joint, "networks": networks, "clips": clips, "device": here, "free": free}
    facts["peak"] = dict(measured.peak)
    text += "; activations not measured" if not measured.peak else ""
    peaks = ", ".join(f"{place} {gigabytes(size)}" for place, size in measured.peak.items())
    text += f"; peak measured here: {peaks}" if peaks else ""
    text += f"; {here}: {gigabytes(free)} free" if free is not None else ""
    if free is not None and max(joint, networks) > free:
        mend = f"free some, or take a larger device{_halving(found, joint > free)}"
        return Finding(SUBJECT, "memory", "missing", text, mend, facts)
    return Finding(SUBJECT, "memory", "ok", text, facts=facts)


def _halving(found: Survey, of_model: bool) -> str:
    """Return the option that halves what does not fit; "" where it is halved already."""
    config = found.planned.config
    run = isinstance(config, RunConfig)
    dtype = config.dtype if of_model else config.scoring.dtype
    option = "--dtype" if of_model or not run else "--scoring-dtype"
    return f", or {option} bfloat16, which halves most of it" * (dtype == "float32")


def clip_bytes(spec: ClipSpec) -> int:
    """Return the bytes of a decoded clip."""
    height, width = spec.size
    return spec.frames * height * width * 3 + round(spec.frames / spec.fps * spec.sample_rate) * 4


def _joint(found: Survey) -> Iterator[int]:
    """Yield the bytes of each joint model of a run."""
    config = found.planned.config
    mixers = {str(system.settings.get("mixer")) for system in found.systems}
    if not isinstance(config, RunConfig) or not mixers & {*joint_models(config)}:
        return
    for mixer, model in joint_models(config).items():
        if mixer in mixers:
            yield _model_bytes(model, config.dtype)


def _model_bytes(model: Any, dtype: Dtype) -> int:
    """Return the bytes of a joint model; parts that stay in float32 whatever the dtype as such."""
    from svbench.baselines.checkpoints.find import EXACT, Found

    whole = weight_files(model)
    parts = [model.networks[name] for name in EXACT] if isinstance(model, Found) else []
    exact = {file for part in parts for file in part.files}
    return sum(_parameters(path) * BYTES["float32" if path in exact else dtype] for path in whole)


def weight_files(model: Any) -> list[Path]:
    """Return the files of weights of a joint model on disk, of either form."""
    from svbench.baselines.miniature import Shipped

    if isinstance(model, Shipped):
        files = [model.folder / name for name in model.files]
    else:
        parts = [*model.networks.values(), *([model.motion] if model.motion else [])]
        files = [*(file for part in parts for file in part.files), *model.added]
    return [file for file in files if file.suffix in SUFFIXES]


def _parameters(path: Path) -> int:
    return sum(math.prod(entry.shape) for entry in read_entries(path, str(path)).values())


def _networks(found: Survey, dtype: Dtype) -> Iterator[int]:
    """Yield the bytes of each network, or other file of weights, that the columns rest on.

    A network is loaded once, however many columns rest on it.
    """
    names: dict[str, None] = {}
    for metric in metrics_of(found.plan.columns):
        base, preset = split_name(metric.name.partition("+")[0])
        if base in METRICS and MINIATURE not in metric.name:
            names |= dict.fromkeys(METRICS.known(base).presets.get(preset, ()))
    for name in names:
        path = weights_folder() / PUBLISHED[name].file
        if path.is_file():
            yield network_bytes(name, dtype) or path.stat().st_size


def network_bytes(name: str, dtype: Dtype = "float32") -> int:
    """Return the bytes of a published network in a dtype; 0 for files that hold none by name.

    Its file may hold more: V-JEPA's is four times as large, with the moments of its training. What
    a checkpoint may lack is not counted, as the encoders of ImageBind that no column uses.
    """
    expected = structure(name)
    shapes = next(iter(expected.namings.values()), {})
    used = (n for n in shapes if not any(fnmatchcase(n, p) for p in expected.may_lack))
    return sum(math.prod(shapes[n]) for n in used) * BYTES[dtype]


def _device_memory(found: Survey) -> tuple[str, int | None]:
    """Return the device of a run, and the bytes that are free on it."""
    place = Machine(found.planned.config.device).place
    if place.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(place)
        return str(place), int(free)
    return str(place), of_machine().usable
