"""Which pairs of clips each rater compares, in which order and on which side: a balanced design.

Over the whole study

- each pair of systems is compared equally often, plus or minus one, by each rater and in all;
- of one pair, each of its requests is used equally often, plus or minus one;
- either system of a pair stands on the left equally often, plus or minus one, by each pair in all;
- no rater sees the same comparison twice.

So that raters can be compared with each other, each pair of systems meets on as many requests as
give every comparison `overlap` raters. The next pair meets on others, so that a study of many
systems rests on all requests and not on two, which intervals count. The order of a rater's trials
is drawn anew for each. All is decided by the seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from svbench.errors import ConfigError

MOST_TRIALS = 30  # of one rater, where no number is given: some ten minutes with clips of 4 s


@dataclass(frozen=True, slots=True)
class Comparison:
    """One pair of clips as a rater sees it: indices of two systems and of their request."""

    left: int
    right: int
    request: int


def pairs_of(systems: int) -> int:
    """Return how many pairs of systems there are."""
    return systems * (systems - 1) // 2


def requests_used(systems: int, requests: int, raters: int, trials: int, overlap: int) -> int:
    """Return on how many requests a pair of systems meets, for `overlap` raters of each."""
    pairs = pairs_of(systems)
    wanted = raters * trials // (pairs * overlap)
    return min(requests, max(-(-trials // pairs), wanted))


def design(
    systems: int, requests: int, raters: int, trials: int, overlap: int, seed: int
) -> tuple[tuple[Comparison, ...], ...]:
    """Return the comparisons of each rater, in order.

    Parameters
    ----------
    systems : int
        at least 2
    requests : int
        for which every system has a clip
    raters, trials : int
        how many raters there are, and comparisons for each
    overlap : int
        raters of each comparison; where there are few requests it is more, with few raters fewer
    seed : int
        decides everything that is drawn

    Raises
    ------
    ConfigError
        where a rater would see a comparison twice
    """
    pairs = list(combinations(range(systems), 2))
    if trials > len(pairs) * requests:
        raise ConfigError(
            f"--trials: found {trials}, expected at most {len(pairs) * requests}: {requests} "
            f"requests of {len(pairs)} pairs of systems"
        )
    used = requests_used(systems, requests, raters, trials, overlap)
    rng = np.random.default_rng(seed)
    dealt = np.resize(rng.permutation(requests), (len(pairs), used))
    orders = [rng.permutation(chosen) for chosen in dealt]
    turned = rng.integers(2, size=len(pairs))
    places = _turns(len(pairs), raters * trials, rng)
    uses = [0] * len(pairs)
    shown = []
    for place in places:
        comparison = _comparison(pairs[place], orders[place], uses[place], int(turned[place]))
        uses[place] += 1
        shown.append(comparison)
    return tuple(
        tuple(shown[rater * trials + int(i)] for i in rng.permutation(trials))
        for rater in range(raters)
    )


def _turns(pairs: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return which pair of systems has each turn: all of them in one order, again and again."""
    order = rng.permutation(pairs)
    return [int(order[turn % pairs]) for turn in range(count)]


def _comparison(
    pair: tuple[int, int], order: np.ndarray[tuple[int], np.dtype[np.int64]], use: int, turned: int
) -> Comparison:
    """Return the comparison of the n-th use of a pair; sides change from one use to the next.

    With an even number of requests they change again after all were used, so that a comparison
    that comes again comes the other way round.
    """
    round_, place = divmod(use, len(order))
    first, second = pair
    found = Comparison(first, second, int(order[place]))
    flip = (round_ + place + turned) % 2
    return replace(found, left=second, right=first) if flip else found
