"""Attention to a caption that is the same for all frames, all steps and every call of a sampler.

diffusers' own processor wants the caption's features once per frame, and projects them anew in
each call: 32 frames of 77 tokens in each of 16 layers. Keys and values depend on the caption
alone, so here a clip's frames ask as one long row of queries, and `remember` keeps the
projections while a sampler runs. The answers are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional


class CaptionAttention:
    """Processor for the layers of a video U-Net that attend to the caption."""

    def __init__(self) -> None:
        self.remembers = False
        self._caption: Tensor | None = None
        self._projected: tuple[Tensor, Tensor] | None = None

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Attend from (B T, P, C) to (B, L, D); same shape."""
        del attention_mask, temb  # the U-Nets here have neither
        clips, heads = len(encoder_hidden_states), attn.heads
        q = attn.to_q(hidden_states).view(clips, -1, heads, hidden_states.shape[-1] // heads)
        k, v = self._keys_and_values(attn, encoder_hidden_states)
        found = functional.scaled_dot_product_attention(q.transpose(1, 2), k, v)
        answer: Tensor = attn.to_out[0](found.transpose(1, 2).reshape(hidden_states.shape))
        return answer

    def forget(self) -> None:
        """Drop what was remembered."""
        self.remembers, self._caption, self._projected = False, None, None

    def _keys_and_values(self, attn: Attention, caption: Tensor) -> tuple[Tensor, Tensor]:
        if caption is self._caption and self._projected is not None:
            return self._projected
        shape = (*caption.shape[:2], attn.heads, -1)
        k = attn.to_k(caption).view(shape).transpose(1, 2)
        v = attn.to_v(caption).view(shape).transpose(1, 2)
        if self.remembers:
            self._caption, self._projected = caption, (k, v)
        return k, v


def attend_by_clip(unet: nn.Module) -> list[CaptionAttention]:
    """Let every layer of a video U-Net that attends to the caption do so clip by clip."""
    processors = []
    for name, module in unet.named_modules():
        if name.endswith("attn2") and "motion_modules" not in name:
            processor = CaptionAttention()
            layer: Any = module
            layer.set_processor(processor)
            processors.append(processor)
    return processors


@contextmanager
def remember(processors: list[CaptionAttention]) -> Iterator[None]:
    """Project each caption once, as long as it is the same tensor and the weights stand still."""
    for processor in processors:
        processor.remembers = True
    try:
        yield
    finally:
        for processor in processors:
            processor.forget()
