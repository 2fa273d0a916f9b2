"""New study: a study file as a form or as text, checked and planned while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, TextArea

from lab.errors import LabError
from lab.settings import load_settings
from lab.tui import draft
from lab.tui.format import counted
from lab.tui.screens.draft import DraftScreen
from lab.tui.screens.to_jobs import go_to_jobs
from lab.tui.text import Line, fit_line, wrap_spans
from lab.tui.widgets.field import Field
from lab.tui.widgets.header import Header
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.study_form import HINTS, StudyForm, entries
from lab.tui.widgets.study_plan import file_lines, plan_lines, said_of, total_line
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.tui.feeds.new_study import NewStudyView
    from lab.tui.feeds.status import Status

_BESIDE = 112  # cells; in fewer, plan and file are not shown beside the form
_WORKER_COMES: Line = ((" no worker is alive: starting this study starts one on this machine", "dim"),)
_FORM_ONLY = ("mark", "sweep", "text", "start", "save", "undo")


class NewStudyScreen(DraftScreen):
    """Makes a study: from nothing, on a data set, or from another study's file."""

    TAB = "overview"
    CSS_PATH = "new_study.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", key_display="esc", id="new_study.leave"),
        Binding("space", "mark", "pick", id="new_study.mark"),
        Binding("r", "start", "run it", id="new_study.start"),
        Binding("e", "text", "edit as text", id="new_study.text"),
        Binding("v", "sweep", "several values", id="new_study.sweep"),
        Binding("w", "save", "write file", id="new_study.save"),
        Binding("u", "undo", "undo", id="new_study.undo"),
    ]

    def __init__(self, toml: str = "", *, dataset: str = "") -> None:
        super().__init__(toml)
        self._dataset = dataset  # that a fresh study is on; "": on the newest
        self._kept = toml  # the text that leaving loses nothing of
        self._own: Path | None = None  # the file that it was written to
        self._starting = False

    def body(self) -> ComposeResult:
        """The form, or its text; beside it the plan and the file; below it what is wrong and what it costs."""
        yield Lines(id="title", classes="rule")
        with Horizontal(id="halves"):
            with Vertical(id="left"):
                yield StudyForm()
                yield Field(id="line", select_on_focus=False)
                yield TextArea(id="text", show_line_numbers=True)
            with Vertical(id="right"):
                yield Lines(id="plan-title", classes="rule")
                yield Lines(id="plan")
                yield Lines(id="file-title", classes="rule")
                yield Lines(id="file")
        yield Lines(id="said")
        yield Lines(id="total", classes="rule")

    def on_mount(self) -> None:
        """Keys go to the form."""
        self.query_one("#text", TextArea).cursor_blink = False
        self.form.focus()

    def on_resize(self) -> None:
        """Plan and file stand beside the form where there is room."""
        self.query_one("#right").display = self.size.width >= _BESIDE

    # ------------------------------------------------------------ reading

    def want(self) -> Callable[[], NewStudyView]:
        """The text checked and planned."""
        return partial(self._read, self.text)

    def _read(self, text: str) -> NewStudyView:
        from lab.tui.feeds import new_study

        if self.feed is None:
            self.feed = new_study.NewStudyFeed()
        return self.feed.read(text or new_study.fresh_study(self._dataset))

    def tell(self, view: NewStudyView) -> None:
        """Show what was found about the text."""
        if not self.text:
            self.text = self._kept = view.text
            self.given_name = str(draft.content(view.text).get("name", ""))
        self.view = view
        self.draw()

    def tell_status(self, status: Status) -> None:
        """Where no worker is alive, starting brings one up; only a lab with a queue elsewhere waits for its own."""
        super().tell_status(status)
        if not status.workers and status.paused is None and not load_settings().redis_url:
            self._warn(_WORKER_COMES)

    def draw(self) -> None:
        """Show the text as it is now, with what is known about it."""
        view, text = self.view, self.text
        if view is None:
            return
        rows = entries(text, view)
        if rows != self.form.rows:
            self.form.fill(rows)
        title = (("new study", "strong"), ("  as text: esc goes back to the form" if self._as_text else "", "dim"))
        self.query_one("#title", Lines).show(lambda cells: [fit_line(((" ", ""), *title), cells)])
        self.query_one("#plan-title", Lines).show(lambda cells: [fit_line(((" plan", "strong"),), cells)])
        self.query_one("#plan", Lines).show(lambda cells: plan_lines(text, view, cells))
        path = str(view.path)
        self.query_one("#file-title", Lines).show(lambda cells: [fit_line(((f" {path}", "strong"),), cells)])
        self.query_one("#file", Lines).show(lambda cells: file_lines(text, cells))
        self.query_one("#total", Lines).show(lambda cells: [fit_line(total_line(text, view), cells)])
        self._say()

    @on(Table.Moved, "#form")
    def _say(self) -> None:
        """What is wrong, or what there is to know about the row under the cursor."""
        view = self.view
        wrong = view.fault.said if view and view.text == self.text and view.fault else ""
        known = () if self._as_text else said_of(self.form.row, HINTS)
        lines = [*([(wrong, "bad")] if wrong else []), *([("\n", "")] if wrong and known else []), *known]
        self.query_one("#said", Lines).show(lambda cells: wrap_spans(lines, cells))

    # ------------------------------------------------------------ as text

    @property
    def _as_text(self) -> bool:
        return bool(self.query_one("#text", TextArea).display)

    def action_text(self) -> None:
        """Edit the study file itself."""
        area = self.query_one("#text", TextArea)
        self.before.append(self.text)
        area.load_text(self.text)
        area.display, self.form.display = True, False
        area.focus()
        self.draw()

    @on(TextArea.Changed, "#text")
    def take_text(self, event: TextArea.Changed) -> None:
        """Check while it is typed."""
        if self._as_text and event.text_area.text != self.text:
            self.text = event.text_area.text
            self.draw()
            self.lab.poke()

    def _leave_text(self) -> None:
        if not draft.content(self.text):
            self.bar.ask(
                "This is no TOML yet.", {"d": self._drop_text}, "d drop these changes · any other key: mend it"
            )
            return
        self._show_form()

    def _drop_text(self) -> None:
        self.text = self.before.pop()
        self._show_form()

    def _show_form(self) -> None:
        self.query_one("#text", TextArea).display = False
        self.form.display = True
        self.form.focus()
        self.draw()
        self.lab.poke()

    # ------------------------------------------------------------ keeping, starting, leaving

    def action_save(self) -> None:
        """Write the study file; another file of that name only after a question."""
        self._unless_other(self._save, "overwrite it")

    def _save(self) -> None:
        from lab.tui.feeds import new_study

        try:
            path = new_study.save(self.text)
        except LabError as error:
            self.bar.say(str(error), "bad")
            return
        self._kept, self._own = self.text, path
        self.bar.say(f"written to {path}; `lab run {path}` runs it")

    def _unless_other(self, act: Callable[[], None], what: str) -> None:
        from lab.tui.feeds import new_study

        path = new_study.path_of(self.text)
        if path == self._own or not new_study.is_other(self.text):
            act()
            return
        self.bar.ask(f"{path} is there and says something else.", {"y": act}, f"y {what} · any other key: go on")

    def action_start(self) -> None:
        """Queue the study, once it is planned."""
        view = self.view
        if view is None or view.text != self.text or (view.fault is None and view.costs is None):
            self.bar.say("the plan is still being made: a moment")
        elif view.fault is not None:
            self.bar.say(view.fault.said, "bad")
            self._go_to(view.fault.field)
        elif str(draft.content(self.text).get("name")) in view.options.studies:
            name = draft.content(self.text)["name"]
            answer = {"y": self._start}
            self.bar.ask(f"Study {name} is there.", answer, "y change it to this one · any other key: go on")
        else:
            self._unless_other(self._start, "overwrite it and start")

    def _go_to(self, field: str) -> None:
        kind, _, name = field.partition(".")
        for place, entry in enumerate(self.form.rows):
            at_fault = bool(entry.fault) if kind == "methods" and not name else entry.key == (name or kind)
            if at_fault:
                self.form.action_move(place - self.form.cursor)
                return

    def _start(self) -> None:
        if not self._starting:
            self._starting = True
            self.bar.say("starting …")
            self.app.run_worker(self.start(), group="start")  # of the app: this screen closes in the midst of it

    async def start(self) -> None:
        """Save, queue, and go where the jobs are."""
        try:
            name, jobs, path = await asyncio.to_thread(_start, self.text)
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
            return
        finally:
            self._starting = False
        self._kept = self.text
        self.lab.study = name
        if not self.in_sight:
            return
        await self.app.pop_screen()
        self.lab.feeds.jobs.hurry()
        if (screen := await go_to_jobs(self.lab, name)) is not None:
            screen.bar.say(f"{name} is started: {counted(jobs, 'job')}; its file is {path}")

    def action_leave(self) -> None:
        """Back: out of the line, out of the text, or out of the study, after a question if something would be lost."""
        if self.query_one("#line", Input).has_focus:
            self.close_line()
        elif self._as_text:
            self._leave_text()
        elif self.text == self._kept:
            self.dismiss()
        else:
            answers: dict[str, Callable[[], Any]] = {"y": self.dismiss, "w": self._save_and_leave}
            self.bar.ask("Leave this study?", answers, "w write its file and leave · y leave · any other key: go on")

    def _save_and_leave(self) -> None:
        self._save()
        if self._kept == self.text:
            self.dismiss()

    # ------------------------------------------------------------ keys of the moment

    @property
    def _typing(self) -> bool:
        return isinstance(self.focused, Input | TextArea)

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def tell_typing(self) -> None:
        """While the keys are letters, the bar names no letters."""
        self.query_one(Header).tell_typing(self._typing)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The form's keys are letters while something is typed."""
        del parameters
        return not (action in _FORM_ONLY and self.is_mounted and self._typing)


def _start(text: str) -> tuple[str, int, Any]:
    from lab.tui.feeds import new_study

    return new_study.start(text)
