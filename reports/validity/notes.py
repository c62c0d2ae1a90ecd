"""What a reader must know of a validation: clips, weights, people, intervals, what is absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from svbench.files.validity import Measured, Response, Validity
from svbench.reports.analysis.following import HALF, counted
from svbench.reports.tables.footnotes import FEW, SPARSE
from svbench.reports.tables.small_networks import MINIATURE, SMALL
from svbench.reports.validity.selection import figure_text, level_text, words_of

INTERVALS = (
    "intervals cover the choice of clips (those of correlations also that of the videos that "
    "people rated), neither other distortions nor other raters"
)
BRACKETS = f"brackets: 95 % {INTERVALS}"
ORIENTED = (
    "Spearman: rank correlation of a metric's scores with people's mean ratings, +1 is a metric "
    "that follows people whichever of its directions is better"
)
CORRECTED = (
    "the interval of a Spearman is that of infinitely many clips: it is corrected for the noise of "
    "few, which draws the value at hand towards 0, and so mostly reaches further from 0 than "
    "towards it"
)
WORDS = (
    f"follows people: the interval lies above 0 (weakly: below {HALF:g}); runs against people: it "
    "lies below 0; where it holds 0, a metric is not shown to follow people, and one at or below "
    "0 does not follow people"
)
MONOTONE = "monotone: no level scores better than a milder one, of series that affect the metric"
MARK = "†"  # of an agreement by construction
FITTED = (
    MARK + " {0}: made of people's ratings of {1}, with which it agrees by construction; these do "
    "not count in its Spearman over all conditions"
)
UNBIASED = "unbiased, so it is about 0 for halves of one kind, and may be negative"
INCOMPARABLE = "what it notices is not known where fewer than two clips have both scores"
UNAFFECTED = "unaffected, each level of a series has the scores of the undistorted clips"
UNRATED = "people rated none of these conditions"


def subject(found: Validity) -> str:
    """Return in one line what was distorted."""
    return f"{found.clips}: {counted(found.count, 'clip')}, {found.spec}"


def general_notes(found: Validity) -> Iterator[str]:
    """Yield what holds for all tables and figures of a validation."""
    yield from _of_people(found)
    yield from _of_weights(found)
    if found.count < FEW:
        yield SPARSE
    yield from found.notes


def _of_people(found: Validity) -> Iterator[str]:
    if all(one.people is None for one in found.responses):
        yield UNRATED
        return
    facts = "; ".join(f"{name}: {figure_text(value)}" for name, value in found.people.items())
    yield f"people rated the same distortions of other clips{f' ({facts})' if facts else ''}"


def _of_weights(found: Validity) -> Iterator[str]:
    if small := [one.title for one in found.metrics if MINIATURE in one.metric]:
        yield f"{'; '.join(small)}: {SMALL}"


def unbiased(found: Validity) -> Iterator[str]:
    """Yield which distances may be negative."""
    of = [
        o.title for o in found.metrics if str(o.settings.get("caveat", "")).startswith("unbiased")
    ]
    if of:
        yield f"{'; '.join(of)}: {UNBIASED}"


def fitted(found: Validity) -> Iterator[str]:
    """Yield which metrics are made of ratings, and that their agreement there does not count."""
    of: dict[tuple[str, ...], list[str]] = {}
    for one in found.metrics:
        if one.fitted_on:
            of.setdefault(one.fitted_on, []).append(one.title)
    for names, titles in of.items():
        yield FITTED.format("; ".join(titles), ", ".join(map(words_of, names)))


def compared(found: Validity) -> Iterator[str]:
    """Yield over how many conditions metrics were correlated with people, each count once.

    Of some distortions, or where levels have no score, these are not all that people rated.
    """
    of: dict[int, list[str]] = {}
    for one in found.metrics:
        if one.agreement is not None:
            of.setdefault(one.agreement.conditions, []).append(one.title)
    for count, titles in of.items():
        whose = f"{'; '.join(titles)}: " if len(of) > 1 else ""
        yield f"{whose}correlated over {counted(count, 'rated condition')}"


def noticing(found: Validity) -> str:
    """Return what it means that a level is noticed."""
    return (
        f"noticed: the mildest level from which on a paired t-test at 5 % over "
        f"{counted(found.planned, 'clip')} finds them worse than undistorted, with power "
        f"{found.power:g} (brackets: the level, were effects as large or as small as their 95 % "
        "intervals allow); by people: the same of their mean ratings of clips"
    )


def incomparable(found: Validity, responses: Mapping[str, Response]) -> Iterator[str]:
    """Yield of which metrics it is not known what they notice, and why."""
    titles = [
        one.title
        for one in found.metrics
        if one.metric in responses and not all(arm.comparable for arm in responses[one.metric].arms)
    ]
    if titles:
        yield f"{'; '.join(titles)}: {INCOMPARABLE}"


def unaffected(found: Validity, responses: Mapping[str, Response]) -> Iterator[str]:
    """Yield which metrics a distortion leaves as they are: they do not read what it changes."""
    titles = [
        one.title
        for one in found.metrics
        if one.metric in responses and any(arm.unaffected for arm in responses[one.metric].arms)
    ]
    if titles:
        yield f"{'; '.join(titles)}: {UNAFFECTED}"


def absences(found: Validity) -> Iterator[str]:
    """Yield why metrics have no score, each reason once for all metrics that it applies to."""
    of: dict[str, list[str]] = {}
    for one in found.metrics:
        if one.absent:
            of.setdefault(one.absent, []).append(one.title)
    for reason, titles in of.items():
        yield f"{'; '.join(titles)}: {reason}"


def absences_at_levels(one: Measured, response: Response) -> Iterator[str]:
    """Yield why a metric has no score at levels of a distortion, each reason once."""
    of: dict[str, list[str]] = {}
    for level, reason in response.absent.items():
        of.setdefault(reason, []).append(_shown(level, response))
    for reason, levels in of.items():
        where = f"{words_of(response.distortion)} of {', '.join(levels)}"
        yield f"{one.title}, {where}: {reason}"
    yield from _of_fewer_clips(one, response)


def _of_fewer_clips(one: Measured, response: Response) -> Iterator[str]:
    """Yield at which levels a score is of fewer clips than the undistorted score, each count once.

    Such a score may differ from others by its clips alone.
    """
    of: dict[int, list[str]] = {}
    for level, count in zip(response.levels, response.counts, strict=False):
        if 0 < count < one.count:
            of.setdefault(count, []).append(level_text(level, response.unit))
    for count, levels in of.items():
        where = f"{words_of(response.distortion)} of {', '.join(levels)}"
        yield f"{one.title}, {where}: {count} of {counted(one.count, 'clip')} have a score"


def _shown(level: str, response: Response) -> str:
    try:
        return level_text(float(level), response.unit)
    except ValueError:
        return level
