"""Single parts of a model on disk, as diffusers and transformers write them.

A part is a folder with a configuration and one file of weights; a tokenizer or a noise schedule
has no weights. Which class a part is of, is said here by us: the configuration may name it, but
nothing that it names is imported. What is read is checked name by name before it is loaded, and
only tensors are ever unpickled.

Files that older releases wrote differ in names alone, and are understood:

- the text encoder of CLIP stands under `text_model.` or does not;
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

from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.compute import digest_file, load_weights
from svbench.errors import DataError
from svbench.files.text import read_object
from svbench.files.weights.loading import load_state

# Of two forms of the weights the one that cannot hold code is taken.
DIFFUSERS_FILES: Final = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.fp16.safetensors",
)
TRANSFORMERS_FILES: Final = ("model.safetensors", "pytorch_model.bin", "model.fp16.safetensors")
SCHEDULE: Final = "scheduler_config.json"

_COUNTERS: Final = (".position_ids", ".token_type_ids")  # 0, 1, 2 ...: not weights
_OLD_ATTENTION: Final = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_OLD_NAME: Final = re.compile(rf"(attentions\.\d+\.)({'|'.join(_OLD_ATTENTION)})(\.\w+)")


@dataclass(frozen=True, slots=True)
class Part:
    """One network on disk: what it is, and its weights."""

    kind: str  # its class, as diffusers and transformers call it
    config: Mapping[str, Any]
    files: tuple[Path, ...]  # the weights first, then the configuration

    @property
    def weights(self) -> Path:
        """Give the file of weights."""
        return self.files[0]


def find_part(folder: Path, kind: str) -> Part:
    """Look a network up in its folder; nothing is loaded yet."""
    path = folder / "config.json"
    config = read_object(path, f"the configuration of a {kind}")
    named = config.get("_class_name") or next(iter(config.get("architectures") or ()), kind)
    if named != kind:
        raise DataError(f"{path}: found a {named}, expected a {kind}")
    names = TRANSFORMERS_FILES if kind in _TRANSFORMERS else DIFFUSERS_FILES
    weights = find_file(folder, *names, what=f"the weights of a {kind}")
    return Part(kind, config, (weights, path))


def load_part(part: Part) -> nn.Module:
    """Build a network and give it exactly its weights, for inference."""
    try:
        network = _build(part)
    except Exception as error:  # whatever a configuration of another kind makes them raise
        raise DataError(
            f"{part.files[-1]}: found no configuration of a {part.kind} ({_line(error)})"
        ) from error
    state = _as_wanted(load_state(part.weights), network.state_dict())
    # Files may be in half precision; what is computed in is chosen later, from float32 on.
    return load_weights(network, state, part.weights, may_lack=[f"*{n}" for n in _COUNTERS])


def find_tokenizer(folder: Path) -> tuple[Path, ...]:
    """Give the files of a tokenizer."""
    words = find_file(folder, "vocab.json", "tokenizer.json", what="the words of a tokenizer")
    names = ("merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
    others = (folder / name for name in names)
    return (words, *(path for path in others if path.is_file() and path != words))


def load_tokenizer(folder: Path, kind: str) -> Any:
    """Read a tokenizer: "CLIPTokenizer" or "RobertaTokenizer"."""
    known: dict[str, Any] = {"CLIPTokenizer": CLIPTokenizer, "RobertaTokenizer": RobertaTokenizer}
    try:
        return known[kind].from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # it raises many kinds; all mean the same here
        raise DataError(f"{folder}: found no {kind} ({_line(error)})") from error


def load_schedule(folder: Path) -> NoiseSchedule:
    """Read the noise schedule of a base model."""
    path = folder / SCHEDULE
    with described(path, "a noise schedule"):
        return NoiseSchedule.from_config(read_object(path, "a noise schedule"), str(path))


def find_file(folder: Path, *names: str, what: str) -> Path:
    """Give the first of these files that is there."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: found no {' or '.join(names)} there, expected {what}")


@contextmanager
def described(path: Path, what: str) -> Iterator[None]:
    """Say in one line where a configuration lacks an entry, or holds one of another kind."""
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
        # Files of diffusers 0.27 name a head size that this class never used and now warns of.
        unused = {"attention_head_dim"} if part.kind == "UNetMotionModel" else set()
        with torch.device("meta"):  # no time for random weights that are not kept
            kept = {k: v for k, v in part.config.items() if k not in unused}
            network: nn.Module = _DIFFUSERS[part.kind].from_config(kept)
        return network
    # These hold counters that are not in their files, so they are built for good.
    build, settings = _TRANSFORMERS[part.kind]
    made: nn.Module = build(settings.from_dict(dict(part.config)))
    return made


def _as_wanted(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give weights the names of today; a name that means nothing is left as it is."""
    ways: tuple[Callable[[str], str], ...] = (
        lambda name: name,
        lambda name: name.removeprefix("text_model."),
        lambda name: f"text_model.{name}",
        lambda name: _OLD_NAME.sub(lambda m: m[1] + _OLD_ATTENTION[m[2]] + m[3], name),
    )
    named = {next((w(k) for w in ways if w(k) in wanted), k): v for k, v in state.items()}
    return {k: v for k, v in named.items() if k in wanted or not k.endswith(_COUNTERS)}


def _line(error: Exception) -> str:
    """Give the first line of what a library says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
