"""Fitting the miniature networks: losses, accuracies, batches, and the loop of steps.

Nothing here depends on a data set or a network.

Conventions
-----------
A classifier gives logits: for each attribute (which material, which shape) one per class, then one
for each event that happens or does not. Where an attribute has no meaning for a clip, its target
class is `IGNORED`.

References
----------
- A. van den Oord, Y. Li, O. Vinyals: Representation learning with contrastive predictive coding.
  arXiv:1807.03748 (InfoNCE).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.pace import Pace, time_left

T = TypeVar("T")
Log = Callable[[str], None]  # takes one line of progress
Batch = NDArray[np.int64]  # (N,), indices of clips
Loss = Callable[[np.random.Generator, Batch], Tensor]  # of a batch
Prediction = tuple[Tensor, Tensor, Tensor]  # logits, target classes, target events

IGNORED: Final = -100  # the target class that cross entropy leaves out
EVALUATED: Final = 16  # clips in a forward pass of an evaluation
INVERSE_TEMPERATURE: Final = 10.0  # of InfoNCE
WARM_UP: Final = 0.1  # share of the steps in which the learning rate rises
MAX_NORM: Final = 5.0  # of a gradient
LOGGED: Final = 20  # lines of progress for each network


# --- losses and scores -------------------------------------------------------------------------


def classification_loss(
    logits: Tensor,
    classes: Tensor,
    events: Tensor,
    counts: Sequence[int],
    weights: Sequence[float] | None = None,
) -> Tensor:
    """Compute cross entropy over attributes plus weighted binary cross entropy over events.

    Parameters
    ----------
    logits : Tensor, shape=(N, sum(counts) + M)
        of the classes of each attribute, then of the events
    classes : Tensor of int64, shape=(N, len(counts))
        target classes, or `IGNORED`
    events : Tensor, shape=(N, M)
        targets in 0..1
    counts : sequence of int
        number of classes of each attribute
    weights : sequence of float, shape=(M,), optional
        weights of the events (Default value = 1)

    Returns
    -------
    loss : Tensor, shape=()
        the mean over clips
    """
    *of_classes, of_events = _split(logits, [*counts, events.shape[1]])
    weight = torch.tensor(weights) if weights is not None else torch.ones(events.shape[1])
    binary = F.binary_cross_entropy_with_logits(of_events, events, weight, reduction="sum")
    total = binary / (2 * len(events))  # an event carries less information than a class
    for scores, target in zip(of_classes, classes.T, strict=True):
        valid = (target != IGNORED).sum().clamp(min=1)
        total = total + F.cross_entropy(scores, target, reduction="sum") / valid
    return total


def _split(logits: Tensor, widths: Sequence[int]) -> list[Tensor]:
    ends = np.cumsum(widths)
    return [logits[:, end - width : end] for end, width in zip(ends, widths, strict=True)]


def info_nce(embeddings: Sequence[Tensor]) -> Tensor:
    """Compute the symmetric InfoNCE loss over all pairs of modalities.

    Parameters
    ----------
    embeddings : sequence of Tensor, shape=(N, D)
        unit vectors, one tensor per modality; row i of each belongs to row i of the others

    Returns
    -------
    loss : Tensor, shape=()
    """
    target = torch.arange(len(embeddings[0]))
    total = torch.zeros(())
    for n, first in enumerate(embeddings):
        for second in embeddings[n + 1 :]:
            logits = INVERSE_TEMPERATURE * first @ second.T
            total = total + F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)
    return total / (len(embeddings) * (len(embeddings) - 1))


def cosine_similarities(embeddings: Sequence[Tensor]) -> dict[str, float]:
    """Return the mean cosine of pairs that belong together, and of all others.

    `embeddings` are unit vectors of vision, audio and text, each of shape (N, D).
    """
    names, scores = ("vision", "audio", "text"), {}
    for a, b in ((0, 1), (2, 1), (2, 0)):
        cosines = embeddings[a] @ embeddings[b].T
        own = cosines.diagonal().mean()
        other = (cosines.sum() - cosines.diagonal().sum()) / (cosines.numel() - len(cosines))
        scores[f"{names[a]}-{names[b]}, own"] = round(float(own), 4)
        scores[f"{names[a]}-{names[b]}, other"] = round(float(other), 4)
    return scores


def accuracies(
    predict: Callable[[Sequence[T], np.random.Generator], Prediction],
    held_out: Sequence[T],
    seed: int,
    counts: Mapping[str, int],
    events: Sequence[str],
) -> dict[str, float]:
    """Return the accuracy on held-out samples, by the name of each attribute and event."""
    rng = np.random.default_rng(seed)
    with torch.inference_mode():
        predictions = [
            predict(held_out[i : i + EVALUATED], rng) for i in range(0, len(held_out), EVALUATED)
        ]
    logits, classes, happened = (torch.cat(column) for column in zip(*predictions, strict=True))
    *of_classes, of_events = _split(logits, [*counts.values(), len(events)])
    scores = {}
    for name, of_class, target in zip(counts, of_classes, classes.T, strict=True):
        valid = target != IGNORED
        scores[name] = float((of_class.argmax(1) == target)[valid].float().mean())
    shares = ((of_events > 0) == (happened > 0.5)).float().mean(0)
    scores |= {name: float(share) for name, share in zip(events, shares, strict=True)}
    return {name: round(share, 4) for name, share in scores.items()}


# --- the loop ----------------------------------------------------------------------------------


def fit(
    name: str,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: int,
    batches: Iterator[tuple[np.random.Generator, Batch]],
    loss: Loss,
    log: Log,
) -> dict[str, float]:
    """Train a network on `batches`; return its mean loss in the first and the last tenth."""
    network.train()
    rates = [group["lr"] for group in optimizer.param_groups]
    losses: list[float] = []
    pace = Pace(steps)
    for step, (rng, batch) in enumerate(batches):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * _rate_factor(step / steps)
        optimizer.zero_grad(set_to_none=True)
        value = loss(rng, batch)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
        optimizer.step()
        losses.append(float(value.detach()))
        pace.advance(1)
        if (step + 1) % max(1, steps // LOGGED) == 0:
            left = f", {time_left(pace.left)}" if pace.left else ""
            log(f"{name}: step {step + 1} of {steps}, loss {np.mean(losses[-LOGGED:]):.4f}{left}")
    tenth = max(1, steps // 10)
    return {
        "first": round(float(np.mean(losses[:tenth])), 4),
        "last": round(float(np.mean(losses[-tenth:])), 4),
    }


def _rate_factor(done: float) -> float:
    """Return the factor on the learning rate: a linear warm-up, then a cosine down to 0."""
    if done < WARM_UP:
        return (done + 0.01) / (WARM_UP + 0.01)
    return 0.5 + 0.5 * math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))


def batches(
    count: int, size: int, steps: int, seed: int
) -> Iterator[tuple[np.random.Generator, Batch]]:
    """Yield for each step a generator and `size` indices below `count`, shuffled by epoch."""
    rng = np.random.default_rng(seed)
    left = np.zeros(0, np.int64)
    for _ in range(steps):
        while len(left) < size:
            left = np.concatenate([left, rng.permutation(count)])
        yield rng, left[:size]
        left = left[size:]


# --- files and threads -------------------------------------------------------------------------


def save(state: Mapping[str, Tensor], path: Path, *, half: bool = False) -> None:
    """Write the weights of a network as safetensors, in float16 with `half`."""
    rounded = {k: t.half() if half and t.is_floating_point() else t for k, t in state.items()}
    save_file({name: tensor.contiguous() for name, tensor in rounded.items()}, path)
    path.chmod(0o644)  # safetensors makes files that their owner alone may read


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Compute with so many threads, and with denormal numbers flushed to 0.

    Gradients of I3D's first steps are full of denormals, which take ten times longer.
    """
    before = torch.get_num_threads()
    torch.set_flush_denormal(True)  # before there are threads, which inherit it
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
