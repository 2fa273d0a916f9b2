"""The tones that spans are written in, each a colour of the theme over the background it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color


@dataclass(frozen=True)
class Tone:
    """A colour variable of the theme, how much of it, and how the letters stand."""

    colour: str
    share: float = 1.0
    bold: bool | None = None
    underline: bool | None = None
    reverse: bool | None = None


TONES = {
    "": Tone("foreground"),
    "dim": Tone("foreground", 0.75),
    "faint": Tone("foreground", 0.30),
    "strong": Tone("foreground", bold=True),
    "head": Tone("foreground", 0.82, bold=True),
    "accent": Tone("accent"),
    "second": Tone("secondary"),
    "good": Tone("success"),
    "warn": Tone("warning"),
    "bad": Tone("error"),
    "mark": Tone("success", underline=True),
    "miss": Tone("error", bold=True, underline=True),
    "found": Tone("warning", underline=True),
    "here": Tone("warning", bold=True, reverse=True),
}
_FAINT_SHARE = 0.8  # colours of the terminal cannot be mixed: what is fainter than this is dim instead
CURSOR = Tone("foreground", 0.08)
CURSOR_IN_FOCUS = Tone("primary", 0.22)


def mixed(tone: Tone, background: Color, theme: Mapping[str, str]) -> Color:
    """The colour of a tone on a background."""
    return background.blend(Color.parse(theme[tone.colour]), tone.share)


def cursor_style(background: Color, theme: Mapping[str, str], *, in_focus: bool) -> Style:
    """What lies over a row under the cursor."""
    colour = mixed(CURSOR_IN_FOCUS if in_focus else CURSOR, background, theme)
    if colour.ansi is not None:  # the terminal's own colours cannot be mixed
        return Style(reverse=True) if in_focus else Style(underline=True)
    return Style(bgcolor=colour.rich_color)


def style(name: str, background: Color, theme: Mapping[str, str]) -> Style:
    """The style of a tone on a background, in the present theme."""
    tone = TONES[name]
    colour = mixed(tone, background, theme)
    return Style(
        color=colour.rich_color,
        bgcolor=background.rich_color,
        bold=tone.bold,
        dim=True if colour.ansi is not None and tone.share < _FAINT_SHARE else None,
        underline=tone.underline,
        reverse=tone.reverse,
    )
