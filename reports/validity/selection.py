"""Parts of a `Validity` in the order in which every report shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from svbench.files.validity import Arm, Response, Validity
from svbench.reports.tables.numbers import number


def by_distortion(found: Validity) -> Mapping[str, Mapping[str, Response]]:
    """Return the responses by distortion and metric; distortions that people rated come first."""
    order = dict.fromkeys(one.distortion for one in found.responses)
    rated = {one.distortion for one in found.responses if one.people is not None}
    return {
        name: {one.metric: one for one in found.responses if one.distortion == name}
        for name in sorted(order, key=lambda name: name not in rated)
    }


def arms_of(responses: Mapping[str, Response]) -> Sequence[str]:
    """Return the names of the arms of a distortion, of all its responses."""
    return list(dict.fromkeys(arm.name for one in responses.values() for arm in one.arms))


def arm_of(response: Response | None, name: str) -> Arm | None:
    """Return an arm of a response by its name; None if there is no such arm."""
    arms = () if response is None else response.arms
    return next((arm for arm in arms if arm.name == name), None)


def is_unaffected(response: Response) -> bool:
    """Return whether a distortion leaves a metric as it is."""
    return bool(response.arms) and all(arm.unaffected for arm in response.arms)


def words_of(name: str) -> str:
    """Return the name of a distortion or arm as printed."""
    return name.replace("_", " ")


def named(distortion: str, arm: str) -> str:
    """Return a distortion and one of its arms as printed."""
    return ", ".join(filter(None, (words_of(distortion), words_of(arm))))


def level_text(level: float, unit: str = "") -> str:
    """Return a level as printed, with its unit."""
    return f"{level:g} {unit}".rstrip()


def figure_text(value: object) -> str:
    """Return an entry of a record as printed; numbers as tables show them, counts in full."""
    if isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
