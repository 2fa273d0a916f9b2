"""What the screens with a job's curve share: whose curve it is, and what else can be made of the job."""

from __future__ import annotations

import asyncio
from typing import ClassVar, TypeVar

from textual import work
from textual.binding import Binding, BindingType

from lab.errors import LabError
from lab.tui.screens.base import LabScreen
from lab.tui.screens.clone import open_clone

View = TypeVar("View")


class CurveScreen(LabScreen[View]):
    """Goes through the curves of a job: the mean over its groups, then each group's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "clone", "clone", id="jobs.clone"),
        Binding("z", "chart", "large curve", id="jobs.chart"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.group = ""  # whose curve is shown; "": the mean over groups
        self._groups: list[str] = []

    @property
    def shown_job(self) -> int | None:
        """Whose curves they are."""
        raise NotImplementedError

    def forget_groups(self) -> None:
        """Another job is shown."""
        self._groups, self.group = [], ""

    @work(exclusive=True, group="groups")
    async def action_group(self, by: int) -> None:
        """The curve of the next group; after the last, the mean over groups again."""
        job = self.shown_job
        if job is None:
            return
        if not self._groups:
            try:
                self._groups = await asyncio.to_thread(_curve_groups, job)
            except Exception as error:
                self.bar.say(str(LabError.of(error)), "bad")
        choices = ["", *self._groups]
        self.group = choices[(choices.index(self.group) + by) % len(choices)]
        if not self._groups:
            self.bar.say("this job has one curve only")
        self.lab.poke()

    def action_chart(self) -> None:
        """The curves alone, to look at closely and to lay over others."""
        from lab.tui.screens.chart import ChartScreen

        if self.shown_job is not None:
            self.app.push_screen(ChartScreen(self.shown_job, self.group))

    def action_clone(self) -> None:
        """A new study of the job's method, its settings written out so as to be changed."""
        if self.shown_job is not None:
            open_clone(self, self.shown_job)


def _curve_groups(job: int) -> list[str]:
    from lab.tui import acts

    return acts.curve_groups(job)
