"""Names of exported files: the id of a clip where any tool and file system takes it, else a hash.

A name is kept if it is the id itself: letters, digits, `_`, `-` and `.` of ASCII, short, not equal
to another id but for case, and nothing that pandas, by which av-benchmark reads names, would take
for a number, a truth value or a missing one. Other ids get a readable beginning and a digest. What
ends like such a name gets one too, so two ids never share a name. A name depends on the set of ids,
not on their order.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

SAFE: Final = re.compile(r"[\w-]([\w.-]*[\w-])?", re.ASCII)
LIKE_OURS: Final = re.compile(r"-[0-9a-f]{12}$", re.IGNORECASE)
LONGEST: Final = 80  # characters of an id that is kept; file systems take 255 bytes with the ending
BEGINNING: Final = 40  # characters of other ids that are kept
DIGITS: Final = 12  # of a digest; two ids of a million share one with a probability of 0.2 %
# Read by pandas.read_csv as truth values or as missing, in lower case
# (https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html, `na_values`).
READ_AS_OTHER: Final = frozenset({"true", "false", "na", "n/a", "nan", "-nan", "null", "none"})


def names_of(ids: Iterable[str]) -> dict[str, str]:
    """Return a file name without ending for each id, distinct in any case of letters."""
    wanted = list(dict.fromkeys(ids))
    alike = Counter(identifier.lower() for identifier in wanted)
    return {
        one: one if is_kept(one) and alike[one.lower()] == 1 else _hashed(one) for one in wanted
    }


def is_kept(identifier: str) -> bool:
    """Return whether an id may be the name of a file itself, where no other is like it."""
    return (
        len(identifier) <= LONGEST
        and SAFE.fullmatch(identifier) is not None
        and LIKE_OURS.search(identifier) is None
        and identifier.lower() not in READ_AS_OTHER
        and not _is_number(identifier)
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _hashed(identifier: str) -> str:
    plain = re.sub(r"[^\w.-]+", "_", identifier, flags=re.ASCII)[:BEGINNING].strip(".")
    return f"{plain or '_'}-{hashlib.sha256(identifier.encode()).hexdigest()[:DIGITS]}"
