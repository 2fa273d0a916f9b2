"""The worker: a small supervisor (no torch) with one lane a device and one for chat.

Each lane is a Huey consumer of one thread. A wake-up makes it claim; the work itself is done by the lane's
executor child. `docs/design.md`, section 8.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import signal
import threading
import time
from collections.abc import Iterator

from huey.consumer import Consumer
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select, update

from lab.db.engine import writing
from lab.db.migrate import migrate
from lab.db.tables import Worker, now
from lab.errors import LabError
from lab.settings import Settings, load_settings
from lab.tasks import embedded
from lab.tasks.devices import find_devices, usage
from lab.tasks.identity import this_worker
from lab.tasks.lane import Lane
from lab.tasks.queue import CHAT, WORK, JobQueue
from lab.tasks.sweep import Sweep, ring

logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 1.0


class _LaneConsumer(Consumer):  # type: ignore[misc]
    """Huey's consumer, without its signal handlers: the supervisor has its own."""

    def _set_signal_handlers(self) -> None:
        pass


class Supervisor:
    """Registers itself, runs its lanes, sweeps, and leaves in good order."""

    def __init__(self, settings: Settings, devices: list[str]) -> None:
        self._settings = settings
        self._row = this_worker(devices)
        self._stop = threading.Event()
        owner = self._row.id
        # Chat has an executor of its own, so that an answer does not wait for a training to end.
        self._lanes = [Lane(WORK, device, owner, settings, ring) for device in devices]
        self._chat = Lane(CHAT, devices[0], owner, settings, ring)
        self._sweep = Sweep(settings)

    def run(self) -> None:
        """Work until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        with writing() as session:
            session.add(self._row)
        lanes = [*self._lanes, self._chat]
        consumers = [_LaneConsumer(JobQueue(lane.queue, lane.drain), workers=1, worker_type="thread") for lane in lanes]
        for consumer in consumers:
            consumer.start()
        logger.info("worker %s runs on %s", self._row.id, ", ".join(self._row.devices))
        try:
            self._loop(consumers)
        finally:
            self._leave(lanes, consumers)

    def _loop(self, consumers: list[_LaneConsumer]) -> None:
        last_beat = 0.0
        while not self._stop.wait(_SWEEP_SECONDS):
            try:
                if time.monotonic() - last_beat >= self._settings.heartbeat_seconds:
                    last_beat = time.monotonic()
                    self._beat()
                self._sweep()
            except (SQLAlchemyError, LabError) as error:
                logger.warning("the database is out of reach: %s", error)
            self._chat.close_if_idle(self._settings.chat_idle_seconds)
            for consumer in consumers:
                consumer.check_worker_health()

    def _beat(self) -> None:
        with writing() as session:
            mine = update(Worker).where(col(Worker.id) == self._row.id)
            values = {"beat": col(Worker.beat) + 1, "usage": usage(), "seen_at": now(), "state": "alive"}
            session.execute(mine.values(**values))

    def _leave(self, lanes: list[Lane], consumers: list[_LaneConsumer]) -> None:
        logger.info("worker %s stops", self._row.id)
        for lane in lanes:
            lane.stop()
        for consumer in consumers:
            consumer.stop()
        deadline = time.monotonic() + self._settings.grace_seconds + 5
        for lane in lanes:
            lane.join(max(0.0, deadline - time.monotonic()))
            lane.close()
        with contextlib.suppress(SQLAlchemyError, LabError), writing() as session:
            for row in session.exec(select(Worker).where(Worker.id == self._row.id)):
                row.state = "gone"


@contextlib.contextmanager
def _alone_on(devices: list[str]) -> Iterator[None]:
    """At most one worker of a lab on a device of this machine.

    Raises:
        LabError: another one has it.
    """
    with contextlib.ExitStack() as stack:
        for device in devices:
            name = f"device-{device.replace(':', '-').replace('/', '-')}.lock"
            file = stack.enter_context((embedded.runtime_folder() / name).open("w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(f"another worker of this lab already has {device}; `lab down` stops it.") from None
        yield


def main() -> None:
    """Run a worker in the foreground until SIGTERM or Ctrl-C.

    Raises:
        LabError: the database or a device is not to be had.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("huey").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = load_settings()
    migrate()
    if not settings.redis_url:
        embedded.start()
    devices = find_devices(settings)
    with _alone_on(devices):
        Supervisor(settings, devices).run()
