"""What is known of columns: whether they follow people, as svbench validate measured it."""

from __future__ import annotations

from collections.abc import Callable

from svbench.protocols import Metric
from svbench.types import ClipSpec, HumanAgreement


def known_validity(*, drawn: bool = False) -> Callable[[Metric, ClipSpec], HumanAgreement]:
    """Return what looks up the validity of a metric on clips of a format.

    Parameters
    ----------
    drawn : bool
        whether the clips are drawn: findings on such come first then, and count for no others
        (Default value = False)

    Raises
    ------
    DataError
        if the findings that ship with svbench are damaged
    """
    from svbench.metrics.validity.findings import finding_of, load_findings, settings_key

    findings = load_findings()
    on_drawn = load_findings(drawn=True) if drawn else {}

    def validity(metric: Metric, spec: ClipSpec) -> HumanAgreement:
        key = settings_key(metric.extractor.key, metric.settings, spec)
        first = finding_of(on_drawn, metric.name, key)
        return first if first.settings == key else finding_of(findings, metric.name, key)

    return validity
