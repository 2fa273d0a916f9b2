"""The chat: the methods' names, the rounds of the conversation, and the home as each method leaves it, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from textual.app import ComposeResult
from textual.containers import Vertical

from lab.safe import one_line
from lab.tui.chat.conversation import Conversation, Round, in_order
from lab.tui.chat.home import Setting, home_lines, home_of
from lab.tui.text import Line, Span, beside, fit_line, joined, wrap_spans
from lab.tui.widgets.answer import answer_lines
from lab.tui.widgets.lines import Lines

_GAP = 3  # between columns
_FITS = ((120, 3), (100, 2))  # from so many cells on, so many columns stand side by side; in fewer, one alone
_HOME_LINES = 8  # more than a home has devices


def columns_in(cells: int) -> int:
    """How many columns stand side by side in so many cells."""
    return next((columns for least, columns in _FITS if cells >= least), 1)


@dataclass(frozen=True)
class Shown:
    """What of a conversation is shown, and how."""

    conversation: Conversation
    methods: Sequence[str]  # from left to right
    abouts: Mapping[str, str] = field(default_factory=dict)  # what a method is
    turn: int = 0  # the column that comes first where not all of them fit
    details: bool = False  # all that the models were told
    blind: bool = False  # the next round will be

    def places(self, one: Round | None, cells: int) -> list[int]:
        """Which columns of a round are in sight, and in which order."""
        count = len(self.methods) if one is None else len(in_order(one, self.methods))
        fits = columns_in(cells)
        if count <= fits:
            return list(range(count))
        return sorted((self.turn + place) % count for place in range(fits))


class Said(Lines, can_focus=True):
    """What was said, scrolling."""


class Transcript(Vertical):
    """What was said, following what is written: up to three methods side by side."""

    DEFAULT_CSS = """
    Transcript {
        Said { height: 1fr; padding: 0 1; }
        .rule { padding: 0 1; }
        #home { height: auto; max-height: 8; padding: 0 1; background: $panel; display: none; overflow-y: hidden; }
    }
    """

    def compose(self) -> ComposeResult:
        """The methods, what was said, and the home."""
        yield Lines(classes="rule")
        yield Said(follow=True)
        yield Lines(id="home")

    @property
    def said(self) -> Said:
        """What was said."""
        return self.query_one(Said)

    def tell(self, what: Shown) -> None:
        """Show this."""
        # The column of the scroll bar below is left free, so that the columns stand under their names.
        self.query_one(".rule", Lines).show(lambda cells: _columns(_titles(what, self.size.width), cells - 1))
        self.said.show(lambda cells: said_lines(what, cells, self.size.width))
        self._tell_home(what)

    def _tell_home(self, what: Shown) -> None:
        panel, homes = self.query_one("#home", Lines), _homes(what, self.size.width)
        panel.display = any(homes)
        if panel.display:
            layout = _home_layout(homes)
            panel.styles.height = len(layout(self.size.width - 2))
            panel.show(layout)


# ---------------------------------------------------------------- names


def _titles(what: Shown, terminal: int) -> list[list[Line]]:
    """The name of each column and what it is; a blind conversation has numbers."""
    last = what.conversation.last
    if what.blind or (last is not None and last.secret):
        count = len(last.answers) if last is not None and last.secret else len(what.methods)
        places = what.places(last if last is not None and last.secret else None, terminal)
        return [[((f"{place + 1}", "strong"), ("  blind" + _more(count, places), "dim"))] for place in places]
    order = list(what.methods)
    places = what.places(None, terminal)
    return [
        [
            joined(
                [
                    ((one_line(order[place]), "strong"),),
                    ((f"{place + 1} of {len(order)} →", "accent"),) if len(places) < len(order) else (),
                    ((one_line(what.abouts.get(order[place], "")), "dim"),),
                ]
            )
        ]
        for place in places
    ]


def _more(count: int, places: Sequence[int]) -> str:
    return f", of {count} →" if len(places) < count else ""


# ---------------------------------------------------------------- rounds


def said_lines(what: Shown, cells: int, terminal: int) -> list[Line]:
    """Every question once, and below it the answers side by side; one answer alone across the width."""
    lines: list[Line] = []
    for one in what.conversation.rounds:
        order = in_order(one, what.methods)
        if order:
            lines += [*_question(one, cells), *_answers(what, one, order, cells, terminal), ()]
    return lines


def _question(one: Round, cells: int) -> list[Line]:
    lines: list[Line] = []
    for message in one.said:
        who = "you" if message["role"] == "user" else one_line(message["role"], 9)
        indent = len(who) + 2
        rows = wrap_spans([(message["content"], "accent")], cells - indent)
        lines += [((f"{who if number == 0 else '':<{indent}}", "dim"), *row) for number, row in enumerate(rows)]
    return lines


def _answers(what: Shown, one: Round, order: Sequence[str], cells: int, terminal: int) -> list[Line]:
    places = what.places(one, terminal)
    lines: list[Line] = []
    if one.reference is not None:
        lines += _reference(one, [order[place] for place in places], cells)
    if not one.blind and len(order) < len(what.methods):
        lines.append(((f"{' and '.join(map(one_line, order))} alone {_were(order)} asked", "dim"),))
    wide = _wide(len(places), cells)
    blocks = []
    for place in places:
        shown = answer_lines(
            one.answers[order[place]], wide, details=what.details, secret=one.secret, reference=one.reference
        )
        blocks.append([*_name(one, order[place], place), *shown])
    return [*lines, *_columns(blocks, cells)]


def _were(order: Sequence[str]) -> str:
    return "was" if len(order) == 1 else "were"


def _name(one: Round, method: str, place: int) -> list[Line]:
    """Above an answer of a blind round: its number, and once one is picked, whose it is."""
    if one.secret:
        return [((f"{place + 1}", "strong"),)]
    if one.picked is None:
        return []
    verdict: Span = ("  ✓ picked", "good") if one.picked == method else ("  tie" if one.picked == "" else "", "dim")
    return [((one_line(method), "strong"), verdict)]


def _reference(one: Round, methods: Sequence[str], cells: int) -> list[Line]:
    """What the data have the assistant say, what the first answer in sight has too, marked."""
    from lab.metrics.actions import parse_actions
    from lab.tui.marks import marked, settings

    reference = one.reference or ""
    against = one.answers[methods[0]] if len(methods) == 1 else None
    given = against is not None and against.given
    words = marked(reference, against.text) if given and against else [(reference, "")]
    rows = wrap_spans([("reference  ", "head"), *words], cells)
    wanted = parse_actions(reference)
    return [*rows, *(wrap_spans((("  ", ""), *settings(wanted, wanted)), cells) if wanted else [])]


# ---------------------------------------------------------------- the home


def _homes(what: Shown, terminal: int) -> list[list[Setting]]:
    """The home of every column in sight."""
    last = what.conversation.last
    order = in_order(last, what.methods) if last is not None and last.blind else list(what.methods)
    places = what.places(last if last is not None and last.blind else None, terminal)
    return [home_of(what.conversation, order[place]) for place in places]


def _home_layout(homes: Sequence[list[Setting]]) -> Callable[[int], list[Line]]:
    def layout(cells: int) -> list[Line]:
        wide = _wide(len(homes), cells - 1)
        nothing: list[Line] = [(("nothing is set", "faint"),)]
        return _columns([home_lines(settings, wide) or nothing for settings in homes], cells - 1)[:_HOME_LINES]

    return layout


# ---------------------------------------------------------------- columns


def _columns(blocks: Sequence[list[Line]], cells: int) -> list[Line]:
    wide = _wide(len(blocks), cells)
    if len(blocks) == 1:
        return [fit_line(line, cells) for line in blocks[0]]
    return beside([(block, wide) for block in blocks])


def _wide(columns: int, cells: int) -> int:
    """The cells of one of so many columns."""
    return (cells - _GAP * (columns - 1)) // max(columns, 1)
