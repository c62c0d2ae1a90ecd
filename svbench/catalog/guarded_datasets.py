"""Guards around the data sets of plug-ins: what they raise names the plug-in.

What a loader returns is checked as well: Examples, whose ids are names, and at least one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from svbench.catalog.plugins import Offer, blaming, guarded
from svbench.datasets.ids import check_ids
from svbench.datasets.survey import Surveying
from svbench.errors import DataError
from svbench.files.categories import read_categories
from svbench.types import Example

P = ParamSpec("P")
R = TypeVar("R")


def guard_dataset(entry: Any, offer: Offer) -> Any:
    """Return the entry (a `svbench.catalog.datasets.Dataset`) of a plug-in."""

    def load(root: Path, config: Any) -> tuple[tuple[Example, ...], tuple[str, ...]]:
        with blaming(offer.origin, DataError):
            examples, notes = entry.load(root, config)
            return _checked(examples, offer.name)[: config.limit], tuple(notes)

    guard = _guarding(offer)
    return replace(
        entry,
        load=load,
        categories=entry.categories and guard(entry.categories),
        listed_name=entry.listed_name and guard(entry.listed_name),
        miniature=None if entry.miniature is None else _guard_miniature(entry.miniature, offer),
        surveying=_guard_surveying(entry.surveying, offer),
    )


def _guarding(offer: Offer) -> Callable[[Callable[P, R]], Callable[P, R]]:
    return lambda function: guarded(function, offer.origin, DataError)


def _guard_surveying(surveying: Surveying, offer: Offer) -> Surveying:
    guard = _guarding(offer)
    return Surveying(
        read=surveying.read and guard(surveying.read),
        list_of=guard(surveying.list_of),
        recording_of=guard(surveying.recording_of),
        form=surveying.form,
    )


def _guard_miniature(small: Any, offer: Offer) -> Any:
    def load(root: Path, **settings: Any) -> tuple[Example, ...]:
        with blaming(offer.origin, DataError):
            return _checked(small.load(root, **settings), offer.name)

    guard = _guarding(offer)
    return replace(
        small,
        draw=guard(small.draw),
        load=load,
        to_draw=guard(small.to_draw),
        is_judged=guard(small.is_judged),
        design=guard(small.design),
    )


def _checked(examples: Iterable[Example], name: str) -> tuple[Example, ...]:
    """Return the examples of a plug-in; raise DataError for ids that are no names, or none."""
    found = tuple(examples)
    for example in found:
        if not isinstance(example, Example):
            raise TypeError(f"{name}: loaded {type(example).__name__}, expected Example")
        read_categories({"categories": example.categories}, name)
    check_ids((example.id for example in found), name)
    if not found:
        raise DataError(f"{name}: found no clips, expected some")
    return found
