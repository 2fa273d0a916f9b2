"""What keys change in a study file: its settings, its methods, its sweeps; each in its row of the form."""

from __future__ import annotations

import asyncio
import re
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.widgets import Input

from lab.errors import LabError
from lab.tui import draft
from lab.tui.screens.base import LabScreen
from lab.tui.screens.study_choices import GENERATE, TYPED, pick_base, pick_source
from lab.tui.widgets.study_form import HINTS, StudyForm
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.tui.feeds.new_study import NewStudyFeed, NewStudyView

_SIZE = re.compile(r"\s*(\d{1,6})\s*[x×*, ]\s*(\d{1,6})\s*")
_FEWEST = 3  # dialogues: one each to train on, to validate with and to test


class DraftScreen(LabScreen["NewStudyView"]):
    """A form over the text of a study file."""

    def __init__(self, toml: str) -> None:
        super().__init__()
        self.text = toml
        self.before: list[str] = []  # what can be gone back to
        self.given_name = ""  # that the lab gave the study, and gives anew while nobody has typed one
        self.view: NewStudyView | None = None
        self.feed: NewStudyFeed | None = None
        self._take: Callable[[str], None] | None = None  # what is done with the line that is typed

    @property
    def form(self) -> StudyForm:
        """The form."""
        return self.query_one(StudyForm)

    @abstractmethod
    def draw(self) -> None:
        """Show the text as it is now."""

    @abstractmethod
    def action_start(self) -> None:
        """Queue the study."""

    # ------------------------------------------------------------ changing

    def change(self, *path: str, value: Any) -> None:
        """Another value of a key of the study file."""
        named = path[0] in ("data", "base")
        self.retell(lambda text: (self.renamed if named else str)(draft.with_value(text, path, value)))

    def retell(self, changed: Callable[[str], str]) -> None:
        """Another text; what cannot be changed in the form is said."""
        try:
            text = changed(self.text)
        except Exception as error:
            self.bar.say(f"not here: {LabError.of(error)} e edits the text", "bad")
            return
        if text != self.text:
            self.before.append(self.text)
            self.text = text
            self.draw()
            self.lab.poke()

    def renamed(self, text: str) -> str:
        """The text with a name from its data set and base, if it has none but the lab's own."""
        said = draft.content(text)
        if self.view is None or not self.given_name or said.get("name") != self.given_name or "data" not in said:
            return text
        from lab.tasks.submit import study_name

        self.given_name = draft.numbered(study_name(said["data"], said.get("base", "")), self.view.options.taken)
        return draft.with_value(text, ("name",), self.given_name)

    def action_undo(self) -> None:
        """Take the last change back."""
        if not self.before:
            self.bar.say("nothing to undo")
            return
        self.text = self.before.pop()
        self.draw()
        self.lab.poke()

    def action_mark(self) -> None:
        """Pick the method, or pick it no more."""
        entry = self.form.row
        if entry is None or entry.family is None:
            self.open_row()
            return
        now = draft.toggled(draft.picked(draft.content(self.text)), entry.family, entry.variant)
        self.change("methods", value=now)

    @on(Table.Chosen, "#form")
    def open_row(self) -> None:
        """Enter: change the setting, pick the method, or start."""
        entry = self.form.row
        if entry is None or entry.kind == "head":
            return
        if entry.kind == "method":
            self.action_mark()
        elif entry.kind == "start":
            self.action_start()
        elif entry.key == "data":
            self.choose_data()
        elif entry.key == "base":
            self.choose_base()
        else:
            self._type(self._said(entry.key), partial(self._take_field, entry.key))

    def _said(self, key: str) -> str:
        value = draft.content(self.text).get(key, "")
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    def _take_field(self, key: str, words: str) -> None:
        values: dict[str, Any] = {
            "personas": draft.number(words),
            "dialogues": draft.number(words),
            "seeds": draft.numbers(words) or None,
            "evaluate": words.replace(",", " ").split() or None,
        }
        self.change(key, value=values.get(key, words.strip() or None))

    def action_sweep(self) -> None:
        """Several values to try of a method's settings."""
        entry = self.form.row
        if entry is None or entry.family is None or not entry.family.learns:
            self.bar.say("only a method that learns has settings to try: put the cursor on one")
            return
        name = entry.family.name
        table = draft.own_tables(draft.content(self.text)).get(name, {})
        hint = "learning_rate = [1e-4, 5e-4], rank = [4, 8]"
        self._type(draft.words_of_sweep(table.get("sweep", {})), partial(self._take_sweep, name), hint)

    def _take_sweep(self, name: str, words: str) -> None:
        from lab.methods.spec import declarations

        sweep = draft.sweep_of_words(words)
        self.retell(lambda text: draft.with_sweep(text, name, declarations().get(name, {}), sweep))

    # ------------------------------------------------------------ data and base

    @work(exclusive=True, group="choose")
    async def choose_data(self) -> None:
        """One that is there, a generated one, or one that is typed."""
        if self.view is None:
            return
        chosen = await pick_source(self.app, self.view.options.sources, self._said("data"))
        if chosen == GENERATE:
            self._type("20 × 30", self._take_size, "personas × dialogues of each")
        elif chosen == TYPED:
            self._type(self._said("data"), partial(self._take_field, "data"), "folder or hub name")
        elif chosen is not None:
            self.change("data", value=chosen)

    def _take_size(self, words: str) -> None:
        size = _SIZE.fullmatch(words)
        if size is None or not (int(size[1]) >= 1 and int(size[2]) >= 3):
            raise LabError(
                f"{words!r}: say how many personas and how many dialogues of each (3 or more), as in 20 × 30."
            )
        self.bar.say(f"generating {size[1]} personas with {size[2]} dialogues each …")
        self.generate(int(size[1]), int(size[2]))

    @work(exclusive=True, group="generate")
    async def generate(self, personas: int, dialogues: int) -> None:
        """Make a data set in a thread, then take it."""
        try:
            name = await asyncio.to_thread(_generate, personas, dialogues)
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
            return
        if self.feed is not None:
            self.feed.hurry()
        self.bar.say(f"generated {name}")
        self.change("data", value=name)

    @work(exclusive=True, group="choose")
    async def choose_base(self) -> None:
        """One that is known here, or one that is typed."""
        if self.view is None:
            return
        chosen = await pick_base(self.app, self.view.options.bases, self._said("base"))
        if chosen == TYPED:
            self._type(self._said("base"), partial(self._take_field, "base"), "folder or hub name")
        elif chosen is not None:
            self.change("base", value=chosen)

    # ------------------------------------------------------------ the line in the row

    def _type(self, words: str, take: Callable[[str], None], hint: str = "") -> None:
        """Type in the row under the cursor; enter takes it, esc leaves all as it was."""
        form, line = self.form, self.query_one("#line", Input)
        line.styles.offset = (form.value_at, form.height_of_cursor)
        line.styles.width = max(form.size.width - form.value_at, 10)
        line.placeholder = hint or HINTS.get(form.row.key if form.row else "", "")
        line.value, self._take = words, take
        line.cursor_position = len(words)
        line.display = True
        line.focus()

    @on(Input.Submitted, "#line")
    def take_line(self, event: Input.Submitted) -> None:
        """Take what was typed; what cannot be read stays to be mended."""
        take = self._take
        try:
            if take is not None:
                take(event.value)
        except LabError as error:
            self.bar.say(str(error), "bad")
            return
        self.close_line()

    def close_line(self) -> None:
        """Back to the form."""
        self._take = None
        self.query_one("#line", Input).display = False
        self.form.focus()


def _generate(personas: int, dialogues: int) -> str:
    from lab.tui.feeds import study_options

    return study_options.generate(personas, dialogues)
