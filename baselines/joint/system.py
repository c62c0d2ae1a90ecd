"""The joint model as a system of the benchmark: a caption becomes a sounding video.

A request's noise comes from its seed alone, drawn on the processor in float32, sound before
video. All else keeps the rule that a clip must not depend on its company: captions are encoded
and latents decoded one clip at a time, and the sampler's batch always has the same size, the last
one filled up.

Presets
-------
paper           section 4.1: Eq. 8, 25 steps, gamma 1.5; guidance away from the empty caption
official-code   the released scripts: their map of the time steps, 50 steps, gamma 1.5; guidance
                away from "bad quality, worse quality"

References
----------
M. Ishii et al.: A simple but strong baseline for sounding video generation, arXiv:2409.17550.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from threading import RLock, get_ident
from typing import Any, Final, Literal, Protocol

import torch
from torch import Tensor, nn

from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.sampling import SamplerSettings, sample
from svbench.baselines.joint.text_attention import CaptionAttention
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.types import Clip, ClipSpec, Request, Setting, settings_as_text

log = logging.getLogger(__name__)

DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
TITLES: Final[Mapping[MixerKind, str]] = {
    "cmc-pe": "CMC-PE",
    "cross-attention": "cross-attention",
    "cross-attention-sequence": "cross-attention over time",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides a sample beside the model."""

    sampler: SamplerSettings
    negative: str  # the caption that guidance leads away from


PRESETS: Final[Mapping[str, Recipe]] = {
    "paper": Recipe(SamplerSettings(), ""),
    "official-code": Recipe(
        SamplerSettings(steps=50, timestep_map="official"), "bad quality, worse quality"
    ),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and how it is computed; each of these rounds otherwise, so each is on record."""

    device: str = "cpu"  # "auto": a GPU if there is one
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    batch: int = 1  # clips that are sampled together
    compiled: bool = False
    copies: bool = False  # each worker loads a model of its own; for small ones on a processor

    @property
    def place(self) -> torch.device:
        """Give the device, or say in one line that it is not there."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            torch.empty(0, device=self.device)
            return torch.device(self.device)
        except (RuntimeError, AssertionError) as error:  # an unknown name, or no such device here
            reason = str(error).splitlines()[0].partition(". ")[0]
            raise ConfigError(
                f"--device: found {self.device!r} ({reason}), expected auto, cpu, cuda or the like"
            ) from error


class OnDisk(Protocol):
    """A model that can be described before it is loaded."""

    def weights(self) -> Mapping[str, str]:
        """Digest its files, by part."""
        ...

    def load(self, place: torch.device, dtype: torch.dtype) -> JointModel:
        """Load it onto a device, its U-Nets in this precision."""
        ...


class Joint:
    """A joint model that answers requests; it is loaded at the first one.

    Parameters
    ----------
    mixer : MixerKind
        how the modalities hear each other: the name of the row
    model : OnDisk
        the weights
    recipe : Recipe
        a preset, or one changed
    machine : Machine
        device, precision, batch
    """

    def __init__(
        self, mixer: MixerKind, model: OnDisk, recipe: Recipe, machine: Machine | None = None
    ) -> None:
        self._mixer, self._model, self._recipe = mixer, model, recipe
        self._machine = Machine() if machine is None else machine
        self._place = self._machine.place
        self._size = self._machine.batch  # halved where memory is short
        self._loaded: dict[int, JointModel] = {}  # by worker, or one for all
        self._lock = RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without what was loaded."""
        return Joint, (self._mixer, self._model, self._recipe, self._machine)

    @property
    def name(self) -> str:
        """Name its folder in the store and its row in the table."""
        return f"{self._mixer}-gamma{self._recipe.sampler.gamma:g}"

    @property
    def title(self) -> str:
        """Name it as a reader of the table should see it."""
        return f"{TITLES[self._mixer]}, gamma {self._recipe.sampler.gamma:g}"

    @property
    def made_of_real_clips(self) -> bool:
        """Tell that it sees no real clip."""
        return False

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what decides one clip: the settings and its caption."""
        return {**settings_as_text(self.settings), "caption": request.caption}

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """Tell everything that decides its clips."""
        sampler = self._recipe.sampler
        return {
            "mixer": self._mixer,
            "steps": sampler.steps,
            "gamma": sampler.gamma,
            "timestep map": sampler.timestep_map,
            "guidance": f"sound {sampler.guidance.audio:g}, video {sampler.guidance.video:g}",
            "negative caption": self._recipe.negative,
            "dtype": self._machine.dtype,
            "device": self._place.type,
            "batch": self._machine.batch,
            "compiled": self._machine.compiled,
            "torch": torch.__version__.partition("+")[0],
            "weights": short_digest(self._model.weights()),
        }

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order; a batch is made when its first is asked for."""
        waiting = list(requests)
        while waiting:
            with nullcontext() if self._machine.copies else self._lock:
                clips = self._first_of(waiting, spec)
            waiting = waiting[len(clips) :]
            yield from clips

    def _first_of(self, waiting: Sequence[Request], spec: ClipSpec) -> list[Clip]:
        """Make the first clips of those that wait: as many as memory holds."""
        model: JointModel | None = None
        while True:
            try:
                model = self._ready()
                return self._made(model, waiting[: self._size], spec)
            except torch.OutOfMemoryError as error:
                reason = str(error).splitlines()[0]
            # Behind the block, where the error no longer holds the tensors it met.
            if self._size == 1 or model is None:
                what = "the model" if model is None else "one clip at a time"
                raise StoppedError(
                    f"{self.name}: {what} does not fit into the memory of {self._place} "
                    f"({reason}); free some and run the same command again, "
                    "or begin another run with --dtype bfloat16"
                )
            self._size //= 2
            log.warning(
                "%s: out of memory on %s; going on with batches of %d, which round otherwise",
                self.name,
                self._place,
                self._size,
            )
            if self._place.type == "cuda":
                torch.cuda.empty_cache()

    def _made(self, model: JointModel, requests: Sequence[Request], spec: ClipSpec) -> list[Clip]:
        """Make a batch, filled up to its size."""
        filled = [*requests, *[requests[-1]] * (self._size - len(requests))]
        with _inference(self._place):
            noise = [_noise(model, request.seed, spec) for request in filled]
            start = Modal(*(torch.stack(some).to(self._place) for some in zip(*noise, strict=True)))
            told = self._told(model, [request.caption for request in filled])
            latents = sample(model.joint, start, told, model.schedules, self._recipe.sampler)
            kept = latents.map(lambda some: some[: len(requests)])
            sounds = model.audio.decode(kept.audio, spec)
            videos = model.video.decode(kept.video, spec)
        return [Clip(v, s, spec) for v, s in zip(videos, sounds, strict=True)]

    def _told(self, model: JointModel, captions: Sequence[str]) -> Modal[Tensor]:
        """Encode captions, behind as many negative ones if there is guidance."""
        dtype = DTYPES[self._machine.dtype]
        told = model.captions(captions).map(lambda some: some.to(self._place, dtype))
        if self._recipe.sampler.halves == 1:
            return told
        away = model.captions([self._recipe.negative]).map(lambda one: one.to(self._place, dtype))
        return told.map(lambda some, one: torch.cat([one.expand_as(some), some]), away)

    def _ready(self) -> JointModel:
        """Give the model, loaded and moved at its first use."""
        worker = get_ident() if self._machine.copies else 0
        with self._lock:
            if worker not in self._loaded:
                model = self._model.load(self._place, DTYPES[self._machine.dtype])
                if short_digest(model.weights) != self.settings["weights"]:
                    raise DataError(
                        f"{self.name}: found other weights than when the work began; they were "
                        "replaced meanwhile; run the same command again"
                    )
                if self._machine.compiled:
                    compile_blocks(model.joint)
                self._loaded[worker] = model
            return self._loaded[worker]


def recipe(
    preset: str = "paper", *, steps: int | None = None, gamma: float | None = None
) -> Recipe:
    """Give a preset, or one with other steps or another gamma."""
    if preset not in PRESETS:
        raise ConfigError(f"--preset: found {preset!r}, expected one of {', '.join(PRESETS)}")
    usual = PRESETS[preset]
    sampler = replace(
        usual.sampler,
        steps=usual.sampler.steps if steps is None else steps,
        gamma=usual.sampler.gamma if gamma is None else gamma,
    )
    return replace(usual, sampler=sampler)


def compile_blocks(joint: nn.Module) -> None:
    """Compile the model block by block.

    The mixers join the U-Nets by hooks, which run around a block's `forward`: that alone is
    compiled. Attention to captions remembers keys and values from call to call, so it stays as it
    is.
    """
    unets: Any = joint.get_submodule("unets")
    blocks: list[nn.Module] = []
    for unet in unets.values():
        blocks += [*unet.down_blocks, unet.mid_block, *unet.up_blocks]
    blocks += joint.get_submodule("connectors").children()
    for places in joint.get_submodule("mixers").children():
        blocks += places.children()
    for module in joint.modules():
        if isinstance(getattr(module, "processor", None), CaptionAttention):
            keep: Any = torch.compiler.disable
            module.forward = keep(module.forward)
    for block in blocks:
        block.forward = torch.compile(block.forward)


def short_digest(weights: Mapping[str, str]) -> str:
    """Digest the digests of all parts."""
    return hashlib.sha256(json.dumps(dict(weights), sort_keys=True).encode()).hexdigest()[:16]


def _noise(model: JointModel, seed: int, spec: ClipSpec) -> Modal[Tensor]:
    """Draw a request's noise from its seed alone: sound, then video."""
    random = torch.Generator().manual_seed(seed)
    sound = torch.randn(model.audio.shape(spec), generator=random)
    return Modal(sound, torch.randn(model.video.shape(spec), generator=random))


@contextmanager
def _inference(place: torch.device) -> Iterator[None]:
    """Compute without gradients; on a GPU by algorithms that always round alike, never in TF32."""
    with torch.inference_mode():
        if place.type != "cuda":
            yield
            return
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield
