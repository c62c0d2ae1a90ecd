"""Cross-attention of the video U-Net to the text, which is the same for all frames and all steps.

diffusers' own processor needs the text embedding once per frame, and projects it again in each
call: 32 frames of 77 tokens in each of 16 layers. Keys and values depend on the text alone, so
here the frames of a clip attend as one long row of queries, and `cached_text` keeps the
projections while a sampler runs. The results are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional


class TextAttnProcessor:
    """Attention processor of the layers of a video U-Net that attend to the text."""

    def __init__(self) -> None:
        self.caching = False
        self._text: Tensor | None = None
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
        attended = functional.scaled_dot_product_attention(q.transpose(1, 2), k, v)
        output: Tensor = attn.to_out[0](attended.transpose(1, 2).reshape(hidden_states.shape))
        return output

    def clear(self) -> None:
        """Stop caching, and drop what was cached."""
        self.caching, self._text, self._projected = False, None, None

    def _keys_and_values(self, attn: Attention, text: Tensor) -> tuple[Tensor, Tensor]:
        if text is self._text and self._projected is not None:
            return self._projected
        shape = (*text.shape[:2], attn.heads, -1)
        k = attn.to_k(text).view(shape).transpose(1, 2)
        v = attn.to_v(text).view(shape).transpose(1, 2)
        if self.caching:
            self._text, self._projected = text, (k, v)
        return k, v


def use_text_processors(unet: nn.Module) -> list[TextAttnProcessor]:
    """Set the processor of every layer of a video U-Net that attends to the text; return them."""
    processors = []
    for name, module in unet.named_modules():
        if name.endswith("attn2") and "motion_modules" not in name:
            processor = TextAttnProcessor()
            layer: Any = module
            layer.set_processor(processor)
            processors.append(processor)
    return processors


@contextmanager
def cached_text(processors: list[TextAttnProcessor]) -> Iterator[None]:
    """Project each text once, while it is the same tensor and the weights do not change."""
    for processor in processors:
        processor.caching = True
    try:
        yield
    finally:
        for processor in processors:
            processor.clear()
