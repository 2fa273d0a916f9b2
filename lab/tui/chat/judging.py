"""Judging: answers in random columns without names or digests; the better one is picked, then they have names."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual import work

from lab.errors import LabError
from lab.tui.chat.asking import Asking
from lab.tui.chat.conversation import Round
from lab.tui.screens.picks import PicksScreen
from lab.tui.text import Line, fit_line
from lab.tui.widgets.answer import digests
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.db.queries import StudyRow

_TIE = ""


class Judging(Asking):
    """Blind rounds."""

    def action_blind(self) -> None:
        """Hide from now on who answers, or hide it no more."""
        last = self.conversation.last
        if self.conversation.writing:
            self.bar.say("an answer is still being written; esc stops it")
        elif self.blind:
            self.blind = False
            if last is not None and last.secret:
                self._reveal(last, "not counted, and blind no more")
            self.draw()
        elif len(self.methods) < 2:
            self.bar.say("blind needs two methods or three: m marks them")
        else:
            self.blind = True
            self.bar.say("blind: the next answers come in random columns, without names")
            self.draw()

    def answered(self, asked: Round) -> None:
        """Time to pick; where an answer failed or was stopped there is nothing to compare."""
        if asked.judgeable:
            if not self.prompt.value:  # whoever writes already means letters, and picks nothing by them
                self.leave_line()
        elif asked.secret:
            self._reveal(asked, "an answer is missing, so this round is not counted")

    def _reveal(self, asked: Round, why: str) -> None:
        asked.blind = False
        self.bar.say(why)
        self.draw()

    def draw_question(self) -> None:
        """Which answer is better, once they are all there."""
        last = self.conversation.last
        line = self.query_one("#judge", Lines)
        line.display = last is not None and last.judgeable
        if last is not None and line.display:
            count, first = len(last.answers), self.prompt.has_focus
            line.show(lambda cells: [fit_line(_question(count, first), cells)])

    def action_pick(self, place: int) -> None:
        """The answer in this column is the better one."""
        last = self.conversation.last
        if last is not None and last.judgeable and place < len(last.answers):
            self.judge(last, list(last.answers)[place])

    def action_pick_side(self, place: int) -> None:
        """The leftmost or the rightmost is."""
        last = self.conversation.last
        if last is not None and last.judgeable:
            self.judge(last, list(last.answers)[place])

    def action_tie(self) -> None:
        """None is better."""
        last = self.conversation.last
        if last is not None and last.judgeable:
            self.judge(last, _TIE)

    def action_skip(self) -> None:
        """Do not count this round, and tell the names."""
        last = self.conversation.last
        if last is not None and last.judgeable:
            self._reveal(last, "not counted")

    @work(exclusive=True, group="judge")
    async def judge(self, last: Round, picked: str) -> None:
        """Keep the pick, then tell the names: what could not be kept stays to be picked."""
        study = self.view.study if self.view else None
        if study is None:
            return
        shown = {method: digests(answer.info) for method, answer in last.answers.items()}
        keep = partial(_pick, study, self.conversation.persona, last.id, shown, picked)
        try:
            said = await asyncio.to_thread(keep)
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
            return
        last.picked = picked
        self.bar.say(f"{said}; esc, then v shows all picks")
        self.draw()
        self.prompt.focus()

    def action_picks(self) -> None:
        """How the methods fared in the blind rounds of this study."""
        study = self.view.study if self.view else None
        if study is not None:
            self.app.push_screen(PicksScreen(study))


def _question(count: int, leave_first: bool) -> Line:
    keys = "".join(f"{number + 1}  " for number in range(count)).rstrip()
    return (
        (" which answer is better?  ", "warn"),
        ("esc, then  " if leave_first else "", "dim"),
        (keys, "accent"),
        ("  or ", "dim"),
        ("← →", "accent"),
        ("   t", "accent"),
        (" tie", "dim"),
        ("   k", "accent"),
        (" skip, and tell the names", "dim"),
    )


def _pick(study: StudyRow, persona: str, round_id: str, shown: dict[str, tuple[str, ...]], picked: str) -> str:
    from lab.tui.feeds import chat

    return chat.pick(study, persona, round_id, shown, picked)
