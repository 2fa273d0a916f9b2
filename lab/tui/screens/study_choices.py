"""The lists that a new study is chosen from: data sets and base models; the last rows are for what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from lab.safe import one_line
from lab.tui.format import counted
from lab.tui.screens.picker import Picker
from lab.tui.widgets.table import Column

if TYPE_CHECKING:
    from lab.tui.feeds.study_options import Source

GENERATE, TYPED = "\0generate", "\0typed"  # no data set and no model is called so
Choice = tuple[str, str, str]
"""What is taken, how it is called, what it is."""


async def pick_source(app: App[Any], sources: Sequence[Source], present: str) -> str | None:
    """A data set's name, or `GENERATE`, or `TYPED`."""
    rows = [
        (one.name, one.name, f"{counted(one.personas, 'persona')}, {counted(one.dialogues, 'dialogue')}")
        for one in sources
    ]
    rows.append((GENERATE, "generate one …", "smart homes: so many personas × so many dialogues"))
    rows.append((TYPED, "another …", "a folder on this machine, or a name on the Hugging Face hub"))
    return await _pick(app, "data set", rows, present)


async def pick_base(app: App[Any], bases: Sequence[tuple[str, str]], present: str) -> str | None:
    """A base model's name, or `TYPED`."""
    rows = [(base, base, why) for base, why in bases]
    rows.append((TYPED, "another …", "a folder on this machine, or a name on the Hugging Face hub"))
    return await _pick(app, "base model", rows, present)


async def _pick(app: App[Any], title: str, rows: Sequence[Choice], present: str) -> str | None:
    columns: list[Column[Choice]] = [
        Column(title, 26, lambda one, _: ((one_line(one[1]), "strong"),), grows=True, stays=True),
        Column("what it is", 36, lambda one, _: ((one_line(one[2]), "dim"),), grows=True),
    ]
    picker = Picker(title, columns, rows, lambda one: one[0], lambda one: f"{one[1]} {one[2]}", present)
    chosen = await app.push_screen_wait(picker)
    return chosen[0] if chosen else None
