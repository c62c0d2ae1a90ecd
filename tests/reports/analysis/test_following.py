"""In words whether a metric follows people: each rule once, at its border."""

from __future__ import annotations

import pytest

from svbench.reports.analysis.following import (
    AGAINST,
    FOLLOWS,
    NOT,
    NOT_MEASURED,
    NOT_SHOWN,
    WEAKLY,
    Interval,
    following,
    verdict,
)
from svbench.types import HumanAgreement


@pytest.mark.parametrize(
    ("value", "interval", "words"),
    [
        (0.62, (0.40, 0.78), FOLLOWS),
        (0.5, (0.01, 0.9), FOLLOWS),
        (0.49, (0.01, 0.9), WEAKLY),
        (0.9, (0.0, 1.0), NOT_SHOWN),
        (0.9, None, NOT_SHOWN),
        (0.0, (-0.1, 0.1), NOT),
        (-0.22, (-0.60, 0.50), NOT),
        (-0.22, (-0.60, -0.01), AGAINST),
    ],
)
def test_the_words_follow_from_value_and_interval(
    value: float, interval: Interval | None, words: str
) -> None:
    assert verdict(value, interval) == words


def test_a_line_holds_value_interval_conditions_and_clips() -> None:
    found = HumanAgreement(0.62, (0.4, 0.78), 90, 19, "real clips")
    assert following(found) == (
        "follows people: Spearman 0.62 [0.40, 0.78] over 90 rated conditions of 19 clips "
        "(real clips)"
    )
    found = HumanAgreement(-0.22, (-0.6, 0.5), 1, 1, "real clips")
    assert following(found) == (
        "does not follow people: Spearman -0.22 [-0.60, 0.50], interval includes 0, over "
        "1 rated condition of 1 clip (real clips)"
    )


def test_what_is_not_known_says_so() -> None:
    assert following(HumanAgreement(None)) == NOT_MEASURED
    found = HumanAgreement(None, reason="other weights")
    assert following(found) == f"{NOT_MEASURED}; other weights"
    assert ", no interval, over" in following(HumanAgreement(0.9, None, 90, 19, "real clips"))
