"""The processor of a chat model: tokens, and frames in the model's format, without torchvision.

transformers 5 brings frames of videos to a model's format by torchvision alone. The video
processors of LLaVA-NeXT-Video, LLaVA-OneVision and others ask for four operations (`OPERATIONS`);
`_by_pil` returns the model's own class with these by Pillow and NumPy, as transformers itself has
them for images (`PilBackend`). It is used whether or not torchvision is installed, so that captions
do not depend on it. Video processors with operations of their own, as Qwen2-VL's, are used as they
are, and need torchvision.

Where a processor takes no videos, frames are given as images, one after the other.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import AutoImageProcessor, AutoTokenizer, ProcessorMixin
from transformers import models as families
from transformers.image_processing_backends import PilBackend
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING
from transformers.video_processing_utils import BaseVideoProcessor

from svbench.compute import installed
from svbench.errors import DataError
from svbench.files.text import read_object

LOCAL: Final = {"local_files_only": True, "trust_remote_code": False}
ENDING: Final = "VideoProcessor"  # of the names of their classes
OPERATIONS: Final = ("resize", "center_crop", "normalize", "convert_to_rgb")
BY_PIL: Final = "svbench_by_pil"
# where a video processor's settings lie, the first that is there
SETTINGS: Final = ("video_preprocessor_config.json", "preprocessor_config.json")


def takes_videos(folder: Path, config: Any) -> bool:
    """Return whether a model's processor takes videos, not images alone."""
    return "video_processor" in _kind_of(folder, config).get_attributes()


def frames_given(folder: Path, config: Any) -> str:
    """Return in which form a model gets frames, and by what they are brought to its format."""
    if not takes_videos(folder, config):
        return "images, by Pillow"
    settings, _ = _kind_of(folder, config).get_processor_dict(str(folder), local_files_only=True)
    kind = type(_video_processor(folder, config.model_type, settings))
    library = "Pillow" if hasattr(kind, BY_PIL) else f"torchvision {installed('torchvision')}"
    return f"a video, by {library}"


def load_processor(folder: Path, config: Any) -> Any:
    """Return the processor of a model.

    Parameters
    ----------
    folder : Path
        the model's
    config : PreTrainedConfig
        the model's configuration

    Raises
    ------
    DataError
        for a model without a processor of transformers, without chat template, or with a video
        processor that cannot be found
    """
    kind = _kind_of(folder, config)
    settings, _ = kind.get_processor_dict(str(folder), local_files_only=True)
    names = kind.get_attributes()
    parts = [_part(name, folder, config.model_type, settings) for name in names]
    processor = _unchecked(kind).from_args_and_dict(parts, settings)
    if not (processor.chat_template or processor.tokenizer.chat_template):
        raise DataError(f"{folder}: found no chat template, expected that of a chat model")
    # Prompts of other lengths than their neighbours' would be padded in front of them.
    processor.tokenizer.padding_side = "left"
    return processor


def _kind_of(folder: Path, config: Any) -> Any:
    if type(config) not in PROCESSOR_MAPPING:
        raise DataError(
            f"{folder}: found a model of type {config.model_type!r} without a processor, expected "
            "a video chat model of transformers"
        )
    return PROCESSOR_MAPPING[type(config)]


def _part(name: str, folder: Path, model_type: str, settings: dict[str, Any]) -> Any:
    if name == "video_processor":
        return _video_processor(folder, model_type, settings)
    if "tokenizer" in name:
        return AutoTokenizer.from_pretrained(str(folder), **LOCAL)
    if name == "image_processor":
        return AutoImageProcessor.from_pretrained(str(folder), backend="pil", **LOCAL)
    raise DataError(f"{folder}: found a processor with a {name}, expected one of text and pictures")


def _unchecked(kind: type[ProcessorMixin]) -> Any:
    """Return a processor's class that does not look its parts' classes up.

    Without torchvision, the table that they are looked up in is not there.
    """

    def check_argument_for_proper_class(_self: Any, _name: str, part: Any) -> type:
        return type(part)

    return type(
        kind.__name__,
        (kind,),
        {"check_argument_for_proper_class": check_argument_for_proper_class},
    )


# --- videos ------------------------------------------------------------------------------------


def _video_processor(folder: Path, model_type: str, settings: dict[str, Any]) -> Any:
    nested = settings.get("video_processor")
    if not isinstance(nested, dict):
        file = next((folder / name for name in SETTINGS if (folder / name).is_file()), None)
        if file is None:
            raise DataError(f"{folder}: found no {SETTINGS[0]}, expected a video processor")
        nested = read_object(file, "the settings of a video processor")
    return _named(nested.get("video_processor_type"), model_type, folder)(**nested)


def _named(kind: object, model_type: str, folder: Path) -> Any:
    """Return the class of a video processor: as its settings name it, or else of the model's type.

    A class `LlavaNextVideoVideoProcessor` lies in the module of `llava_next_video`.
    """
    name = str(kind or f"{model_type.replace('_', '')}{ENDING}")
    family = name.removesuffix(ENDING).lower()
    for module in pkgutil.iter_modules(families.__path__):
        if module.name.replace("_", "") == family:
            return _class_of(module.name, name, folder)
    raise DataError(f"{folder}: found the video processor {name:.60}, expected one of transformers")


def _class_of(family: str, name: str, folder: Path) -> Any:
    try:
        module = importlib.import_module(f"transformers.models.{family}.video_processing_{family}")
    except ModuleNotFoundError as error:
        if error.name == "torchvision":
            raise _without(name, folder) from error
        raise DataError(
            f"{folder}: found no video processor {name:.60} in transformers, expected one"
        ) from error
    kind = next(value for key, value in vars(module).items() if key.lower() == name.lower())
    if all(getattr(kind, name) is getattr(BaseVideoProcessor, name) for name in OPERATIONS):
        return _by_pil(kind)
    if find_spec("torchvision") is None:
        raise _without(name, folder)
    return kind


def _without(name: str, folder: Path) -> DataError:
    return DataError(
        f"{folder}: found the video processor {name}, which needs torchvision, expected that to be "
        "installed, or a model such as LLaVA-NeXT-Video, which does without"
    )


def _by_pil(kind: Any) -> Any:
    """Return a class of video processors whose operations on pixels are those of Pillow."""

    class ByPil(kind):  # type: ignore[misc]
        """Frames are uint8 tensors of shape (..., C, H, W)."""

        def resize(self, image: Any, size: Any, resample: Any = None, **_: Any) -> Any:
            return _each(image, lambda one: PilBackend.resize(self, one, size, resample))

        def center_crop(self, image: Any, size: Any, **_: Any) -> Any:
            return _each(image, lambda one: PilBackend.center_crop(self, one, size))

        def normalize(self, image: Any, mean: Any, std: Any, **_: Any) -> Any:
            mean, std = (torch.as_tensor(m, dtype=torch.float32) for m in (mean, std))
            return (image - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)

        def convert_to_rgb(self, video: Any) -> Any:
            return video  # ours always are

    setattr(ByPil, BY_PIL, True)
    return ByPil


def _each(frames: Any, operation: Any) -> Any:
    """Return frames (..., C, H, W), each after an operation that takes and returns an array."""
    done = np.stack([operation(one) for one in frames.reshape(-1, *frames.shape[-3:]).numpy()])
    return torch.from_numpy(done).reshape(*frames.shape[:-3], *done.shape[-3:])
