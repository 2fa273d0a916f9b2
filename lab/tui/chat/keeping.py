"""Keeping: an answer is copied; a conversation is saved, and opened again."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import work

from lab.errors import LabError
from lab.safe import one_line, safe
from lab.tui.chat.asking import Asking
from lab.tui.chat.conversation import Answer, Conversation, in_order
from lab.tui.chat.saved import FORMAT, Saved
from lab.tui.screens.picker import Picker
from lab.tui.text import Line
from lab.tui.widgets.table import Column

if TYPE_CHECKING:
    from lab.tui.feeds.chats import Kept


class Keeping(Asking):
    """What outlives the screen: an answer that is copied, and every conversation, by `S` or when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self._on_disk: list[Conversation] = []  # as they were when they were saved, or opened

    def action_copy(self) -> None:
        """Copy the last answer; of several, the one that is named."""
        last = self.conversation.last
        order = in_order(last, self.methods) if last is not None else []
        if last is None or not any(last.answers[method].text for method in order):
            self.bar.say("there is no answer to copy yet")
        elif len(order) == 1:
            self._copy(last.answers[order[0]])
        else:
            choices = {str(place): partial(self._copy, last.answers[method]) for place, method in enumerate(order, 1)}
            names = zip(choices, order, strict=True)
            hint = "   ".join(key if last.secret else f"{key} {one_line(method)}" for key, method in names)
            self.bar.ask("copy which answer?", choices, hint)

    def _copy(self, answer: Answer) -> None:
        self.copy(safe(answer.text), one_line(answer.text, 60))

    # ------------------------------------------------------------ files

    def action_save(self) -> None:
        """Save the conversation as JSON and as Markdown."""
        if not self.conversation.rounds:
            self.bar.say("nothing was said yet")
        elif self.free_to_ask():  # a round that is not over, or has no names yet, is not saved
            self.act(partial(self._save, self._saved(self.conversation, self.methods, self.situation)))

    def let_go(self, conversation: Conversation) -> None:
        """What another conversation takes the place of is not lost."""
        if unsaved := self._unsaved(conversation):
            self.act(partial(self._save, unsaved))

    def on_unmount(self) -> None:
        """Nor is what was said when the lab is left."""
        try:
            for unsaved in filter(None, map(self._unsaved, self.begun.values())):
                self._save(unsaved)
        except LabError as error:
            self.app.exit(message=str(error))

    def _unsaved(self, conversation: Conversation) -> Saved | None:
        """What is to be saved of it, if anything is."""
        over = conversation.over
        if not over.rounds or over in self._on_disk:
            return None
        last = over.rounds[-1]
        return self._saved(over, list(last.answers), last.context)

    def _saved(self, conversation: Conversation, methods: list[str], context: dict[str, Any]) -> Saved:
        return Saved(FORMAT, self.lab.now(), self.bases[conversation.study], list(methods), dict(context), conversation)

    def _save(self, saved: Saved) -> str:
        from lab.tui.feeds import chats

        file = chats.save(saved)
        self._on_disk.append(deepcopy(saved.conversation))
        return f"saved: {file.parent.name}/{file.name} under {file.parent.parent}, and as Markdown"

    @work(exclusive=True, group="choose")
    async def action_open(self) -> None:
        """Choose a conversation that was saved, and go on with it."""
        if not self.free_to_ask():
            return
        try:
            found = await asyncio.to_thread(_kept, self.study_name)
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
            return
        if not found:
            self.bar.say(f"no conversation of {self.study_name} is saved yet; S saves one")
            return
        chosen = await self.app.push_screen_wait(_picker(found))
        if chosen is None:
            return
        if chosen.saved is None:
            self.bar.say(chosen.fault, "bad")
        else:
            self.show_saved(chosen.saved)

    def show_saved(self, saved: Saved) -> None:
        """Go on with this one, in the place of what is said with its persona now."""
        conversation = saved.conversation
        people = {person.persona_id: person for person in self.view.people} if self.view else {}
        if conversation.persona not in people:
            self.bar.say(f"persona '{conversation.persona}' of it is not part of this study", "bad")
            return
        self.meet(people[conversation.persona])
        self.situation, self.methods = saved.context, saved.methods
        self.replay, self.blind = conversation.replay, False
        self._on_disk.append(deepcopy(conversation))
        self.keep(conversation)
        self.draw()
        self.transcript.said.scroll_to_end()


def _picker(found: list[Kept]) -> Picker[Kept]:
    columns: list[Column[Kept]] = [
        Column("saved", 16, _saved_at, stays=True),
        Column("persona", 12, lambda one, _: ((one_line(_persona(one)), "strong"),)),
        Column("methods", 22, lambda one, _: ((_methods(one), "second"),), rank=1, grows=True),
        Column("begins", 30, _begins, grows=True),
    ]
    return Picker(
        "saved conversations, the newest first",
        columns,
        found,
        lambda one: one.file.name,
        lambda one: f"{one.file.name} {_persona(one)} {_methods(one)} {one.fault}",
    )


def _saved_at(one: Kept, cells: int) -> Line:
    del cells
    return ((f"{one.saved.saved_at:%Y-%m-%d %H:%M}" if one.saved else "?", "dim"),)


def _persona(one: Kept) -> str:
    return one.saved.conversation.persona if one.saved else one.file.name


def _methods(one: Kept) -> str:
    return " · ".join(map(one_line, one.saved.methods)) if one.saved else ""


def _begins(one: Kept, cells: int) -> Line:
    del cells
    if one.saved is None:
        return ((one_line(one.fault), "bad"),)
    rounds = one.saved.conversation.rounds
    return ((one_line(rounds[0].question) if rounds else "", ""),)


def _kept(study: str) -> list[Kept]:
    from lab.tui.feeds import chats

    return chats.kept(study)
