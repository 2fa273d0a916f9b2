"""What the parts of the Chat screen share: who talks with whom, in which situation, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.safe import one_line
from lab.tui.chat.conversation import Conversation, Replay
from lab.tui.format import context_words
from lab.tui.screens.base import LabScreen
from lab.tui.text import Line, fit_line, wrap_spans
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.prompt import Prompt
from lab.tui.widgets.transcript import Said, Shown, Transcript, columns_in

if TYPE_CHECKING:
    from lab.report.people import Person
    from lab.tui.feeds.chat import ChatFeed, ChatView

MOST_METHODS = 3


class ChatPart(LabScreen["ChatView"]):
    """One persona, one to three methods side by side; each persona keeps its own conversation."""

    TAB = "chat"

    def __init__(self) -> None:
        super().__init__()
        self.view: ChatView | None = None
        self.study_name = ""
        self.person: Person | None = None
        self.situation: dict[str, Any] = {}
        self.methods: list[str] = []  # from left to right
        self.replay: Replay | None = None
        self.blind = False
        self.details = False
        self.turned = 0  # the column that is in sight where not all of them fit
        self.editing = False  # what is sent next takes the place of the last question
        self.begun: dict[tuple[str, str, str], Conversation] = {}  # study, persona, replayed dialogue
        self.bases: dict[str, str] = {}  # of the studies that were shown
        self._feed: ChatFeed | None = None

    # ------------------------------------------------------------ what there is

    @property
    def prompt(self) -> Prompt:
        """The line to write in."""
        return self.query_one(Prompt)

    @property
    def transcript(self) -> Transcript:
        """What was said."""
        return self.query_one(Transcript)

    @property
    def conversation(self) -> Conversation:
        """The one in sight."""
        persona = self.person.persona_id if self.person else ""
        key = (self.study_name, persona, self.replay.dialogue_id if self.replay else "")
        return self.begun.setdefault(key, Conversation(self.study_name, persona, replay=self.replay))

    def keep(self, conversation: Conversation) -> None:
        """Put this one in the place of the persona's own, or of that of its replayed dialogue."""
        dialogue = conversation.replay.dialogue_id if conversation.replay else ""
        place = (conversation.study, conversation.persona, dialogue)
        if place in self.begun:
            self.let_go(self.begun[place])
        self.begun[place] = conversation

    def let_go(self, conversation: Conversation) -> None:
        """Another takes its place."""

    def want(self) -> Callable[[], ChatView]:
        """Who there is to chat with."""
        study = self.lab.status.study if self.lab.status else None

        def read() -> ChatView:
            if self._feed is None:
                from lab.tui.feeds.chat import ChatFeed

                self._feed = ChatFeed()
            return self._feed.read(study)

        return read

    def turn_to(self, study: str) -> None:
        """Nobody of the study before, until this one is read."""
        self.study_name, self.view, self.person, self.methods = study, None, None, []
        self.replay, self.editing = None, False
        self.draw()

    def tell(self, view: ChatView) -> None:
        """Show what was read; choose what was not chosen yet."""
        if self.view is not None and view == self.view:
            return
        self.view = view
        if view.study is not None:
            self.bases[view.study.name] = view.study.base
        self._choose(view)
        ready = bool(self.methods and self.person)
        self.transcript.display = ready
        self.prompt.display = ready
        empty = self.query_one("#empty", Lines)
        empty.display = not ready
        empty.show(lambda cells: [(), *wrap_spans(_nothing(view), cells - 2)])
        self.draw()

    def _choose(self, view: ChatView) -> None:
        """Keep what is still there; otherwise unified beside the last method, and the first persona."""
        name = view.study.name if view.study else ""
        ready = [one.method for one in view.ready]
        # A conversation that was opened may have had the answers of methods that are there no more.
        there = {*ready, *(method for one in self.conversation.rounds for method in one.answers)}
        self.methods = [method for method in self.methods if method in there] if name == self.study_name else []
        if not self.methods and ready:
            beside = ["unified"] if "unified" in ready[:-1] and columns_in(self.size.width) > 1 else []
            self.methods = [*beside, ready[-1]]
        if self.person is None and view.people:
            self.meet(view.people[0])
        self.study_name = name

    def meet(self, person: Person) -> None:
        """Be this persona from now on."""
        self.person, self.situation = person, dict(person.context)
        self.replay, self.editing, self.turned = None, False, 0

    # ------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Everything as it is now."""
        if not self.alive:
            return
        self.refresh_bindings()
        self.query_one("#who", Lines).show(lambda cells: [fit_line(self._who(), cells)])
        abouts = {one.method: one.about for one in self.view.ready} if self.view else {}
        shown = Shown(self.conversation, tuple(self.methods), abouts, self.turned, self.details, self.blind)
        self.transcript.tell(shown)
        self.draw_question()

    def draw_question(self) -> None:
        """What is asked of the user, if anything is."""

    def _who(self) -> Line:
        if self.view is None:
            return ((f" reading {one_line(self.study_name)}…", "dim"),)
        if self.person is None:
            return ((" chat", "strong"),)
        name = self.person.name or self.person.persona_id
        situation = context_words(self.replay.context if self.replay else self.situation)
        return (
            (f" {one_line(name)}", "accent"),
            (f"  {situation}" if situation else "", "second"),
            (self._replayed(), "strong"),
            (f"  {one_line(self.person.description)}", "dim"),
        )

    def _replayed(self) -> str:
        if self.replay is None:
            return ""
        done = sum(one.reference is not None for one in self.conversation.rounds)
        where = f"turn {done} of {len(self.replay.turns)}"
        return f"  replay of {self.replay.part} {one_line(self.replay.dialogue_id, 40)}, {where}"

    # ------------------------------------------------------------ where the keys go

    def action_write(self) -> None:
        """Back to the line."""
        self.prompt.focus()

    def leave_line(self) -> None:
        """Letters are commands now."""
        self.query_one(Said).focus()


def _nothing(view: ChatView) -> Line:
    """What to do next where there is nobody to talk to."""
    if view.study is None:
        return (
            (" no study yet. Start one from a shell:\n\n", ""),
            ("   lab run --data FOLDER --methods base,unified,persona\n", "accent"),
            ("   make demo", "accent"),
            ("     a small study on generated data, in minutes", "dim"),
        )
    yet = "" if view.study.over else " yet"
    return (
        (f" no method is trained{yet}: {view.study.so_far}.", ""),
        ("   2", "accent"),
        (" Jobs shows why" if view.study.over else " Jobs shows how far they are", "dim"),
    )
