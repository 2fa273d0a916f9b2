"""Results: methods × metrics, down to a method's personas, down to a persona's dialogues."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from lab.safe import one_line
from lab.tui.screens.base import LabScreen
from lab.tui.screens.board_choices import pick_metric, pick_row
from lab.tui.text import fit_line, wrap_spans
from lab.tui.widgets.dialogues import Dialogues
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.method_about import method_about
from lab.tui.widgets.methods_table import MAIN, MethodsTable, apart
from lab.tui.widgets.personas_table import PersonasTable, tally
from lab.tui.widgets.results_words import caption, nothing, place, unfinished
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.db.queries import StudyRow
    from lab.tui.feeds.board import Board, BoardRow
    from lab.tui.feeds.results import ResultsFeed, ResultsView

_FORMS = {"c": "csv", "m": "md", "p": "png"}
_REFERENCE = "unified"
_STEP = 6  # lines


class ResultsScreen(LabScreen["ResultsView"]):
    """Three levels of the same question: which method, for whom, in which words."""

    TAB = "results"
    CSS_PATH = "results.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "back", key_display="esc", id="results.back"),
        Binding("v", "split", "val / test", id="results.split"),
        Binding("m", "metric", "metric", id="results.metric"),
        Binding("less_than_sign", "beside", "left method", key_display="<", id="results.left"),
        Binding("greater_than_sign", "other", "right method", key_display=">", id="results.right"),
        Binding("x", "export", "export", id="results.export"),
        Binding("s", "study", "study", id="study"),
        Binding("right_square_bracket", "words(1)", "more words", key_display="]", id="results.down"),
        Binding("left_square_bracket", "words(-1)", "words before", show=False, key_display="[", id="results.up"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._feed: ResultsFeed | None = None
        self._view: ResultsView | None = None
        self._study = ""
        self._split = ""  # "": one that may choose, if the study has one
        self._agreed = False  # that the next reading of test is counted
        self._opening = False  # v was pressed: a split is opened on purpose
        self._metric = MAIN
        self._method = ""
        self._beside = _REFERENCE
        self._persona = ""

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """A title, and one of three levels."""
        yield Lines(id="where", classes="rule")
        yield Lines(id="unfinished")
        with ContentSwitcher(initial="level-methods", id="levels"):
            with Vertical(id="level-methods"):
                yield Lines(id="empty")
                yield MethodsTable("method", id="methods")
                yield MethodsTable("control", id="controls")
                yield Lines(id="apart")
                yield Lines(id="method-rule", classes="rule")
                yield Lines(id="about")
            with Vertical(id="level-personas"):
                yield Lines(id="tally")
                yield PersonasTable()
            with Vertical(id="level-dialogues"):
                yield Dialogues()

    def on_mount(self) -> None:
        """Keys go to the table of methods."""
        self.methods.focus()

    @property
    def methods(self) -> MethodsTable:
        """The table of methods."""
        return self.query_one("#methods", MethodsTable)

    @property
    def controls(self) -> MethodsTable:
        """The table of controls."""
        return self.query_one("#controls", MethodsTable)

    @property
    def row(self) -> BoardRow | None:
        """The method under the cursor of the table that has the keys."""
        return (self.controls if self.controls.has_focus else self.methods).row

    @property
    def board(self) -> Board | None:
        """What is shown, in one metric."""
        return self._view.board if self._view else None

    def want(self) -> Callable[[], ResultsView]:
        """The level in sight."""
        study = self.lab.status.study if self.lab.status else None
        if study is not None and study.name != self._study:
            self._study, self._split, self._agreed = study.name, "", False
            self._method, self._persona, self._beside = "", "", _REFERENCE
        return partial(self._read, study)

    def _read(self, study: StudyRow | None) -> ResultsView:
        from lab.tui.feeds.results import ResultsFeed, Wanted

        if self._feed is None:
            self._feed = ResultsFeed()
        level = (self._method, self._persona, self._metric, self._beside)
        return self._feed.read(Wanted(study, self._split, *level, agreed=self._agreed))

    def turn_to(self, study: str) -> None:
        """Nothing of the study before, until this one is read."""
        self._view = None
        self._say_under_way(f"reading {one_line(study)}…")
        self.query_one("#levels").display = self.query_one("#unfinished").display = False

    def _say_under_way(self, what: str) -> None:
        """Until it is there to be shown."""
        self.query_one("#where", Lines).show(lambda cells: [fit_line(((f" {what}", "dim"),), cells)])

    def tell(self, view: ResultsView) -> None:
        """Show the level that was read."""
        if view.asks:
            self._ask_first(view)
            return
        if view.wanted.split == self._split:
            self._agreed = self._opening = False
        if view is self._view:
            return
        self._view = view
        self._show_level(view)

    def _show_level(self, view: ResultsView) -> None:
        self.query_one("#levels").display = True
        wanted = view.wanted
        level = "dialogues" if wanted.persona else "personas" if wanted.method else "methods"
        if level == "methods":
            self._tell_methods(view)
        elif level == "personas":
            self.query_one(PersonasTable).tell(view.personas)
            self.query_one("#tally", Lines).show(lambda cells: tally(view.personas, cells))
        else:
            self.query_one(Dialogues).tell(view.turns)
        self.query_one("#where", Lines).show(lambda cells: [fit_line(place(view, cells), cells)])
        told = self.query_one("#unfinished", Lines)
        told.display = bool(unfinished(view))
        told.show(lambda cells: wrap_spans(unfinished(view), cells))
        switcher = self.query_one("#levels", ContentSwitcher)
        content = self.query_one(f"#{level}")
        if switcher.current != f"level-{level}" or self.focused is None:
            switcher.current = f"level-{level}"
            if content.display:
                content.focus()
        self.refresh_bindings()

    def _tell_methods(self, view: ResultsView) -> None:
        board = view.board
        there = board is not None and bool(board.rows)
        for part in ("#methods", "#method-rule", "#about"):
            self.query_one(part).display = there
        self.controls.display = board is not None and bool(board.controls)
        empty = self.query_one("#empty", Lines)
        empty.display = not there
        empty.show(lambda cells: [(), *wrap_spans(nothing(view), cells - 2)])
        if board is not None:
            self.methods.tell(board.methods, board)
            self.controls.tell(board.controls, board)
            below = self.query_one("#apart", Lines)
            below.display = there
            below.show(lambda cells: [*caption(board, view.untold, cells), *apart(board, cells)])
        self.show_method()

    @on(Table.Moved, "#methods")
    @on(Table.Moved, "#controls")
    def show_method(self) -> None:
        """Say more about the method under the cursor."""
        row, board = self.row, self.board
        if row is None or board is None:
            return
        self.query_one("#method-rule", Lines).show(lambda _: [((f" {one_line(row.name)}", "strong"),)])
        self.query_one("#about", Lines).show(lambda cells: method_about(row, board, cells))

    def on_descendant_focus(self) -> None:
        """The other table has the keys now."""
        if self._view is not None and not self._method:
            self.show_method()

    # ------------------------------------------------------------ levels

    @on(Table.Chosen, "#methods")
    @on(Table.Chosen, "#controls")
    def open_method(self) -> None:
        """Enter on a method: its personas."""
        self._method = self.row.name if self.row else ""
        self.lab.poke()

    @on(Table.Chosen, "#personas")
    def open_persona(self) -> None:
        """Enter on a persona: its dialogues."""
        persona = self.query_one(PersonasTable).row
        self._persona = persona.persona_id if persona else ""
        self.lab.poke()

    def action_back(self) -> None:
        """One level up."""
        if self._persona:
            self._persona = ""
        else:
            self._method = ""
        self.lab.poke()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Two methods are chosen where their answers are read; the rest needs a board."""
        del parameters
        if action in ("beside", "other"):
            return bool(self._persona)
        if action in ("back", "words"):
            return bool(self._method) == (action == "back")
        return action not in ("metric", "export") or (self.board is not None and bool(self.board.rows))

    # ------------------------------------------------------------ what is compared

    def action_words(self, by: int) -> None:
        """Scroll what is said of the method."""
        self.query_one("#about", Lines).scroll_relative(y=by * _STEP, animate=False, immediate=True)

    def action_split(self) -> None:
        """Look at the other split, if the study evaluates it."""
        view = self._view
        if view is None or not view.splits:
            return
        if len(view.splits) == 1 and not view.asks:
            self.bar.say(f"this study evaluates {view.splits[0]} only")
            return
        here = view.splits.index(view.wanted.split) if view.wanted.split in view.splits else 0
        self._split, self._opening = view.splits[(here + 1) % len(view.splits)], True
        self.lab.poke()

    def _ask_first(self, view: ResultsView) -> None:
        """Test is read on purpose only: until the user agrees, go on with what may choose."""
        split = view.wanted.split
        others = [one for one in view.splits if one != split]
        if others:
            self._split = others[0]
        elif self._view is None or self._view.wanted != view.wanted:
            self._view, self._method, self._persona = view, "", ""
            self._show_level(view)
        if self._opening:
            self._opening = False
            self.bar.ask(view.asks, {"y": partial(self._agree, split)}, "y open · any other key: not now")
        elif others:
            self.bar.say("the study has changed: v opens its test scores again, which is counted")

    def _agree(self, split: str) -> None:
        self._split, self._agreed = split, True
        self._say_under_way(f"reading {split}…")
        self.lab.poke()

    @work(exclusive=True, group="choose")
    async def action_metric(self) -> None:
        """Choose what the methods are compared in."""
        if self.board is not None and (chosen := await pick_metric(self.app, self.board)):
            if chosen != self._metric:
                self._say_under_way(f"computing {one_line(chosen)}…")
            self._metric = chosen
            self.lab.poke()

    @work(exclusive=True, group="choose")
    async def action_beside(self) -> None:
        """Choose the method of the left answers."""
        board = self.board
        if board is not None and (chosen := await pick_row(self.app, "left", board.rows, self._beside)):
            self._beside = chosen.name
            self.lab.poke()

    @work(exclusive=True, group="choose")
    async def action_other(self) -> None:
        """Choose the method of the right answers."""
        board = self.board
        if board is not None and (chosen := await pick_row(self.app, "right", board.rows, self._method)):
            self._method = chosen.name
            self.lab.poke()

    def action_export(self) -> None:
        """Write the table to a file."""
        answers = {key: partial(self._export, form) for key, form in _FORMS.items()}
        self.bar.ask("Export this table", answers, "c CSV · m Markdown · p PNG · any other key: no")

    def _export(self, form: str) -> None:
        board = self.board
        if board is None:
            return

        def action() -> str:
            from lab.tui.exports import export

            return export(board, form)

        self.act(action)
