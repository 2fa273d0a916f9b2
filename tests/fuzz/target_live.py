"""The real worker and the real screen: processes and an app that have to outlive whatever reaches them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

from fleet import FAST, Fleet, drill, fleet, submit, wait_for
from hostile import PICKLES
from hypothesis import strategies as st
from planned import own_lab
from target import Target, check_plain
from target_queue import wake_ups
from target_rows import databases, lab, write
from tui_pilot import opened, pressed, shown

from lab.db.migrate import migrate
from lab.db.tables import State
from lab.tasks.queue import JobQueue

# ---------------------------------------------------------------- the worker


class Besieged:
    """A worker whose queue anybody writes to, and what it says meanwhile."""

    def __init__(self, ships: Fleet) -> None:
        self.process: Popen[str] = ships.start()
        self.said: list[str] = []
        self.sent = itertools.count()
        self.queue = JobQueue("work")
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(self.process.stdout)

    def send(self, content: bytes) -> None:
        """Put a message on its queue, and wherever else Huey keeps something."""
        storage = self.queue.storage
        storage.conn.lpush(storage.queue_key, content)
        storage.conn.zadd(storage.schedule_key, {content: 0})
        storage.conn.hset(storage.result_key, content[:40], content)

    def works(self) -> None:
        """It is the same process, and a job that is queued now is done."""
        wait_for(submit(drill(f"job-{next(self.sent)}")), State.SUCCEEDED)
        assert self.process.poll() is None
        for line in self.said:
            check_plain(line.rstrip("\n"))


_WORKERS: dict[Path, Besieged] = {}
_JOB_EVERY = 200  # messages


@contextlib.contextmanager
def worker(home: Path) -> Iterator[None]:
    """A lab with a worker, which works at the end as it did at the beginning."""
    with own_lab(home, **FAST):
        migrate()
        with fleet() as ships:
            _WORKERS[home] = Besieged(ships)
            yield
            _WORKERS.pop(home).works()


def attack_worker(home: Path, content: bytes) -> None:
    """Any message: the worker drops it, or looks for work; jobs that come between are done."""
    besieged = _WORKERS[home]
    besieged.send(content)
    if next(besieged.sent) % _JOB_EVERY == 0:
        besieged.works()


# ---------------------------------------------------------------- the screen

_KEYS = (
    ("1",),
    ("enter",),
    ("l", "escape", "escape"),
    ("g", "e", "f", "f"),
    ("2",),
    ("enter", "enter"),
    ("3", "escape"),
)
_LISTS = ("s", "p", "m", "e")  # what is chosen from on the chat screen; each closes with esc


def attack_app(home: Path, rows: dict[str, list[Any]]) -> None:
    """Every screen is opened over the rows; the app goes on, and nothing that it paints drives the terminal."""
    write(rows)
    asyncio.run(_look())


async def _look() -> None:
    async with opened() as pilot:
        for keys in _KEYS:
            _check(await pressed(pilot, *keys))
        for key in _LISTS:
            await pilot.press(key)
            await pilot.pause(0.05)
            _check(shown(pilot))
            await pilot.press("escape")
        assert pilot.app.is_running


def _check(painted: str) -> None:
    for line in painted.split("\n"):
        check_plain(line)


TARGETS = [
    Target("messages to a worker", st.one_of(wake_ups, st.sampled_from(PICKLES)), attack_worker, 20, 200, worker),
    Target("rows, on the screen", databases(), attack_app, 1, 1, lab),
]
