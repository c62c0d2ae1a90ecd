"""How far a command came, on the error stream: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bars() -> Iterator[Any]:
    """Show bars with an estimate on a terminal, one plain line per step elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())

    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        @contextmanager
        def step(label: str, total: int) -> Iterator[Callable[[int], None]]:
            if not console.is_terminal:
                print(f"{label} ({total})", file=sys.stderr, flush=True)
            task = bars.add_task(label, total=total)
            yield lambda count: bars.advance(task, count)

        yield step
