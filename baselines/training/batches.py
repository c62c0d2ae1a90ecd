"""The batches of a training: which clips, which time steps, which noise.

All of it follows from the seed and the number of the step, so a training that was stopped resumes
with the batches that it would have had, and any number of processes draw the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from svbench.baselines.joint.pair import Pair
from svbench.baselines.training.loss import Draw, draw, drop_text
from svbench.baselines.training.settings import TrainSettings


class LatentDataset(Protocol):
    """The training clips, encoded."""

    def __len__(self) -> int:
        """Return the number of clips."""
        ...

    def latents(self, clips: list[int]) -> Pair[Tensor]:
        """Return clean latents, audio (B, C, rows, F) and video (B, C, T, H, W)."""
        ...

    def captions(self, clips: list[int]) -> Pair[Tensor]:
        """Return text embeddings, audio (B, D) and video (B, L, D')."""
        ...

    @property
    def empty(self) -> Pair[Tensor]:
        """Return the text embedding of the empty caption, (1, ...)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Clean latents, text embeddings and random variables of some clips, on a device."""

    latents: Pair[Tensor]
    text: Pair[Tensor]
    draw: Draw


def batches_of_step(settings: TrainSettings, step: int, accelerator: Any) -> list[range]:
    """Return the positions in the order that this process takes in a step, batch by batch."""
    share = settings.batch // accelerator.num_processes
    first = step * settings.batch + accelerator.process_index * share
    return [range(i, i + settings.at_once) for i in range(first, first + share, settings.at_once)]


def make_batch(
    dataset: LatentDataset, settings: TrainSettings, positions: range, device: torch.device
) -> Batch:
    """Load the clips at some positions of the order, and draw their random variables."""
    clips = order(len(dataset), settings.seed, positions)
    latents = dataset.latents(clips)
    drawn = draw(
        latents.map(lambda tensor: tuple(tensor.shape[1:])),
        [generator(settings.seed, position) for position in positions],
        settings.timesteps,
        settings.self_conditioning,
        settings.caption_drop,
    )
    text = drop_text(dataset.captions(clips), dataset.empty, drawn.unconditional)
    return Batch(
        latents.map(lambda tensor: tensor.to(device)),
        text.map(lambda tensor: tensor.to(device)),
        drawn.to(device),
    )


def order(count: int, seed: int, positions: range) -> list[int]:
    """Return the clips at some positions of an endless order: each epoch a permutation of all."""
    epochs = range(positions.start // count, (positions.stop - 1) // count + 1)
    shuffled = {e: np.random.default_rng([seed, e]).permutation(count) for e in epochs}
    return [int(shuffled[position // count][position % count]) for position in positions]


def generator(seed: int, position: int) -> torch.Generator:
    """Return the random generator of the clip at a position of the order."""
    state = np.random.SeedSequence([seed, 1, position]).generate_state(2)
    return torch.Generator().manual_seed(int(state[0]) << 31 ^ int(state[1]))
