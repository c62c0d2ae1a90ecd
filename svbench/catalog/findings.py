"""What is known of columns: whether they follow people, as svbench validate measured it."""

from __future__ import annotations

from collections.abc import Callable

from svbench.protocols import Metric
from svbench.types import ClipSpec, HumanAgreement


def known_validity() -> Callable[[Metric, ClipSpec], HumanAgreement]:
    """Return what looks up the validity of a metric on clips of a format.

    Raises
    ------
    DataError
        if the findings that ship with svbench are damaged
    """
    from svbench.metrics.validity.findings import finding_of, load_findings, settings_key

    findings = load_findings()

    def validity(metric: Metric, spec: ClipSpec) -> HumanAgreement:
        key = settings_key(metric.extractor.key, metric.settings, spec)
        return finding_of(findings, metric.name, key)

    return validity
