"""Loading a pipeline of diffusers, and having it make clips.

Its noise comes from one generator per request, on the CPU, seeded by the request: the same on every
device and in every batch. What draws from torch's own generator all the same (a decoder that
injects noise) finds that seeded by the first request of its batch.

References
----------
https://huggingface.co/docs/diffusers/using-diffusers/reusing_seeds
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from svbench.baselines.diffusers_av.families import Family, is_modular
from svbench.baselines.diffusers_av.folder import Folder
from svbench.baselines.diffusers_av.native import Native
from svbench.compute import Machine, installed, is_out_of_memory
from svbench.errors import DataError, StoppedError

if TYPE_CHECKING:
    import torch

OLDEST: Final = (0, 42)  # release of diffusers that has all families
REASON: Final = 300  # letters of a foreign message
ROOM: Final = 0.8  # of a GPU's free memory that weights may fill; activations need the rest


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run sets of a pipeline; None leaves the pipeline's own.

    `guidance` is a value for each of its family's arguments.
    """

    steps: int | None = None
    guidance: tuple[float, ...] | None = None

    def __str__(self) -> str:
        """Return both, for the record of a row."""
        scales = self.guidance and ", ".join(f"{scale:g}" for scale in self.guidance)
        return f"{self.steps or 'its own'} steps, {scales or 'its own'} guidance"


@dataclass(frozen=True, slots=True)
class Made:
    """What a pipeline made of one request; None for what it does not make."""

    frames: Any  # (T, H, W, 3), 0..1
    waveform: Any  # (S,) or (C, S), -1..1
    rate: int  # samples / s


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A loaded pipeline."""

    folder: Folder
    pipe: Any

    def make(
        self, prompts: Sequence[str], seeds: Sequence[int], native: Native, asked: Asked
    ) -> list[Made]:
        """Return what it makes of each prompt; several only where its family takes batches."""
        import torch

        family = self.folder.family
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        with _quiet(), torch.random.fork_rng():
            torch.manual_seed(seeds[0])
            found = self._call(list(prompts), generators, _arguments(family, native, asked))
        frames = _by_clip(found.get(family.frames), len(prompts))
        sounds = _by_clip(found.get(family.sound), len(prompts))
        rate = int(reduce(getattr, family.rate.split("."), self.pipe)) if family.rate else 0
        return [Made(*one, rate) for one in zip(frames, sounds, strict=True)]

    def _call(
        self, prompts: list[str], generators: list[torch.Generator], arguments: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the outputs by name."""
        family = self.folder.family
        one = not family.batches
        prompt: Any = prompts[0] if one else prompts
        arguments |= {"prompt": prompt, "generator": generators[0] if one else generators}
        if is_modular(self.folder.kind):
            names = [name for name in (family.frames, family.sound) if name]
            return dict(self.pipe(output=names, **arguments))
        return dict(self.pipe(**arguments))


def _arguments(family: Family, native: Native, asked: Asked) -> dict[str, Any]:
    """Return the arguments of a call but prompts and generators."""
    found: dict[str, Any] = {**family.arguments, "output_type": "np"}
    if family.makes != "sound":
        height, width = native.size
        found |= {"height": height, "width": width, "num_frames": native.frames}
    if family.fps_argument:
        found[family.fps_argument] = native.fps
    if family.length_argument:
        found[family.length_argument] = native.seconds
    if asked.steps is not None:
        found[family.steps_argument] = asked.steps
    if asked.guidance is not None:
        found |= dict(zip(family.guidance, asked.guidance, strict=True))
    return found


def _by_clip(output: Any, count: int) -> list[Any]:
    """Return an output for each of `count` clips, as arrays; None for each where there is none.

    That of one clip may lack the dimension of the batch, as a picture of four dimensions does.
    """
    import numpy as np
    import torch

    if output is None:
        return [None] * count
    whole = output.float().cpu().numpy() if isinstance(output, torch.Tensor) else np.asarray(output)
    alone = count == 1 and (len(whole) != 1 or whole.ndim == 4)
    return list(whole[None] if alone else whole)


# --- loading -----------------------------------------------------------------------------------


def load(folder: Folder, machine: Machine) -> Pipeline:
    """Load a pipeline onto a machine, its parts in the machine's dtype.

    Where its weights do not fit into a GPU's free memory, each part is there only while it
    computes, which changes no number; a modular pipeline has to fit.

    Raises
    ------
    DataError
        if diffusers cannot load it
    StoppedError
        if it does not fit into memory
    """
    try:
        with _quiet():
            pipe = _modular(folder, machine) if is_modular(folder.kind) else _plain(folder, machine)
            pipe.set_progress_bar_config(disable=True)
            return Pipeline(folder, _placed(folder, pipe, machine))
    except (DataError, StoppedError):
        raise
    except Exception as error:  # whatever diffusers, transformers and their parsers raise
        if is_out_of_memory(error):
            raise StoppedError(
                f"{folder.path}: does not fit into the memory of {machine.place}; free some and "
                "run the same command again, or begin another run with --dtype bfloat16"
            ) from error
        raise DataError(
            f"{folder.path}: diffusers {installed('diffusers')} cannot load it ({reason(error)}), "
            f"expected a {folder.kind} in safetensors"
        ) from error


def reason(error: BaseException) -> str:
    """Return a foreign error in one line."""
    return f"{' '.join(f'{type(error).__name__}: {error}'.split()):.{REASON}}"


def _class(folder: Folder) -> Any:
    import diffusers

    release = tuple(int(part) for part in installed("diffusers").split(".")[:2])
    if release < OLDEST:
        raise DataError(
            f"--systems diffusers:{folder.kind}: found diffusers {installed('diffusers')}, "
            f"expected {'.'.join(map(str, OLDEST))} or newer"
        )
    return getattr(diffusers, folder.kind)


def _plain(folder: Folder, machine: Machine) -> Any:
    parts = {name: _tokenizer(folder.path / name) for name in folder.family.text_only}
    return _class(folder).from_pretrained(
        str(folder.path),
        dtype=machine.torch_dtype,
        local_files_only=True,
        use_safetensors=True,
        **parts,
    )


def _modular(folder: Folder, machine: Machine) -> Any:
    """Load a modular pipeline, all parts from its folder, whatever its index says of others."""
    pipe = _class(folder).from_pretrained(str(folder.path), local_files_only=True)
    workflow = folder.family.workflow
    blocks = pipe.blocks.get_workflow(workflow) if workflow else pipe.blocks
    needed = {part.name for part in blocks.expected_components}
    for name, part in folder.components().items():
        if name in needed and name not in folder.family.text_only:
            if not part.is_dir():
                raise DataError(f"{folder.path}: found no folder {part.name}, expected one there")
            pipe.update_components(**{name: _component(folder, pipe, name, machine)})
    pipe.update_components(**{name: TextAlone() for name in folder.family.text_only})
    _hide_bars(pipe._blocks)  # a pipeline's own method does not reach blocks within blocks
    return pipe


def _hide_bars(block: Any) -> None:
    """Have the loops of a block, and of all blocks below it, draw no bars."""
    if hasattr(block, "set_progress_bar_config"):
        block.set_progress_bar_config(disable=True)
    for below in getattr(block, "sub_blocks", {}).values():
        _hide_bars(below)


def _component(folder: Folder, pipe: Any, name: str, machine: Machine) -> Any:
    """Load a component of a modular pipeline."""
    return pipe.get_component_spec(name).load(
        dtype=machine.torch_dtype,
        pretrained_model_name_or_path=str(folder.path),
        local_files_only=True,
        use_safetensors=True,
    )


class TextAlone:
    """Stands for a processor of text and media where there is text alone."""

    def create_mm_token_type_ids(self, tokens: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return 0, which stands for text, for each token."""
        return [[0] * len(one) for one in tokens]


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def _placed(folder: Folder, pipe: Any, machine: Machine) -> Any:
    """Return a pipeline on a device, whole or part by part."""
    import torch

    place = machine.place
    if machine.kind != "cuda":
        return pipe.to(place)
    size = sum(file.stat().st_size for file in folder.files())
    if is_modular(folder.kind) or size < ROOM * torch.cuda.mem_get_info(place)[0]:
        return pipe.to(place)
    pipe.enable_model_cpu_offload(device=place)
    return pipe


# --- what diffusers prints -----------------------------------------------------------------------


@contextmanager
def _quiet() -> Iterator[None]:
    """Have diffusers and transformers neither log nor warn, without bars of their own.

    What they raise is reported in one line; modular pipelines log the whole traceback as well.
    """
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    theirs = (of_diffusers, of_transformers)
    before = [(one.get_verbosity(), one.is_progress_bar_enabled()) for one in theirs]
    for one in theirs:
        one.set_verbosity(logging.CRITICAL)
        one.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, (verbosity, bars) in zip(theirs, before, strict=True):
            one.set_verbosity(verbosity)
            if bars:
                one.enable_progress_bar()
