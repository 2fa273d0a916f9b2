"""`lab bench tui`: the real program on a pseudo-terminal, over a large lab: how soon it paints, and at what cost.

The lab is made in a temporary folder (`lab.bench.tui_lab`); the program is started as a user starts it, keys are
typed, and a terminal emulator says when the screen shows what they do.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table

from lab.bench.command import carry_out
from lab.bench.host import host
from lab.bench.report import show_head
from lab.bench.terminal import Terminal
from lab.bench.tui_lab import METHODS, N_PERSONAS
from lab.errors import LabError
from lab.tui.tabs import TABS

SIZE = (140, 40)
_TARGETS = {
    "first_paint_seconds": 1.0,
    "key_to_paint_p95_ms": 50.0,
    "idle_bytes_per_second": 1024.0,
    "streaming_bytes_per_second": 25 * 1024.0,
}
_PROGRAM = (sys.executable, "-c", "from lab.cli import main; main()")
_PACKAGES = ("persona-lab", "textual", "rich", "sqlmodel")
_PATIENCE = 60.0  # seconds, for one thing to be seen
_SETTLE = 3.0
_PAUSE = 0.15  # between keys: a fast typist
_DOWN, _UP, _PAGE_DOWN, _PAGE_UP, _ESCAPE = b"\x1b[B", b"\x1b[A", b"\x1b[6~", b"\x1b[5~", b"\x1b"


@dataclass(frozen=True)
class Extent:
    """How much is measured, over how large a lab."""

    starts: int  # how often the program is started
    seconds: float  # how long bytes are counted, idle and streaming
    presses: int  # how often each kind of key is typed
    jobs: int = 10_000
    points: int = 1_000_000  # of curves


_QUICK = Extent(starts=1, seconds=2.0, presses=3, jobs=500, points=50_000)


def bench_tui(extent: Extent) -> dict[str, Any]:
    """Measure it all; the result is JSON values.

    Raises:
        LabError: something that should be on the screen never was.
    """
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        # COLUMNS and LINES would win over the size of the terminal.
        others = {"COLUMNS", "LINES"} | {name for name in os.environ if name.startswith("LAB_")}
        environment = {name: value for name, value in os.environ.items() if name not in others}
        environment |= {"LAB_ARTIFACTS": f"{folder}/artifacts", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        with _large_lab(environment, extent) as worker:
            paints = [_start(environment) for _ in range(extent.starts)]
            measured = _use(environment, worker, extent.seconds, extent.presses)
    versions = {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}
    return {
        "bench": "tui",
        "machine": host() | {"versions": versions},
        "targets": _TARGETS,
        "lab": {"jobs": extent.jobs, "points": extent.points},
        "first_paint_seconds": _spread([paint for paint, _ in paints]),
        "first_rows_seconds": _spread([rows for _, rows in paints]),
        **measured,
    }


@contextlib.contextmanager
def _large_lab(environment: Mapping[str, str], extent: Extent) -> Iterator[subprocess.Popen[str]]:
    """The process that wrote the lab and is its worker."""
    command = [sys.executable, "-m", "lab.bench.tui_lab", str(extent.jobs), str(extent.points)]
    worker = subprocess.Popen(command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        if not worker.stdout.readline():
            raise LabError("the large lab could not be made; the lines above say why.")
        yield worker
    finally:
        worker.kill()
        worker.wait()
        subprocess.run([*_PROGRAM, "down"], env=dict(environment), stdout=subprocess.DEVNULL, check=False)


def _start(environment: Mapping[str, str]) -> tuple[float, float]:
    """Seconds until the screen is painted, and until the rows of Jobs are there, of one start."""
    with _opened(environment) as terminal:
        painted = _seen(terminal, lambda: "Persona Lab" in terminal.text() and "quit" in terminal.text(), "the screen")
        terminal.press(b"2")
        rows = _seen(terminal, lambda: "homes-" in terminal.text() and "RUNNING" in terminal.text(), "the jobs")
        return painted - terminal.began, rows - terminal.began


@contextlib.contextmanager
def _opened(environment: Mapping[str, str]) -> Iterator[Terminal]:
    terminal = Terminal(_PROGRAM, SIZE, environment)
    try:
        yield terminal
    finally:
        terminal.close()


def _seen(terminal: Terminal, condition: Callable[[], bool], what: str) -> float:
    moment = terminal.until(condition, _PATIENCE)
    if moment is None:
        shown = " / ".join(line.strip() for line in terminal.screen.display if line.strip())
        raise LabError(f"{what} did not come on the screen within {_PATIENCE:g} s; it shows: {shown}")
    return moment


# ---------------------------------------------------------------- one long use


def _use(environment: Mapping[str, str], worker: subprocess.Popen[str], seconds: float, presses: int) -> dict[str, Any]:
    with _opened(environment) as terminal:
        _seen(terminal, lambda: "Persona Lab" in terminal.text(), "the screen")
        _go(terminal, "jobs")
        _seen(terminal, lambda: "RUNNING" in terminal.text() and "step 1999" in terminal.text(), "the running job")
        terminal.watch(_SETTLE)
        idle = _rest(terminal, seconds)
        _tell(worker, "work")
        terminal.watch(_SETTLE)
        streaming = _rest(terminal, seconds)
        while_streaming = _type(terminal, presses)
        _tell(worker, "rest")
        terminal.watch(_SETTLE)
        keys = _type(terminal, presses)
        memory = terminal.process.memory_info().rss
    every = [wait for waits in (*keys.values(), *while_streaming.values()) for wait in waits]
    return {
        "key_to_paint_ms": {"all": _spread(every)}
        | {name: _spread(waits) for name, waits in keys.items()}
        | {f"{name}, while a job streams": _spread(waits) for name, waits in while_streaming.items()},
        "idle": idle,
        "streaming": streaming,
        "memory_bytes": memory,
    }


def _tell(worker: subprocess.Popen[str], word: str) -> None:
    assert worker.stdin is not None
    worker.stdin.write(f"{word}\n")
    worker.stdin.flush()


def _rest(terminal: Terminal, seconds: float) -> dict[str, float]:
    """Bytes and CPU time a second while nobody types."""
    before = terminal.process.cpu_times()
    written = terminal.watch(seconds)
    after = terminal.process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return {"bytes_per_second": written / seconds, "cpu_share": spent / seconds, "seconds": seconds}


def _go(terminal: Terminal, name: str) -> float:
    """To a tab by its key; milliseconds until its name is the bright one in the header."""
    if "esc 1" in terminal.screen.display[0]:  # the keys are letters of a line
        terminal.press(_ESCAPE)
        _seen(terminal, lambda: "esc 1" not in terminal.screen.display[0], "the line left")
        terminal.watch(_PAUSE)
    tab = next(tab for tab in TABS if tab.name == name)
    pressed = terminal.press(tab.key.encode())
    return 1000 * (_seen(terminal, lambda: _present(terminal) == tab.title, f"the tab {name}") - pressed)


def _present(terminal: Terminal) -> str:
    """The title in the header that is coloured unlike the other titles."""
    header = terminal.screen.display[0]
    colours = {tab.title: terminal.screen.buffer[0][header.rindex(tab.title)].fg for tab in TABS if tab.title in header}
    return next((title for title, colour in colours.items() if list(colours.values()).count(colour) == 1), "")


def _type(terminal: Terminal, presses: int) -> dict[str, list[float]]:
    """Milliseconds from a key to the paint that shows what it does, for each kind of key."""
    found: dict[str, list[float]] = {"cursor": [], "page": [], "tab": [], "filter": [], "job": []}
    for number in range(presses):
        found["cursor"].append(_moved(terminal, _DOWN if number % 8 < 4 else _UP))
        found["page"].append(_moved(terminal, _PAGE_DOWN if number % 2 == 0 else _PAGE_UP))
    for number in range(presses):
        found["tab"].append(_go(terminal, TABS[number % len(TABS)].name))
        terminal.watch(_PAUSE)
    _go(terminal, "jobs")
    terminal.watch(_SETTLE)
    for number in range(presses):
        found["filter"] += _filtered(terminal, "failed train"[: 3 + number % 6])
        found["job"] += _opened_and_left(terminal)
    return found


def _moved(terminal: Terminal, key: bytes) -> float:
    before = _cursor(terminal)
    pressed = terminal.press(key)
    painted = _seen(terminal, lambda: _cursor(terminal) != before, "the cursor on another row")
    terminal.watch(_PAUSE)
    return 1000 * (painted - pressed)


def _cursor(terminal: Terminal) -> tuple[str, ...]:
    """The row under the cursor, and how high it is: the first that is not as the most are."""
    grounds = terminal.grounds(1)[2:-1]
    commonest = max(set(grounds), key=grounds.count)
    height = next(height for height, ground in enumerate(grounds) if ground != commonest)
    return str(height), terminal.screen.display[height + 2][:40]


def _filtered(terminal: Terminal, words: str) -> list[float]:
    """Each letter of a filter, from key to letter."""
    waits = []
    terminal.press(b"/")
    _seen(terminal, lambda: "a|b" in terminal.text(), "the filter")
    terminal.watch(_PAUSE)
    for place in range(len(words)):
        pressed = terminal.press(words[place].encode())
        typed = words[: place + 1].strip()
        shown = _seen(terminal, lambda typed=typed: typed in _top(terminal), "the letter")  # type: ignore[misc]
        waits.append(1000 * (shown - pressed))
        terminal.watch(_PAUSE)
    terminal.press(_ESCAPE)
    _seen(terminal, lambda: "a|b" not in terminal.text(), "all jobs")
    terminal.watch(_PAUSE)
    return waits


def _top(terminal: Terminal) -> str:
    """The lines below the header, where the filter is."""
    return "\n".join(terminal.screen.display[1:4])


def _opened_and_left(terminal: Terminal) -> list[float]:
    """Enter opens the page of a job, esc leaves it."""
    waits = []
    for key in (b"\r", _ESCAPE):
        before = terminal.screen.display[-1]
        pressed = terminal.press(key)
        shown = _seen(terminal, lambda before=before: terminal.screen.display[-1] != before, "a job")  # type: ignore[misc]
        waits.append(1000 * (shown - pressed))
        terminal.watch(2 * _PAUSE)
    return waits


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": statistics.median(ordered),
        "p95": ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)],
        "worst": ordered[-1],
        "n": len(ordered),
    }


# ---------------------------------------------------------------- for people


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print what was measured beside the budgets."""
    size, targets, lab = f"{SIZE[0]}×{SIZE[1]}", result["targets"], result["lab"]
    many = f"{lab['jobs']:,} jobs, {N_PERSONAS} personas, {len(METHODS)} methods, {lab['points']:,} points"
    what = f"{size}, {many}, {result['machine']['cpu']}"
    show_head(result, what, console)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "p50", "p95", "worst", "budget"):
        table.add_column(title, justify="left" if not title else "right", no_wrap=True)
    for name in ("first_paint_seconds", "first_rows_seconds"):
        table.add_row(
            name.replace("_", " "), *_numbers(result[name]), f"< {targets['first_paint_seconds']:g}" * ("paint" in name)
        )
    for name, spread in result["key_to_paint_ms"].items():
        budget = f"p95 < {targets['key_to_paint_p95_ms']:g}" if name == "all" else ""
        table.add_row(f"key to paint, {name}, ms", *_numbers(spread), budget)
    for name in ("idle", "streaming"):
        rate, budget = result[name]["bytes_per_second"], targets[f"{name}_bytes_per_second"]
        table.add_row(f"{name}, bytes/s", f"{rate:,.0f}", "", "", f"≤ {budget:,.0f}")
        table.add_row(f"{name}, CPU of one core", f"{result[name]['cpu_share']:.1%}", "", "", "")
    table.add_row("memory, MiB", f"{result['memory_bytes'] / 2**20:,.0f}", "", "", "")
    console.print(table)


def _numbers(spread: Mapping[str, float]) -> list[str]:
    return [f"{spread[name]:,.2f}" for name in ("p50", "p95", "worst")]


def main(arguments: list[str]) -> int:
    """Parse, measure, print; returns the exit code."""
    parser = ArgumentParser(prog="lab.bench.tui")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--presses", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="a small lab and fewer of all: see that it works")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    extent = _QUICK if given.quick else Extent(given.starts, given.seconds, given.presses)
    return carry_out(lambda: bench_tui(extent), show, json=given.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
