"""One attempt at one job, from the supervisor's side: events in, guarded writes out, and how it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lab.db import jobs
from lab.db.engine import DatabaseError
from lab.db.jobs import Claim, Committed, Outcome
from lab.db.leases import Lease
from lab.db.tables import RunMetric, Score
from lab.settings import Settings
from lab.tasks.child import ExecutorProcess
from lab.tasks.messages import (
    Answer,
    Assignment,
    Checkpoint,
    Done,
    Event,
    Failed,
    Log,
    Metrics,
    Progress,
    Stopped,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")

_FLUSH_SECONDS = 0.5  # curve points and log lines are written together, this often
_ANSWER_SECONDS = 0.1  # a chat answer as it grows


class LeaseLostError(Exception):
    """The job is no longer ours: nothing more may be written for it."""


@dataclass
class _Buffer:
    """What the executor said since the last write."""

    metrics: list[RunMetric] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    answer: Answer | None = None


class Attempt:
    """Carries one claim to its end."""

    def __init__(self, claim: Claim, device: str, settings: Settings, is_stopping: Callable[[], bool]) -> None:
        self._claim = claim
        self._lease: Lease = claim.lease
        self._device = device
        self._settings = settings
        self._is_stopping = is_stopping
        self._folder = f"{claim.lease.job}/{claim.lease.attempt}"
        self._buffer = _Buffer()
        self._started = time.monotonic()
        self._first_progress: tuple[float, float] | None = None  # (seconds, progress) when work began
        self._last_heard = self._started
        self._last_beat = 0.0
        self._last_contact = self._started  # with the database
        self._last_flush = 0.0
        self._cancel = False
        self._told_to_stop: float | None = None
        self._killed_because: str | None = None
        self._committed: Committed | None = None
        self._said = 0  # log lines
        # Whether there may be checkpoints or earlier attempts that nobody reads once it has succeeded.
        self._leaves_more = self._lease.attempt > 1 or bool(settings.artifacts_url)

    def run(self, executor: ExecutorProcess) -> Committed | None:
        """Carry the attempt to its end, whatever that is; None unless the job succeeded.

        Raises:
            LeaseLostError: the job belongs to somebody else by now, or soon may: its executor has to end.
        """
        if "data" in self._claim.spec and self._claim.dataset is None:
            self.fail("its data set was never imported into this database; submit its study again", for_good=True)
            return None
        executor.run(self._assignment())
        while not self._finished(executor, executor.next_event(timeout=self._patience())):
            self._keep_alive(executor)
        executor.last_used = time.monotonic()
        if self._committed and self._leaves_more and self._claim.kind != "chat":
            executor.tidy(self._lease.job, self._lease.attempt)
        return self._committed

    def fail(self, error: str, *, for_good: bool) -> None:
        """End it with an error."""
        self._write(lambda: jobs.fail(self._lease, error, for_good=for_good))

    def _patience(self) -> float:
        return min(
            self._settings.heartbeat_seconds,
            _ANSWER_SECONDS if self._claim.kind == "chat" else _FLUSH_SECONDS,
        )

    def _assignment(self) -> Assignment:
        claim, settings = self._claim, self._settings
        return Assignment(
            job=claim.lease.job,
            attempt=claim.lease.attempt,
            kind=claim.kind,
            method=claim.method,
            spec=claim.spec,
            root=str(settings.artifacts),
            folder=self._folder,
            cache=str(settings.cache),
            device=self._device,
            dtype=settings.dtype,
            checkpoint=claim.checkpoint,
            checkpoint_seconds=settings.checkpoint_seconds,
            dataset=claim.dataset,
            parents=claim.parents,
            manifests=claim.manifests,
        )

    # ------------------------------------------------------------ events

    def _finished(self, executor: ExecutorProcess, event: Event | None) -> bool:
        """Take one event; True when the attempt is over."""
        if event is None:
            if executor.is_alive():
                return False
            self._flush()
            self._give_up(self._killed_because or executor.death())
            return True
        self._last_heard = time.monotonic()
        match event:
            case Done():
                self._flush()
                self._succeed(event)
            case Failed():
                self._flush()
                self.fail(event.error, for_good=event.for_good)
            case Stopped():
                self._flush()
                self._hand_back()
            case _:
                self._take(event)
                if isinstance(event, Checkpoint):
                    executor.confirm_checkpoint()
                return False
        return True

    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                self._buffer.values |= self._progress_values(event)
            case Metrics():
                self._buffer.metrics += [
                    RunMetric(job=self._lease.job, series=series, group=group, step=step, value=value)
                    for series, group, step, value in event.points
                    if value is not None
                ]
            case Log():
                self._buffer.logs.append(event.text)
            case Answer():
                self._buffer.answer = event
            case Checkpoint():
                self._leaves_more = True
                self._flush()
                move = jobs.fall_back if event.back else jobs.checkpoint
                self._ours(self._write(lambda: move(self._lease, event.folder, event.step)))
            case _:
                raise AssertionError(f"{type(event).__name__} ends an attempt")

    def _progress_values(self, event: Progress) -> dict[str, Any]:
        names = ("progress", "step", "total_steps", "loss", "val_loss", "note")
        values = {name: value for name in names if (value := getattr(event, name)) is not None}
        if event.progress is not None:
            values["eta_seconds"] = self._eta(event.progress)
        return values

    def _eta(self, progress: float) -> float | None:
        """Seconds left at the pace since work began (a resumed job does not begin at 0)."""
        seconds = time.monotonic() - self._started
        if self._first_progress is None:
            self._first_progress = (seconds, progress)
            return None
        began, done_before = self._first_progress
        if progress <= done_before:
            return None
        return (seconds - began) * (1 - progress) / (progress - done_before)

    # ------------------------------------------------------------ the end

    def _succeed(self, done: Done) -> None:
        scores = [
            Score(job=self._lease.job, persona_id=persona, task_type=task, metric=metric, value=value, n=n)
            for persona, task, metric, value, n in done.scores
            if value is not None
        ]
        artifact = self._folder if done.manifest else ""
        outcome = Outcome(artifact, done.manifest, done.result, scores)
        self._committed = self._write(lambda: jobs.succeed(self._lease, outcome))
        if self._committed is None:  # a cancel came just before it, or the lease is lost and this changes nothing
            self._hand_back()

    def _hand_back(self) -> None:
        """READY again or, if that is what was asked for, CANCELLED: the row knows best."""
        note = "stopped; goes on from its checkpoint"
        if not self._write(lambda: jobs.hand_back(self._lease, note)):
            self._write(lambda: jobs.cancelled(self._lease))

    def _give_up(self, why: str) -> None:
        self._record([], [why])
        if self._told_to_stop is None:
            self._write(lambda: jobs.lose(self._lease))
        else:
            self._hand_back()

    # ------------------------------------------------------------ heartbeat

    def _keep_alive(self, executor: ExecutorProcess) -> None:
        now = time.monotonic()
        if self._due(now):
            self._flush()
        if now - self._last_beat >= self._settings.heartbeat_seconds:
            self._last_beat = now
            self._beat({})
        if (self._cancel or self._is_stopping()) and self._told_to_stop is None:
            self._told_to_stop = now
            executor.stop_job()
        self._end_if_stuck(executor, now)

    def _due(self, now: float) -> bool:
        pause = _ANSWER_SECONDS if self._buffer.answer is not None else _FLUSH_SECONDS
        return now - self._last_flush >= pause

    def _end_if_stuck(self, executor: ExecutorProcess, now: float) -> None:
        grace, patience = self._settings.grace_seconds, self._settings.hang_seconds
        if self._told_to_stop is not None and now - self._told_to_stop > grace:
            self._killed_because = f"it did not stop within {grace:g} s; its executor was ended"
        elif now - self._last_heard > patience:
            self._killed_because = f"it reported nothing for {patience:g} s; its executor was ended"
        else:
            return
        executor.kill()  # the next look at its events finds it dead

    def _flush(self) -> None:
        buffer, self._buffer = self._buffer, _Buffer()
        self._last_flush = time.monotonic()
        if buffer.metrics or buffer.logs:
            self._ours(self._record(buffer.metrics, buffer.logs))
        answer = buffer.answer
        if answer is not None:
            self._ours(self._write(lambda: jobs.reply(self._lease, answer.text, answer.info)))
        if buffer.values:
            self._beat(buffer.values)

    def _record(self, metrics: list[RunMetric], logs: list[str]) -> bool:
        held = self._write(lambda: jobs.record(self._lease, metrics, logs, self._said))
        self._said += len(logs)
        return held

    def _beat(self, values: dict[str, Any]) -> None:
        pulse = self._write(lambda: jobs.beat(self._lease, values))
        self._ours(pulse.held)
        self._cancel = self._cancel or pulse.cancel

    def _ours(self, held: bool) -> None:
        if not held:
            raise LeaseLostError

    def _write(self, statement: Callable[[], T]) -> T:
        """Run a fenced write, again and again while the database is out of reach.

        Out of reach for half a lease, the job is given up before another worker may take it.
        """
        while True:
            try:
                result = statement()
            except DatabaseError as error:
                silent = time.monotonic() - self._last_contact
                logger.warning("silent for %.0f s: %s", silent, error)
                if silent > self._settings.lease_seconds / 2:
                    raise LeaseLostError from error
                time.sleep(_FLUSH_SECONDS)
            else:
                self._last_contact = time.monotonic()
                return result
