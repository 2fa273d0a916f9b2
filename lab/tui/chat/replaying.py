"""Replaying: a held-out dialogue of the persona, turn by turn with its true history, beside its reference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from textual import work

from lab.errors import LabError
from lab.safe import one_line
from lab.tui.chat.asking import Asking
from lab.tui.format import clock, context_words
from lab.tui.screens.picker import Picker
from lab.tui.widgets.table import Column

if TYPE_CHECKING:
    from lab.db.queries import StudyRow
    from lab.tui.chat.conversation import Replay

    Part = Literal["val", "test"]


class Replaying(Asking):
    """What the methods say where the data have an answer."""

    def action_replay(self) -> None:
        """Choose a dialogue of val or test; where one is replayed, leave it."""
        if self.conversation.writing:
            self.bar.say("an answer is still being written; esc stops it")
        elif self.replay is not None:
            self.replay, self.editing = None, False
            self.bar.say("back in your own conversation")
            self.draw()
        elif self.person is not None:
            answers: dict[str, Callable[[], Any]] = {"v": partial(self.choose_dialogue, "val"), "t": self.ask_for_test}
            self.bar.ask("replay a held-out dialogue of", answers, "v val   t test   other keys leave")

    @work(exclusive=True, group="choose")
    async def ask_for_test(self) -> None:
        """Before test dialogues are read for the first time, say what that means."""
        study = self.view.study if self.view else None
        if study is None:
            return
        try:
            counts = await asyncio.to_thread(_would_look, study)
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
            return
        if counts:
            question = "to read test is counted as a look: what is chosen after it explores only. Look?"
            self.bar.ask(question, {"y": partial(self.choose_dialogue, "test")}, "y look   other keys leave")
        else:
            self.choose_dialogue("test")

    @work(exclusive=True, group="replay")
    async def choose_dialogue(self, part: Part) -> None:
        """Choose among the persona's dialogues, and put its first turn."""
        study, person = self.view.study if self.view else None, self.person
        if study is None or person is None:
            return
        try:
            found = await asyncio.to_thread(_replays, study, person.persona_id, part)
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
            return
        if not found:
            self.bar.say(f"{person.persona_id} has no dialogue in {part} with an answer to compare to")
            return
        chosen = await self.app.push_screen_wait(_picker(part, found))
        if chosen is not None and person is self.person:
            self.replay, self.editing = chosen, False
            self.draw()
            self.leave_line()
            if self.conversation.last is None:
                self.action_next_turn()

    def action_next_turn(self) -> None:
        """Put the next turn of the replayed dialogue to every method."""
        turn = self.conversation.next_turn
        if turn is None:
            self.bar.say("that was the last turn of the dialogue; r leaves it, N begins it anew")
        elif self.free_to_ask():
            self.put([{"role": role, "content": content} for role, content in turn.said], turn)


def _picker(part: str, found: list[Replay]) -> Picker[Replay]:
    columns: list[Column[Replay]] = [
        Column("dialogue", 14, lambda one, _: ((one_line(one.dialogue_id), "strong"),), stays=True),
        Column("begins", 30, lambda one, _: ((_begins(one), ""),), grows=True),
        Column("turns", 5, lambda one, _: ((str(len(one.turns)), "dim"),), right=True),
        Column("when", 16, lambda one, _: ((f"{one.started_at:%Y-%m-%d} {clock(one.started_at)[:5]}", "dim"),), rank=2),
        Column("context", 24, lambda one, _: ((context_words(one.context), "second"),), rank=1),
    ]
    return Picker(
        f"replay a dialogue of {part}, the newest first",
        columns,
        found,
        lambda one: one.dialogue_id,
        lambda one: f"{one.dialogue_id} {_begins(one)} {context_words(one.context)}",
    )


def _begins(one: Replay) -> str:
    return one_line(next((content for role, content in one.turns[0].said if role == "user"), ""))


def _would_look(study: StudyRow) -> bool:
    from lab.tui.feeds import chat

    return chat.would_look(study)


def _replays(study: StudyRow, persona: str, part: Part) -> list[Replay]:
    from lab.tui.feeds import chat

    return chat.replays(study, persona, part)
