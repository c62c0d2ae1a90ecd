"""Whether a metric follows people, in words: from a rank correlation and its interval.

| value     | interval           | words                                 |
|-----------|--------------------|---------------------------------------|
| >= `HALF` | above 0            | follows people                        |
| < `HALF`  | above 0            | follows people weakly                 |
| any       | below 0            | runs against people                   |
| > 0       | holds 0            | not shown to follow people            |
| <= 0      | holds 0            | does not follow people                |
| any       | there is none      | not shown to follow people            |

A value above `HALF` explains over a quarter of the variance of ranks. The interval covers the
choice of clips alone: neither other distortions than those rated, nor other raters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from svbench.types import HumanAgreement

HALF: Final = 0.5
Interval = tuple[float, float]

FOLLOWS: Final = "follows people"
WEAKLY: Final = "follows people weakly"
AGAINST: Final = "runs against people"
NOT_SHOWN: Final = "not shown to follow people"
NOT: Final = "does not follow people"
NOT_MEASURED: Final = "agreement with people is not measured"


def verdict(value: float, interval: Interval | None) -> str:
    """Return in words whether a metric with this correlation follows people."""
    if interval is None:
        return NOT_SHOWN
    low, high = interval
    if low > 0:
        return FOLLOWS if value >= HALF else WEAKLY
    if high < 0:
        return AGAINST
    return NOT_SHOWN if value > 0 else NOT


def correlation(value: float, interval: Interval | None) -> str:
    """Return a correlation with its interval, as printed."""
    bounds = "" if interval is None else f" [{interval[0]:z.2f}, {interval[1]:z.2f}]"
    return f"{value:z.2f}{bounds}"


def following(found: HumanAgreement) -> str:
    """Return one line on whether a column follows people."""
    if found.spearman is None:
        return "; ".join(filter(None, (NOT_MEASURED, found.reason)))
    return (
        f"{verdict(found.spearman, found.interval)}: Spearman "
        f"{correlation(found.spearman, found.interval)}{_why(found.interval)} over "
        f"{counted(found.conditions, 'rated condition')} of {counted(found.clips, 'clip')} "
        f"({found.material}){_without(found.fitted_on)}"
    )


def _without(distortions: Sequence[str]) -> str:
    if not distortions:
        return ""
    named = ", ".join(name.replace("_", " ") for name in distortions)
    return f", without {named}, of whose ratings it is made"


def counted(count: int, what: str) -> str:
    """Return a count with its noun."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _why(interval: Interval | None) -> str:
    if interval is None:
        return ", no interval,"
    return ", interval includes 0," if interval[0] <= 0 <= interval[1] else ""
