"""The line at the top: study and progress, workers, queue, and the screens to go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.events import Click
from textual.message import Message

from lab.safe import one_line
from lab.tui.text import Line, Span, fit_line, joined, width
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.tui.feeds.status import Status

TABS = (("1", "Jobs"), ("2", "Results"), ("3", "Chat"))
_GAP: Span = ("  ", "")
_NAMES = [name for _, name in TABS]


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
        self._tabs = _tabs(here)
        self._status: Status | None = None
        self._draw()

    def tell(self, status: Status) -> None:
        """Show this status."""
        self._status = status
        self._draw()

    def tell_typing(self, typing: bool) -> None:
        """While the keys are letters, esc comes before the keys of the tabs."""
        self._tabs = (("esc ", "faint"), *_tabs(self._here)) if typing else _tabs(self._here)
        self._draw()

    def _draw(self) -> None:
        self.show(self._lines_in)

    def _lines_in(self, cells: int) -> list[Line]:
        room = cells - width(self._tabs) - width([_GAP])
        return [(*fit_line(facts(self._status, room), room), _GAP, *self._tabs)]

    def on_click(self, event: Click) -> None:
        """Go to the tab under the mouse."""
        end = self.size.width - width(self._tabs)
        for text, _ in self._tabs:
            end += width([(text, "")])
            if event.x < end:
                if text in _NAMES:
                    self.post_message(self.Went(text.lower()))
                return


def facts(status: Status | None, cells: int) -> Line:
    """What the line says, as much of it as fits: the study first."""
    parts: list[Line] = [((" Persona Lab", "accent"),)]
    if status is None:
        return parts[0]
    if status.study is None:
        parts.append((("no study yet", "dim"),))
    else:
        counts = {str(state): count for state, count in status.study.counts.items()}
        done, broken = counts.get("SUCCEEDED", 0), counts.get("FAILED", 0) + counts.get("DEAD", 0)
        parts.append(((one_line(status.study.name), "strong"), (f" ▸ {done}/{status.study.n_jobs} jobs", "")))
        parts.append(((f"{broken} failed", "bad"),) if broken else ())
    plural = "" if status.workers == 1 else "s"
    parts.append(((f"{status.workers} worker{plural}", "" if status.workers else "bad"),))
    parts.append(((f"{status.silent} silent", "warn"),) if status.silent else ())
    parts.append(((f"{status.queue} waiting", "dim"),))
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


def _tabs(here: str) -> Line:
    spans: list[Span] = []
    for key, name in TABS:
        tone = "accent" if name.lower() == here else "dim"
        spans += [(f"{key} ", "faint"), (name, tone), ("  ", "")]
    return (*spans, ("? ", "faint"))
