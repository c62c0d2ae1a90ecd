"""Compute every column in an environment of the plain installation, without any extra.

Run by `tox -e plain`, or where svbench alone is installed: `python -m tests.plain_install`. Prints
a line for each column; exits with 1 where one is absent, or a package of `UNWANTED` is there.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

from tests.factories.all_columns import judged, missing

UNWANTED: Final = ("torchaudio", "torchvision", "timm", "pytest")


def main() -> int:
    """Print what came out; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        row = judged(Path(folder), workers=1)
    for name, score in row.scores.items():
        print(f"{name}: {score.value:.6g}")
    there = sorted(packages_distributions().keys() & set(UNWANTED))
    problems = [f"{name}: absent, {why}" for name, why in missing(row).items()]
    problems += [f"{package}: installed, expected the plain installation" for package in there]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
