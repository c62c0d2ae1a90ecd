"""Numbers, intervals and ranks as tables print them."""

from __future__ import annotations


def bounds(interval: tuple[float, float]) -> str:
    """Return an interval as it is printed."""
    return f"[{number(interval[0])}, {number(interval[1])}]"


def rank_range(ranks: tuple[int, int]) -> str:
    """Return the ranks that a row may have as they are printed: "2" or "1-3"."""
    low, high = ranks
    return f"{low}" if low == high else f"{low}-{high}"


def number(value: float) -> str:
    """Return a number as it is printed: three decimals below 10, one below 100, none above."""
    decimals = 3 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:z.{decimals}f}"  # no minus before a zero


def signed(value: float) -> str:
    """Return a difference as it is printed, with its sign."""
    text = number(value)
    return f"+{text}" if value > 0 else text
