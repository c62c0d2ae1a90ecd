"""The joint model: two U-Nets that condition each other through connectors and mixers (Figure 1).

Nothing of diffusers is changed or copied: the mixers join the U-Nets by forward hooks, after the
last two down blocks and the first two up blocks (appendix A.2). The skip connection that leaves
with a down block's output carries the mixed features too, as in the released code.

Conventions
-----------
Pair(audio, video) holds one value for each modality. Latents x_t: audio (B, C, Ta, F), video
(B, C, T, H, W). Time steps t are LongTensors (B,). Text embeddings: audio, one vector per clip
(B, D), passed as a class label (AudioLDM; CLAP's text embedding); video, token features (B, L, D)
(CLIP). A condition is named after the U-Net that it enters: `conditions.audio` is made from the
video. Its batch b may divide B: the two halves of classifier-free guidance share a condition.

References
----------
M. Ishii et al., section 3.1 and appendix A.2; AnimateDiff (Guo et al., ICLR 2024); AudioLDM (Liu et
al., ICML 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from diffusers import UNet2DConditionModel, UNetMotionModel
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from svbench.baselines.joint.connector import Connector
from svbench.baselines.joint.mixers import MixerKind, build_mixer
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.text_attention import cached_text, use_text_processors

PAPER_MULTIPLES: Final[Pair[tuple[int, ...]]] = Pair(audio=(2, 4), video=(2, 4))
PAPER_HEADS: Final = Pair(audio=8, video=8)
UNCONDITIONED: Final[Pair[Tensor | None]] = Pair(None, None)


@dataclass(frozen=True, slots=True)
class JointConfig:
    """The widths of what joins two U-Nets; the defaults are the paper's."""

    mixer: MixerKind = "cmc-pe"
    condition_channels: int = 1280  # length of the connectors' vectors
    multiples: Pair[tuple[int, ...]] = PAPER_MULTIPLES  # connectors' levels
    head_size: Pair[int] = PAPER_HEADS  # channels per head in the mixers
    groups: int = 32  # of every group norm; small models need fewer


class ModulePair(nn.Module):
    """A network for each modality; its weights are named `audio.*` and `video.*`."""

    def __init__(self, audio: nn.Module, video: nn.Module) -> None:
        super().__init__()
        self.audio: Any = audio
        self.video: Any = video

    def __iter__(self) -> Iterator[Any]:
        yield self.audio
        yield self.video


class JointUNet(nn.Module):
    """Two U-Nets, two connectors, and a mixer in each of eight places.

    Parameters
    ----------
    audio : UNet2DConditionModel
        AudioLDM's U-Net: no cross-attention, the text embedding is a class embedding
    video : UNetMotionModel
        AnimateDiff's U-Net
    config : JointConfig
        what joins them
    """

    def __init__(
        self, audio: UNet2DConditionModel, video: UNetMotionModel, config: JointConfig
    ) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False  # trade time for memory in training
        unets: Pair[Any] = Pair(audio, video)
        is_video = Pair(audio=False, video=True)
        self.unets = ModulePair(*unets)
        self.connectors = ModulePair(
            *unets.map(lambda *side: _build_connector(config, *side), config.multiples, is_video)
        )
        self.mixers = ModulePair(
            *unets.map(lambda *side: _build_mixers(config, *side), config.head_size, is_video)
        )
        self._text_processors = use_text_processors(unets.video)

    def forward(
        self,
        x_t: Pair[Tensor | None],
        t: Pair[Tensor],
        text: Pair[Tensor],
        connector_inputs: Pair[Tensor] | None,
        connector_t: Pair[Tensor] | None = None,
    ) -> Pair[Tensor | None]:
        """Predict the noise (or the velocity) in the latents of both modalities.

        Parameters
        ----------
        x_t : Pair of Tensor
            noisy latents; a modality that is None is left out, and its prediction is None
        t : Pair of Tensor
            their time steps, (B,)
        text : Pair of Tensor
            text embeddings
        connector_inputs : Pair of Tensor or None
            noisy latents beside the predicted clean ones, (B, 2 C, ...), see
            `connector.connector_inputs`; None: the base models, unconditioned on each other
        connector_t : Pair of Tensor, optional
            the time steps of the connectors' inputs (default: `t`)
        """
        if connector_inputs is None:
            return self.predict(x_t, t, text)
        conditions = self.conditions(connector_inputs, connector_t or t)
        return self.predict(x_t, t, text, conditions)

    def conditions(
        self, connector_inputs: Pair[Tensor | None], t: Pair[Tensor]
    ) -> Pair[Tensor | None]:
        """Encode each modality as the condition of the other's U-Net, one for all its mixers.

        `conditions.audio` is made from `connector_inputs.video`, and is None where that is None.
        """

        def condition(
            unet: Any, connector: Connector, mixers: nn.ModuleDict, x: Tensor | None, t: Tensor
        ) -> Tensor | None:
            if x is None:
                return None
            mixer: Any = next(iter(mixers.values()))  # all four make the same of the vectors
            made: Tensor = mixer.condition(connector(x, embed_timesteps(unet, t)))
            return made

        unets, connectors, mixers = self.unets, self.connectors, self.mixers
        x = connector_inputs
        return Pair(
            audio=condition(unets.video, connectors.video, mixers.audio, x.video, t.video),
            video=condition(unets.audio, connectors.audio, mixers.video, x.audio, t.audio),
        )

    def predict(
        self,
        x_t: Pair[Tensor | None],
        t: Pair[Tensor],
        text: Pair[Tensor],
        conditions: Pair[Tensor | None] = UNCONDITIONED,
    ) -> Pair[Tensor | None]:
        """Predict the noise (or the velocity); without a condition by the base model alone."""
        return Pair(
            audio=None
            if x_t.audio is None
            else self._predict_audio(x_t.audio, t.audio, text.audio, conditions.audio),
            video=None
            if x_t.video is None
            else self._predict_video(x_t.video, t.video, text.video, conditions.video),
        )

    @contextmanager
    def caching_text(self) -> Iterator[None]:
        """Keep what does not change while a sampler runs: the text's keys and values."""
        with cached_text(self._text_processors):
            yield

    @property
    def added(self) -> nn.ModuleDict:
        """Return everything that is not a base model."""
        return nn.ModuleDict({"connectors": self.connectors, "mixers": self.mixers})

    def _predict_audio(
        self, x_t: Tensor, t: Tensor, text: Tensor, condition: Tensor | None
    ) -> Tensor:
        with self._mixed(self.unets.audio, self.mixers.audio, condition, frames=1):
            noise: Tensor = self.unets.audio(
                x_t, t, encoder_hidden_states=None, class_labels=text, return_dict=False
            )[0]
        return noise

    def _predict_video(
        self, x_t: Tensor, t: Tensor, text: Tensor, condition: Tensor | None
    ) -> Tensor:
        with self._mixed(self.unets.video, self.mixers.video, condition, frames=x_t.shape[2]):
            noise: Tensor = self.unets.video(x_t, t, encoder_hidden_states=text, return_dict=False)[
                0
            ]
        return noise

    @contextmanager
    def _mixed(
        self, unet: Any, mixers: nn.ModuleDict, condition: Tensor | None, frames: int
    ) -> Iterator[None]:
        """Register the mixers as hooks of a U-Net for one call."""
        with ExitStack() as stack:
            if condition is not None:
                for place, mixer in mixers.items():
                    blocks = unet.down_blocks if place.startswith("down") else unet.up_blocks
                    block = blocks[int(place.lstrip("downup"))]
                    hook = _hook(self._checkpointed(mixer), condition, frames)
                    stack.callback(block.register_forward_hook(hook).remove)
            yield

    def _checkpointed(self, mixer: nn.Module) -> Callable[[Tensor, Tensor, int], Tensor]:
        """Return a mixer, with gradient checkpointing in a training that asks for it."""
        if not (self.checkpointing and self.training):
            return mixer
        return lambda *inputs: checkpoint(mixer, *inputs, use_reentrant=False)


def embed_timesteps(unet: Any, t: Tensor) -> Tensor:
    """Embed time steps (B,) as a base U-Net does, (B, D)."""
    embedding: Tensor = unet.time_embedding(unet.time_proj(t).to(unet.dtype))
    return embedding


def mixer_places(channels: list[int]) -> dict[str, int]:
    """Return the names of the blocks that a mixer follows, with their channels."""
    last = len(channels) - 1
    return {
        f"down{last - 1}": channels[-2],
        f"down{last}": channels[-1],
        "up0": channels[-1],
        "up1": channels[-2],
    }


def _hook(
    mix: Callable[[Tensor, Tensor, int], Tensor], condition: Tensor, frames: int
) -> Callable[..., Any]:
    def hook(_block: nn.Module, _inputs: Any, output: Any) -> Any:
        if isinstance(output, Tensor):  # an up block
            return mix(output, condition, frames)
        x, skips = output
        mixed = mix(x, condition, frames)
        return mixed, (*skips[:-1], mixed)

    return hook


def _build_connector(
    config: JointConfig, unet: Any, multiples: tuple[int, ...], is_video: bool
) -> Connector:
    return Connector(
        2 * unet.config.in_channels,
        unet.config.block_out_channels[0],
        multiples,
        config.condition_channels,
        config.groups,
        over_time=is_video,
    )


def _build_mixers(config: JointConfig, unet: Any, head_size: int, is_video: bool) -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            place: build_mixer(
                config.mixer,
                channels,
                head_size,
                config.condition_channels,
                config.groups,
                rows_are_time=not is_video,
            )
            for place, channels in mixer_places(list(unet.config.block_out_channels)).items()
        }
    )
