"""What keys do to the jobs that are marked, or to the one under the cursor."""

from __future__ import annotations

import asyncio
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from lab.errors import LabError
from lab.tui.screens.curves import CurveScreen, View

if TYPE_CHECKING:
    from lab.db.queries import JobRow

_TOLD_SECONDS = 0.25
_REFUSED_SECONDS = 2.0  # to read it in
_DOING = {"cancel": "cancelling", "retry": "trying again", "prioritise": "changing priorities"}
_BROKEN = ("FAILED", "DEAD", "CANCELLED", "SKIPPED")


class JobActs(CurveScreen[View]):
    """Cancel, retry, priority: one job at once, many after one question."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *CurveScreen.BINDINGS,
        Binding("c", "cancel", "cancel", id="jobs.cancel"),
        Binding("r", "retry", "retry", id="jobs.retry"),
        Binding("p", "priority", "priority", id="jobs.priority"),
        Binding("plus,equals_sign", "shift(1)", "priority up", show=False, id="jobs.raise"),
        Binding("minus", "shift(-1)", "priority down", show=False, id="jobs.lower"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._under_way = ""  # what is being done to many jobs
        self._refused_at = -math.inf  # when something else was asked for meanwhile

    @property
    @abstractmethod
    def marked(self) -> Sequence[JobRow]:
        """The jobs that are marked."""

    @property
    @abstractmethod
    def present(self) -> JobRow | None:
        """The job under the cursor."""

    @abstractmethod
    def done(self, *, unmark: bool) -> None:
        """Something was done to jobs: read them anew."""

    # ------------------------------------------------------------ keys

    def action_cancel(self) -> None:
        """Cancel; what runs only after a question."""
        if marked := self.marked:
            running = sum(job.state == "RUNNING" for job in marked)
            self._ask("cancel", marked, "Cancel", f"{running:,} running" if running else "", "y cancel them")
        elif (job := self.present) is not None and job.state == "RUNNING":
            self.bar.ask(
                f"Cancel job {job.id} {job.kind} {job.title}, {job.progress:.0%} done?",
                {"y": partial(self._do, "cancel", job)},
                "y cancel it · any other key: go on",
            )
        elif job is not None:
            self._do("cancel", job)

    def action_retry(self) -> None:
        """Try broken jobs again."""
        if marked := self.marked:
            whole = sum(job.state not in _BROKEN for job in marked)
            self._ask("retry", marked, "Try", f"{whole:,} not broken" if whole else "", "y try them again")
        elif self.present is not None:
            self._do("retry", self.present)

    def action_priority(self) -> None:
        """Say how to raise and lower."""
        marked, job = self.marked, self.present
        keys = (("plus", 1), ("equals_sign", 1), ("minus", -1))
        if marked:
            all_of_them: dict[str, Callable[[], object]] = {
                key: partial(self._do_all, "prioritise", marked, by) for key, by in keys
            }
            self.bar.ask(f"Priority of {len(marked):,} marked jobs", all_of_them, "+ raise · − lower")
        elif job is not None:
            shifts = {key: partial(self._do, "prioritise", job, by) for key, by in keys}
            self.bar.ask(f"Priority of job {job.id} is {job.priority:+}", shifts, "+ raise · − lower")

    def action_shift(self, by: int) -> None:
        """Raise or lower the priority."""
        if marked := self.marked:
            verb = "Raise" if by > 0 else "Lower"
            self._ask("prioritise", marked, f"{verb} the priority of", "", "y do", by)
        elif self.present is not None:
            self._do("prioritise", self.present, by)

    # ------------------------------------------------------------ doing it

    def _ask(self, what: str, jobs: Sequence[JobRow], verb: str, besides: str, yes: str, *arguments: int) -> None:
        count = "the marked job" if len(jobs) == 1 else f"{len(jobs):,} marked jobs"
        over = sum(job.state in (*_BROKEN, "SUCCEEDED") for job in jobs) if what == "cancel" else 0
        more = [besides, f"{over:,} ended" if over else ""]
        said = ", ".join([f"{verb} {count}", *(one for one in more if one)])
        self.bar.ask(f"{said}?", {"y": partial(self._do_all, what, jobs, *arguments)}, f"{yes} · any other key: leave")

    def _do(self, what: str, job: JobRow, *arguments: int) -> None:
        def action() -> str:
            from lab.tui import acts

            said: str = getattr(acts, what)(job, *arguments)
            self.done(unmark=False)
            return said

        self.act(action)

    @work
    async def _do_all(self, what: str, jobs: Sequence[JobRow], *arguments: int) -> None:
        """Do it in a thread, saying how far it is, then what came of it."""
        if self._under_way:
            self._refused_at = time.monotonic()
            self.bar.say(f"still {self._under_way}: one thing after another", "warn")
            return
        from lab.tui import acts

        self._under_way = _DOING[what]
        progress = acts.Progress(len(jobs))
        doing = asyncio.create_task(asyncio.to_thread(getattr(acts, f"{what}_all"), jobs, progress, *arguments))
        try:
            while not (await asyncio.wait({doing}, timeout=_TOLD_SECONDS))[0] or self.bar.asking:
                if not self.bar.asking and time.monotonic() > self._refused_at + _REFUSED_SECONDS:
                    self.bar.say(f"{self._under_way}: {progress.done:,} of {progress.total:,}")
            self.bar.say(doing.result())
        except Exception as error:
            said = f" ({progress.done:,} of {progress.total:,} done)"
            self.bar.say(str(LabError.of(error)) + said, "bad")
        finally:
            self._under_way = ""
            if self.alive:  # the user has not left meanwhile
                self.done(unmark=what != "prioritise")
                self.lab.poke()
