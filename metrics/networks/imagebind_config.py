"""The sizes of ImageBind, and which modalities of it are used; torch is not needed to read them.

Conventions
-----------
Names are those of the published checkpoint's modalities; defaults are its sizes (`HUGE`). Sizes
are in tokens, blocks and heads of a transformer, px of images, bins and frames of spectrograms.

References
----------
R. Girdhar et al.: ImageBind: one embedding space to bind them all. CVPR 2023,
https://arxiv.org/abs/2305.05665, appendix B.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from svbench.errors import ConfigError
from svbench.metrics.networks.batches import BatchSize

Modality = Literal["vision", "text", "audio"]
MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)
UNUSED: Final = ("depth", "thermal", "imu")  # modalities of the checkpoint that are not used

BATCH: Final = BatchSize(cpu=5, gpu=5)  # inputs: the crops of a square clip, one clip at a time


@dataclass(frozen=True, slots=True)
class Size:
    """The size of one transformer."""

    width: int
    blocks: int
    heads: int

    def __post_init__(self) -> None:
        if min(self.width, self.blocks, self.heads) < 1 or self.width % self.heads:
            raise ConfigError(f"a transformer's width must be a multiple of its heads, got {self}")


@dataclass(frozen=True, slots=True)
class ImageBindConfig:
    """The sizes of the network; defaults are those of imagebind_huge."""

    embedding: int  # D
    vision: Size
    text: Size
    audio: Size
    depth: Size | None = None  # not used; None: not in the checkpoint
    thermal: Size | None = None
    imu: Size | None = None
    frames: int = 2  # of a video clip
    image: int = 224  # px, height and width
    image_patch: int = 14  # px
    bins: int = 128  # of a spectrogram
    bin_frames: int = 204  # of a spectrogram
    audio_patch: int = 16  # bins and frames
    audio_stride: int = 10  # bins and frames
    context: int = 77  # tokens of a text, with start and end of text
    vocabulary: int = 49408

    def __post_init__(self) -> None:
        if self.image % self.image_patch:
            raise ConfigError(
                f"images of {self.image} px cannot be split into patches of {self.image_patch} px"
            )
        if self.audio_patch > min(self.bins, self.bin_frames):
            raise ConfigError(
                f"a spectrogram of {self.bins} x {self.bin_frames} is smaller than a patch "
                f"of {self.audio_patch}"
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ImageBindConfig:
        """Build a configuration from JSON values, sizes as {width, blocks, heads} or None."""
        try:
            fields: dict[str, Any] = {
                name: Size(**value) if isinstance(value, Mapping) else value
                for name, value in values.items()
            }
            return cls(**fields)
        except TypeError as error:
            raise ConfigError(f"ImageBind's configuration is invalid: {error}") from error

    @property
    def modalities(self) -> tuple[str, ...]:
        """Return the modalities of a checkpoint."""
        return tuple(m for m in (*MODALITIES, *UNUSED) if getattr(self, m))

    @property
    def image_tokens(self) -> int:
        """Return the number of patches of an image, and the class token."""
        return (self.image // self.image_patch) ** 2 + 1

    @property
    def audio_tokens(self) -> int:
        """Return the number of (overlapping) patches of a spectrogram, and the class token."""
        sides = (self.bins, self.bin_frames)
        rows, columns = ((n - self.audio_patch) // self.audio_stride + 1 for n in sides)
        return rows * columns + 1


HUGE: Final = ImageBindConfig(
    embedding=1024,
    vision=Size(1280, 32, 16),
    text=Size(1024, 24, 16),
    audio=Size(768, 12, 12),
    depth=Size(384, 12, 8),
    thermal=Size(768, 12, 12),
    imu=Size(512, 6, 8),
)
