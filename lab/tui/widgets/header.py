"""The line at the top: study and progress, workers, queue, and the screens to go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.events import Click
from textual.message import Message

from lab.safe import one_line
from lab.tui.format import counted
from lab.tui.tabs import TABS
from lab.tui.text import Line, Span, fit_line, joined, width
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.tui.feeds.status import Status

_GAP: Span = ("  ", "")
_ALL_TITLES = 120  # cells; in fewer, only the present tab is named


class Header(Lines):
    """One line; what does not fit is left out from the right."""

    DEFAULT_CSS = """
    Header { height: 1; background: $panel; overflow-y: hidden; scrollbar-gutter: auto; }
    """

    class Went(Message):
        """A tab was clicked."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self, here: str) -> None:
        super().__init__()
        self._here = here
        self._typing = False
        self._status: Status | None = None
        self._draw()

    def tell(self, status: Status) -> None:
        """Show this status."""
        self._status = status
        self._draw()

    def tell_typing(self, typing: bool) -> None:
        """While the keys are letters, esc comes before the keys of the tabs."""
        self._typing = typing
        self._draw()

    def _draw(self) -> None:
        self.show(self._lines_in)

    def _lines_in(self, cells: int) -> list[Line]:
        tabs = [*_esc(typing=self._typing), *(span for _, spans in _tabs(self._here, cells) for span in spans)]
        room = cells - width(tabs) - width([_GAP])
        return [(*fit_line(facts(self._status, room), room), _GAP, *tabs)]

    def on_click(self, event: Click) -> None:
        """Go to the tab under the mouse."""
        end = self.size.width
        for name, spans in reversed(_tabs(self._here, self.size.width)):
            start = end - width(spans)
            if start <= event.x < end and name:
                self.post_message(self.Went(name))
            end = start


def facts(status: Status | None, cells: int) -> Line:
    """What the line says, as much of it as fits: the study first."""
    parts: list[Line] = [((" Persona Lab", "accent"),)]
    if status is None:
        return parts[0]
    if status.study is None:
        parts.append((("no study yet", "dim"),))
    else:
        study = status.study
        parts.append(((one_line(study.name), "strong"), (f" ▸ {study.done}/{counted(study.n_jobs, 'job')}", "")))
        parts.append(((f"{study.failed} failed", "bad"),) if study.failed else ())
    parts.append(((counted(status.workers, "worker"), "" if status.workers else "bad"),))
    parts.append(((f"{status.silent} silent", "warn"),) if status.silent else ())
    parts.append((("queue paused", "warn"),) if status.paused else ())
    parts.append(((f"{status.queue} ready", "dim"),))
    parts += [(_gpu(gpu),) for gpu in status.gpus]
    while width(joined(parts, "   ")) > cells and len(parts) > 2:
        parts.pop(0 if parts[0][0][0] == " Persona Lab" else -1)
    line = joined(parts, "   ")
    return line if line[0][0].startswith(" ") else ((" ", ""), *line)


def _gpu(gpu: dict[str, float | str | None]) -> Span:
    load, used, total = gpu.get("load"), gpu.get("memory"), gpu.get("total")
    said = one_line(str(gpu.get("device", "gpu")))
    if isinstance(load, float):
        said += f" {load:.0f}%"
    if isinstance(used, float) and isinstance(total, float):
        said += f" {used / 1024:.1f}/{total / 1024:.0f} GB"
    return said, "dim"


def _esc(*, typing: bool) -> Line:
    return (("esc ", "dim"),) if typing else ()


def _tabs(here: str, cells: int) -> list[tuple[str, Line]]:
    """Each tab with what stands for it, then the key of the help."""
    shown: list[tuple[str, Line]] = []
    for tab in TABS:
        key: Span = (f"{tab.key} ", "accent" if tab.name == here else "dim")
        named = cells >= _ALL_TITLES or tab.name == here
        title: Line = ((tab.title, "accent" if tab.name == here else "dim"), ("  ", "")) if named else ()
        shown.append((tab.name, (key, *title)))
    return [*shown, ("", (("? ", "dim"),))]
