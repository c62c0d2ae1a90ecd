"""The networks of the miniature: diffusers' and transformers' own classes at small widths.

The joint model is the paper's: `UNetMotionModel` and `UNet2DConditionModel`, joined by the
connectors and mixers of this room. What differs is size, and what goes with it: two levels
instead of four, mixers on both, and a network that predicts the velocity instead of the noise,
since one this thin cannot pass much noise through.

Latents
-------
video   (23, T, 1, 1)     principal components of an autoencoder's latents of whole frames,
                          (16, 4, 4) for 64 x 64 px: ten of the clip's mean, which every frame
                          repeats; then either eight of the pattern that moves in it, which every
                          frame repeats too, and the motion's trajectory over the five frames around
                          each, or thirteen of each frame's deviation from the mean
                          (`design.Design.motion`)
audio   (12, 4 * 25, 1)   principal components of a row, 40 ms, of an autoencoder's latents
                          (32, 100, 2) of a log-mel spectrogram, whose 64 bands are reshaped to
                          8 x 8: eight neighbouring bands are the channels of one column

A drawn clip has far fewer degrees of freedom than an autoencoder's latents. Networks this thin are
trained several times faster on its components, and need no wide skips for noise to pass through.

Latents of one position have no neighbours in space, so the kernels of the video's networks span
neighbours in time instead (`FrameConv`), and those of the audio's one column. Without that, motion
modules alone have to find which frames are near, and hardly any motion is learned in the same
steps.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNetMotionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointConfig, JointUNet
from svbench.baselines.miniature.design import Design

GROUPS: Final = 8  # of group norms over more than one position
ALONE: Final = 1  # of those over a single position: more groups would hold but a few values
CAPTION: Final = 32  # width of the text embeddings
WORDS: Final = 16  # longest caption in tokens, begin and end included
VIDEO_CHANNELS: Final = 16  # of the autoencoder
FRAME_CHANNELS: Final = 32  # of what its decoder upsamples to 32 x 32 positions
AUDIO_CHANNELS: Final = 32
PICTURE_COMPONENTS: Final = 10  # of a clip's mean
PATTERN_COMPONENTS: Final = 8  # of the pattern that moves in it
WINDOW: Final = 5  # frames of the trajectory that each frame holds
CHANGE_COMPONENTS: Final = PATTERN_COMPONENTS + WINDOW  # of a frame's deviation from the mean
VIDEO_LATENTS: Final = PICTURE_COMPONENTS + CHANGE_COMPONENTS  # in either form
STILL_VARIANCE: Final = 1 / 8  # every frame repeats them, so that each may be noisier
AUDIO_COMPONENTS: Final = 12  # of 40 ms
FOLD: Final = 8  # neighbouring mel bands that become channels
MEL_BANDS: Final = 64

# The base models' schedules, with the velocity in place of the noise.
SCHEDULES: Final = Pair(
    audio=NoiseSchedule(0.0015, 0.0195, "scaled_linear", "v_prediction"),
    video=NoiseSchedule(0.00085, 0.012, "linear", "v_prediction"),
)


def video_autoencoder() -> AutoencoderKL:
    """Build the autoencoder of frames, (3, 64, 64) to (16, 4, 4)."""
    return _autoencoder(3, (16, 32, FRAME_CHANNELS, 48, 48), VIDEO_CHANNELS)


def audio_autoencoder() -> AutoencoderKL:
    """Build the autoencoder of spectrograms, (8, 400, 8) to (32, 100, 2)."""
    return _autoencoder(FOLD, (32, 48, 48), AUDIO_CHANNELS)


def _autoencoder(channels: int, widths: tuple[int, ...], latents: int) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=latents,
        norm_num_groups=GROUPS,
        mid_block_add_attention=False,
    )


def text_encoder(vocabulary: int) -> CLIPTextModelWithProjection:
    """Build the text encoder: features per word for video, one vector for audio."""
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=CAPTION,
            intermediate_size=2 * CAPTION,
            projection_dim=CAPTION,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=WORDS,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def joint_unet(mixer: MixerKind, widths: tuple[int, int] = Design().widths) -> JointUNet:
    """Build the joint model with fresh weights."""
    config = JointConfig(
        mixer=mixer,
        condition_channels=48,
        multiples=Pair(audio=(1, 2), video=(1, 2)),
        head_size=Pair(audio=16, video=16),
        groups=ALONE,
    )
    audio = {**_AUDIO, "block_out_channels": widths, "cross_attention_dim": widths}
    video = {**_VIDEO, "block_out_channels": widths}
    joint = JointUNet(UNet2DConditionModel(**audio), UNetMotionModel(**video), config)
    for part in (joint.unets, joint.mixers):
        _on_one_position(part.video)
    for part in (joint.unets, joint.connectors):
        _over_time(part.video)
        _one_column(part.audio)
        _from_zero(part)
    return nn.Module.to(joint, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class OnePositionAttnProcessor(AttnProcessor2_0):
    """Attention processor without queries and keys where there is a single key.

    Its weight is 1 whatever the query, so that the result is the same to the last bit. In a
    training all weights keep their gradients, which are 0: an optimizer skips those without one.
    """

    def __call__(
        self, attn: Attention, hidden_states: Tensor, *inputs: Any, **kwargs: Any
    ) -> Tensor:
        """Attend among the positions of (N, P, C); same shape."""
        if hidden_states.shape[1] > 1 or torch.is_grad_enabled():
            attended: Tensor = super().__call__(attn, hidden_states, *inputs, **kwargs)
        else:
            attended = attn.to_out[0](attn.to_v(hidden_states))
        return attended


def _on_one_position(network: nn.Module) -> None:
    """Set the processor of self-attention among the positions of a frame."""
    for name, module in network.named_modules():
        is_self = isinstance(module, Attention) and not module.is_cross_attention
        if is_self and "motion_modules" not in name:
            module.set_processor(OnePositionAttnProcessor())  # type: ignore[no-untyped-call]


class FrameConv(nn.Conv2d):
    """A convolution along the frames of latents of one position, (B T, C, 1, 1)."""

    frames = 1  # T; set by a hook of the network at each call

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, (3, 1), padding=(1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve along the frames; same shape but for the channels."""
        over_time = x.view(-1, self.frames, x.shape[1]).transpose(1, 2)[..., None]
        output: Tensor = super().forward(over_time)
        return output[..., 0].transpose(1, 2).reshape(len(x), -1, 1, 1)


def _over_time(network: nn.Module) -> None:
    """Replace convolutions of 3 x 3, on a single position, by convolutions over three frames."""
    convs = []
    for parent in list(network.modules()):
        for name, conv in list(parent.named_children()):
            if isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3):
                over_time = FrameConv(conv.in_channels, conv.out_channels)
                if not conv.weight.any():  # it starts at zero
                    nn.init.zeros_(over_time.weight)
                setattr(parent, name, over_time)
                convs.append(over_time)

    def set_frames(_network: nn.Module, inputs: tuple[Any, ...]) -> None:
        for conv in convs:
            conv.frames = inputs[0].shape[2]

    network.register_forward_pre_hook(set_frames)


def _one_column(network: nn.Module) -> None:
    """Crop kernels of 3 x 3 to their middle column: the others would meet padding alone."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            drawn = bool(module.weight.any())
            module.weight = nn.Parameter(module.weight.detach()[..., 1:2].clone())
            module.kernel_size, module.padding = (3, 1), (1, 0)
            if drawn:
                module.reset_parameters()  # by its size


def _from_zero(network: nn.Module) -> None:
    """Initialise residual branches to zero, as AnimateDiff's motion modules are."""
    for name, layer in network.named_modules():
        if name.rpartition(".")[2] in _LAST and isinstance(layer, nn.Conv2d | nn.Linear):
            for weight in layer.parameters():
                nn.init.zeros_(weight)


_LAST: Final = ("conv2", "proj_out")  # layers of residual blocks and of transformers

_VIDEO: Final[dict[str, Any]] = {
    "sample_size": 1,
    "in_channels": VIDEO_LATENTS,
    "out_channels": VIDEO_LATENTS,
    "down_block_types": ("DownBlockMotion", "CrossAttnDownBlockMotion"),
    "up_block_types": ("CrossAttnUpBlockMotion", "UpBlockMotion"),
    "layers_per_block": 1,
    "norm_num_groups": ALONE,
    "cross_attention_dim": CAPTION,
    "num_attention_heads": 4,
    "motion_num_attention_heads": 4,
    "motion_max_seq_length": 32,
    "use_motion_mid_block": False,
}
_AUDIO: Final[dict[str, Any]] = {
    "sample_size": 100,
    "in_channels": AUDIO_COMPONENTS,
    "out_channels": AUDIO_COMPONENTS,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": GROUPS,
    "attention_head_dim": 4,
    "class_embed_type": "simple_projection",
    "projection_class_embeddings_input_dim": CAPTION,
    "class_embeddings_concat": True,
}
