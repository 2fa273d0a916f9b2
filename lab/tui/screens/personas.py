"""Personas: who they are, where they stand to each other, and which method serves each best."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import ContentSwitcher, Input

from lab.safe import one_line
from lab.tui.format import counted
from lab.tui.screens.base import LabScreen
from lab.tui.text import Line, fit_line, wrap_spans
from lab.tui.widgets.field import Field
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.person_about import person_about
from lab.tui.widgets.person_dialogues import dialogue_pages
from lab.tui.widgets.persona_map import map_lines
from lab.tui.widgets.persons_table import PersonsTable, having
from lab.tui.widgets.reader import Reader
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.db.queries import StudyRow
    from lab.tui.feeds.personas import PersonasFeed, PersonasView

_STEP = 6  # lines
_WIDE = 110  # cells; in fewer, map and words take turns


class PersonasScreen(LabScreen["PersonasView"]):
    """A list, and beside it the persona under the cursor: its place on the map and what is known of it."""

    TAB = "personas"
    CSS_PATH = "personas.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]  # noqa: RUF012 (as Textual has it)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", key_display="esc", id="personas.back"),
        Binding("slash", "search", "search", key_display="/", id="personas.search"),
        Binding("m", "map", "map", id="personas.map"),
        Binding("c", "clusters", "other clusters", id="personas.clusters"),
        Binding("s", "study", "study", id="study"),
        Binding("right_square_bracket", "words(1)", "more words", key_display="]", id="personas.down"),
        Binding("left_square_bracket", "words(-1)", "words before", show=False, key_display="[", id="personas.up"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._feed: PersonasFeed | None = None
        self._view: PersonasView | None = None
        self._map = 0
        self._reading = False
        self._shown: tuple[object, str] = ((), "")  # rows, and the words they were narrowed by

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """List, map and words; or the dialogues of one persona."""
        yield Lines(id="where", classes="rule")
        yield Field(placeholder="words of name, description, method", id="search", select_on_focus=False)
        with ContentSwitcher(initial="level-list", id="levels"):
            with Container(id="level-list"):
                yield Lines(id="empty")
                yield PersonsTable()
                with Vertical(id="beside"):
                    yield Lines(id="map")
                    yield Lines(id="person")
            with Vertical(id="level-dialogues"):
                yield Reader(id="reader")

    def on_mount(self) -> None:
        """Keys go to the list."""
        self.table.focus()

    @property
    def table(self) -> PersonsTable:
        """The list."""
        return self.query_one(PersonsTable)

    def want(self) -> Callable[[], PersonasView]:
        """The list, and the persona under the cursor."""
        study = self.lab.status.study if self.lab.status else None
        return partial(self._read, study, self.table.row.persona_id if self.table.row else "")

    def _read(self, study: StudyRow | None, persona: str) -> PersonasView:
        from lab.tui.feeds.personas import PersonasFeed, Wanted

        if self._feed is None:
            self._feed = PersonasFeed()
        return self._feed.read(Wanted(study, persona, self._map, self._reading and bool(persona)))

    def turn_to(self, study: str) -> None:
        """Nothing of the study before, until this one is read."""
        self._view, self._reading = None, False
        self.query_one("#where", Lines).show(lambda _: [((f" reading {one_line(study)}…", "dim"),)])
        self.query_one("#levels").display = False

    def tell(self, view: PersonasView) -> None:
        """Show what was read."""
        if view is self._view:
            return
        self._view = view
        self.query_one("#levels").display = True
        self._fill()
        there = bool(view.rows)
        empty = self.query_one("#empty", Lines)
        empty.display = not there
        empty.show(lambda cells: [(), *wrap_spans(_NOTHING, cells - 2)])
        self.table.display = self.query_one("#beside").display = there
        self._show_person(view)
        self._show_level(view)
        self.refresh_bindings()

    def _fill(self) -> None:
        view = self._view
        if view is None:
            return
        words = self.query_one("#search", Input).value
        if self._shown[0] is not view.rows or self._shown[1] != words:
            self._shown = (view.rows, words)
            self.table.fill(having(view.rows, words))
        self.query_one("#where", Lines).show(lambda cells: [fit_line(self._where(view, words), cells)])

    def _where(self, view: PersonasView, words: str) -> Line:
        if view.wanted.study is None:
            return ((" personas", "strong"),)
        if view.wanted.reading:
            if view.reading:
                return ((f" dialogues of {one_line(view.wanted.persona)}", "strong"), ("  being read…", "dim"))
            legend = ", ".join(f"{n} {part}" for part, n in view.detail.parts.items()) if view.detail else ""
            return ((f" dialogues of {one_line(view.wanted.persona)}", "strong"), (f"  {legend}", "dim"))
        many = counted(len(view.rows), "persona")
        found: Line = (
            (f" {len(self.table.rows)} of {many}", "strong"),
            (f"  /{one_line(words)}", "warn"),
        )
        return found if words else ((f" {many}", "strong"), ("  test scores are not read here", "dim"))

    def _show_person(self, view: PersonasView) -> None:
        plane = self.query_one("#map", Lines)
        plane.show(lambda cells: _map(view, cells, plane.size.height))
        detail, person = view.detail, self.query_one("#person", Lines)
        if detail is not None:
            person.show(lambda cells: person_about(detail, view, cells))

    def _show_level(self, view: PersonasView) -> None:
        level = "dialogues" if view.wanted.reading else "list"
        switcher = self.query_one("#levels", ContentSwitcher)
        reader = self.query_one(Reader)
        if level == "dialogues":
            reader.read(partial(dialogue_pages, view.dialogues, view.detail))
        if switcher.current != f"level-{level}" or (self.focused is None and view.rows):
            switcher.current = f"level-{level}"
            reader.scroll_home(animate=False, immediate=True)
            (reader if level == "dialogues" else self.table).focus()

    def on_resize(self) -> None:
        """The map is as high as its place."""
        if self._view is not None:
            self.call_after_refresh(self._show_person, self._view)

    @on(Table.Moved, "#persons")
    def show_other(self) -> None:
        """Another persona is under the cursor."""
        self.query_one("#person", Lines).scroll_home(animate=False, immediate=True)
        self.lab.poke()

    # ------------------------------------------------------------ search

    def action_search(self) -> None:
        """Type words to see only personas that have them all."""
        line = self.query_one("#search", Input)
        line.display = True
        line.focus()

    @on(Input.Changed, "#search")
    def narrow(self) -> None:
        """Search while typing."""
        self._fill()
        self.refresh_bindings()

    @on(Input.Submitted, "#search")
    def keep_search(self) -> None:
        """Back to the list, the search in force."""
        self.query_one("#search", Input).display = False
        self.table.focus()

    # ------------------------------------------------------------ levels

    @on(Table.Chosen, "#persons")
    def open_persona(self) -> None:
        """Enter: its dialogues."""
        self._reading = True
        self.lab.poke()

    def action_back(self) -> None:
        """Back to the list; there, to all personas."""
        line = self.query_one("#search", Input)
        if self._reading:
            self._reading = False
        elif line.value or line.display:
            line.value, line.display = "", False
            self._fill()
            self.table.focus()
        self.lab.poke()

    def action_map(self) -> None:
        """Map in place of the words, where there is no room for both."""
        self.toggle_class("-map")
        if self._view is not None:
            self.call_after_refresh(self._show_person, self._view)

    def action_words(self, by: int) -> None:
        """Scroll what is known of the persona."""
        self.query_one("#person", Lines).scroll_relative(y=by * _STEP, animate=False, immediate=True)

    def action_clusters(self) -> None:
        """Another clustering of the same personas."""
        self._map += 1
        self.lab.poke()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A map that takes turns, where it has to; other clusters, where there are."""
        del parameters
        view = self._view
        if action == "map":
            return self.size.width < _WIDE and not self._reading
        if action == "clusters":
            return view is not None and view.maps > 1 and not self._reading
        if action == "back":
            return self._reading or self.query_one("#search").display or bool(self.query_one("#search", Input).value)
        return action not in ("search", "words") or not self._reading


def _map(view: PersonasView, cells: int, rows: int) -> list[Line]:
    if view.map is not None:
        return map_lines(view.map, view.wanted.persona, cells, rows)
    told = "there is no map of these personas"
    if view.laying:
        told = "reading the dialogues…" if view.reading else "laying the personas out by their behaviour…"
    return [((told, "dim"),)]


_NOTHING: Line = (
    (" no study yet, so there are no personas to show. Start one from a shell:\n\n", ""),
    ("   lab run --data FOLDER --methods base,unified,persona\n", "accent"),
    ("   make demo", "accent"),
    ("     a small study on generated data, in minutes", "dim"),
)
