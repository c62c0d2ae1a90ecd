"""Weight files of random numbers, in the forms of the published ones: for load tests and timing.

Each file carries a mark in itself, where copying and renaming cannot lose it and no reader of its
form minds it: in safetensors the metadata, in a torch archive the comment of the zip file, in
CLIP's merges the first line, in RoBERTa's tokenizer a token that no text has. Whoever loads weights
asks `is_random`, and tables say so.

Numbers are float16 and depend on the seed, the file and the tensor's name alone. Matrices and
kernels are normal with variance gain / fan-in, so that activations keep their size through any
depth (K. He et al.: Delving deep into rectifiers, ICCV 2015: a gain of 2 behind a ReLU, 1 where
norms rule); gains of norms and variances are 1, biases 0.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from svbench.files.weights.byte_pairs import clip_merges, roberta_tokenizer
from svbench.files.weights.forms import kind, read_text
from svbench.files.weights.published import entry
from svbench.files.weights.saving import save_safetensors
from svbench.files.weights.structure import structure
from svbench.files.writing import replacing, write_bytes

if TYPE_CHECKING:
    from torch import Tensor

MARK: Final = "svbench random weights"
METADATA: Final = "made by"  # the entry of safetensors' metadata that holds the mark
RELU: Final = 2.0  # the gain of networks of ReLUs without norms that see the batch

# Published files that can be made, and the gain of each. TorchScript brings code of its own, which
# is run of no file but the published one (`loading.load_script`), so i3d-torchscript cannot.
NETWORKS: Final[Mapping[str, float]] = {
    "i3d": RELU,
    "i3d-pretrained-400": RELU,
    "vggish": RELU,
    "imagebind": 1.0,
    "synchformer": 1.0,
    "clip-bpe": 1.0,
    "panns-cnn14-16k": RELU,
    "passt-s-swa": 1.0,
    "vjepa-vith16": 1.0,
    "vjepa-ssv2-probe": 1.0,
    "clap-htsat-unfused": 1.0,
    "clap-htsat-fused": 1.0,
    "clap-music-speech-audioset": 1.0,
    "clap-630k-audioset-fusion": 1.0,
    "roberta-tokenizer": 1.0,
    "audiobox-aesthetics": 1.0,
}

_COUNTERS: Final = ("*.num_batches_tracked",)
_ONES: Final = ("*weight", "*running_var", "*gain", "*scale")  # of one dimension
_MASKS: Final = ("*text.mask",)  # of causal attention

Shape = tuple[int, ...]
Form = Literal["safetensors", "torch"]


@dataclass(frozen=True, slots=True)
class RandomFile:
    """A file of weights that can be written without a network in memory.

    Parameters
    ----------
    path : Path
        below the folder that is written
    form : str
        "safetensors", or "torch" for an archive of `torch.save`
    shapes : mapping
        name of each tensor -> its shape
    gain : float
        variance of matrices and kernels, times their fan-in
    """

    path: Path
    form: Form
    shapes: Mapping[str, Shape]
    gain: float = 1.0

    @property
    def parameters(self) -> int:
        """Return how many numbers the file holds."""
        return sum(map(math.prod, self.shapes.values()))

    @property
    def size(self) -> int:
        """Return its bytes, about."""
        return 2 * self.parameters

    def write(self, root: Path, seed: int) -> None:
        """Write the file below `root`, atomically; the tensors are in memory once."""
        source = f"{seed} {self.path.as_posix()}"
        tensors = {n: random_tensor(source, n, s, self.gain) for n, s in self.shapes.items()}
        with replacing(root / self.path) as temporary:
            _WRITERS[self.form](tensors, temporary, f"{MARK}, seed {seed}")


@dataclass(frozen=True)
class RandomMerges:
    """CLIP's file of byte pairs, of which none was counted in any text."""

    path: Path
    parameters: int = 0

    @property
    def size(self) -> int:
        """Return its bytes."""
        return len(self._content)

    @cached_property
    def _content(self) -> bytes:
        lines = [f"#version: 0.2, {MARK}", *(" ".join(pair) for pair in clip_merges())]
        return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)

    def write(self, root: Path, seed: int) -> None:
        """Write the file below `root`, atomically; the pairs do not depend on the seed."""
        del seed
        write_bytes(root / self.path, self._content)


@dataclass(frozen=True)
class RandomTokenizer:
    """RoBERTa's tokenizer as JSON, with byte pairs of which none was counted in any text."""

    path: Path
    parameters: int = 0

    @property
    def size(self) -> int:
        """Return its bytes."""
        return len(self._content)

    @cached_property
    def _content(self) -> bytes:
        return json.dumps(roberta_tokenizer(MARK)).encode()

    def write(self, root: Path, seed: int) -> None:
        """Write the file below `root`, atomically; the pairs do not depend on the seed."""
        del seed
        write_bytes(root / self.path, self._content)


def network_file(name: str, folder: Path) -> RandomFile | RandomMerges | RandomTokenizer:
    """Return the file of a name of `NETWORKS`, with the tensors that are published.

    Whole numbers that nobody reads and that a file may lack are left out.
    """
    path, known = folder / entry(name).file, structure(name)
    if known.form == "merges":
        return RandomMerges(path)
    if known.form == "tokenizer":
        return RandomTokenizer(path)
    shapes = {
        tensor: shape
        for tensor, shape in next(iter(known.namings.values())).items()
        if not (_matches(tensor, known.counters) and _matches(tensor, known.may_lack))
    }
    form: Form = "safetensors" if path.suffix == ".safetensors" else "torch"
    return RandomFile(path, form, shapes, NETWORKS[name])


def is_random(path: Path) -> bool:
    """Return whether a file of weights carries the mark; one that cannot be read does not."""
    try:
        reads = _MARKS.get(kind(path))
        return reads is not None and MARK in reads(path)
    except Exception:  # zipfile, gzip and safetensors raise many kinds; checks name the reason
        return False


def any_random(paths: Iterable[Path]) -> bool:
    """Return whether one of some files carries the mark."""
    return any(map(is_random, paths))


# --- marks -------------------------------------------------------------------------------------


def _metadata(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata: Mapping[str, str] = file.metadata() or {}
        return metadata.get(METADATA, "")


def _comment(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.comment.decode(errors="replace")


def _first_line(path: Path) -> str:
    with gzip.open(path) if kind(path) == "a gzip file" else path.open("rb") as file:
        return file.readline(200).decode(errors="replace")


def _tokens(path: Path) -> str:
    return read_text(path, str(path))


_MARKS: Final[Mapping[str, Callable[[Path], str]]] = {
    "a safetensors file": _metadata,
    "a torch archive": _comment,
    "a gzip file": _first_line,
    "a text": _first_line,
    "a JSON text": _tokens,
}


# --- numbers -----------------------------------------------------------------------------------


def random_tensor(source: str, name: str, shape: Shape, gain: float = 1.0) -> Tensor:
    """Return a tensor by its name and shape; `source` names the file, and the seed."""
    import torch

    if _matches(name, _COUNTERS):
        return torch.zeros(shape, dtype=torch.int64)
    if _matches(name, _MASKS):
        return torch.full(shape, -math.inf, dtype=torch.float16).triu(1)
    if len(shape) < 2:
        made = torch.ones if shape and _matches(name, _ONES) else torch.zeros
        return made(shape, dtype=torch.float16)
    fan_in = math.prod(shape[1:])
    digest = hashlib.sha256(f"{source} {name}".encode()).digest()
    numbers = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.randn(shape, generator=numbers).mul_(math.sqrt(gain / fan_in)).half()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _write_safetensors(tensors: dict[str, Tensor], path: Path, mark: str) -> None:
    # transformers refuses a file that does not say that its tensors are torch's
    save_safetensors(tensors, path, {"format": "pt", METADATA: mark})


def _write_torch(tensors: dict[str, Tensor], path: Path, mark: str) -> None:
    import torch

    with path.open("wb") as file:  # by a path, torch would write the temporary name into the file
        torch.save(tensors, file)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = mark.encode()


_WRITERS: Final = {"safetensors": _write_safetensors, "torch": _write_torch}
