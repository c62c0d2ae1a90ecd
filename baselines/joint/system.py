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

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from threading import RLock, get_ident
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn

from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.sampling import SamplerSettings, sample
from svbench.baselines.joint.text_attention import CaptionAttention
from svbench.compute import CPU, Machine, digest_settings, inference
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.types import Clip, ClipSpec, Request

log = logging.getLogger(__name__)

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


class OnDisk(Protocol):
    """A model that can be described before it is loaded."""

    def weights(self) -> Mapping[str, str]:
        """Digest its files, by part."""
        ...

    def load(self, machine: Machine = CPU) -> JointModel:
        """Load it onto a machine, its U-Nets in the machine's dtype."""
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
        device, precision, and batch: clips that are sampled together (Default value: 1)
    compiled : bool
        whether the U-Nets are compiled by block
    copies : bool
        whether each worker loads a model of its own; for small ones on a CPU
    """

    def __init__(
        self,
        mixer: MixerKind,
        model: OnDisk,
        recipe: Recipe,
        machine: Machine = CPU,
        *,
        compiled: bool = False,
        copies: bool = False,
    ) -> None:
        self._mixer, self._model, self._recipe = mixer, model, recipe
        self._machine, self._compiled, self._copies = machine, compiled, copies
        self._place = machine.place
        self._size = machine.batch or 1  # halved where memory is short
        self._loaded: dict[int, JointModel] = {}  # by worker, or one for all
        self._lock = RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without what was loaded."""
        make = partial(Joint, compiled=self._compiled, copies=self._copies)
        return make, (self._mixer, self._model, self._recipe, self._machine)

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
        return {**self.settings, "caption": request.caption}

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """Tell everything that decides its clips."""
        sampler = self._recipe.sampler
        return {
            "mixer": self._mixer,
            "steps": str(sampler.steps),
            "gamma": f"{sampler.gamma:g}",
            "timestep map": sampler.timestep_map,
            "guidance": f"sound {sampler.guidance.audio:g}, video {sampler.guidance.video:g}",
            "negative caption": self._recipe.negative,
            "dtype": self._machine.dtype,
            "device": self._place.type,
            "batch": str(self._machine.batch or 1),
            "compiled": str(self._compiled).lower(),
            "torch": torch.__version__.partition("+")[0],
            "weights": short_digest(self._model.weights()),
        }

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order; a batch is made when its first is asked for."""
        waiting = list(requests)
        while waiting:
            with nullcontext() if self._copies else self._lock:
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
        with inference(self._machine):
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
        dtype = self._machine.torch_dtype
        told = model.captions(captions).map(lambda some: some.to(self._place, dtype))
        if self._recipe.sampler.halves == 1:
            return told
        away = model.captions([self._recipe.negative]).map(lambda one: one.to(self._place, dtype))
        return told.map(lambda some, one: torch.cat([one.expand_as(some), some]), away)

    def _ready(self) -> JointModel:
        """Give the model, loaded and moved at its first use."""
        worker = get_ident() if self._copies else 0
        with self._lock:
            if worker not in self._loaded:
                model = self._model.load(self._machine)
                if short_digest(model.weights) != self.settings["weights"]:
                    raise DataError(
                        f"{self.name}: found other weights than when the work began; they were "
                        "replaced meanwhile; run the same command again"
                    )
                if self._compiled:
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
    """Return one digest of the digests of all parts."""
    return digest_settings(dict(weights), 16)


def _noise(model: JointModel, seed: int, spec: ClipSpec) -> Modal[Tensor]:
    """Draw a request's noise from its seed alone: sound, then video."""
    random = torch.Generator().manual_seed(seed)
    sound = torch.randn(model.audio.shape(spec), generator=random)
    return Modal(sound, torch.randn(model.video.shape(spec), generator=random))
