"""Results: methods × metrics, down to a method's personas, down to a persona's dialogues."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from lab.safe import one_line
from lab.tui.screens.base import LabScreen
from lab.tui.text import Line, fit_line, wrap_spans
from lab.tui.widgets.dialogues import Dialogues
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.method_about import method_about
from lab.tui.widgets.methods_table import MethodsTable
from lab.tui.widgets.personas_table import PersonasTable
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.db.queries import StudyRow
    from lab.tui.feeds.results import ResultsFeed, ResultsView


class ResultsScreen(LabScreen["ResultsView"]):
    """Three levels of the same question: which method, for whom, in which words."""

    TAB = "results"
    CSS_PATH = "results.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "back", key_display="esc", id="results.back"),
        Binding("v", "split", "val / test", id="results.split"),
        Binding("s", "study", "study", id="study"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._feed: ResultsFeed | None = None
        self._view: ResultsView | None = None
        self._study = ""
        self._split = ""
        self._method = ""
        self._persona = ""

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """A title, and one of three levels."""
        yield Lines(id="where", classes="rule")
        with ContentSwitcher(initial="level-methods", id="levels"):
            with Vertical(id="level-methods"):
                yield Lines(id="empty")
                yield MethodsTable()
                yield Lines(id="method-rule", classes="rule")
                yield Lines(id="about")
            with Vertical(id="level-personas"):
                yield PersonasTable()
            with Vertical(id="level-dialogues"):
                yield Dialogues()

    def on_mount(self) -> None:
        """Keys go to the table of methods."""
        self.query_one(MethodsTable).focus()

    def want(self) -> Callable[[], ResultsView]:
        """The level in sight."""
        study = self.lab.status.study if self.lab.status else None
        if study is not None and study.name != self._study:
            self._study, self._method, self._persona = study.name, "", ""
        splits = _splits(study)
        self._split = self._split if self._split in splits else splits[-1]
        return partial(self._read, study, self._split, self._method, self._persona)

    def _read(self, study: StudyRow | None, split: str, method: str, persona: str) -> ResultsView:
        from lab.tui.feeds.results import ResultsFeed, Wanted

        if self._feed is None:
            self._feed = ResultsFeed()
        return self._feed.read(Wanted(study, split, method, persona))

    def turn_to(self, study: str) -> None:
        """Nothing of the study before, until this one is read."""
        self._view = None
        self.query_one("#where", Lines).show(lambda _: [((f" reading {one_line(study)}…", "dim"),)])
        self.query_one("#levels").display = False

    def tell(self, view: ResultsView) -> None:
        """Show the level that was read."""
        if view is self._view:
            return
        self._view = view
        self.query_one("#levels").display = True
        wanted = view.wanted
        level = "dialogues" if wanted.persona else "personas" if wanted.method else "methods"
        if level == "methods":
            self._tell_methods(view)
        elif level == "personas":
            self.query_one(PersonasTable).tell(view.personas)
        else:
            self.query_one(Dialogues).tell(view.turns)
        self.query_one("#where", Lines).show(lambda cells: [fit_line(_where(view), cells)])
        switcher = self.query_one("#levels", ContentSwitcher)
        content = self.query_one(f"#{level}")
        if switcher.current != f"level-{level}" or self.focused is None:
            switcher.current = f"level-{level}"
            if content.display:
                content.focus()

    def _tell_methods(self, view: ResultsView) -> None:
        table = self.query_one(MethodsTable)
        table.tell(view)
        there = bool(table.rows)
        for part in ("#methods", "#method-rule", "#about"):
            self.query_one(part).display = there
        empty = self.query_one("#empty", Lines)
        empty.display = not there
        empty.show(lambda cells: [(), *wrap_spans(_nothing(view), cells - 2)])
        self.show_method()

    @on(Table.Moved, "#methods")
    def show_method(self) -> None:
        """Say more about the method under the cursor."""
        method, view = self.query_one(MethodsTable).row, self._view
        if method is None or view is None:
            return
        name, lowest = method.name, view.lowest.get(method.name)
        about = view.about.get(name, "")
        self.query_one("#method-rule", Lines).show(lambda _: [((f" {one_line(name)}", "strong"),)])
        self.query_one("#about", Lines).show(lambda cells: method_about(method, about, lowest, cells))

    # ------------------------------------------------------------ levels

    @on(Table.Chosen, "#methods")
    def open_method(self) -> None:
        """Enter on a method: its personas."""
        method = self.query_one(MethodsTable).row
        self._method = method.name if method else ""
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

    def action_split(self) -> None:
        """Look at the other split, if the study evaluates it."""
        splits = _splits(self.lab.status.study if self.lab.status else None)
        if len(splits) < 2:
            self.bar.say(f"this study evaluates {splits[0]} only")
            return
        self._split = splits[(splits.index(self._split) + 1) % len(splits)]
        self.lab.poke()


def _splits(study: StudyRow | None) -> list[str]:
    """The splits that the study evaluates, test last: it is what is looked at first."""
    splits = list(study.spec["evaluate"]) if study else ["test"]
    return sorted(splits, key=lambda split: split == "test")


def _where(view: ResultsView) -> Line:
    wanted = view.wanted
    if view.wanted.study is None:
        return ((" results", "strong"),)
    steps = filter(None, (wanted.split, one_line(wanted.method), one_line(wanted.persona)))
    path: Line = ((" " + " ▸ ".join(steps), "strong"),)
    if wanted.persona:
        legend = (("right", "mark"), (" or ", "dim"), ("wrong or missing", "miss"), (" numbers and devices", "dim"))
        return (*path, ("   ", ""), *legend)
    if wanted.method:
        return (*path, (f"  {len(view.personas)} personas, by their gain against unified", "dim"))
    return (*path, (_caption(view), "dim"))


def _caption(view: ResultsView) -> str:
    study, table = view.wanted.study, view.table
    if study is None or table is None or not table.methods:
        return ""
    personas = max(method.n_personas for method in table.methods)
    seeds = len(study.spec["seeds"])
    return (
        f"  {personas} personas · {seeds} seed{'s' if seeds > 1 else ''} · {one_line(study.base)} on "
        f"{one_line(study.dataset_name)} · unified is the reference; intervals are 95% over personas"
    )


def _nothing(view: ResultsView) -> Line:
    """What to do next where there are no results."""
    study = view.wanted.study
    if study is None:
        return (
            (" no study yet. Start one from a shell:\n\n", ""),
            ("   lab run --data FOLDER --methods base,unified,persona\n", "accent"),
            ("   make demo", "accent"),
            ("     a small study on generated data, in minutes", "dim"),
        )
    done = sum(count for state, count in study.counts.items() if state == "SUCCEEDED")
    return (
        (f" nothing is evaluated on {view.wanted.split} yet: {done} of {study.n_jobs} jobs are done.", ""),
        ("   1", "accent"),
        (" Jobs shows how far they are", "dim"),
    )
