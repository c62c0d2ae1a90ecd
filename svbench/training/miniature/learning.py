"""How the miniature networks learn: judging answers, drawing batches, taking steps.

Nothing here knows a data set or a network; `svbench.training.miniature.extractors` puts them
together.

Conventions
-----------
A network that is asked questions gives logits: one for each kind of each question (which material,
which shape), then one for each thing that happens or does not. Of a question that makes no sense
for a clip the right kind is SILENT.

References
----------
- A. van den Oord, Y. Li, O. Vinyals: Representation learning with contrastive predictive coding.
  arXiv:1807.03748 (InfoNCE).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.pace import Pace, time_left

Tell = Callable[[str], None]
T = TypeVar("T")
Answered = tuple[Tensor, Tensor, Tensor]  # logits, the right kinds, what happens

SILENT: Final = -100  # cross entropy leaves it out
ASKED: Final = 16  # clips at a time
SHARPNESS: Final = 10.0  # one over the temperature of InfoNCE
WARM_UP: Final = 0.1  # share of the steps in which the rate rises
STEEPEST: Final = 5.0  # length a gradient is cut to
SPOKEN: Final = 20  # lines of progress for each network


def answers_loss(
    answers: Tensor,
    kinds: Tensor,
    happens: Tensor,
    counts: Sequence[int],
    weights: Sequence[float] | None = None,
) -> Tensor:
    """Judge answers: one of each kind is right, and each thing happens or does not.

    Parameters
    ----------
    answers : Tensor, shape=(N, sum(counts) + M)
        logits: of each kind, then of what happens
    kinds : Tensor of int64, shape=(N, len(counts))
        the right ones, or SILENT
    happens : Tensor, shape=(N, M)
        0 or 1, or between for how much
    counts : sequence of int
        how many there are of each kind
    weights : sequence of float, shape=(M,), optional
        how much each thing that happens counts (Default value = 1)
    """
    *of_kinds, doings = _parts(answers, [*counts, happens.shape[1]])
    weight = torch.tensor(weights) if weights is not None else torch.ones(happens.shape[1])
    wrong = F.binary_cross_entropy_with_logits(doings, happens, weight, reduction="sum")
    total = wrong / (2 * len(happens))  # a yes or no is half the news of a kind
    for logits, right in zip(of_kinds, kinds.T, strict=True):
        known = (right != SILENT).sum().clamp(min=1)
        total = total + F.cross_entropy(logits, right, reduction="sum") / known
    return total


def _parts(answers: Tensor, widths: Sequence[int]) -> list[Tensor]:
    ends = np.cumsum(widths)
    return [answers[:, end - width : end] for end, width in zip(ends, widths, strict=True)]


def info_nce(embedded: Sequence[Tensor]) -> Tensor:
    """Judge unit vectors (N, D) of several modalities: row i of each belongs to row i of others."""
    right = torch.arange(len(embedded[0]))
    total = torch.zeros(())
    for n, first in enumerate(embedded):
        for second in embedded[n + 1 :]:
            alike = SHARPNESS * first @ second.T
            total = total + F.cross_entropy(alike, right) + F.cross_entropy(alike.T, right)
    return total / (len(embedded) * (len(embedded) - 1))


def likeness(embedded: Sequence[Tensor]) -> dict[str, float]:
    """Give the mean cosine of pairs that belong together, and of all others."""
    names, marks = ("vision", "audio", "text"), {}
    for a, b in ((0, 1), (2, 1), (2, 0)):
        alike = embedded[a] @ embedded[b].T
        own = alike.diagonal().mean()
        other = (alike.sum() - alike.diagonal().sum()) / (alike.numel() - len(alike))
        marks[f"{names[a]}-{names[b]}, own"] = round(float(own), 4)
        marks[f"{names[a]}-{names[b]}, other"] = round(float(other), 4)
    return marks


def shares_right(
    ask: Callable[[Sequence[T], np.random.Generator], Answered],
    exam: Sequence[T],
    seed: int,
    counts: Mapping[str, int],
    happens: Sequence[str],
) -> dict[str, float]:
    """Give the shares of right answers by the names of kinds and of what happens."""
    rng = np.random.default_rng(seed)
    with torch.inference_mode():
        asked = [ask(exam[i : i + ASKED], rng) for i in range(0, len(exam), ASKED)]
    answers, kinds, doings = (torch.cat(column) for column in zip(*asked, strict=True))
    *of_kinds, guessed = _parts(answers, [*counts.values(), len(happens)])
    marks = {}
    for name, logits, right in zip(counts, of_kinds, kinds.T, strict=True):
        known = right != SILENT
        marks[name] = float((logits.argmax(1) == right)[known].float().mean())
    shares = ((guessed > 0) == (doings > 0.5)).float().mean(0)
    marks |= {name: float(share) for name, share in zip(happens, shares, strict=True)}
    return {name: round(share, 4) for name, share in marks.items()}


def learn(
    name: str,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    steps: int,
    lessons: Iterator[tuple[np.random.Generator, NDArray[np.int64]]],
    loss: Callable[[np.random.Generator, NDArray[np.int64]], Tensor],
    tell: Tell,
) -> dict[str, float]:
    """Take the steps of one network; give its mean loss in the first and the last tenth."""
    network.train()
    rates = [group["lr"] for group in optimiser.param_groups]
    seen: list[float] = []
    pace = Pace(steps)
    for step, (rng, batch) in enumerate(lessons):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * _share(step / steps)
        optimiser.zero_grad(set_to_none=True)
        value = loss(rng, batch)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), STEEPEST)
        optimiser.step()
        seen.append(float(value.detach()))
        pace.advance(1)
        if (step + 1) % max(1, steps // SPOKEN) == 0:
            left = f", {time_left(pace.left)}" if pace.left else ""
            tell(f"{name}: step {step + 1} of {steps}, loss {np.mean(seen[-SPOKEN:]):.4f}{left}")
    tenth = max(1, steps // 10)
    return {
        "first": round(float(np.mean(seen[:tenth])), 4),
        "last": round(float(np.mean(seen[-tenth:])), 4),
    }


def _share(done: float) -> float:
    """Give the share of the rate: it rises evenly, then falls along a cosine to zero."""
    if done < WARM_UP:
        return (done + 0.01) / (WARM_UP + 0.01)
    return 0.5 + 0.5 * math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))


def batches(
    count: int, size: int, steps: int, seed: int
) -> Iterator[tuple[np.random.Generator, NDArray[np.int64]]]:
    """Yield numbers below `count`, each as often as the others, and the generator that drew."""
    rng = np.random.default_rng(seed)
    left = np.zeros(0, np.int64)
    for _ in range(steps):
        while len(left) < size:
            left = np.concatenate([left, rng.permutation(count)])
        yield rng, left[:size]
        left = left[size:]


def save(network: nn.Module, path: Path, *, halves: bool = False) -> None:
    """Write the weights of a network as safetensors, or the halves nearest to them."""
    network = deepcopy(network).half() if halves else network
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, path)
    path.chmod(0o644)  # safetensors makes files that their owner alone may read


@contextmanager
def calculator(threads: int) -> Iterator[None]:
    """Compute with so many threads, and without numbers so small that they take ten times longer.

    Gradients of I3D's first steps are full of them.
    """
    before = torch.get_num_threads()
    torch.set_flush_denormal(True)  # before there are threads, which inherit it
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
