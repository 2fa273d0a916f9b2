"""A persona's dialogues, turn by turn: the reference beside the predictions, differences marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from lab.safe import one_line
from lab.tui.format import context_words, fraction
from lab.tui.marks import marked, settings
from lab.tui.text import Line, beside, fit_line, joined, width, wrap_spans
from lab.tui.widgets.reader import Reader

if TYPE_CHECKING:
    from lab.tui.feeds.turns import Answer, Turn

_THREE_COLUMNS = 100  # in fewer cells, one answer at a time stands beside the reference
_GAP = 3


class Dialogues(Reader):
    """Dialogues to read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,left", "answer", "other answer", key_display="→", id="dialogues.answer"),
        Binding("w", "wrong(1)", "next wrong", id="dialogues.wrong"),
        Binding("W", "wrong(-1)", "wrong before", show=False, id="dialogues.wrong_before"),
    ]

    def __init__(self) -> None:
        super().__init__(id="dialogues")
        self._turns: Sequence[Turn] | None = None
        self._wrong: list[int] = []
        self._back = 0  # of one answer at a time: how far before the last, which is the method's own

    def tell(self, turns: Sequence[Turn]) -> None:
        """Show these turns; the same again cost nothing, and another answer to them leaves the place."""
        if turns is self._turns:
            return
        before = [(turn.dialogue_id, turn.number) for turn in self._turns or ()]
        self._turns, self._back = turns, 0
        self.read(self._pages)
        if before != [(turn.dialogue_id, turn.number) for turn in turns]:
            self.scroll_home(animate=False, immediate=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Another answer is asked for where not all of them fit."""
        del parameters
        several = any(len(turn.answers) > 1 for turn in self._turns or ())
        return action != "answer" or (several and self.cells < _THREE_COLUMNS)

    def action_answer(self) -> None:
        """The other method's answer beside the reference."""
        self._back += 1
        self.read(self._pages)

    def action_wrong(self, by: int) -> bool:
        """Go to the turn after or before this one in which the method sets a device otherwise than the reference."""
        return self.jump(self._wrong, by)

    def on_resize(self) -> None:
        """Lay out for the new width, in which all answers may fit."""
        super().on_resize()
        self.screen.refresh_bindings()

    def _pages(self, cells: int) -> tuple[list[Line], list[int]]:
        lines: list[Line] = []
        heads: list[int] = []
        self._wrong = []
        for _, turns in groupby(self._turns or (), key=lambda turn: turn.dialogue_id):
            heads.append(len(lines))
            own = list(turns)
            lines.append(_title(own[0], cells))
            for turn in own:
                if turn.is_wrong:
                    self._wrong.append(len(lines))
                lines += turn_lines(turn, cells, self._back)
            lines.append(())
        return lines or [((" no answer of this persona is kept", "dim"),)], heads


def _title(first: Turn, cells: int) -> Line:
    about = " · ".join(filter(None, (one_line(first.task_type), context_words(first.context))))
    title = joined([((one_line(first.dialogue_id), "strong"),), ((about, "dim"),)])
    rule = "━" * max(cells - width(title) - 4, 0)
    return fit_line((("━━ ", "faint"), *title, (" ", ""), (rule, "faint")), cells)


def turn_lines(turn: Turn, cells: int, back: int) -> list[Line]:
    """What was said, then reference and answers side by side, and the settings read from each.

    Where not all answers fit, the one so far `back` from the last stands there alone.
    """
    lines = [
        ((f"{role:>9} ", "dim"), *row) if number == 0 else ((" " * 10, ""), *row)
        for role, text in turn.said
        for number, row in enumerate(wrap_spans([(text, "accent")], cells - 10))
    ]
    alone = turn.answers[-1 - back % len(turn.answers)]
    answers = turn.answers if cells >= _THREE_COLUMNS else (alone,)
    more = f"  +{len(turn.answers) - len(answers)} →" if len(turn.answers) > len(answers) else ""
    wide = (cells - _GAP * len(answers)) // (len(answers) + 1)
    columns = [(list(_reference(turn, answers[-1], wide)), wide)]
    columns += [(list(_answer(turn, answer, wide, more)), wide) for answer in answers]
    return [*lines, *beside(columns), ()]


def _reference(turn: Turn, against: Answer, cells: int) -> Iterator[Line]:
    yield (("reference", "head"), (f"  turn {turn.number}", "faint"))
    yield from wrap_spans(marked(turn.reference, against.text), cells)
    if turn.actions:
        yield from wrap_spans(settings(turn.actions, against.actions), cells)


def _answer(turn: Turn, answer: Answer, cells: int, more: str) -> Iterator[Line]:
    wrong = "" if answer.actions == turn.actions else "  ✗ devices"
    yield (
        (one_line(answer.method), "head"),
        (f"  {fraction(answer.similarity)}", "second"),
        (wrong, "bad"),
        (more, "accent"),
    )
    yield from wrap_spans(marked(answer.text, turn.reference) if answer.text.strip() else [("(empty)", "dim")], cells)
    if answer.actions:
        yield from wrap_spans(settings(answer.actions, turn.actions), cells)
