"""What the doctor finds: one line for each thing that a run may need.

Conventions
-----------
`ok` is fine as it is; `note` works, but not in every case or not at full speed; `missing` is not
there or of no use. `mend` is the command or setting that would change it. Sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "note", "missing"]
GB = 1e9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    subject : str
        what it belongs to, as "devices"
    name : str
        the thing
    state : str
        "ok", "note" or "missing"
    found : str
        what was found, in words
    mend : str
        what would mend it: a command or a setting
    facts : mapping
        the same as plain JSON, for programs
    """

    subject: str
    name: str
    state: State
    found: str
    mend: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def gigabytes(size: float) -> str:
    """Return bytes in words, such as "12.3 GB" or "0.4 MB"."""
    return f"{size / GB:,.1f} GB" if size >= GB else f"{size / 1e6:,.1f} MB"
