"""Tiny random video chat models on disk, in the files of the hub's repositories."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SiglipVisionConfig,
)

SPECIAL: Final = ("<unk>", "<s>", "</s>", "<pad>", "<image>", "<video>")
WORDS: Final = (
    *("USER", "ASSISTANT", ":", ".", "?", "What", "is", "being", "hit", "with", "a", "drumstick"),
    *("in", "the", "video", "A", "person", "hitting", "wood", "metal", "grass", "rock", "water"),
    *("on", "table", "floor", "near", "forest", "room", "and", "leaf", "plastic", "bag", "brown"),
)
LAST: Final = 2  # the id of the token that ends an answer
IMAGE, VIDEO = 4, 5  # ids of the tokens that frames stand for
SHARPER: Final = 10.0  # times as large as weights are drawn: answers then depend on the frames
SIDE: Final = 28  # pixels of a frame in a model, in patches of
PATCH: Final = 7
TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'].upper() }}: "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}<video>\n{% elif part['type'] == 'image' %}<image>\n"
    "{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
CROPPED: Final[dict[str, Any]] = {
    "size": {"shortest_edge": SIDE},
    "crop_size": {"height": SIDE, "width": SIDE},
    "resample": 3,  # bicubic
}
TILES: Final = {"image_grid_pinpoints": [[2 * SIDE, 2 * SIDE]]}
SQUARED: Final[dict[str, Any]] = {"size": {"height": SIDE, "width": SIDE}}
SMALL: Final = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
TOKENS: Final = {"image_token": "<image>", "video_token": "<video>"}


def write_llava(folder: Path, seed: int = 0, *, silenced: Sequence[int] = ()) -> Path:
    """Write a LLaVA-NeXT-Video of 60,000 parameters, which says words alone.

    Tokens that are `silenced` are never said; with every word, its answers are empty.
    """
    write_tokenizer(folder)
    config = LlavaNextVideoConfig(
        vision_config=_clip().to_dict(),
        text_config=LlamaConfig(**_text()).to_dict(),
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        **TILES,
    )
    _write_model(LlavaNextVideoForConditionalGeneration, config, folder, seed, silenced)
    _write_processor(
        folder,
        "LlavaNextVideoProcessor",
        {"num_additional_image_tokens": 1, "vision_feature_select_strategy": "default"},
        image={"image_processor_type": "LlavaNextImageProcessor", **CROPPED, **TILES},
        video={"video_processor_type": "LlavaNextVideoVideoProcessor", **CROPPED},
    )
    return folder


def write_onevision(folder: Path, seed: int = 0) -> Path:
    """Write a tiny LLaVA-OneVision: another language model, other eyes, no crop."""
    write_tokenizer(folder)
    vision = SiglipVisionConfig(
        **SMALL, num_hidden_layers=2, image_size=SIDE, patch_size=PATCH, vision_use_head=False
    )
    config = LlavaOnevisionConfig(
        vision_config=vision.to_dict(),
        text_config=Qwen2Config(**_text()).to_dict(),
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        **TILES,
    )
    _write_model(LlavaOnevisionForConditionalGeneration, config, folder, seed)
    _write_processor(
        folder,
        "LlavaOnevisionProcessor",
        {"num_image_tokens": (SIDE // PATCH) ** 2, "vision_feature_select_strategy": "full"},
        image={"image_processor_type": "LlavaOnevisionImageProcessor", **SQUARED, **TILES},
        video={"video_processor_type": "LlavaOnevisionVideoProcessor", **SQUARED},
    )
    return folder


def write_image_model(folder: Path, seed: int = 0) -> Path:
    """Write a tiny LLaVA, whose processor takes images and no videos."""
    write_tokenizer(folder)
    config = LlavaConfig(
        vision_config=_clip().to_dict(),
        text_config=LlamaConfig(**_text()).to_dict(),
        image_token_id=IMAGE,
    )
    _write_model(LlavaForConditionalGeneration, config, folder, seed)
    _write_processor(
        folder,
        "LlavaProcessor",
        {"num_additional_image_tokens": 1, "vision_feature_select_strategy": "default"},
        image={"image_processor_type": "CLIPImageProcessor", **CROPPED},
    )
    return folder


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of a few words."""
    folder.mkdir(parents=True, exist_ok=True)
    words = Tokenizer(WordLevel({w: i for i, w in enumerate((*SPECIAL, *WORDS))}, "<unk>"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=["<image>", "<video>"],
    )
    tokenizer.save_pretrained(folder)


def write_json(path: Path, content: object) -> None:
    """Write a configuration."""
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _clip() -> CLIPVisionConfig:
    return CLIPVisionConfig(**SMALL, num_hidden_layers=3, image_size=SIDE, patch_size=PATCH)


def _text() -> dict[str, Any]:
    """Return the sizes of a language model."""
    ids = {"bos_token_id": 1, "eos_token_id": LAST, "pad_token_id": 3}
    words = {"vocab_size": len(SPECIAL) + len(WORDS), "max_position_embeddings": 512}
    return {**SMALL, **ids, **words, "num_hidden_layers": 2, "num_key_value_heads": 2}


def _write_model(
    kind: Any, config: Any, folder: Path, seed: int, silenced: Sequence[int] = ()
) -> None:
    torch.manual_seed(seed)
    model = kind(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(SHARPER)
    hidden = [i for i, word in enumerate(SPECIAL) if word != "</s>"]
    model.generation_config.suppress_tokens = [*hidden, *silenced]
    model.save_pretrained(folder)


def _write_processor(
    folder: Path,
    kind: str,
    settings: dict[str, Any],
    *,
    image: dict[str, Any],
    video: dict[str, Any] | None = None,
) -> None:
    """Write the files of a processor, one for each part."""
    tokens = TOKENS if video else {"image_token": "<image>"}
    whole = {**tokens, "patch_size": PATCH, "processor_class": kind, **settings}
    whole.pop("patch_size" if "num_image_tokens" in settings else "", None)
    write_json(folder / "processor_config.json", whole)
    write_json(folder / "preprocessor_config.json", {**image, "processor_class": kind})
    if video:
        write_json(folder / "video_preprocessor_config.json", {**video, "processor_class": kind})
    write_json(folder / "chat_template.json", {"chat_template": TEMPLATE})
