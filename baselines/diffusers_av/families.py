"""The pipelines of diffusers that svbench runs: what each makes, takes and calls its outputs.

A family is known by the name of its class, as `model_index.json` (of a modular pipeline
`modular_model_index.json`) names it. All that is not stated here is the pipeline's own default.

Conventions
-----------
Frames are RGB, 0..1, (B, T, H, W, 3), or without B of a pipeline that makes one clip per call;
sound is -1..1, (B, S), (B, C, S) or (C, S).

References
----------
- The classes of diffusers 0.42.1: signatures, default sizes and rates, numbers of frames that their
  autoencoders decode. https://github.com/huggingface/diffusers
- Minimum and maximum of MiniMax-H3: 5 s and 15 s at 24 frames/s.
- A motion module of AnimateDiff has 32 positions (Y. Guo et al., arXiv:2307.04725, v1.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from svbench.errors import ConfigError

Makes = Literal["both", "picture", "sound"]


@dataclass(frozen=True, slots=True)
class Family:
    """How a class of pipelines is called.

    Parameters
    ----------
    makes : str
        picture, sound, or both of one clip
    frames, sound : str
        what it calls its outputs; "" for what it does not make
    fps : float
        frames / s of its pictures
    fps_argument : str
        the argument that says so; "" where it is fixed
    step, first : int
        it makes n * step + first frames
    least, most : int
        frames that it makes at least and at most
    side : int
        height and width are multiples of it
    short_side : int
        px, of its default size
    rate : str
        the attribute of the pipeline that is its samples / s, with dots
    length_argument : str
        the argument for the seconds of sound; "" where they follow from the frames
    guidance : sequence of str
        the arguments that scale guidance: of all, or of picture and of sound
    steps_argument : str
        the argument for the number of steps; "" where a distilled model has its own
    arguments : mapping
        further arguments that make it do what is asked
    batches : bool
        whether it takes several prompts, each with a generator of its own
    workflow : str
        of a modular pipeline that has several: text to audio and video
    text_only : sequence of str
        components that read text and media, of which text alone is asked: a tokenizer, or what
        tells kinds of tokens apart, serves in their place. What reads media needs torchvision,
        which svbench does without.
    """

    makes: Makes
    frames: str = ""
    sound: str = ""
    fps: float = 24.0
    fps_argument: str = ""
    step: int = 1
    first: int = 0
    least: int = 1
    most: int = 100_000
    side: int = 32
    short_side: int = 512
    rate: str = ""
    length_argument: str = ""
    guidance: tuple[str, ...] = ("guidance_scale",)
    steps_argument: str = "num_inference_steps"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    batches: bool = False
    workflow: str = ""
    text_only: tuple[str, ...] = ()


_LTX2: Final[Mapping[str, Any]] = {
    "makes": "both",
    "sound": "audio",
    "fps_argument": "frame_rate",
    "step": 8,
    "first": 1,
    "rate": "vocoder.config.output_sampling_rate",
}
_LTX2_PIPELINE: Final = Family(
    frames="frames", guidance=("guidance_scale", "audio_guidance_scale"), batches=True, **_LTX2
)
# Guidance of the modular ones is a component of the pipeline, with its own scale.
_LTX2_MODULAR: Final = Family(frames="videos", guidance=(), workflow="text2video", **_LTX2)

FAMILIES: Final[Mapping[str, Family]] = {
    "LTX2Pipeline": _LTX2_PIPELINE,
    "LTX2ConditionPipeline": _LTX2_PIPELINE,  # without conditions
    "LTX2ModularPipeline": _LTX2_MODULAR,
    "LTX25ModularPipeline": _LTX2_MODULAR,
    "EchoModularPipeline": Family(
        frames="videos", **{**_LTX2, "fps": 25.0}, guidance=(), steps_argument=""
    ),
    "Kandinsky6TI2VAPipeline": Family(
        makes="both",
        frames="frames",
        sound="audio",
        fps_argument="frame_rate",
        step=4,
        first=1,
        side=16,
        rate="audio_sample_rate",
        batches=True,
        text_only=("tokenizer",),
    ),
    "Cosmos3OmniPipeline": Family(
        makes="both",
        frames="video",
        sound="sound",
        fps_argument="fps",
        step=4,
        first=1,
        short_side=720,
        rate="sound_tokenizer.config.sampling_rate",
        arguments={"enable_sound": True},
    ),
    "MiniMaxH3ModularPipeline": Family(
        makes="both",
        frames="videos",
        sound="audio",
        step=17,
        first=5,
        least=124,
        most=345,
        short_side=768,
        rate="audio_sampling_rate",
        guidance=(),
        workflow="t2va",
        text_only=("processor",),
    ),
    # --- pictures alone ---
    "AnimateDiffPipeline": Family("picture", frames="frames", fps=8.0, most=32, side=8),
    "WanPipeline": Family(
        "picture", frames="frames", fps=16.0, step=4, first=1, side=16, short_side=480
    ),
    "LTXPipeline": Family("picture", frames="frames", fps_argument="frame_rate", step=8, first=1),
    # --- sound alone ---
    "AudioLDM2Pipeline": Family(
        "sound",
        sound="audios",
        length_argument="audio_length_in_s",
        rate="vocoder.config.sampling_rate",
    ),
    "StableAudioPipeline": Family(
        "sound", sound="audios", length_argument="audio_end_in_s", rate="vae.config.sampling_rate"
    ),
}


def family_of(name: str) -> Family:
    """Return the family of a class; raise ConfigError where svbench does not know it."""
    if name not in FAMILIES:
        raise ConfigError(
            f"--systems diffusers:{name}: found no such pipeline of sound or video, expected one "
            f"of {', '.join(FAMILIES)}"
        )
    return FAMILIES[name]


def is_modular(name: str) -> bool:
    """Return whether a class is that of a modular pipeline."""
    return name.endswith("ModularPipeline")
