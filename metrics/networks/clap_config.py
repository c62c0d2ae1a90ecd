"""Sizes and front ends of the CLAP networks in use; torch is not needed to read them.

Conventions
-----------
Sound is mono at `SAMPLE_RATE`, -1..1; a network reads `LONGEST` samples (10 s) as `FRAMES` frames
of `BANDS` mel bands. A fused network reads longer sound as well: the whole spectrogram shrunk to
`FRAMES`, and three crops of it.

References
----------
- Y. Wu, K. Chen, T. Zhang, Y. Hui, T. Berg-Kirkpatrick, S. Dubnov: Large-scale contrastive
  language-audio pretraining with feature fusion and keyword-to-caption augmentation. ICASSP 2023,
  https://arxiv.org/abs/2211.06687. Front end: section 3.3. Code and weights:
  https://github.com/LAION-AI/CLAP.
- K. Chen et al.: HTS-AT: a hierarchical token-semantic audio transformer for sound classification
  and detection. ICASSP 2022, https://arxiv.org/abs/2202.00874.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from svbench.metrics.networks.batches import BatchSize

SAMPLE_RATE: Final = 48000  # 1 / s
LONGEST: Final = 480_000  # samples that a network reads: 10 s
HOP: Final = 480  # samples: 10 ms
FFT: Final = 1024  # samples
FRAMES: Final = LONGEST // HOP + 1
BANDS: Final = 64
LOWEST: Final = 50.0  # Hz
HIGHEST: Final = 14_000.0  # Hz
CAPTION_LONGEST: Final = 512  # tokens that RoBERTa reads, with those of start and end

# Clips may differ in what their inputs are, so a batch holds one.
BATCH: Final = BatchSize(cpu=1, gpu=1)

# What a network embeds: sound, sound that is fused of four spectrograms, or a caption.
Kind = Literal["sound", "fused sound", "caption"]


@dataclass(frozen=True, slots=True)
class ClapSize:
    """The sizes of a network; defaults are those of HTSAT-tiny beside RoBERTa-base.

    Parameters
    ----------
    fused : bool
        whether it was trained to fuse four spectrograms of long sound
    width : int
        channels of the first stage of the audio encoder; each further stage has twice as many
    depths, heads : tuple of int
        blocks, and heads of attention, of each stage
    embedding : int
        numbers of an embedding
    text_width, text_layers, text_heads, text_hidden : int
        of the caption encoder, `text_hidden` in its feed-forward layers
    vocabulary, positions : int
        rows of its tables
    text_epsilon : float
        of its norms: roberta-base has 1e-5, transformers' conversion of CLAP 1e-12
    """

    fused: bool = False
    width: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    embedding: int = 512
    text_width: int = 768
    text_layers: int = 12
    text_heads: int = 12
    text_hidden: int = 3072
    vocabulary: int = 50265
    positions: int = 514
    text_epsilon: float = 1e-12


ROBERTA_EPSILON: Final = 1e-5
UNFUSED: Final = ClapSize()
FUSED: Final = ClapSize(fused=True)
FUSED_LAION: Final = ClapSize(fused=True, text_epsilon=ROBERTA_EPSILON)
BASE_LAION: Final = ClapSize(width=128, depths=(2, 2, 12, 2), text_epsilon=ROBERTA_EPSILON)


@dataclass(frozen=True, slots=True)
class ClapInputs:
    """How sound is prepared.

    Parameters
    ----------
    fused : bool
        for a fused network: sound of more than 10 s is shrunk and cropped as a spectrogram, by
        HTK's mel bands; else it is cropped as a wave, by Slaney's
    centred : bool
        whether the mean of the sound is subtracted first
    quantised : bool
        whether samples are rounded to 16 bits, towards zero
    antialiased : bool
        whether a spectrogram is shrunk with a low-pass filter
    always_fused : bool
        whether sound of up to 10 s goes through the fusion, too, as four equal spectrograms
    """

    fused: bool = False
    centred: bool = False
    quantised: bool = False
    antialiased: bool = False
    always_fused: bool = False
