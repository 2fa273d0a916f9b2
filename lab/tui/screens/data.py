"""Data: the data sets of the lab, down to what a persona said; bring one in, or make one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from lab.errors import LabError
from lab.safe import one_line
from lab.tui.format import progress_bar
from lab.tui.screens.base import LabScreen
from lab.tui.text import Line, fit_line, wrap_spans
from lab.tui.widgets.data_about import about, dialogue_lines
from lab.tui.widgets.data_tables import DataPersonasTable, DatasetsTable
from lab.tui.widgets.field import EntryField, FormField
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.tui.bring import Work
    from lab.tui.feeds.data import DataFeed, DataView

_PARTS = ("", "train", "val", "test")
_BAR = 24  # cells
_FORM = (("name", "synthetic"), ("personas", "20"), ("dialogues", "30"), ("seed", "0"))


class DataScreen(LabScreen["DataView"]):
    """Three levels: the data sets, the personas of one, the dialogues of one of them."""

    TAB: ClassVar[str] = "data"
    CSS_PATH = "data.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "bring_in", "import", id="data.import"),
        Binding("g", "make", "generate", id="data.generate"),
        Binding("n", "new_study", "new study on it", id="data.new_study"),
        Binding("m", "measure", "measure", id="data.measure"),
        Binding("v", "part", "train / val / test", id="data.part"),
        Binding("escape,backspace", "back", "back", key_display="esc", id="data.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._feed: DataFeed | None = None
        self._view: DataView | None = None
        self._folder: str | None = None  # of the data set that is open
        self._persona = ""  # whose dialogues are read
        self._part = ""  # "": of all parts
        self._measured = False
        self._work: Work | None = None
        self._brought = ""  # the name of a data set that is here now and not yet in the table

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """Where we are, what is being done, and the level in sight."""
        yield Lines(id="where", classes="rule")
        yield EntryField(id="source", placeholder="path of a folder, or owner/name on the hub; FOLDER as NAME names it")
        with Horizontal(id="form"):
            for name, value in _FORM:
                yield Lines(id=f"label-{name}")
                yield FormField(value, id=f"make-{name}", select_on_focus=True)
        yield Lines(id="fault")
        yield Lines(id="empty")
        yield DatasetsTable()
        yield Lines(id="about")
        yield DataPersonasTable()
        yield Lines(id="dialogues")

    def on_mount(self) -> None:
        """Keys go to the table."""
        for name, _ in _FORM:
            self.query_one(f"#label-{name}", Lines).show(lambda _, name=name: [((f" {name} ", "dim"),)])  # type: ignore[misc]
        self._tell_level()

    def on_unmount(self) -> None:
        """The lab is left: whatever is read or made stops."""
        if self._work is not None:
            self._work.stopped = True

    @property
    def _sets(self) -> DatasetsTable:
        return self.query_one(DatasetsTable)

    @property
    def _personas(self) -> DataPersonasTable:
        return self.query_one(DataPersonasTable)

    @property
    def _measuring(self) -> bool:
        """Whether measures are wanted that are not there yet, and can be."""
        opened = self._view.opened if self._view else None
        return self._measured and opened is not None and opened.split is not None and opened.measures is None

    def want(self) -> Callable[[], DataView]:
        """The data sets, and the one that is open."""
        return partial(self._read, self._folder, self._measured)

    def _read(self, folder: str | None, measured: bool) -> DataView:
        from lab.tui.feeds.data import DataFeed

        if self._feed is None:
            self._feed = DataFeed()
        return self._feed.read(folder, measured=measured)

    def tell(self, view: DataView) -> None:
        """Show what was read."""
        if view.opened is None and self._folder is not None:
            if any(one.folder == self._folder for one in view.lines):
                return  # it was opened after this reading began
            self._folder, self._persona = None, ""  # somebody has taken it away
        self._view = view
        self._sets.fill(view.lines)
        brought = next((one for one in view.lines if one.kept and one.name == self._brought), None)
        if brought is not None:  # enter and n are said to be about it
            self._brought = ""
            self._sets.select(brought.folder)
        if view.opened is not None:
            self._personas.tell(view.opened)
        self._tell_level()

    def _tell_level(self) -> None:
        """Show the level in sight, and nothing of the others."""
        view, opened = self._view, self._view.opened if self._view else None
        level = 0 if opened is None or self._folder is None else 2 if self._persona else 1
        there = view is not None and bool(view.lines)
        self._sets.display = level == 0 and there
        self.query_one("#empty").display = level == 0 and view is not None and not there
        self.query_one("#about").display = self._personas.display = level == 1
        dialogues = self.query_one("#dialogues", Lines)
        dialogues.display = level == 2
        self.query_one("#empty", Lines).show(lambda cells: [(), *wrap_spans(_NOTHING, cells - 1)])
        if opened is not None and level == 1:
            panel = self.query_one("#about", Lines)
            panel.styles.height = len(about(opened, max(self.size.width - 1, 1)))
            panel.show(lambda cells: about(opened, cells))
        if opened is not None and level == 2:
            found = list(opened.dialogues(self._persona, self._part))
            dialogues.show(lambda cells: [line for part, one in found for line in dialogue_lines(part, one, cells)])
        self.query_one("#where", Lines).show(lambda cells: [fit_line(self._where(), cells)])
        self._aim((self._sets, self._personas, dialogues)[level])

    def _aim(self, widget: Lines) -> None:
        """Keys go to the level in sight, unless somebody types or is asked."""
        if isinstance(self.focused, Input) or self.bar.can_focus:
            return
        if not widget.has_focus:
            widget.can_focus = True
            widget.focus()

    def _where(self) -> Line:
        work = self._work
        if work is not None:
            share = work.done / work.total if work.total else 0.0
            count = f" {work.done:,} of {work.total:,}" if work.total else ""
            bar = progress_bar(share, _BAR) if work.total else ()
            return (
                (f" {one_line(work.what)}: {one_line(work.step)}{count} ", "accent"),
                *bar,
                ("  esc stops it", "dim"),
            )
        opened = self._view.opened if self._view else None
        if opened is None or self._folder is None:
            return ((" data sets", "head"),)
        line: Line = ((" data sets ▸ ", "dim"), (one_line(opened.line.name), "strong"))
        if self._measuring:
            line += (("  measuring…", "accent"), ("  esc stops it", "dim"))
        if self._persona:
            line += ((" ▸ ", "dim"), (one_line(self._persona), "strong"), (f"  {self._part or 'all parts'}", "second"))
        return line

    # ------------------------------------------------------------ levels

    @on(Table.Chosen, "#datasets")
    def open_data(self) -> None:
        """Enter opens a data set."""
        if self._sets.row is not None:
            self._folder, self._measured = self._sets.row.folder, False
            self.bar.hush()  # what was said of the list
            self.lab.poke()

    @on(Table.Chosen, "#data-personas")
    def open_persona(self) -> None:
        """Enter reads a persona's dialogues."""
        if self._personas.row is not None:
            self._persona = self._personas.row.persona_id
            self._tell_level()
            self.query_one("#dialogues", Lines).scroll_home(animate=False)

    def action_back(self) -> None:
        """Stop what is being done; else close the form; else one level up."""
        if self.query_one("#source").display or self.query_one("#form").display:
            self._close_forms()
        elif self._work is not None:
            self._work.stopped = True
        elif self._measuring:
            self._measured = False
            self.bar.say("measuring was given up")
            self.lab.poke()
        elif self._persona:
            self._persona = ""
        elif self._folder is not None:
            self._folder = None
        self._tell_level()

    def action_part(self) -> None:
        """The dialogues of the next part only; after the last, of all."""
        self._part = _PARTS[(_PARTS.index(self._part) + 1) % len(_PARTS)]
        self._tell_level()

    def action_measure(self) -> None:
        """Measure the data set that is open; it takes seconds, and esc gives it up."""
        if self._folder is None:
            self.bar.say("enter opens a data set; then it can be measured")
            return
        self._measured = True
        self._tell_level()
        self.lab.poke()

    def action_new_study(self) -> None:
        """Put a study together, on the data set in sight."""
        from lab.tui.screens.new_study import NewStudyScreen

        row = self._sets.row
        self.app.push_screen(NewStudyScreen(dataset=row.name if row is not None and row.kept else ""))

    # ------------------------------------------------------------ bringing in, making

    def action_bring_in(self) -> None:
        """Type where a data set is."""
        if self._free():
            self._open_form("#source", "#source")

    def action_make(self) -> None:
        """Say how many personas and dialogues to make up."""
        if self._free():
            self._open_form("#form", "#make-name")

    def _free(self) -> bool:
        if self._work is not None:
            self.bar.say(f"{self._work.what} is under way; esc stops it")
        return self._work is None

    def _open_form(self, form: str, first: str) -> None:
        self._close_forms()
        self.bar.hush()  # its keys are said there
        self.query_one(form).display = True
        self.query_one(first, Input).focus()

    def _close_forms(self) -> None:
        for form in ("#source", "#form", "#fault"):
            self.query_one(form).display = False
        self.set_focus(None)

    @on(Input.Submitted, "#source")
    def take_source(self, event: Input.Submitted) -> None:
        """Bring it in."""
        from lab.tui.bring import Work, bring_in

        work = Work("import")
        self._do(work, partial(bring_in, event.value, work), "#source")

    @on(Input.Submitted, "#form Input")
    def take_form(self) -> None:
        """Make it."""
        from lab.tui.bring import Work, make

        values = {name: self.query_one(f"#make-{name}", Input).value.strip() for name, _ in _FORM}
        try:
            personas, dialogues, seed = (_number(name, values[name]) for name in ("personas", "dialogues", "seed"))
        except LabError as error:
            self._tell_fault(str(error))
            return
        work = Work("generate")
        self._do(work, partial(make, values["name"], personas, dialogues, seed, work), "#form")

    @work
    async def _do(self, work: Work, action: Callable[[], str], form: str) -> None:
        """Do it in a thread; what is wrong is said where it was typed."""
        typed = self.focused
        self._close_forms()
        self._work = work
        self._tell_level()
        fault = name = ""
        try:
            name = await asyncio.to_thread(action)
        except Exception as error:
            fault = str(LabError.of(error))
        self._work = None
        if not self.alive:
            return
        if fault and not work.stopped:
            self.query_one(form).display = True
            self._tell_fault(fault)
            self.set_focus(typed)
        else:
            self._brought = name
            self.bar.say(fault or f"{name} is kept: enter looks into it, n starts a study on it")
        if self._feed is not None:
            self._feed.hurry()
        self._tell_level()
        self.lab.poke()

    def _tell_fault(self, said: str) -> None:
        panel = self.query_one("#fault", Lines)
        lines = [
            line for one in said.split("\n") for line in wrap_spans([(" ✗ ", "bad"), (one, "")], self.size.width - 1)
        ]
        panel.display, panel.styles.height = True, min(len(lines), max(self.size.height // 2, 1))
        panel.show(lambda _: lines)


def _number(name: str, said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) < 20):
        raise LabError(f"{name} is {said!r}; give a whole number")
    return int(said)


_NOTHING: Line = (
    (" no data yet.\n\n", ""),
    ("   i", "accent"),
    ("  brings in a folder: chat format or EdgeWisePersona\n", ""),
    ("   g", "accent"),
    ("  makes a synthetic data set, in seconds\n\n", ""),
    ("   lab data import FOLDER", "accent"),
    ("  does the same from a shell", "dim"),
)
