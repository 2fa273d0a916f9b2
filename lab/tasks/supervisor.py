"""The worker: a small supervisor (no torch) with one lane a device and one for chat.

Each lane is a Huey consumer of one thread. A wake-up makes it claim; the work itself is done by the lane's
executor child. `docs/design.md`, section 8.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import math
import signal
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue

from huey.consumer import Consumer

from lab.db import workers
from lab.db.engine import DatabaseError
from lab.db.migrate import migrate
from lab.errors import LabError
from lab.safe import clean_streams
from lab.settings import Settings, load_settings
from lab.store.artifacts import check_store
from lab.tasks import embedded
from lab.tasks.child import EXECUTOR
from lab.tasks.devices import find_devices, usage
from lab.tasks.identity import boot_identity, this_worker
from lab.tasks.lane import Lane
from lab.tasks.owner import check_owner
from lab.tasks.queue import CHAT, WORK, JobQueue, check_redis
from lab.tasks.sweep import Sweep, ring
from lab.tasks.versions import check_version, refuse

logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 1.0


class _LaneConsumer(Consumer):  # type: ignore[misc]
    """Huey's consumer, without its signal handlers: the supervisor has its own."""

    def _set_signal_handlers(self) -> None:
        pass


class Supervisor:
    """Registers itself, runs its lanes, sweeps, and leaves in good order.

    `command` starts an executor.
    """

    def __init__(self, settings: Settings, devices: list[str], command: Sequence[str] = EXECUTOR) -> None:
        self._settings = settings
        self._row = this_worker(devices)
        self._signals: SimpleQueue[int] = SimpleQueue()  # its put may be called from a signal handler
        owner = self._row.id
        # Chat has an executor of its own, so that an answer does not wait for a training to end.
        work = [Lane(WORK, device, owner, settings, ring, command) for device in devices]
        self._chat = Lane(CHAT, devices[0], owner, settings, ring, command)
        self._lanes = [*work, self._chat]
        self._sweep = Sweep(settings)
        self._draining = False

    def run(self) -> None:
        """Work until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: self._signals.put(received))
        while others := workers.register(self._row):
            refuse(others)
        consumers = [
            _LaneConsumer(JobQueue(lane.queue, lane.drain, lane.is_held), workers=1, worker_type="thread")
            for lane in self._lanes
        ]
        for consumer in consumers:
            consumer.start()
        logger.info("worker %s runs on %s", self._row.id, ", ".join(self._row.devices))
        try:
            self._loop(consumers)
        finally:
            self._leave(consumers)

    def _loop(self, consumers: list[_LaneConsumer]) -> None:
        last_beat = -math.inf
        stopping = False
        while not stopping:
            try:
                if time.monotonic() - last_beat >= self._settings.heartbeat_seconds:
                    last_beat = time.monotonic()
                    self._beat()
                self._look_after()
            except DatabaseError as error:
                logger.warning("%s", error)
            except Exception:  # whatever it is, the jobs at hand should not end with it
                logger.exception("the sweep failed; it is tried again")
            for consumer in consumers:
                consumer.check_worker_health()
            stopping = self._told_to_stop() or self._is_drained()

    def _told_to_stop(self) -> bool:
        try:
            self._signals.get(timeout=_SWEEP_SECONDS)
        except Empty:
            return False
        return True

    def _is_drained(self) -> bool:
        """Whether it is to leave and has nothing more at hand."""
        if not self._draining or not all(lane.is_idle() for lane in self._lanes):
            return False
        try:
            return workers.leave_drained(self._row.id)  # somebody may have taken it back a moment ago
        except DatabaseError as error:
            logger.warning("%s", error)
            return False

    def _look_after(self) -> None:
        self._have_a_queue()
        for lane in self._lanes:
            lane.return_dropped()
        self._sweep()
        self._chat.close_if_idle(self._settings.chat_idle_seconds)

    def _have_a_queue(self) -> None:
        if self._settings.redis_url or embedded.is_running():
            return
        logger.warning("the embedded queue is gone; starting it again")
        try:
            embedded.start()
        except LabError as error:  # jobs are looked after without one too
            logger.warning("%s", error)

    def _beat(self) -> None:
        draining = workers.beat(self._row.id, usage(), draining=self._draining)
        if draining != self._draining:
            logger.info("worker %s %s", self._row.id, "drains: it claims no more" if draining else "stays after all")
        self._draining = draining
        for lane in self._lanes:
            lane.hold(draining)

    def _leave(self, consumers: list[_LaneConsumer]) -> None:
        logger.info("worker %s stops", self._row.id)
        for lane in self._lanes:
            lane.stop()
        for consumer in consumers:
            consumer.stop()
        deadline = time.monotonic() + self._settings.grace_seconds + 5
        for lane in self._lanes:
            lane.join(max(0.0, deadline - time.monotonic()))
            lane.close()
        with contextlib.suppress(DatabaseError):
            workers.give_up([self._row.id])  # not one that left drained


@contextlib.contextmanager
def _alone_on(devices: list[str]) -> Iterator[None]:
    """At most one worker of a lab on a device of this machine.

    Raises:
        LabError: another one has it.
    """
    machine = hashlib.sha256(boot_identity().encode()).hexdigest()[:8]  # the folder may be shared by machines
    with contextlib.ExitStack() as stack:
        for device in devices:
            name = f"device-{machine}-{device.replace(':', '-').replace('/', '-')}.lock"
            file = stack.enter_context((embedded.runtime_folder() / name).open("w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(f"another worker of this lab already has {device}; `lab down` stops it.") from None
        yield


def main(command: Sequence[str] = EXECUTOR) -> None:
    """Run a worker in the foreground until SIGTERM or Ctrl-C; `command` starts an executor.

    Raises:
        LabError: the database, the queue or a device is not to be had, or the artifacts are another database's.
    """
    clean_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("huey").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = load_settings()
    migrate()
    check_store()
    if settings.redis_url:
        check_redis()
    else:
        embedded.start()
    check_owner()
    check_version()
    devices = find_devices(settings)
    with _alone_on(devices):
        Supervisor(settings, devices, command).run()
