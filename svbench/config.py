"""What a user asked for: frozen, validated, written into the run folder.

Settings that decide the result are fields of these classes; those that only decide how fast it
comes (workers, the folder, progress bars) are not, so that a run may be resumed with others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from svbench.errors import ConfigError
from svbench.files.text import shown
from svbench.types import ClipSpec

Scale = Literal["mini", "paper"]
Preset = Literal["paper", "official-code"]  # where the paper and its released code differ
Dtype = Literal["float32", "bfloat16", "float16"]
Count = Annotated[int, Field(ge=1)]
Gamma = Annotated[float, Field(gt=0, allow_inf_nan=False)]


Guidance = Annotated[float, Field(ge=1, allow_inf_nan=False)]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Annotated[int, Field(ge=0)] = 0
    resamples: Annotated[int, Field(ge=100)] = 1000  # bootstrap resamples per interval
    allow_missing: bool = False
    strict: bool = False  # a column that cannot be filled is an error

    @classmethod
    def of(cls, /, **settings: Any) -> Self:
        """Build from what a user typed; a wrong setting is one line."""
        for name, value in settings.items():
            for one in value if isinstance(value, tuple) else (value,):
                _check_utf8(name, str(one))
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            flag = str(first["loc"][0]).replace("_", "-") if first["loc"] else "settings"
            raise ConfigError(f"--{shown(flag)}: {first['msg']}, got {first['input']!r}") from error


def _check_utf8(name: str, text: str) -> None:
    """Refuse a path of bytes that are no UTF-8: the record of a run could not be written."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        flag = name.replace("_", "-")
        raise ConfigError(f"--{flag}: found {text!r}, expected a name in UTF-8") from error


class RunConfig(_Config):
    """`svbench run`: systems on a data set."""

    dataset: str
    scale: Scale = "mini"
    systems: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    limit: Count | None = None
    repeats: Count = 1
    split: str = "test"
    data_root: Path | None = None
    captions: Path | None = None
    weights: tuple[str, ...] = ()  # of joint models: FOLDER, or SYSTEM=FOLDER
    preset: Preset = "paper"
    steps: Count | None = None  # None: as the preset says
    gamma: tuple[Gamma, ...] = ()  # a row for each; none: as `joint_systems` has it
    guidance: tuple[Guidance, Guidance] | None = None  # sound, video; None: the preset's
    # Kernels, precision and the size of a batch decide how sums are rounded.
    device: str = "auto"
    dtype: Dtype = "float32"
    batch: Count | None = None  # None: 1, or the miniature's
    compile: bool = False


class ScoreConfig(_Config):
    """`svbench score`: clips made elsewhere against real ones."""

    generated: tuple[Path, ...]
    reference: Path
    captions: Path | None = None
    metrics: tuple[str, ...] = ()
    frames: Count = 32
    fps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 8.0
    size: tuple[Count, Count] = (256, 256)  # height, width
    sample_rate: Annotated[int, Field(ge=1000)] = 16000
    pad: bool = False

    @property
    def spec(self) -> ClipSpec:
        """Give the format that every clip is brought to."""
        return ClipSpec(self.frames, self.fps, self.size, self.sample_rate)
