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
from textual.events import DescendantBlur, DescendantFocus
from textual.widgets import Input

from lab.errors import LabError
from lab.safe import one_line
from lab.tui.conversation import Conversation, Exchange
from lab.tui.format import context_words
from lab.tui.screens.base import LabScreen
from lab.tui.screens.choices import pick_method, pick_person
from lab.tui.screens.context import ContextScreen
from lab.tui.screens.help import HelpScreen
from lab.tui.text import Line, fit_line, wrap_spans
from lab.tui.widgets.header import Header
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.prompt import Prompt
from lab.tui.widgets.transcript import Said, Transcript

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
        Binding("escape", "stop", "stop", key_display="esc", id="chat.stop"),
        Binding("escape", "leave", "commands: 1…7 ? p m c e n s", key_display="esc", id="chat.leave"),
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
        self._rounds = 0
        self._kept: dict[tuple[str, str, str], Conversation] = {}  # study, persona, method

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """Who, what was said, the line to write in."""
        yield Lines(id="who", classes="rule")
        yield Lines(id="empty")
        yield Transcript()
        yield Prompt(placeholder="say something", id="words")

    def on_mount(self) -> None:
        """Ready to write."""
        self.prompt.focus()

    @on(DescendantFocus)
    @on(DescendantBlur)
    def keys_go_elsewhere(self) -> None:
        """Other keys work now."""
        self.refresh_bindings()
        self.query_one(Header).tell_typing(self.prompt.has_focus)

    @property
    def prompt(self) -> Prompt:
        """The line to write in."""
        return self.query_one(Prompt)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc stops what is being written; if nothing is, it leaves the line."""
        del parameters
        if action not in ("stop", "leave") or not self.is_mounted:
            return True
        writing = bool(self._writing())
        return writing if action == "stop" else self.prompt.has_focus and not writing

    def want(self) -> Callable[[], ChatView]:
        """Who there is to chat with."""
        return partial(_read, self.lab.status.study if self.lab.status else None)

    def turn_to(self, study: str) -> None:
        """Nobody of the study before, until this one is read."""
        self._study, self._view, self._person, self._methods = study, None, None, []
        self.draw()

    def tell(self, view: ChatView) -> None:
        """Show what was read; choose what was not chosen yet."""
        if self._view is not None and view == self._view:
            return
        self._view = view
        self._choose(view)
        ready = bool(self._methods and self._person)
        self.query_one(Transcript).display = ready
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
        if self._person is None and view.people:
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
        self.query_one(Transcript).tell([self._conversation(method) for method in self._methods], abouts)

    def _who(self) -> Line:
        if self._view is None:
            return ((f" reading {one_line(self._study)}…", "dim"),)
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
        if words.startswith("/") and words[1:].isalpha():
            self._command(words)
            return
        if not words or study is None or self._person is None:
            return
        conversations = [self._conversation(method) for method in self._methods]
        if any(conversation.writing for conversation in conversations):
            self.bar.say("an answer is still being written; esc stops it")
            return
        self.prompt.keep(words)
        self._rounds += 1
        for conversation in conversations:
            conversation.exchanges.append(Exchange(words, self._rounds))
        self.ask(study, conversations, self._person.persona_id, dict(self._situation))
        self.draw()
        self.query_one(Transcript).said.scroll_to_end()

    def _command(self, words: str) -> None:
        """Commands are keys here; whoever looks for them as words is shown them."""
        self.prompt.value = ""
        if words.lower() != "/help":
            self.bar.say(f"{words} is no command here; /help shows the keys")
            return
        self.action_leave()
        self.app.push_screen(HelpScreen(), lambda _: self.action_write())

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
            except Exception as error:
                exchange.fail(str(LabError.of(error)))
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
        except Exception as error:
            exchange.fail(str(LabError.of(error)))
        self.draw()

    def action_stop(self) -> None:
        """Stop what is being written."""
        self.act(partial(_stop, [one.job for one in self._writing() if one.job is not None]))

    def action_leave(self) -> None:
        """Leave the line, so that letters are commands."""
        self.query_one(Said).focus()

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

    @work(exclusive=True, group="choose")
    async def action_persona(self) -> None:
        """Choose who to be."""
        if self._view is None or not self._view.people:
            return
        chosen = await pick_person(self.app, self._view.people, self._person)
        if chosen is not None:
            self._meet(chosen)
            self.draw()

    @work(exclusive=True, group="choose")
    async def action_method(self) -> None:
        """Choose the method of the first column."""
        if self._view is None or not self._view.ready:
            return
        chosen = await pick_method(self.app, "method", self._view.ready, self._methods[0])
        if chosen is not None:
            others = [method for method in self._methods[1:] if method != chosen.method]
            self._methods = [chosen.method, *others]
            self.draw()

    @work(exclusive=True, group="choose")
    async def action_compare(self) -> None:
        """Choose the method of a second column; the first one's means: no second column."""
        if self._view is None or not self._view.ready:
            return
        first, *beside = self._methods
        others = [one.method for one in self._view.ready if one.method != first]
        if not others:
            self.bar.say(f"{first} is the only method that is ready")
            return
        title = f"beside {first} ({first} itself: one column)"
        chosen = await pick_method(self.app, title, self._view.ready, (beside or others)[0])
        if chosen is not None:
            self._methods = list(dict.fromkeys((first, chosen.method)))
            self.bar.say(f"{first} beside {chosen.method}" if chosen.method != first else f"{first} alone")
            self.draw()

    @work(exclusive=True, group="choose")
    async def action_context(self) -> None:
        """Edit the context of what is said next."""
        changed = await self.app.push_screen_wait(ContextScreen(self._situation))
        if changed is not None:
            self._situation = dict(changed)
            self.draw()


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
        ("   2", "accent"),
        (" Jobs shows how far they are", "dim"),
    )
