"""A lane: one device, one queue, one warm executor; it claims jobs and carries each to its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from lab.db import jobs
from lab.db.engine import DatabaseError
from lab.db.jobs import Claim
from lab.settings import Settings
from lab.tasks.attempt import Attempt, LeaseLostError
from lab.tasks.child import EXECUTOR, ExecutorProcess

logger = logging.getLogger(__name__)


class Lane:
    """Claims from `queue` for `device`, one job at a time."""

    def __init__(
        self,
        queue: str,
        device: str,
        owner: str,
        settings: Settings,
        on_freed: Callable[[], None],
        command: Sequence[str] = EXECUTOR,
    ) -> None:
        self.queue = queue
        self._device = device
        self._owner = owner
        self._settings = settings
        self._on_freed = on_freed
        self._command = command
        self._executor: ExecutorProcess | None = None
        self._owes = False  # whether the table may say that it runs a job that it does not run
        self._stopping = threading.Event()
        self._held = threading.Event()
        self._busy = threading.Lock()

    def drain(self) -> None:
        """Claim and run jobs until none is READY, or the lane is held."""
        with self._busy:
            try:
                while not self._stopping.is_set() and not self._held.is_set():
                    self._give_back()
                    claim = self._claim()
                    if claim is None:
                        return
                    self._carry_out(claim)
            except DatabaseError as error:  # the sweep rings again
                logger.warning("%s", error)

    def _claim(self) -> Claim | None:
        """The best READY job; a database that breaks off may have made it ours all the same."""
        self._owes = True
        claim = jobs.claim(self.queue, self._owner, self._device)
        self._owes = False
        return claim

    def _carry_out(self, claim: Claim) -> None:
        attempt = Attempt(claim, self._device, self._settings, self._stopping.is_set)
        committed = None
        try:
            committed = attempt.run(self._warm())
        except LeaseLostError:
            logger.warning("job %s, attempt %s is no longer ours", claim.lease.job, claim.lease.attempt)
            self._let_go()
        except Exception as error:
            logger.exception("job %s, attempt %s", claim.lease.job, claim.lease.attempt)
            self._let_go()
            jobs.fail(claim.lease, f"its worker could not go on: {type(error).__name__}: {error}")
        if committed is not None and committed.freed:
            self._on_freed()

    def _warm(self) -> ExecutorProcess:
        """The warm executor, or a new one."""
        if self._executor is None or not self._executor.is_alive():
            self.close()
            self._executor = ExecutorProcess(self._command)
        return self._executor

    def _let_go(self) -> None:
        self.close()  # it must not go on with a job that nobody watches
        self._owes = True

    def return_dropped(self) -> None:
        """Give back what was let go while the database was out of reach, unless the lane is at work."""
        if self._busy.acquire(blocking=False):
            try:
                self._give_back()
            finally:
                self._busy.release()

    def _give_back(self) -> None:
        """Nothing if somebody else has it by now."""
        if self._owes:
            note = "its worker could not reach the database; goes on from its checkpoint"
            jobs.give_back(self.queue, self._owner, self._device, note)
            self._owes = False

    # ------------------------------------------------------------ the end

    def hold(self, held: bool) -> None:
        """Claim nothing more, or claim again; the job at hand goes on."""
        if held:
            self._held.set()
        else:
            self._held.clear()

    def is_held(self) -> bool:
        """Whether it is to claim nothing more."""
        return self._held.is_set()

    def is_idle(self) -> bool:
        """Whether it has nothing at hand, not even a job to be given back."""
        return self.join(0.0) and not self._owes

    def stop(self) -> None:
        """Claim nothing more; the job at hand writes its checkpoint and goes back to READY."""
        self._stopping.set()

    def join(self, timeout: float) -> bool:
        """Wait for the job at hand; True if the lane is idle."""
        if self._busy.acquire(timeout=timeout):
            self._busy.release()
            return True
        return False

    def close(self) -> None:
        """End the executor."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.kill()

    def close_if_idle(self, seconds: float) -> None:
        """Free the model's memory after `seconds` without a job."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            if self._executor is not None and time.monotonic() - self._executor.last_used > seconds:
                self.close()
        finally:
            self._busy.release()
