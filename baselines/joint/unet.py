"""The joint model: two U-Nets that hear each other through connectors and mixers (Figure 1).

Nothing of diffusers is changed or copied: the mixers join the U-Nets by forward hooks, after the
last two down blocks and the first two up blocks (appendix A.2). The skip connection that leaves
with a down block's output carries the mixed features too, as in the released code.

Conventions
-----------
Modal(audio, video) holds one thing for each modality. Latents: sound (B, C, Ta, F), video
(B, C, T, H, W). Times are LongTensors (B,). Captions: sound, one vector per clip (B, D), given as
a class label (AudioLDM; CLAP's text embedding); video, token features (B, L, D) (CLIP).
What a U-Net hears is named after the one that hears: `heard.audio` comes from the video.

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
from torch import Tensor, cat, nn
from torch.utils.checkpoint import checkpoint

from svbench.baselines.joint.connector import EnvironmentEncoder
from svbench.baselines.joint.mixers import MixerKind, build_mixer
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.text_attention import attend_by_clip, remember

PAPER_MULTIPLES: Final[Modal[tuple[int, ...]]] = Modal(audio=(2, 4), video=(2, 4))
PAPER_HEADS: Final = Modal(audio=8, video=8)


@dataclass(frozen=True, slots=True)
class JointConfig:
    """The widths of what joins two U-Nets; the defaults are the paper's."""

    mixer: MixerKind = "cmc-pe"
    condition_channels: int = 1280  # length of the connectors' vectors
    multiples: Modal[tuple[int, ...]] = PAPER_MULTIPLES  # connectors' levels
    head_size: Modal[int] = PAPER_HEADS  # channels per head in the mixers
    groups: int = 32  # of every group norm; small models need fewer


class JointUNet(nn.Module):
    """Two U-Nets, two connectors, and a mixer in each of eight places.

    Parameters
    ----------
    audio : UNet2DConditionModel
        AudioLDM's U-Net: no cross-attention, the caption is a class embedding
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
        bases: dict[str, Any] = {"audio": audio, "video": video}
        self.unets = nn.ModuleDict(bases)
        self.connectors = nn.ModuleDict(
            {name: _connector(name, unet, config) for name, unet in self.unets.items()}
        )
        self.mixers = nn.ModuleDict(
            {name: _mixers(name, unet, config) for name, unet in self.unets.items()}
        )
        self._captions = attend_by_clip(self.unets["video"])

    def forward(
        self,
        noisy: Modal[Tensor],
        times: Modal[Tensor],
        captions: Modal[Tensor],
        environment: Modal[Tensor],
        environment_times: Modal[Tensor] | None = None,
        alone: str = "",
    ) -> Modal[Tensor]:
        """Say what noise is in both latents.

        `environment` is what the connectors see: latents beside the clean ones guessed from them,
        (B, 2 C, ...), at `environment_times` (by default `times`). With `alone` a modality's base
        model speaks and hears nothing; the other's noisy latents come back as they were.
        """
        if alone == "audio":
            said = self.audio(noisy.audio, times.audio, captions.audio, None)
            return noisy._replace(audio=said)
        if alone == "video":
            said = self.video(noisy.video, times.video, captions.video, None)
            return noisy._replace(video=said)
        heard = self.heard(environment, environment_times or times)
        return Modal(
            self.audio(noisy.audio, times.audio, captions.audio, heard.audio),
            self.video(noisy.video, times.video, captions.video, heard.video),
        )

    def heard(self, environment: Modal[Tensor], times: Modal[Tensor]) -> Modal[Tensor]:
        """Give what each U-Net hears of the other modality: one condition for all its mixers."""
        return Modal(
            audio=self.heard_from("video", environment.video, times.video),
            video=self.heard_from("audio", environment.audio, times.audio),
        )

    def heard_from(self, name: str, environment: Tensor, times: Tensor) -> Tensor:
        """Give what the other modality's U-Net hears of this one."""
        vectors = self.connectors[name](environment, self._level(name, times))
        other = "video" if name == "audio" else "audio"
        mixer: Any = next(iter(self._mixers_of(other).values()))  # all four agree on it
        condition: Tensor = mixer.condition(vectors)
        return condition

    def audio(self, noisy: Tensor, times: Tensor, caption: Tensor, heard: Tensor | None) -> Tensor:
        """Say what noise is in the sound; without `heard` by the base model alone."""
        with self._mixed("audio", heard, 1):
            said: Tensor = self.unets["audio"](
                noisy, times, encoder_hidden_states=None, class_labels=caption, return_dict=False
            )[0]
        return said

    def video(self, noisy: Tensor, times: Tensor, caption: Tensor, heard: Tensor | None) -> Tensor:
        """Say what noise is in the video; without `heard` by the base model alone."""
        with self._mixed("video", heard, noisy.shape[2]):
            said: Tensor = self.unets["video"](
                noisy, times, encoder_hidden_states=caption, return_dict=False
            )[0]
        return said

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Keep what does not change while a sampler runs: the captions' keys and values."""
        with remember(self._captions):
            yield

    @property
    def added(self) -> nn.ModuleDict:
        """Everything that is not a base model."""
        return nn.ModuleDict({"connectors": self.connectors, "mixers": self.mixers})

    @contextmanager
    def _mixed(self, name: str, heard: Tensor | None, frames: int) -> Iterator[None]:
        """Join the mixers to a U-Net for one call."""
        with ExitStack() as stack:
            if heard is not None:
                unet: Any = self.unets[name]
                for place, mixer in self._mixers_of(name).items():
                    blocks = unet.down_blocks if place.startswith("down") else unet.up_blocks
                    block = blocks[int(place.lstrip("downup"))]
                    hook = _hook(self._through(mixer), heard, frames)
                    stack.callback(block.register_forward_hook(hook).remove)
            yield

    def _through(self, mixer: nn.Module) -> Callable[[Tensor, Tensor, int], Tensor]:
        """Give a mixer, checkpointed if asked for."""
        if not (self.checkpointing and self.training):
            return mixer
        return lambda *told: checkpoint(mixer, *told, use_reentrant=False)

    def _mixers_of(self, name: str) -> dict[str, nn.Module]:
        mixers: Any = self.mixers[name]
        return dict(mixers.items())

    def _level(self, name: str, times: Tensor) -> Tensor:
        """Embed noise levels as the base U-Net does, (B, D)."""
        unet: Any = self.unets[name]
        embedding: Tensor = unet.time_embedding(unet.time_proj(times).to(unet.dtype))
        return embedding


def places(channels: list[int]) -> dict[str, int]:
    """Name the blocks that a mixer follows, with their channels."""
    last = len(channels) - 1
    return {
        f"down{last - 1}": channels[-2],
        f"down{last}": channels[-1],
        "up0": channels[-1],
        "up1": channels[-2],
    }


def environment(noisy: Modal[Tensor], guessed: Modal[Tensor]) -> Modal[Tensor]:
    """Put latents beside the clean ones guessed before, for the connectors."""
    return noisy.map(lambda x, x0: cat([x, x0], dim=1), guessed)


def _hook(
    mix: Callable[[Tensor, Tensor, int], Tensor], heard: Tensor, frames: int
) -> Callable[..., Any]:
    def hook(_block: nn.Module, _told: Any, output: Any) -> Any:
        if isinstance(output, Tensor):  # an up block
            return mix(output, heard, frames)
        x, skips = output
        mixed = mix(x, heard, frames)
        return mixed, (*skips[:-1], mixed)

    return hook


def _connector(name: str, unet: Any, config: JointConfig) -> EnvironmentEncoder:
    return EnvironmentEncoder(
        2 * unet.config.in_channels,
        unet.config.block_out_channels[0],
        getattr(config.multiples, name),
        config.condition_channels,
        config.groups,
        over_time=name == "video",
    )


def _mixers(name: str, unet: Any, config: JointConfig) -> nn.ModuleDict:
    head = getattr(config.head_size, name)
    return nn.ModuleDict(
        {
            place: build_mixer(
                config.mixer,
                c,
                head,
                config.condition_channels,
                config.groups,
                rows_are_time=name == "audio",
            )
            for place, c in places(list(unet.config.block_out_channels)).items()
        }
    )
