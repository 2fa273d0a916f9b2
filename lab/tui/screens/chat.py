"""Chat: a persona, one or two methods side by side, answers as they are written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from lab.errors import LabError
from lab.tui.conversation import Conversation, Exchange
from lab.tui.format import context_words
from lab.tui.screens.base import LabScreen
from lab.tui.screens.choices import pick_method, pick_person
from lab.tui.screens.context import ContextScreen
from lab.tui.text import Line, fit_line, one_line, wrap_spans
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.prompt import Prompt
from lab.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from lab.db.queries import StudyRow
    from lab.report.people import Person
    from lab.tui.feeds.chat import ChatView

_LOOK_SECONDS = 0.1
_SLOW_LOOK_SECONDS = 0.5
_TWO_COLUMNS = 100  # cells; in fewer, one method is shown at first


class ChatScreen(LabScreen["ChatView"]):
    """The same words to one or two methods; each column keeps its own conversation."""

    TAB = "chat"
    CSS_PATH = "chat.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "stop · commands", key_display="esc", id="chat.stop"),
        Binding("i,enter", "write", "write", id="chat.write"),
        Binding("p", "persona", "persona", id="chat.persona"),
        Binding("m", "method", "method", id="chat.method"),
        Binding("c", "compare", "compare", id="chat.compare"),
        Binding("e", "context", "context", id="chat.context"),
        Binding("n", "fresh", "new", id="chat.new"),
        Binding("s", "study", "study", id="study"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._view: ChatView | None = None
        self._study = ""
        self._person: Person | None = None
        self._situation: dict[str, Any] = {}
        self._methods: list[str] = []  # one for each column
        self._kept: dict[tuple[str, str, str], Conversation] = {}  # study, persona, method

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """Who, the columns, the line to write in."""
        yield Lines(id="who", classes="rule")
        yield Lines(id="empty")
        with Horizontal(id="columns"):
            yield Transcript(id="left")
            yield Transcript(id="right")
        yield Prompt(placeholder="say something", id="words")

    def on_mount(self) -> None:
        """Ready to write."""
        self.prompt.focus()

    def on_descendant_focus(self) -> None:
        """Other keys work now."""
        self.refresh_bindings()

    @property
    def prompt(self) -> Prompt:
        """The line to write in."""
        return self.query_one(Prompt)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc is for what there is to stop or to leave."""
        del parameters
        return action != "stop" or not self.is_mounted or self.prompt.has_focus or bool(self._writing())

    def want(self) -> Callable[[], ChatView]:
        """Who there is to chat with."""
        return partial(_read, self.lab.status.study if self.lab.status else None)

    def tell(self, view: ChatView) -> None:
        """Show what was read; choose what was not chosen yet."""
        if self._view is not None and view == self._view:
            return
        self._view = view
        self._choose(view)
        ready = bool(self._methods and self._person)
        self.query_one("#columns").display = ready
        self.prompt.display = ready
        empty = self.query_one("#empty", Lines)
        empty.display = not ready
        empty.show(lambda cells: [(), *wrap_spans(_nothing(view), cells - 2)])
        self.draw()

    def _choose(self, view: ChatView) -> None:
        """Keep what is still there; otherwise unified beside the last method, and the first persona."""
        name = view.study.name if view.study else ""
        ready = [one.method for one in view.ready]
        self._methods = [method for method in self._methods if method in ready] if name == self._study else []
        if not self._methods and ready:
            beside = ["unified"] if "unified" in ready[:-1] and self.size.width >= _TWO_COLUMNS else []
            self._methods = [*beside, ready[-1]]
        if (name != self._study or self._person is None) and view.people:
            self._meet(view.people[0])
        self._study = name

    def _meet(self, person: Person) -> None:
        self._person, self._situation = person, dict(person.context)

    def draw(self) -> None:
        """Everything as it is now."""
        if not self.alive:
            return
        self.refresh_bindings()
        self.query_one("#who", Lines).show(lambda cells: [fit_line(self._who(), cells)])
        abouts = {one.method: one.about for one in self._view.ready} if self._view else {}
        for place, column in enumerate(self.query(Transcript)):
            column.display = place < len(self._methods)
            if column.display:
                method = self._methods[place]
                column.tell(self._conversation(method), abouts.get(method, ""))

    def _who(self) -> Line:
        if self._person is None:
            return ((" chat", "strong"),)
        name = self._person.name or self._person.persona_id
        situation = context_words(self._situation)
        return (
            (f" {one_line(name)}", "accent"),
            (f"  {situation}" if situation else "", "second"),
            (f"  {one_line(self._person.description)}", "dim"),
        )

    def _conversation(self, method: str) -> Conversation:
        person = self._person.persona_id if self._person else ""
        return self._kept.setdefault((self._study, person, method), Conversation(method))

    # ------------------------------------------------------------ asking

    @on(Input.Submitted, "#words")
    def send(self, event: Input.Submitted) -> None:
        """Ask every column the same."""
        words = event.value.strip()
        study = self._view.study if self._view else None
        if not words or study is None or self._person is None:
            return
        conversations = [self._conversation(method) for method in self._methods]
        if any(conversation.writing for conversation in conversations):
            self.bar.say("an answer is still being written; esc stops it")
            return
        self.prompt.keep(words)
        for conversation in conversations:
            conversation.exchanges.append(Exchange(words))
        self.ask(study, conversations, self._person.persona_id, dict(self._situation))
        self.draw()
        for column in self.query(Transcript):
            column.said.scroll_to_end()

    @work
    async def ask(
        self, study: StudyRow, conversations: list[Conversation], persona: str, context: dict[str, object]
    ) -> None:
        """Put the question to each, from left to right: so they are answered."""
        for conversation in conversations:
            exchange = conversation.exchanges[-1]
            method, messages = conversation.method, conversation.messages()
            try:
                exchange.job = await asyncio.to_thread(_ask, study, method, persona, messages, context)
            except LabError as error:
                exchange.fail(str(error))
                self.draw()
            else:
                self.follow(exchange)

    @work
    async def follow(self, exchange: Exchange) -> None:
        """Show the answer as it grows."""
        began = time.monotonic()
        look = _SLOW_LOOK_SECONDS if self.lab.low_bandwidth else _LOOK_SECONDS
        try:
            while not exchange.ended:
                await asyncio.to_thread(_look, exchange)
                exchange.waited = 0 if exchange.text else int(time.monotonic() - began)
                self.draw()
                await asyncio.sleep(look)
        except LabError as error:
            exchange.fail(str(error))
        self.draw()

    def action_stop(self) -> None:
        """Stop what is being written; nothing is: leave the line, so that letters are commands."""
        if writing := self._writing():
            self.act(partial(_stop, [one.job for one in writing if one.job is not None]))
        elif self.prompt.has_focus:
            self.query_one("#left", Transcript).said.focus()

    def _writing(self) -> list[Exchange]:
        return [one for method in self._methods for one in self._conversation(method).writing]

    # ------------------------------------------------------------ choosing

    def action_write(self) -> None:
        """Back to the line."""
        self.prompt.focus()

    def action_fresh(self) -> None:
        """Begin anew in every column."""
        for method in self._methods:
            self._kept[self._study, self._person.persona_id if self._person else "", method] = Conversation(method)
        self.draw()
        self.prompt.focus()

    @work(exclusive=True, group="choose")
    async def action_persona(self) -> None:
        """Choose who to be."""
        if self._view is None or not self._view.people:
            return
        chosen = await pick_person(self.app, self._view.people, self._person)
        if chosen is not None:
            self._meet(chosen)
            self.draw()
            self.prompt.focus()

    @work(exclusive=True, group="choose")
    async def action_method(self) -> None:
        """Choose the method of the first column."""
        if self._view is None or not self._view.ready:
            return
        chosen = await pick_method(self.app, "method", self._view.ready, self._methods[0])
        if chosen is not None:
            others = [method for method in self._methods[1:] if method != chosen.method]
            self._methods = [chosen.method, *others]
            self._after_choice()

    @work(exclusive=True, group="choose")
    async def action_compare(self) -> None:
        """Choose the method of a second column; the first one's means: no second column."""
        if self._view is None or not self._view.ready:
            return
        title = f"beside {self._methods[0]} (itself: one column)"
        chosen = await pick_method(self.app, title, self._view.ready, self._methods[-1])
        if chosen is not None:
            self._methods = list(dict.fromkeys((self._methods[0], chosen.method)))
            self._after_choice()

    def _after_choice(self) -> None:
        self.draw()
        self.prompt.focus()

    @work(exclusive=True, group="choose")
    async def action_context(self) -> None:
        """Edit the context of what is said next."""
        changed = await self.app.push_screen_wait(ContextScreen(self._situation))
        if changed is not None:
            self._situation = dict(changed)
            self._after_choice()


def _read(study: StudyRow | None) -> ChatView:
    from lab.tui.feeds import chat

    return chat.read(study)


def _ask(study: StudyRow, method: str, persona: str, messages: list[dict[str, str]], context: dict[str, Any]) -> int:
    from lab.tui.feeds import chat

    return chat.ask(study, method, persona, messages, context)


def _look(exchange: Exchange) -> None:
    from lab.tui.feeds import chat

    assert exchange.job is not None
    reply = chat.answer(exchange.job)
    exchange.state, exchange.text, exchange.info = reply.state, reply.text, reply.info
    exchange.error = reply.error or ""


def _stop(jobs: list[int]) -> str:
    from lab.tui.feeds import chat

    return chat.stop(jobs)


def _nothing(view: ChatView) -> Line:
    """What to do next where there is nobody to talk to."""
    if view.study is None:
        return (
            (" no study yet. Start one from a shell:\n\n", ""),
            ("   lab run --data FOLDER --methods base,unified,persona\n", "accent"),
            ("   make demo", "accent"),
            ("     a small study on generated data, in minutes", "dim"),
        )
    done = sum(count for state, count in view.study.counts.items() if state == "SUCCEEDED")
    return (
        (f" no method is trained yet: {done} of {view.study.n_jobs} jobs are done.", ""),
        ("   1", "accent"),
        (" Jobs shows how far they are", "dim"),
    )
