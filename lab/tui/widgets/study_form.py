"""The form of a new study: its settings, then every method of the catalogue, as rows of one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual.binding import Binding, BindingType

from lab.safe import one_line
from lab.tui.draft import Family, content, own_tables, picked, share_picked, words_of_sweep
from lab.tui.format import counted
from lab.tui.text import Line
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.tui.feeds.new_study import Fault, NewStudyView
    from lab.tui.feeds.study_options import Options

_OWN = "this study's own"
_MARKS = {0.0: "○", 1.0: "●"}

HINTS = {
    "name": "what the study is called; its file and its results go by it",
    "data": "enter picks one of those that were imported, generates one, or takes a folder",
    "base": "the model that every method adapts; enter picks one or takes a name",
    "personas": "only the first so many; nothing: all of them",
    "dialogues": "only the first so many of each persona; nothing: all of them",
    "seeds": "every method is trained once for each: 0, 1, 2",
    "evaluate": "the splits to score: val, test; val alone while you still try things out",
}
_LABELS = {"data": "data set"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the form."""

    kind: Literal["field", "head", "method", "start"]
    key: str  # of the study file; of a method its name
    label: str
    value: Line
    share: float = 0.0  # of a method that is picked
    fault: str = ""
    family: Family | None = None
    variant: str | None = None

    @property
    def mark(self) -> Line:
        """Whether it is picked, or at fault."""
        tone = "bad" if self.fault else "accent"
        if self.kind == "method":
            return ((_MARKS.get(self.share, "◐"), tone if self.share else "faint"),)
        return (("✗", "bad"),) if self.fault else ()


class StudyForm(Table[Entry]):
    """A cursor over the rows of the form."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "change", id="table.open")]

    def __init__(self) -> None:
        columns: list[Column[Entry]] = [
            Column(" ", 1, lambda entry, _: entry.mark, stays=True),
            Column("setting", _LABEL, lambda entry, _: ((entry.label, _tone(entry)),), stays=True),
            Column("value", 20, _value, grows=True),
        ]
        super().__init__(columns, lambda entry: (entry.kind, entry.key), id="form")

    @property
    def value_at(self) -> int:
        """Where the values begin, in cells."""
        return _LABEL + 5

    @property
    def height_of_cursor(self) -> int:
        """The line of the widget that the cursor is on."""
        return self.cursor - self.scroll_offset.y + 1


_LABEL = 24


def _tone(entry: Entry) -> str:
    return {"head": "head", "start": "accent", "method": "strong" if entry.share else ""}.get(entry.kind, "dim")


def _value(entry: Entry, _: int) -> Line:
    if not entry.fault:
        return entry.value
    return (*entry.value, (("  " if entry.value else "") + one_line(entry.fault), "bad"))


# ---------------------------------------------------------------- rows


def entries(text: str, view: NewStudyView) -> list[Entry]:
    """The rows for this text; its fault is shown where it belongs, if it is the text that was looked at."""
    said = content(text)
    fault = view.fault if view.text == text else None
    fields = [_field(key, said, view, fault) for key in HINTS]
    ready = "enter starts it" if view.costs and view.text == text else ""
    return [*fields, *_methods(said, view.options, fault), Entry("start", "start", "start", ((ready, "dim"),))]


def _field(key: str, said: Mapping[str, Any], view: NewStudyView, fault: Fault | None) -> Entry:
    wrong = fault.said.removeprefix(f"{view.path}: ") if fault and fault.field == key else ""
    return Entry("field", key, _LABELS.get(key, key), tuple(_shown(key, said.get(key), view)), fault=wrong)


def _shown(key: str, value: Any, view: NewStudyView) -> Iterator[tuple[str, str]]:
    """A setting as it is, or what holds where it is not said."""
    usual = {"personas": "all", "dialogues": "all", "seeds": "0", "evaluate": "val, test", "data": "none yet: enter"}
    usual |= {"base": view.options.bases[0][0] if view.options.bases else ""}
    if value is None:
        yield usual.get(key, ""), "warn" if key == "data" else "dim"
    else:
        yield one_line(", ".join(map(str, value)) if isinstance(value, list) else value), ""
    if key == "name":
        yield f"  {view.path}", "dim"
    source = next((one for one in view.options.sources if one.name == value), None) if key == "data" else None
    if source is not None:
        yield f"  {counted(source.personas, 'persona')}, {counted(source.dialogues, 'dialogue')}", "dim"
    why = next((why for base, why in view.options.bases if base == value), None) if key == "base" else None
    if why is not None:
        yield f"  {one_line(why)}", "dim"


def _methods(said: Mapping[str, Any], options: Options, fault: Fault | None) -> Iterator[Entry]:
    names, group = picked(said), ""
    wrong = fault.field if fault else ""
    known = {one for family in options.families for one in (family.name, *family.variants)}
    own = [name for name in dict.fromkeys((*own_tables(said), *names)) if name not in known]
    for family in (*(_own(name, said) for name in own), *options.families):
        if family.group != group:
            count = "" if group else f"{counted(len(names), 'method')} picked"
            trouble = fault.said if fault and count and wrong == "methods" else ""
            group = family.group
            yield Entry("head", group, group, ((count, "dim"),), fault=_short(trouble))
        sweep = words_of_sweep(own_tables(said).get(family.name, {}).get("sweep", {}))
        about: Line = ((f"sweep {sweep}  ", "second"),) if sweep else ()
        faulty = fault.said if fault and wrong == f"methods.{family.name}" else ""
        share = share_picked(names, family)
        text: Line = () if faulty else (*about, (one_line(family.about), "" if share else "dim"))
        yield Entry("method", family.name, family.name, text, share, _short(faulty), family)
        for variant in family.variants if len(family.variants) > 1 else ():
            on = float(share == 1 or variant in names)
            label = "  " + variant.removeprefix(family.name + "-")
            faulty = fault.said if fault and wrong == f"methods.{variant}" else ""
            yield Entry("method", variant, label, ((variant, "dim"),), on, _short(faulty), family, variant)


def _short(said: str) -> str:
    """A sentence without the file that it begins with: the form is of no other."""
    return said.partition(".toml: ")[2] or said


def _own(name: str, said: Mapping[str, Any]) -> Family:
    table = own_tables(said).get(name, {})
    learns = table.get("parameters", "none") != "none"
    return Family(name, str(table.get("about", "")), str(table.get("source", "")), _OWN, learns, (name,))
