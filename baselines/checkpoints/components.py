"""Single components of a model on disk, as diffusers and transformers write them.

A component is a folder with a configuration and files of weights (`weight_files`); a tokenizer or a
noise schedule has no weights. The class of a component is fixed here: the configuration may name
it, but nothing that it names is imported. Weights are checked name by name before they are loaded,
and only tensors are ever unpickled.

Files of older releases differ in names alone, and are converted:

- the text encoder of CLIP has the prefix `text_model.` or not;
- counters such as `position_ids` may be among the weights;
- the autoencoders' attention was called `query`, `key`, `value`, `proj_attn`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from torch import Tensor, nn
from transformers import (
    ClapTextConfig,
    ClapTextModelWithProjection,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    RobertaTokenizer,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

from svbench.baselines.checkpoints.weight_files import (
    DIFFUSERS,
    TRANSFORMERS,
    find_weights,
    load_weight_files,
)
from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.compute import CPU, Machine, digest_file, load_weights
from svbench.errors import DataError
from svbench.files.text import read_object

SCHEDULE: Final = "scheduler_config.json"

_COUNTERS: Final = (".position_ids", ".token_type_ids")  # 0, 1, 2 ... and 0, 0, 0: no weights
_ENCODERS: Final = ("encoder", "quant_conv")  # what of an autoencoder no sampler calls
_OLD_ATTENTION: Final = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_OLD_NAME: Final = re.compile(rf"(attentions\.\d+\.)({'|'.join(_OLD_ATTENTION)})(\.\w+)")


@dataclass(frozen=True, slots=True)
class Part:
    """One network on disk: its class, configuration and files."""

    kind: str  # name of its class in diffusers or transformers
    config: Mapping[str, Any]
    files: tuple[Path, ...]  # the weights first, then the configuration

    @property
    def weights(self) -> Path:
        """Return the file of weights, or the index of its shards."""
        return self.files[0]


def find_part(folder: Path, kind: str) -> Part:
    """Find a network in its folder, without loading it."""
    path = folder / "config.json"
    config = read_object(path, f"the configuration of a {kind}")
    named = config.get("_class_name") or next(iter(config.get("architectures") or ()), kind)
    if named != kind:
        raise DataError(f"{path}: found a {named}, expected a {kind}")
    names = TRANSFORMERS if kind in _TRANSFORMERS else DIFFUSERS
    weights = find_weights(folder, names, f"the weights of a {kind}")
    return Part(kind, config, (*weights, path))


def load_part(part: Part, machine: Machine = CPU, *, decodes_only: bool = False) -> nn.Module:
    """Build a network and give it exactly its weights, for inference on a machine.

    Its weights are in memory once: they are converted while they are read. An autoencoder that
    `decodes_only` has no encoder.
    """
    try:
        network = _build(part)
    except Exception as error:  # whatever a configuration of another kind makes them raise
        raise DataError(
            f"{part.files[-1]}: found no configuration of a {part.kind} ({_line(error)})"
        ) from error
    unused = _ENCODERS if decodes_only else ()
    for name in unused:
        setattr(network, name, None)
    state = load_weight_files(
        part.files[:-1],
        machine.torch_dtype,
        needed=lambda name: name.partition(".")[0] not in unused,
    )
    state = _as_wanted(state, network.state_dict())
    may_lack = [f"*{name}" for name in _COUNTERS]
    return load_weights(network, state, part.weights, may_lack=may_lack, machine=machine)


def find_tokenizer(folder: Path) -> tuple[Path, ...]:
    """Return the files of a tokenizer."""
    words = find_file(folder, "vocab.json", "tokenizer.json", what="the words of a tokenizer")
    names = ("merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
    others = (folder / name for name in names)
    return (words, *(path for path in others if path.is_file() and path != words))


def load_tokenizer(folder: Path, kind: str) -> Any:
    """Load a tokenizer: "CLIPTokenizer" or "RobertaTokenizer"."""
    known: dict[str, Any] = {"CLIPTokenizer": CLIPTokenizer, "RobertaTokenizer": RobertaTokenizer}
    try:
        return known[kind].from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # it raises many kinds; all mean the same here
        raise DataError(f"{folder}: found no {kind} ({_line(error)})") from error


def load_schedule(folder: Path) -> NoiseSchedule:
    """Load the noise schedule of a base model."""
    path = folder / SCHEDULE
    with described(path, "a noise schedule"):
        return NoiseSchedule.from_config(read_object(path, "a noise schedule"), str(path))


def find_file(folder: Path, *names: str, what: str) -> Path:
    """Return the first of some files that exists."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: found no {' or '.join(names)} there, expected {what}")


@contextmanager
def described(path: Path, what: str) -> Iterator[None]:
    """Raise DataError where a configuration lacks an entry, or holds one of another type."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{path}: found {reason}, expected {what}") from error


def digest(files: Iterable[Path]) -> str:
    """Digest files by their names and bytes."""
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{path.name} {digest_file(path)}\n".encode())
    return whole.hexdigest()


# --- inside ------------------------------------------------------------------------------------

_DIFFUSERS: Final[Mapping[str, Any]] = {
    "AutoencoderKL": AutoencoderKL,
    "MotionAdapter": MotionAdapter,
    "UNet2DConditionModel": UNet2DConditionModel,
    "UNetMotionModel": UNetMotionModel,
}
_TRANSFORMERS: Final[Mapping[str, tuple[Any, Any]]] = {
    "CLIPTextModel": (CLIPTextModel, CLIPTextConfig),
    "ClapTextModelWithProjection": (ClapTextModelWithProjection, ClapTextConfig),
    "SpeechT5HifiGan": (SpeechT5HifiGan, SpeechT5HifiGanConfig),
}


def _build(part: Part) -> nn.Module:
    if part.kind in _DIFFUSERS:
        # Files of diffusers 0.27 hold a head size that this class never used and now warns about.
        unused = {"attention_head_dim"} if part.kind == "UNetMotionModel" else set()
        with torch.device("meta"):  # random weights would be replaced anyway
            kept = {k: v for k, v in part.config.items() if k not in unused}
            network: nn.Module = _DIFFUSERS[part.kind].from_config(kept)
        return network
    build, settings = _TRANSFORMERS[part.kind]
    with torch.device("meta"):
        made: nn.Module = build(settings.from_dict(dict(part.config)))
    _count(made)
    return made


def _count(network: nn.Module) -> None:
    """Set the position ids of a text encoder, which its file may lack."""
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if f".{name}" in _COUNTERS:
                places = torch.arange(buffer.shape[-1])
                values = places if name == "position_ids" else torch.zeros_like(places)
                setattr(module, name, values.expand(buffer.shape).contiguous())


def _as_wanted(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename weights of older releases; unknown names are left as they are."""
    ways: tuple[Callable[[str], str], ...] = (
        lambda name: name,
        lambda name: name.removeprefix("text_model."),
        lambda name: f"text_model.{name}",
        lambda name: _OLD_NAME.sub(lambda m: m[1] + _OLD_ATTENTION[m[2]] + m[3], name),
    )
    named = {next((w(k) for w in ways if w(k) in wanted), k): v for k, v in state.items()}
    return {k: v for k, v in named.items() if k in wanted or not k.endswith(_COUNTERS)}


def _line(error: Exception) -> str:
    """Return the first line of a library's error message."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
