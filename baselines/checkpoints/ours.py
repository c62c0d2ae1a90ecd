"""Our form of the joint weights on disk: `config.json` beside `joint.safetensors`.

The safetensors file holds `JointUNet.added` (connectors and mixers) under our names and, if it
was trained, what was trained of the base models under the names `unets.audio.*`, `unets.video.*`.

Weights are checked name by name before anything is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointConfig, JointUNet
from svbench.compute import CPU, Machine, load_weights
from svbench.errors import DataError
from svbench.files.text import REASON, read_object, shown
from svbench.files.weights.loading import load_state
from svbench.files.weights.saving import save_safetensors
from svbench.files.writing import write_text

CONFIG: Final = "config.json"
WEIGHTS: Final = "joint.safetensors"
FORMAT: Final = "svbench-joint-1"


def save_joint(folder: Path, joint: JointUNet, state: Mapping[str, Tensor] | None = None) -> None:
    """Write connectors and mixers, or the weights in `state`, by their names in `JointUNet`."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = joint.state_dict() if state is None else state
    kept = {k: v for k, v in whole.items() if state is not None or not k.startswith("unets.")}
    tensors = {k: v.detach().cpu().contiguous() for k, v in kept.items()}
    save_safetensors(tensors, folder / WEIGHTS)
    save_config(folder, joint.config)


def save_config(folder: Path, config: JointConfig) -> None:
    """Write the configuration of joint weights."""
    record = {"format": FORMAT, **asdict(config)}
    record |= {k: _by_name(record[k]) for k in ("multiples", "head_size")}
    write_text(folder / CONFIG, json.dumps(record, indent=2) + "\n")


def _by_name(pair: Pair[Any]) -> dict[str, Any]:
    """Return a pair as a JSON object; `asdict` made a tuple of it."""
    return Pair(*pair)._asdict()


def load_config(folder: Path) -> JointConfig:
    """Load the configuration of the joint weights in a folder."""
    path = folder / CONFIG
    record = read_object(path, f"the format {FORMAT}")
    found = record.pop("format", None)
    if found != FORMAT:
        raise DataError(f"{path}: found format {found!r:.60}, expected {FORMAT!r}")
    try:
        multiples = Pair(**{k: tuple(v) for k, v in record.pop("multiples").items()})
        head_size = Pair(**record.pop("head_size"))
        return JointConfig(multiples=multiples, head_size=head_size, **record)
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else shown(error, REASON)
        raise DataError(f"{path}: found {reason}, expected settings of a joint model") from error


def load_joint(folder: Path, joint: JointUNet, machine: Machine = CPU) -> None:
    """Load the weights of a folder into a joint model; connectors and mixers must be complete.

    The whole joint model comes to the machine, in its dtype.
    """
    path = folder / WEIGHTS
    state = load_state(path, machine.torch_dtype)
    load_weights(joint, state, path, may_lack=["unets.*"], machine=machine)
