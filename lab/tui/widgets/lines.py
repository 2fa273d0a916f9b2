"""The widget under all others: lines of spans that scroll, and that repaint only what changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from lab.safe import one_line
from lab.tui.text import Line, changes, clean, merged, width, wrap_spans
from lab.tui.tones import style

Layout = Callable[[int], Sequence[Line]]
"""Content as a function of the width it has, so that it is laid out anew when the terminal changes."""


class Lines(ScrollView, can_focus=False):
    """Scrolling lines.

    With `follow`, it stays at the last line for as long as the user leaves it there.
    """

    DEFAULT_CSS = """
    Lines {
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        overflow-x: hidden;
        background: $surface;
        color: $foreground;
    }
    """

    def __init__(
        self,
        *,
        follow: bool = False,
        id: str | None = None,  # noqa: A002 (Textual's name for it)
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.follow = follow
        self._layout: Layout = lambda _: ()
        self._lines: Sequence[Line] = ()
        self._pinned = follow  # to the last line, until the user scrolls away
        self._tones: dict[str, Style] = {}

    # ------------------------------------------------------------ content

    def show(self, layout: Layout) -> None:
        """Put this content in place of the present one; only lines that differ are painted."""
        self._layout = layout
        self._lay_out()

    def text(self) -> str:
        """The content as plain text, as wide as the widget is."""
        return "\n".join("".join(text for text, _ in clean(line)).rstrip() for line in self._lines)

    @property
    def at_end(self) -> bool:
        """Whether the last line is in view."""
        return self.scroll_offset.y >= self.max_scroll_y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow from the end only."""
        super().watch_scroll_y(old_value, new_value)
        self._pinned = self.follow and self.at_end

    def scroll_to_end(self) -> None:
        """Bring the last line in view, even before the scroll bar is there, and follow from there."""
        self._pinned = self.follow
        self.scroll_end(animate=False, immediate=True, force=True)

    @property
    def cells(self) -> int:
        """The width there is for content, beside the scroll bar."""
        return self.scrollable_content_region.width

    def _lay_out(self) -> None:
        cells = self.cells
        if not cells:
            return
        old, self._lines = self._lines, self._laid_out(cells)
        self._resize(cells, len(self._lines))
        self._repaint(old)
        if self._pinned:
            self.scroll_to_end()

    def _laid_out(self, cells: int) -> list[Line]:
        """The content; rows that hold what no row should cost the widget its content, not the user the screen."""
        try:
            return list(self._layout(cells))
        except Exception as error:
            said = f"this cannot be shown ({type(error).__name__}: {one_line(error, 200)})"
            return wrap_spans([(said, "bad")], cells)

    def _resize(self, cells: int, height: int) -> None:
        if self.virtual_size != Size(cells, height):
            self.virtual_size = Size(cells, height)

    def _repaint(self, old: Sequence[Line]) -> None:
        top = self.scroll_offset.y
        for y in range(self.size.height):
            before = old[top + y] if top + y < len(old) else ()
            after = self._lines[top + y] if top + y < len(self._lines) else ()
            for x, cells in changes(before, after):
                self.refresh(Region(x, y, cells, 1))

    def on_resize(self) -> None:
        """Lay out for the new width."""
        self._lay_out()

    # ------------------------------------------------------------ painting

    def notify_style_update(self) -> None:
        """Forget the colours of the theme before."""
        self._tones.clear()
        super().notify_style_update()

    def tone(self, name: str) -> Style:
        """The style of a tone in the present theme, on this widget's background."""
        if name not in self._tones:
            self._tones[name] = style(name, self.background_colors[1], self.app.theme_variables)
        return self._tones[name]

    def strip(self, line: Line, *, background: Style | None = None) -> Strip:
        """A line painted, as wide as the widget."""
        over = background or Style()
        # Blanks have no tone, so that they join their neighbours: fewer bytes on the line.
        spans = merged((text, "" if text.isspace() else tone) for text, tone in clean(line))
        segments = [Segment(text, self.tone(tone) + over) for text, tone in spans]
        return Strip(segments, width(spans)).adjust_cell_length(self.size.width, self.tone("") + over).simplify()

    def render_line(self, y: int) -> Strip:
        """Paint one line of the widget."""
        row = self.scroll_offset.y + y
        line = self._lines[row] if row < len(self._lines) else ()
        strip = self.strip(line)
        return self._selected(strip, row).apply_offsets(0, row)

    # ------------------------------------------------------------ selection with the mouse

    def _selected(self, strip: Strip, row: int) -> Strip:
        selection = self.text_selection
        span = selection.get_span(row) if selection is not None else None
        if span is None:
            return strip
        start, end = span[0], span[1] if span[1] >= 0 else strip.cell_length
        marked = strip.crop(start, end).apply_style(self.screen.get_component_rich_style("screen--selection"))
        return Strip.join([strip.crop(0, start), marked, strip.crop(end)])

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text under the selection."""
        return selection.extract(self.text()), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Paint the selection."""
        del selection
        self.refresh()
