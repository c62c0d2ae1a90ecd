"""The joint model as a system of the benchmark: captions to sounding videos.

The noise of a request depends on its seed alone; it is drawn on the CPU in float32, audio before
video. A clip does not depend on the others of its batch either: captions are encoded and latents
decoded one clip at a time, and the sampler's batch always has the same size, the last one padded.
On a CPU it does depend on the number of threads, in the last bits: where a machine names them, they
are among the settings.

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
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.compute import (
    CPU,
    Machine,
    digest_settings,
    inference,
    installed,
    is_out_of_memory,
    return_memory,
)
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.types import Clip, ClipSpec, Request, Setting, settings_as_text

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a sample depends on beside the model."""

    sampler: SamplerSettings
    negative: str  # negative caption of classifier-free guidance


PRESETS: Final[Mapping[str, Recipe]] = {
    "paper": Recipe(SamplerSettings(), ""),
    "official-code": Recipe(
        SamplerSettings(steps=50, timestep_map="official"), "bad quality, worse quality"
    ),
}


class OnDisk(Protocol):
    """A model whose weights have a digest before they are loaded."""

    def weights(self) -> Mapping[str, str]:
        """Digest its files, by part."""
        ...

    def load(self, machine: Machine = CPU) -> JointModel:
        """Load it onto a machine, its U-Nets in the machine's dtype."""
        ...

    def load_codecs(self, machine: Machine = CPU) -> Pair[Any]:
        """Load what encodes and decodes sound and video alone."""
        ...


@runtime_checkable
class SharedOnDisk(OnDisk, Protocol):
    """A model that several rows share, which keeps what one of them loaded for the next."""

    def release(self) -> None:
        """Take note that a row is made; free what was loaded once all are."""
        ...


class Joint:
    """A joint model that generates clips; it is loaded at the first request.

    Parameters
    ----------
    mixer : MixerKind
        how the modalities condition each other: the name of the row
    model : OnDisk
        the weights
    recipe : Recipe
        a preset, or a changed one
    machine : Machine
        device, precision, threads of a CPU, and batch: clips that are sampled together (Default
        value: 1)
    compiled : bool
        whether the U-Nets are compiled by block
    copies : bool
        whether each worker loads a model of its own, and other systems may compute meanwhile; for
        small ones on a CPU
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
        self._kind = machine.kind  # an absent device is an error now
        self._size = self.batch  # halved where memory is short
        self._loaded: dict[int, JointModel] = {}  # by worker, or one for all
        self._lock = RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without what was loaded."""
        make = partial(Joint, compiled=self._compiled, copies=self._copies)
        return make, (self._mixer, self._model, self._recipe, self._machine)

    @property
    def name(self) -> str:
        """Return the name of its folder in the store and of its row in the table."""
        return f"{self._mixer}-gamma{self._recipe.sampler.gamma:g}"

    @property
    def title(self) -> str:
        """Return its title in tables."""
        return f"{MIXERS[self._mixer].title}, gamma {self._recipe.sampler.gamma:g}"

    @property
    def made_of_real_clips(self) -> bool:
        """Return False: its clips hold nothing of real ones."""
        return False

    @property
    def batch(self) -> int:
        """Return how many clips are sampled together."""
        return self._machine.batch or 1

    @property
    def shares_device(self) -> bool:
        """Return whether other systems may compute meanwhile."""
        return self._copies

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what one clip depends on: the settings and its caption."""
        return {**settings_as_text(self.settings), "caption": request.caption}

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """Return all settings that its clips depend on."""
        sampler = self._recipe.sampler
        return {
            "mixer": self._mixer,
            "steps": sampler.steps,
            "gamma": sampler.gamma,
            "timestep map": sampler.timestep_map,
            "guidance": f"sound {sampler.guidance.audio:g}, video {sampler.guidance.video:g}",
            "negative caption": self._recipe.negative,
            "dtype": self._machine.dtype,
            "device": self._kind,
            **({} if self._machine.threads is None else {"threads": self._machine.threads}),
            "batch": self.batch,
            "compiled": self._compiled,
            "torch": installed("torch").partition("+")[0],
            "weights": short_digest(self._model.weights()),
        }

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order; a batch is made when its first clip is consumed."""
        waiting = list(requests)
        while waiting:
            with nullcontext() if self._copies else self._lock:
                clips = self._next_batch(waiting, spec)
            waiting = waiting[len(clips) :]
            yield from clips

    def release(self) -> None:
        """Free the models that were loaded."""
        with self._lock:
            self._loaded.clear()
            if isinstance(self._model, SharedOnDisk):
                self._model.release()
            self._free_memory()

    def _next_batch(self, waiting: Sequence[Request], spec: ClipSpec) -> list[Clip]:
        """Make the clips of the first requests: as many as memory holds."""
        model: JointModel | None = None
        while True:
            try:
                model = self._ready()
                return self._sampled(model, waiting[: self._size], spec)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0]
            # Outside the block, where the error no longer holds references to tensors.
            if self._size == 1 or model is None:
                what = "the model" if model is None else "one clip at a time"
                raise StoppedError(
                    f"{self.name}: {what} does not fit into the memory of {self._machine.place} "
                    f"({reason}); free some and run the same command again, "
                    "or begin another run with --dtype bfloat16"
                )
            self._size //= 2
            log.warning(
                "%s: out of memory on %s; going on with batches of %d, which round otherwise",
                self.name,
                self._machine.place,
                self._size,
            )
            self._free_memory()

    def _free_memory(self) -> None:
        """Return the memory to the device that nothing here holds any more."""
        if self._kind == "cuda":
            import torch

            torch.cuda.empty_cache()
        self._trim()

    def _trim(self) -> None:
        """Return what a large model on a CPU used for a while to the system."""
        if self._is_large_on_cpu:
            return_memory()

    @property
    def _is_large_on_cpu(self) -> bool:
        return self._kind == "cpu" and not self._copies

    def _sampled(
        self, model: JointModel, requests: Sequence[Request], spec: ClipSpec
    ) -> list[Clip]:
        """Sample and decode a batch, padded to its size."""
        import torch

        from svbench.baselines.joint.sampling import sample

        place = self._machine.place
        padded = [*requests, *[requests[-1]] * (self._size - len(requests))]
        with inference(self._machine):
            noise = Pair.collate((_noise(model, r.seed, spec) for r in padded), torch.stack)
            start = noise.map(lambda tensor: tensor.to(place))
            text = self._text(model, [request.caption for request in padded])
            latents = sample(
                *(model.joint, start, text, model.schedules, self._recipe.sampler),
                apart=self._is_large_on_cpu,  # a GPU is faster with whole batches
            )
            kept = latents.map(lambda tensor: tensor[: len(requests)])
            self._trim()  # what the sampler had, before the decoders need theirs
            sounds = model.audio.decode(kept.audio, spec)
            videos = model.video.decode(kept.video, spec)
        self._trim()
        return [Clip(v, s, spec) for v, s in zip(videos, sounds, strict=True)]

    def _text(self, model: JointModel, captions: Sequence[str]) -> Pair[Tensor]:
        """Encode captions, behind as many negative ones if there is guidance."""
        import torch

        place, dtype = self._machine.place, self._machine.torch_dtype

        def encoded(captions: Sequence[str]) -> Pair[Tensor]:
            return model.text_encoder(captions).map(lambda text: text.to(place, dtype))

        text = encoded(captions)
        if self._recipe.sampler.halves == 1:
            return text
        negative = encoded([self._recipe.negative])
        return text.map(lambda c, n: torch.cat([n.expand_as(c), c]), negative)

    def _ready(self) -> JointModel:
        """Return the model, loaded at its first use."""
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
    """Return a preset, with other steps or another gamma if given."""
    if preset not in PRESETS:
        raise ConfigError(f"--preset: found {preset!r}, expected one of {', '.join(PRESETS)}")
    chosen = PRESETS[preset]
    sampler = replace(
        chosen.sampler,
        steps=chosen.sampler.steps if steps is None else steps,
        gamma=chosen.sampler.gamma if gamma is None else gamma,
    )
    return replace(chosen, sampler=sampler)


def compile_blocks(joint: nn.Module) -> None:
    """Compile the model block by block.

    The mixers join the U-Nets by hooks, which run around a block's `forward`: that alone is
    compiled. Attention to the text caches keys and values from call to call, so it is not compiled.
    """
    import torch

    from svbench.baselines.joint.text_attention import TextAttnProcessor

    unets: Any = joint.get_submodule("unets")
    blocks: list[nn.Module] = []
    for unet in unets:
        blocks += [*unet.down_blocks, unet.mid_block, *unet.up_blocks]
    blocks += joint.get_submodule("connectors").children()
    for places in joint.get_submodule("mixers").children():
        blocks += places.children()
    for module in joint.modules():
        if isinstance(getattr(module, "processor", None), TextAttnProcessor):
            disable: Any = torch.compiler.disable
            module.forward = disable(module.forward)
    for block in blocks:
        block.forward = torch.compile(block.forward)


def short_digest(weights: Mapping[str, str]) -> str:
    """Return one digest of the digests of all parts."""
    return digest_settings(dict(weights), 16)


def _noise(model: JointModel, seed: int, spec: ClipSpec) -> Pair[Tensor]:
    """Draw a request's noise from its seed alone: audio, then video."""
    import torch

    random = torch.Generator().manual_seed(seed)
    shapes = Pair(model.audio.shape(spec), model.video.shape(spec))
    return shapes.map(lambda shape: torch.randn(shape, generator=random))
