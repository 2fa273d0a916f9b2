"""Chat: a persona, one to three methods side by side, answers as they are written."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import DescendantBlur, DescendantFocus

from lab.tui.chat.choosing import Choosing
from lab.tui.chat.judging import Judging
from lab.tui.chat.keeping import Keeping
from lab.tui.chat.replaying import Replaying
from lab.tui.widgets.header import Header
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.prompt import Prompt
from lab.tui.widgets.transcript import Transcript

_JUDGING = ("pick", "pick_side", "tie", "skip")


class ChatScreen(Choosing, Replaying, Judging, Keeping):
    """The screen; what it does is in the parts it is made of."""

    CSS_PATH = "chat.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "stop", key_display="esc", id="chat.stop"),
        Binding("escape", "leave", "commands: p persona, m methods; ? all", key_display="esc", id="chat.leave"),
        Binding("1", "pick(0)", "the first is better", show=False, id="chat.pick_1"),
        Binding("2", "pick(1)", "the second is better", show=False, id="chat.pick_2"),
        Binding("3", "pick(2)", "the third is better", show=False, id="chat.pick_3"),
        Binding("left", "pick_side(0)", "the leftmost is better", show=False, id="chat.pick_left"),
        Binding("right", "pick_side(-1)", "the rightmost is better", show=False, id="chat.pick_right"),
        Binding("t", "tie", "a tie", show=False, id="chat.tie"),
        Binding("k", "skip", "skip", show=False, id="chat.skip"),
        Binding("n", "next_turn", "next turn", id="chat.next_turn"),
        Binding("tab,right", "turn(1)", "next column", key_display="tab", id="chat.turn"),
        Binding("left", "turn(-1)", "column before", show=False, id="chat.turn_back"),
        Binding("i,enter", "write", "write", id="chat.write"),
        Binding("p", "persona", "persona", id="chat.persona"),
        Binding("m", "methods", "methods", id="chat.methods"),
        Binding("e", "context", "context", id="chat.context"),
        Binding("r", "replay", "replay", id="chat.replay"),
        Binding("g", "again", "again", id="chat.again"),
        Binding("u", "edit", "edit last", id="chat.edit"),
        Binding("c", "copy", "copy", id="chat.copy"),
        Binding("b", "blind", "blind", id="chat.blind"),
        Binding("v", "picks", "picks", id="chat.picks"),
        Binding("d", "details", "all it was told", id="chat.details"),
        Binding("N", "fresh", "new", id="chat.new"),
        Binding("S", "save", "save", id="chat.save"),
        Binding("O", "open", "open", id="chat.open"),
        Binding("s", "study", "study", id="study"),
    ]

    def body(self) -> ComposeResult:
        """Who, what was said, what is asked of the user, the line to write in."""
        yield Lines(id="who", classes="rule")
        yield Lines(id="empty")
        yield Transcript()
        yield Lines(id="judge")
        yield Prompt(placeholder="say something", id="words")

    def on_mount(self) -> None:
        """Ready to write."""
        self.prompt.focus()

    @on(DescendantFocus)
    @on(DescendantBlur)
    def keys_go_elsewhere(self) -> None:
        """Other keys work now."""
        self.refresh_bindings()
        self.draw_question()
        self.query_one(Header).tell_typing(self.prompt.has_focus)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc stops what is being written, else it leaves the line; keys of a moment work in that moment only."""
        del parameters
        if not self.is_mounted:
            return True
        writing, last = bool(self.conversation.writing), self.conversation.last
        if action == "stop":
            return writing
        if action == "leave":
            return self.prompt.has_focus and not writing
        if action in _JUDGING:  # what is out of sight has no side
            return last is not None and last.judgeable and not (action == "pick_side" and self.turns)
        if action == "next_turn":
            return self.replay is not None
        return action != "turn" or self.turns
