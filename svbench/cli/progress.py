"""How far a command came, on the error stream: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from svbench.pace import Advance, Pace, Progress, silent, time_left

if TYPE_CHECKING:
    from rich.progress import Task

FIRST_LINE: Final = 5.0  # seconds of work before the time left is estimated in a plain line
FURTHER: Final = 2.0  # each line at so many times the time of the one before,
LONGEST: Final = 1800.0  # but after so many seconds at the latest


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Show bars with the time left on a terminal, plain lines elsewhere; nothing of no items."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        """The time left; Rich's own estimate counts what was kept, and forgets after 30 s."""

        def render(self, task: Task) -> Text:
            pace: Pace = task.fields["pace"]
            return Text("" if pace.left is None or task.finished else time_left(pace.left))

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft())

    bars, starting = Bars(*columns, console=console), Lock()
    with ExitStack() as stack:

        @contextmanager
        def step(label: str, total: int) -> Iterator[Advance]:
            if not total:
                with silent(label, total) as unseen:
                    yield unseen
                return
            if not console.is_terminal:
                yield plain_lines(label, Pace(total), _print)
                return
            with starting:  # with the first step: what is refused before draws nothing
                if not bars.live.is_started:
                    stack.enter_context(bars)
            pace = Pace(total)
            task = bars.add_task(label, total=total, pace=pace)
            lock = Lock()

            def advance(done: int, kept: int = 0, /) -> None:
                with lock:
                    pace.advance(done, kept)
                bars.advance(task, done)

            yield advance

        yield step


def plain_lines(label: str, pace: Pace, write: Callable[[str], None]) -> Advance:
    """Write a line now, then how long it will take: after some seconds, then ever more rarely.

    Lines are written between batches, when the mean time of an item is fair. Workers may report
    from several threads.
    """
    write(f"{label} ({pace.total})")
    lock, due = Lock(), FIRST_LINE

    def advance(done: int, kept: int = 0, /) -> None:
        nonlocal due
        with lock:
            if pace.elapsed >= due and pace.between_batches:
                write(f"{label}: {pace}")
                due = min(FURTHER * pace.elapsed, pace.elapsed + LONGEST)
            pace.advance(done, kept)

    return advance


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
