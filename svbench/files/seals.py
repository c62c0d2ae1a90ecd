"""Seals: how what svbench wrote itself is told from what was changed since.

A record carries the digest of all that it says beside it, under the key `seal`. Whoever reads it
asks `unsealed`, which returns the record only if it is as it was written; one of an older version,
cut or edited is made again, as one that is absent. A seal guards against accidents and edits by
hand, not against somebody who computes it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from svbench.compute import digest_settings

SEAL: Final = "seal"


def seal_of(record: Any) -> str:
    """Return the digest of what a record says; the order of keys does not count."""
    return digest_settings(record, compact=True)


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its seal, which comes last."""
    return {**record, SEAL: seal_of(record)}


def unsealed(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a record without its seal; None if it has none or another."""
    record = {key: value for key, value in found.items() if key != SEAL}
    return record if found.get(SEAL) == seal_of(record) else None
