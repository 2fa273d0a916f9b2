"""`lab bench tui` drives the real program on a pseudo-terminal; what it says it saw was on the screen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import orjson
import pytest

from lab.bench.terminal import Terminal

ECHO = """
import sys, termios, tty
tty.setraw(0)
sys.stdout.write("\\x1b[2J\\x1b[Hready \\x1b[44mblue\\x1b[0m")
sys.stdout.flush()
while (key := sys.stdin.read(1)) != "q":
    sys.stdout.write("\\x1b[3;1Hyou pressed " + key)
    sys.stdout.flush()
"""


@pytest.fixture
def echo() -> Iterator[Terminal]:
    terminal = Terminal((sys.executable, "-c", ECHO), (40, 5), os.environ)
    yield terminal
    terminal.close()


def test_the_terminal_shows_what_the_program_draws_and_counts_its_bytes(echo: Terminal) -> None:
    assert echo.until(lambda: "ready" in echo.text(), 20) is not None
    before = echo.bytes
    pressed = echo.press(b"x")
    painted = echo.until(lambda: "you pressed x" in echo.text(), 20)
    assert painted is not None
    assert 0 < painted - pressed < 20
    assert echo.bytes - before == len("\x1b[3;1Hyou pressed x")
    assert echo.grounds(6)[:2] == ["blue", "default"]


def test_what_never_comes_is_not_seen(echo: Terminal) -> None:
    assert echo.until(lambda: "ready" in echo.text(), 20) is not None
    assert echo.until(lambda: "never" in echo.text(), 0.3) is None
    echo.press(b"q")
    assert echo.until(lambda: "never" in echo.text(), 20) is None, "the program has ended, so nothing is waited for"


def test_nobody_types_and_nothing_is_written(echo: Terminal) -> None:
    assert echo.until(lambda: "ready" in echo.text(), 20) is not None
    assert echo.watch(0.3) == 0


def test_a_quick_run_measures_every_budget(tmp_path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    done = subprocess.run(
        [sys.executable, "-m", "lab.bench.tui", "--quick", "--json"],
        cwd=tmp_path,
        env=environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    result = orjson.loads(done.stdout)
    assert 0 < result["first_paint_seconds"]["p50"] <= result["first_rows_seconds"]["p50"]
    waits = result["key_to_paint_ms"]
    assert {"all", "cursor", "page", "tab", "filter", "job", "cursor, while a job streams"} <= set(waits)
    for spread in waits.values():
        assert 0 < spread["p50"] <= spread["p95"] <= spread["worst"]
    assert result["idle"]["bytes_per_second"] < result["streaming"]["bytes_per_second"]
    assert list(tmp_path.iterdir()) == [], "the lab it was measured on is gone"
