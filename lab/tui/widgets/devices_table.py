"""The table of the workers' devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import duration, percent, progress_bar
from lab.tui.text import Line
from lab.tui.widgets.spark import spark
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.tui.feeds.workers import DeviceLine, Use

TONES = {"alive": "good", "draining": "warn", "silent": "bad"}
_FULL = 0.92  # of the memory: from here on the next batch may not fit
_NUMBER = 5  # cells of ` 71%`
_GIB = 1024


class DevicesTable(Table["DeviceLine"]):
    """A line for each device, those of one worker together."""

    def __init__(self) -> None:
        super().__init__(
            [
                Column("worker", 14, _name, stays=True, grows=True),
                Column("device", 7, lambda one, _: ((one_line(one.device), "strong"),), stays=True),
                Column("state", 8, _state),
                Column("does", 24, _does, grows=True),
                Column("progress", 12, _progress, rank=3),
                Column("load", 16, _load, rank=1),
                Column("memory", 16, _memory, rank=2),
                Column("GB", 10, lambda one, _: ((gigabytes(one.use), "dim"),), right=True, rank=4),
                Column("beat", 6, lambda one, _: _beat(one), right=True),
                Column("version", 18, _version, rank=6),
            ],
            key=lambda one: (one.worker, one.device),
            id="devices",
        )


def gigabytes(use: Use) -> str:
    """`18.2/80`: taken, of all there is."""
    if use.memory is None or not use.total:
        return "–"
    return f"{use.memory / _GIB:.1f}/{use.total / _GIB:.0f}"


def _name(one: DeviceLine, cells: int) -> Line:
    del cells
    return ((one_line(one.name), ""),) if one.first else (("└", "faint"),)


def _state(one: DeviceLine, cells: int) -> Line:
    del cells
    return ((one_line(one.state), TONES.get(one.state, "")),)


def _does(one: DeviceLine, cells: int) -> Line:
    del cells
    if one.job is None:
        return (("idle", "dim"),)
    return ((f"{one.job.job} {one_line(one.job.kind)} ", ""), (one_line(one.job.method), "strong"))


def _progress(one: DeviceLine, cells: int) -> Line:
    if one.job is None:
        return ()
    return (*progress_bar(one.job.progress, cells - 5), (f" {one.job.progress:>4.0%}", ""))


def _load(one: DeviceLine, cells: int) -> Line:
    history = spark([use.load for use in one.history], cells - _NUMBER)
    return ((history, "accent"), (f"{percent(one.use.load):>{_NUMBER}}", ""))


def _memory(one: DeviceLine, cells: int) -> Line:
    share = one.use.share
    tone = "bad" if share is not None and share >= _FULL else ""
    history = spark([use.share for use in one.history], cells - _NUMBER)
    return ((history, "second"), (f"{percent(share):>{_NUMBER}}", tone))


def _beat(one: DeviceLine) -> Line:
    if not one.first:
        return ()
    return ((duration(one.silence), "bad" if one.state == "silent" else "dim"),)


def _version(one: DeviceLine, cells: int) -> Line:
    del cells
    return ((one_line(one.version), "dim"),) if one.first else ()
