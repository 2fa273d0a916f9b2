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
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.tui.feeds.results import Answer, Turn

_THREE_COLUMNS = 100  # in fewer cells, one answer at a time stands beside the reference
_GAP = 3


class Dialogues(Lines, can_focus=True):
    """Dialogues to read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,left", "answer", "other answer", key_display="→", id="dialogues.answer"),
        Binding("n,right_square_bracket", "dialogue(1)", "next dialogue", id="dialogues.next"),
        Binding("b,left_square_bracket", "dialogue(-1)", "dialogue before", id="dialogues.before"),
    ]

    def __init__(self) -> None:
        super().__init__(id="dialogues")
        self._turns: Sequence[Turn] | None = None
        self._heads: list[int] = []
        self._back = 0  # of one answer at a time: how far before the last, which is the method's own

    def tell(self, turns: Sequence[Turn]) -> None:
        """Show these turns; the same again cost nothing."""
        if turns is not self._turns:
            self._turns, self._back = turns, 0
            self.show(self._laid_out)
            self.scroll_home(animate=False, immediate=True)

    def action_dialogue(self, by: int) -> None:
        """Go to the dialogue after or before this one."""
        here = round(self.scroll_y)
        heads = [y for y in self._heads if (y > here if by > 0 else y < here)]
        if heads:
            self.scroll_to(y=min(heads) if by > 0 else max(heads), animate=False, immediate=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Another answer is asked for where not all of them fit."""
        del parameters
        several = any(len(turn.answers) > 1 for turn in self._turns or ())
        return action != "answer" or (several and self.cells < _THREE_COLUMNS)

    def action_answer(self) -> None:
        """The other method's answer beside the reference."""
        self._back += 1
        self.show(self._laid_out)

    def on_resize(self) -> None:
        """Lay out for the new width, in which all answers may fit."""
        super().on_resize()
        self.screen.refresh_bindings()

    def _laid_out(self, cells: int) -> list[Line]:
        lines: list[Line] = []
        self._heads = []
        for _, turns in groupby(self._turns or (), key=lambda turn: turn.dialogue_id):
            self._heads.append(len(lines))
            lines += dialogue_lines(list(turns), cells, self._back)
        return lines


def dialogue_lines(turns: Sequence[Turn], cells: int, back: int) -> list[Line]:
    """One dialogue in so many cells."""
    first = turns[0]
    about = " · ".join(filter(None, (one_line(first.task_type), context_words(first.context))))
    title = joined([((one_line(first.dialogue_id), "strong"),), ((about, "dim"),)])
    rule = "━" * max(cells - width(title) - 4, 0)
    lines: list[Line] = [fit_line((("━━ ", "faint"), *title, (" ", ""), (rule, "faint")), cells)]
    for turn in turns:
        lines += turn_lines(turn, cells, back)
    return [*lines, ()]


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
    yield ((one_line(answer.method), "head"), (f"  {fraction(answer.similarity)}", "second"), (more, "accent"))
    yield from wrap_spans(marked(answer.text, turn.reference) if answer.text.strip() else [("(empty)", "dim")], cells)
    if answer.actions:
        yield from wrap_spans(settings(answer.actions, turn.actions), cells)
