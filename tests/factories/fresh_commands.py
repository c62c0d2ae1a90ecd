"""Command lines in a Python of their own, with other packages than this one has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# One process for several commands: most of the time of each would go into its imports.
RUN_ALL = """
import contextlib, io, json, sys
from svbench.cli.app import main
printed = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["svbench", *words]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        main()
    printed.append(out.getvalue())
print(json.dumps(printed))
"""


def python(places: Sequence[Path], *words: object) -> str:
    """Run Python with packages of these folders; return what it prints."""
    path = os.pathsep.join(map(str, places))
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "300"}
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(
        command, env=environment, cwd=places[0], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def svbench_of(places: Sequence[Path], *commands: Sequence[object]) -> list[str]:
    """Run commands of the svbench in these folders, one by one; return what each prints."""
    words = json.dumps([list(map(str, command)) for command in commands])
    printed: list[str] = json.loads(python(places, "-c", RUN_ALL, words))
    return printed
