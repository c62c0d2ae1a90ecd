"""What decides a caption: prompt, model, frames, tokens.

The paper (appendix A.3) states the model and the prompt for Greatest Hits. It states neither how
many frames the model was shown, nor which, nor how the answer was decoded: these are ours, and on
record beside every list.

Reference
---------
M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550, A.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from svbench.compute import Machine
from svbench.errors import ConfigError
from svbench.limits import Range, check

if TYPE_CHECKING:
    from svbench.types import ClipSpec

# "LLaVA-NeXT-Video-7B-DPO released by Zhang et al. (2024b)", in the form of transformers.
PAPER_MODEL: Final = "llava-hf/LLaVA-NeXT-Video-7B-DPO-hf"
# As printed, with its two closing quotation marks.
PAPER_PROMPT: Final = (
    "What is being hit with a drumstick in the video? Please answer concisely with a brief "
    "description of its background by beginning with \u201dA person is hitting\u201d."
)
FRAMES: Final = Range(1, 256)
TOKENS: Final = Range(1, 4096)
SECONDS: Final = Range(0.05, 3600.0)
USUAL_FRAMES: Final = 8
USUAL_TOKENS: Final = 128
SOUND: Final = 16000  # samples / s of the format; no sound is read


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionSettings:
    """How captions are made.

    Parameters
    ----------
    model : str
        a folder, or the name of a repository in the hub's local cache
    prompt : str
        the user's text, behind the frames
    frames : int
        how many frames the model gets: frame i of n is the one nearest to i / n of the clip
    max_new_tokens : int
        length of an answer at most, in tokens; longer ones are cut off
    pad : bool
        repeat the last frame of a clip that is too short
    machine : Machine
        where and how the model computes; its batch is that of clips, None: 1

    Raises
    ------
    ConfigError
        for an empty prompt, and numbers out of range
    """

    model: str = PAPER_MODEL
    prompt: str = PAPER_PROMPT
    frames: int = USUAL_FRAMES
    max_new_tokens: int = USUAL_TOKENS
    pad: bool = False
    machine: Machine = field(default_factory=Machine)

    def __post_init__(self) -> None:
        for name in ("model", "prompt"):
            if not getattr(self, name).strip():
                raise ConfigError(f"--{name}: found an empty text, expected one")
        check("frames", self.frames, FRAMES)
        check("max_new_tokens", self.max_new_tokens, TOKENS)
        check("batch", self.batch)

    @property
    def batch(self) -> int:
        """Return how many clips are captioned together."""
        return self.machine.batch or 1

    def shown(self, seconds: float, size: tuple[int, int]) -> ClipSpec:
        """Return the frames that the model is shown of a clip, as a format.

        `seconds` is the length of the judged clip, `size` its height and width in pixels.
        """
        from svbench.types import ClipSpec

        return ClipSpec(self.frames, self.frames / seconds, size, SOUND)
