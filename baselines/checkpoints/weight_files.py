"""The files of a component's weights, by the names that diffusers and transformers give them.

Weights lie in one file, or in shards beside an index that maps each name to its shard
(`*.index.json`); a `variant` such as fp16 stands in the name. safetensors come before torch's .bin,
of which nothing but tensors is unpickled, plain names before variants, and whole files before
shards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.errors import DataError
from svbench.files.text import read_object, shown
from svbench.files.weights.loading import load_state

if TYPE_CHECKING:
    import torch
    from torch import Tensor

DIFFUSERS: Final = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
TRANSFORMERS: Final = ("model.safetensors", "pytorch_model.bin")
VARIANT: Final = "fp16"

_INDEX: Final = ".index.json"


def find_weights(folder: Path, names: Sequence[str], what: str) -> tuple[Path, ...]:
    """Return the file of weights in a folder, or an index and its shards.

    Parameters
    ----------
    folder : Path
        the component's
    names : sequence of str
        of a whole file without a variant, in order of preference
    what : str
        what is looked for, for messages

    Raises
    ------
    DataError
        if there are no such files, or the index names others than shards beside it
    """
    varied = [f"{stem}.{VARIANT}.{form}" for stem, _, form in (n.rpartition(".") for n in names)]
    for name in (*names, *varied):
        if (folder / name).is_file():
            return (folder / name,)
    indices = [f"{name}{_INDEX}" for name in names]
    varied = [f"{name}.index.{VARIANT}.json" for name in names]
    for name in (*indices, *varied):
        if (folder / name).is_file():
            return (folder / name, *_shards(folder / name))
    raise DataError(
        f"{folder}: found no {' or '.join((*names, indices[0]))} there, expected {what}"
    )


def load_weight_files(
    files: Sequence[Path],
    dtype: torch.dtype | None = None,
    needed: Callable[[str], bool] = lambda _name: True,
) -> dict[str, Tensor]:
    """Load the weights of files as `find_weights` returns them; see `load_state`.

    Raises DataError where a shard holds other tensors than its index says.
    """
    if not files[0].name.endswith(".json"):
        return load_state(files[0], dtype, needed)
    index, *shards = files
    places = _places(index)
    state: dict[str, Tensor] = {}
    for shard in shards:
        found = load_state(shard, dtype, needed)
        listed = {name for name, file in places.items() if file == shard.name and needed(name)}
        if listed != found.keys():
            odd = min(listed ^ found.keys())
            raise DataError(f"{shard}: found other weights than {index.name} says, such as {odd}")
        state |= found
    return state


def _shards(index: Path) -> list[Path]:
    """Return the shards of an index, each once, in order."""
    shards = [index.parent / name for name in sorted(set(_places(index).values()))]
    if absent := [shard.name for shard in shards if not shard.is_file()]:
        raise DataError(f"{index}: found no {absent[0]} beside it, expected all of its shards")
    return shards


def _places(index: Path) -> dict[str, str]:
    """Return the shard of each weight; a shard lies beside its index."""
    places = read_object(index, "the index of sharded weights").get("weight_map")
    if not isinstance(places, dict) or not places:
        raise DataError(f"{index}: found no weight_map, expected the index of sharded weights")
    for name in places.values():
        if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
            raise DataError(f"{index}: found the shard {shown(name)!r}, expected a name beside it")
    return places
