"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from lab.safe import safe, safe_json


class _Console(Console):
    """A console that cleans whatever it prints; only its own styles and cursor moves reach the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; texts are cleaned before anything is made of them."""
        super().print(*(safe(one) if isinstance(one, str) else one for one in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The pieces that will be printed."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(safe(segment.text), segment.style)


# What is printed may be anybody's words; a program that reads lines has no use for folded ones.
_UNBOUNDED = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 1_000_000
console = _Console(highlight=False, markup=False, emoji=False, width=_UNBOUNDED)
_FORM = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS  # states are keys
PAGE = 100  # cells that a frame takes where nothing bounds it
_GAP = 2  # cells between columns
_WORDS = 14  # cells that a column of words keeps at least


def marked(text: str) -> str:
    """Words of others within markup of ours: nothing in them styles or drives the terminal."""
    return escape(safe(text))


def print_json(value: Any) -> None:
    """JSON on standard output, and nothing else."""
    sys.stdout.write(safe_json(orjson.dumps(value, option=_FORM).decode()))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = (), spare: Sequence[str] = ()
) -> Table:
    """A plain table that fits the terminal.

    Words fold and numbers, the columns named in `right`, never do. Where that is not enough the columns in `spare` go,
    the first of them first; what went is told below the table. A column in `spare` with nothing in it goes anyhow.
    """
    cells = [dict(zip(columns, row, strict=True)) for row in rows]
    natural = {name: max(cell_len(text) for text in (name, *(row[name] for row in cells))) for name in columns}
    kept = [name for name in columns if name not in spare or any(row[name] for row in cells)]
    gone = []
    for name in spare:
        least = sum(natural[one] if one in right else min(natural[one], _WORDS) for one in kept)
        if least + _GAP * (len(kept) - 1) > console.width and name in kept:
            kept.remove(name)
            gone.append(name)
    caption = f"no room for {', '.join(gone)}; --json has everything" if gone else None
    made = Table(box=None, header_style="bold", pad_edge=False, caption=caption, caption_justify="left")
    for name in kept:
        number = name in right
        made.add_column(name, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in cells:
        made.add_row(*(Text(safe(row[name])) for name in kept))
    return made


def duration(seconds: float | None) -> str:
    """`3m12s`, or nothing when unknown."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"


def number(value: float | None, form: str = ".3f") -> str:
    """A number, or nothing."""
    return "" if value is None else format(value, form)


def share(done: float) -> float:
    """How far something is, 0…1, whatever the row says."""
    return min(max(done, 0.0), 1.0) if math.isfinite(done) else 0.0


def first_of(names: Sequence[str], shown: int = 8) -> str:
    """`anna, bob`, with a `…` at the end only where some are left out."""
    return ", ".join([*names[:shown], *(["…"] if len(names) > shown else [])])
