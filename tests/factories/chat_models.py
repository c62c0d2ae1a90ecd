"""Tiny random video chat models on disk, in the files of the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    PreTrainedTokenizerFast,
)

SPECIAL: Final = ("<unk>", "<s>", "</s>", "<pad>", "<image>", "<video>")
WORDS: Final = (
    *("USER", "ASSISTANT", ":", ".", "?", "What", "is", "being", "hit", "with", "a", "drumstick"),
    *("in", "the", "video", "A", "person", "hitting", "wood", "metal", "grass", "rock", "water"),
    *("on", "table", "floor", "near", "forest", "room", "and", "leaf", "plastic", "bag", "brown"),
)
SHARPER: Final = 10.0  # times as large as weights are drawn
SIDE: Final = 28  # pixels of a frame, in patches of 7
TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'].upper() }}: "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}<video>\n{% elif part['type'] == 'image' %}<image>\n"
    "{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
PIXELS: Final[dict[str, Any]] = {
    "size": {"shortest_edge": SIDE},
    "crop_size": {"height": SIDE, "width": SIDE},
    "do_resize": True,
    "do_center_crop": True,
    "do_rescale": True,
    "do_normalize": True,
    "resample": 3,
}


def write_llava(folder: Path, seed: int = 0, *, ends: bool = True) -> Path:
    """Write a LLaVA-NeXT-Video of 60,000 parameters as its hub's repository has it.

    Unless it `ends`, its answers are as long as they may be.
    """
    tokenizer = write_tokenizer(folder)
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=7,
    )
    text = text_config(tokenizer)
    config = LlavaNextVideoConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_id=SPECIAL.index("<image>"),
        video_token_id=SPECIAL.index("<video>"),
        image_grid_pinpoints=[[2 * SIDE, 2 * SIDE]],
    )
    torch.manual_seed(seed)
    model = LlavaNextVideoForConditionalGeneration(config)
    sharpen(model, ends=ends)
    model.save_pretrained(folder)
    pixels = {**PIXELS, "image_grid_pinpoints": [[2 * SIDE, 2 * SIDE]]}
    write_json(
        folder / "preprocessor_config.json",
        pixels
        | {
            "image_processor_type": "LlavaNextImageProcessor",
            "processor_class": "LlavaNextVideoProcessor",
        },
    )
    write_json(
        folder / "video_preprocessor_config.json",
        PIXELS
        | {
            "video_processor_type": "LlavaNextVideoVideoProcessor",
            "processor_class": "LlavaNextVideoProcessor",
        },
    )
    write_json(
        folder / "processor_config.json",
        {
            "image_token": "<image>",
            "video_token": "<video>",
            "num_additional_image_tokens": 1,
            "patch_size": 7,
            "processor_class": "LlavaNextVideoProcessor",
            "vision_feature_select_strategy": "default",
        },
    )
    write_json(folder / "chat_template.json", {"chat_template": TEMPLATE})
    return folder


def write_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Write a tokenizer of a few words, which pads in front."""
    words = Tokenizer(WordLevel({w: i for i, w in enumerate((*SPECIAL, *WORDS))}, "<unk>"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=["<image>", "<video>"],
        padding_side="left",
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def text_config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """Return the configuration of a small language model."""
    return LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        vocab_size=len(SPECIAL) + len(WORDS),
        max_position_embeddings=512,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def sharpen(model: Any, *, ends: bool) -> None:
    """Make answers depend on the frames, and hold words alone; see `write_llava` for `ends`."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(SHARPER)
    hidden = [i for i, word in enumerate(SPECIAL) if word != "</s>" or not ends]
    model.generation_config.suppress_tokens = hidden


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a configuration."""
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
