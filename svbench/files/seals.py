"""Seals: digests inside records that svbench wrote, to detect changes.

A sealed record holds the digest of all its other entries, under the key `seal`. `unsealed` returns
the record only if it is as it was written; a truncated or edited record, or one of an older
version, is treated as absent and made again. A seal protects against accidents and edits by hand,
not against forgery.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SEAL: Final = "seal"


def seal_of(record: Any) -> str:
    """Return the digest of a record; the order of keys does not count."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its seal, as the last entry."""
    return {**record, SEAL: seal_of(record)}


def unsealed(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a record without its seal; None if the seal is absent or does not match."""
    record = {key: value for key, value in found.items() if key != SEAL}
    return record if found.get(SEAL) == seal_of(record) else None


def digest_file(path: Path) -> str:
    """Return the SHA-256 digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
