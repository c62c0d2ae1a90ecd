"""Seals: how what svbench wrote itself is told from what was changed since.

A record carries the digest of all that it says beside it, under the key `seal`. Whoever reads it
asks `unsealed`, which returns the record only if it is as it was written; one of an older version,
cut or edited is made again, as one that is absent. A seal guards against accidents and edits by
hand, not against somebody who computes it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SEAL: Final = "seal"


def seal_of(record: Any) -> str:
    """Return the digest of what a record says; the order of keys does not count."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its seal, which comes last."""
    return {**record, SEAL: seal_of(record)}


def unsealed(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a record without its seal; None if it has none or another."""
    record = {key: value for key, value in found.items() if key != SEAL}
    return record if found.get(SEAL) == seal_of(record) else None


def digest_file(path: Path) -> str:
    """Hash the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
