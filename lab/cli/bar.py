"""How far a long command is: a bar on standard error, where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def bar(what: str, count: ProgressColumn) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for as long as it takes: what it gives is called with how much is done, of how much."""
    error = Console(stderr=True)
    if not error.is_terminal:
        yield lambda _, __: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=error, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
