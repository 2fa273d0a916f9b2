"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
_FORM = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS  # states are keys


def print_json(value: Any) -> None:
    """JSON on standard output, and nothing else."""
    sys.stdout.write(orjson.dumps(value, option=_FORM).decode())


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A plain table; columns named in `right` hold numbers."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column != "note")
    return made


def duration(seconds: float | None) -> str:
    """`3m12s`, or nothing when unknown."""
    if seconds is None:
        return ""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"


def number(value: float | None, form: str = ".3f") -> str:
    """A number, or nothing."""
    return "" if value is None else format(value, form)
