"""Video chat models on disk: found, digested, loaded, and asked about frames.

A model is a folder as transformers saves it (`AutoModelForImageTextToText`): configuration,
safetensors, tokenizer, processor and chat template. Nothing is downloaded, no code that a folder
holds is run, no pickle is read, and weights are loaded only if every name and shape fits.

Answers are decoded greedily (no sampling, one beam), whatever the model's own generation settings
say of that; other settings there, such as a repetition penalty, hold. All prompts of a model have
the same length where frames have the same size, so none is padded. Each clip's answer ends at its
own end-of-sequence token, so it does not depend on longer answers in its batch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.utils import logging as their_logging

from svbench.baselines.checkpoints.base_models import local_folder
from svbench.captioning.processor import LOCAL, frames_given, load_processor, takes_videos
from svbench.captioning.settings import CaptionSettings
from svbench.compute import Machine, digest_file, digest_settings, inference, is_out_of_memory
from svbench.errors import ConfigError, DataError, SvbenchError
from svbench.files.text import is_plain, shown

DECIDING: Final = (".json", ".safetensors", ".jinja", ".model", ".txt")  # files of a model
REASON: Final = 200  # characters of a library's error in a message

Frames = NDArray[np.uint8]  # (T, H, W, 3)


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A video chat model on disk, not loaded."""

    name: str  # as it was asked for
    folder: Path
    weights: tuple[Path, ...]  # safetensors
    others: tuple[Path, ...]  # configuration, tokenizer, processor

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of the weights and of all other deciding files; reads every byte."""
        parts = {"weights": self.weights, "files": self.others}
        return {
            part: digest_settings({file.name: digest_file(file) for file in files})
            for part, files in parts.items()
        }

    def frames_given(self) -> str:
        """Return in which form the model gets frames; reads its configuration alone."""
        with _quiet(), _boundary(self.folder, "a video chat model of transformers"):
            return frames_given(self.folder, AutoConfig.from_pretrained(str(self.folder), **LOCAL))


def find_model(name: str) -> FoundModel:
    """Find a model in a folder or the hub's local cache; raise DataError if it is not there."""
    folder = local_folder(name, "a video chat model of transformers")
    files = sorted(f for f in folder.iterdir() if f.suffix in DECIDING and f.is_file())
    weights = tuple(f for f in files if f.suffix == ".safetensors")
    for file, there in (("config.json", folder / "config.json" in files), ("weights", weights)):
        if not there:
            what = "*.safetensors" if file == "weights" else file
            raise DataError(
                f"{folder}: found no {what} in it, expected a video chat model as transformers "
                f"saves it; a whole one comes by: hf download {name}"
            )
    return FoundModel(name, folder, weights, tuple(f for f in files if f not in weights))


class ChatModel:
    """A loaded video chat model; one thread at a time may ask it.

    Parameters
    ----------
    found : FoundModel
        where it lies
    settings : CaptionSettings
        what is asked, and on which machine

    Raises
    ------
    DataError
        where files are damaged, or weights do not fit the configuration
    """

    def __init__(self, found: FoundModel, settings: CaptionSettings) -> None:
        self._settings, self._folder = settings, found.folder
        with _quiet(), _boundary(found.folder, "a video chat model of transformers"):
            config = AutoConfig.from_pretrained(str(found.folder), **LOCAL)
            self._as_video = takes_videos(found.folder, config)
            self._processor = load_processor(found.folder, config)
            self._model = _load(found.folder, settings.machine)
        positions = getattr(config.get_text_config(), "max_position_embeddings", None)
        self._positions: int | None = positions

    def answer(self, clips: Sequence[Frames]) -> list[str]:
        """Return an answer for the frames of each clip, in one line; "" for an empty one.

        Raises
        ------
        ConfigError
            where the prompt and the answer exceed the model's positions, or memory is short
        """
        machine = self._settings.machine
        with _quiet(), _boundary(self._folder, "a model that takes these frames"):
            inputs = self._inputs(clips)
            asked = inputs["input_ids"].shape[1]
            self._check_length(asked)
            with inference(machine):
                answered = self._model.generate(
                    **inputs.to(machine.place, dtype=machine.torch_dtype), **self._decoding()
                )
            decoded = self._processor.batch_decode(answered[:, asked:], skip_special_tokens=True)
        return [one_line(text) for text in decoded]

    def _inputs(self, clips: Sequence[Frames]) -> Any:
        return self._processor.apply_chat_template(
            [self._conversation(frames) for frames in clips],
            tokenize=True,
            return_dict=True,
            add_generation_prompt=True,
            processor_kwargs={"return_tensors": "pt", "padding": True, **self._sampling()},
        )

    def _sampling(self) -> dict[str, bool]:
        """Return what keeps a video processor from leaving frames out: they are chosen already."""
        return {"do_sample_frames": False} if self._as_video else {}

    def _conversation(self, frames: Frames) -> list[dict[str, Any]]:
        text = {"type": "text", "text": self._settings.prompt}
        if self._as_video:
            shown = [{"type": "video", "video": frames}]
        else:
            shown = [{"type": "image", "image": frame} for frame in frames]
        return [{"role": "user", "content": [*shown, text]}]

    def _decoding(self) -> dict[str, Any]:
        return {
            "do_sample": False,
            "num_beams": 1,
            "max_new_tokens": self._settings.max_new_tokens,
            # of sampling, which warn where there is none
            **dict.fromkeys(("temperature", "top_p", "top_k")),
        }

    def _check_length(self, asked: int) -> None:
        needed = asked + self._settings.max_new_tokens
        if self._positions is not None and needed > self._positions:
            raise ConfigError(
                f"--frames: found {self._settings.frames} frames, which with the prompt and the "
                f"answer are {needed} tokens, expected at most the model's {self._positions}"
            )


def one_line(text: str) -> str:
    """Return an answer with every run of blanks, line ends and control characters as one blank."""
    return " ".join("".join(sign if is_plain(sign) else " " for sign in text).split())


# --- loading -----------------------------------------------------------------------------------


def _load(folder: Path, machine: Machine) -> Any:
    automatic: Any = AutoModelForImageTextToText  # with loading info it returns a pair
    model, found = automatic.from_pretrained(
        str(folder),
        dtype=machine.torch_dtype,
        use_safetensors=True,
        output_loading_info=True,
        **LOCAL,
    )
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if odd := sorted(map(str, found.get(what) or ())):
            raise DataError(
                f"{folder}: found {len(odd)} {what.replace('_', ' ')} of weights, such as "
                f"{shown(odd[0])}, expected those of its configuration; is the download whole?"
            )
    return model.to(machine.place).eval().requires_grad_(False)


@contextmanager
def _boundary(folder: Path, expected: str) -> Iterator[None]:
    """Map whatever transformers raises to errors of one line."""
    try:
        yield
    except SvbenchError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise ConfigError(
                "--batch: found too little memory for so many clips at a time, expected fewer, "
                "fewer --frames, or --dtype bfloat16"
            ) from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{folder}: found {reason:.{REASON}}, expected {expected}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Have transformers log errors alone, without bars of its own."""
    before, bars = their_logging.get_verbosity(), their_logging.is_progress_bar_enabled()
    their_logging.set_verbosity(logging.ERROR)
    their_logging.disable_progress_bar()
    try:
        yield
    finally:
        their_logging.set_verbosity(before)
        if bars:
            their_logging.enable_progress_bar()
