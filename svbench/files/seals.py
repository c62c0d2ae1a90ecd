"""Seals: digests inside records that svbench wrote, to detect changes.

A sealed record holds the digest of all its other entries, under the key `seal`. `unsealed` returns
the record only if it is as it was written; a truncated or edited record, or one of an older
version, is treated as absent and made again. A seal protects against accidents and edits by hand,
not against forgery.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from svbench.compute import digest_settings

SEAL: Final = "seal"


def seal_of(record: Any) -> str:
    """Return the digest of a record; the order of keys does not count."""
    return digest_settings(record, compact=True)


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its seal, as the last entry."""
    return {**record, SEAL: seal_of(record)}


def unsealed(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a record without its seal; None if the seal is absent or does not match."""
    record = {key: value for key, value in found.items() if key != SEAL}
    return record if found.get(SEAL) == seal_of(record) else None
