"""Asking: the words go to every column, the answers grow, are stopped, and are asked for once more."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.widgets import Input

from lab.errors import LabError
from lab.tui.chat.base import ChatPart
from lab.tui.chat.conversation import Answer, Conversation, Messages, Round, Turn
from lab.tui.screens.help import HelpScreen

if TYPE_CHECKING:
    from lab.db.queries import Reply, StudyRow

_LOOK_SECONDS = 0.1
_SLOW_LOOK_SECONDS = 0.5
_WRITING = "an answer is still being written; esc stops it"


class Asking(ChatPart):
    """The same words to every method; each goes on from its own answers."""

    @on(Input.Submitted, "#words")
    def send(self, event: Input.Submitted) -> None:
        """Ask every column the same."""
        words = event.value.strip()
        if words.startswith("/") and words[1:].isalpha():
            self._command(words)
        elif words and self.person is not None and self.free_to_ask():
            if self.editing:
                self.conversation.rounds.pop()
            self.editing = False
            self.prompt.keep(words)
            self.put([{"role": "user", "content": words}])

    def _command(self, words: str) -> None:
        """Commands are keys here; whoever looks for them as words is shown them."""
        self.prompt.value = ""
        if words.lower() != "/help":
            self.bar.say(f"{words} is no command here; /help shows the keys")
            return
        self.leave_line()
        self.app.push_screen(HelpScreen(), lambda _: self.action_write())

    def free_to_ask(self) -> bool:
        """Whether another question can be put now; says why not."""
        last = self.conversation.last
        if self.conversation.writing:
            self.bar.say(_WRITING)
        elif last is not None and last.secret:
            self.bar.say("pick the better answer first: esc, then its number, t for a tie, k to skip")
        else:
            return True
        return False

    def put(self, said: Messages, turn: Turn | None = None) -> None:
        """A new round: the user's words, or a turn of a replayed dialogue with what it is to be compared to."""
        methods = list(self.methods)
        blind = self.blind and len(methods) > 1
        if blind:
            random.shuffle(methods)
        situation = self.replay.context if self.replay else self.situation
        reference = turn.reference if turn else None
        self.conversation.rounds.append(
            Round(said, dict(situation), {method: Answer() for method in methods}, reference, blind)
        )
        self.turned = 0 if blind else self.turned
        self.ask_last(methods)

    def ask_last(self, methods: list[str]) -> None:
        """Put the last round's question to these methods."""
        study, last = self.view.study if self.view else None, self.conversation.last
        if study is not None and last is not None:
            self.ask(study, self.conversation, last, methods)
            self.draw()
            self.transcript.said.scroll_to_end()

    @work
    async def ask(self, study: StudyRow, conversation: Conversation, asked: Round, methods: list[str]) -> None:
        """Put the question to each, from left to right: so they are answered; then show the answers as they grow."""
        at = conversation.replay.started_at if conversation.replay else None
        for method in methods:
            messages = conversation.messages(method, asked)
            question = partial(_ask, study, method, conversation.persona, messages, asked.context, at)
            try:
                asked.answers[method].job = await asyncio.to_thread(question)
            except Exception as error:
                asked.answers[method].fail(str(LabError.of(error)))
                self.draw()
        await self._follow(asked)
        self.answered(asked)
        self.draw()

    async def _follow(self, asked: Round) -> None:
        began = time.monotonic()
        look = _SLOW_LOOK_SECONDS if self.lab.low_bandwidth else _LOOK_SECONDS
        while writing := asked.writing:
            try:
                replies = await asyncio.to_thread(_replies, [one.job for one in writing if one.job is not None])
            except Exception as error:
                for one in writing:
                    one.fail(str(LabError.of(error)))
                return
            for one in writing:
                if one.job in replies:
                    _take(one, replies[one.job], int(time.monotonic() - began))
            self.draw()
            await asyncio.sleep(look)

    def answered(self, asked: Round) -> None:
        """All answers of a round have ended."""

    # ------------------------------------------------------------ stopping, and once more

    def action_stop(self) -> None:
        """Stop what is being written."""
        self.act(partial(_stop, [one.job for one in self.conversation.writing if one.job is not None]))

    def action_leave(self) -> None:
        """Leave the line, so that letters are commands; a question that was to be edited stays as it was."""
        if self.editing:
            self.editing, self.prompt.value = False, ""
            self.bar.hush()
        self.leave_line()

    def action_again(self) -> None:
        """Have the last question answered again: by those that failed or were stopped; by all, if none was."""
        last = self.conversation.last
        if last is None:
            self.bar.say("nothing was asked yet")
        elif last.writing:
            self.bar.say(_WRITING)
        elif last.picked is not None:
            self.bar.say("these answers were judged and stay; ask anew")
        else:
            broken = [method for method, answer in last.answers.items() if not answer.given]
            methods = broken or list(last.answers)
            last.answers |= {method: Answer() for method in methods}
            self.ask_last(methods)

    def action_edit(self) -> None:
        """Bring the last question back to the line; sent again, it takes that question's place."""
        last = self.conversation.last
        if last is None or last.reference is not None:
            self.bar.say("nothing of yours was asked yet" if last is None else "a replayed turn stays as it is")
        elif self.free_to_ask():
            self.editing = True
            self.prompt.value = last.question
            self.prompt.cursor_position = len(last.question)
            self.prompt.focus()
            self.bar.say("enter asks it in place of the last question, esc leaves that as it is")

    def action_fresh(self) -> None:
        """Begin anew with this persona."""
        if self.conversation.writing:
            self.bar.say(_WRITING)
            return
        self.keep(Conversation(self.study_name, self.conversation.persona, replay=self.replay))
        self.editing = False
        self.draw()


def _take(answer: Answer, reply: Reply, seconds: int) -> None:
    answer.state, answer.text, answer.info = str(reply.state), reply.text, reply.info
    answer.error = reply.error or ""
    answer.waited = 0 if answer.text else seconds


def _ask(
    study: StudyRow, method: str, persona: str, messages: Messages, context: dict[str, Any], at: datetime | None
) -> int:
    from lab.tui.feeds import chat

    return chat.ask(study, method, persona, messages, context, at)


def _replies(jobs: list[int]) -> dict[int, Reply]:
    from lab.tui.feeds import chat

    return chat.answers(jobs)


def _stop(jobs: list[int]) -> str:
    from lab.tui.feeds import chat

    return chat.stop(jobs)
