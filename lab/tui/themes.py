"""The lab's colours: dark and light, strong contrast, safe for the colour-blind, and the terminal's own sixteen."""

from __future__ import annotations

import contextlib
import difflib
from pathlib import Path

import platformdirs
from textual.theme import BUILTIN_THEMES, Theme

from lab.errors import LabError

_LONGEST_NAME = 100
_ANSI = {
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "block-cursor-foreground": "ansi_black",
    "block-cursor-background": "ansi_white",
    "input-selection-background": "ansi_blue",
    "border": "ansi_blue",
    "scrollbar": "ansi_blue",
    "scrollbar-background": "ansi_default",
}

THEMES = (
    Theme(
        name="lab",
        primary="#4f8fba",
        secondary="#73bed3",
        accent="#e8b45a",
        foreground="#d5dbe3",
        background="#11151b",
        surface="#11151b",
        panel="#1b222c",
        success="#8fc77b",
        warning="#e8a15a",
        error="#f58583",
        variables={"border": "#2b3543", "scrollbar": "#2b3543", "scrollbar-background": "#11151b"},
    ),
    Theme(
        name="lab-light",
        primary="#2f6f9f",
        secondary="#115666",
        accent="#7d4800",
        foreground="#20262e",
        background="#fbfaf7",
        surface="#fbfaf7",
        panel="#eceae4",
        success="#1c5c22",
        warning="#833f00",
        error="#a01f1c",
        dark=False,
    ),
    Theme(
        name="high-contrast",
        primary="#2a4a78",
        secondary="#7fe3ff",
        accent="#ffd84d",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#101010",
        success="#7dff7d",
        warning="#ffb340",
        error="#ff9c9c",
        variables={"border": "#ffffff", "scrollbar": "#ffffff", "scrollbar-background": "#000000"},
    ),
    # Okabe and Ito's colours (2008), told apart with any kind of colour blindness: blue, orange, bluish green,
    # vermilion, sky blue; the darkest two a little lighter, to be read on a dark ground.
    Theme(
        name="colour-blind",
        primary="#0072b2",
        secondary="#56b4e9",
        accent="#f0e442",
        foreground="#e6e6e6",
        background="#12141a",
        surface="#12141a",
        panel="#1c2029",
        success="#3cc3a0",
        warning="#e69f00",
        error="#f28d54",
        variables={"border": "#3a404d", "scrollbar": "#3a404d", "scrollbar-background": "#12141a"},
    ),
    Theme(
        name="ansi",
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        accent="ansi_yellow",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        success="ansi_green",
        warning="ansi_magenta",
        error="ansi_red",
        variables=_ANSI,
    ),
)
ABOUT = {
    "lab": "dark",
    "lab-light": "light",
    "high-contrast": "white on black, every word at least 7 : 1",
    "colour-blind": "colours that are told apart whatever the eyes",
    "ansi": "the terminal's own sixteen colours",
}


def chosen() -> str:
    """The theme that the settings name; else the one that was chosen last on this machine; else the first.

    Raises:
        LabError: the settings name one that does not exist.
    """
    from lab.settings import load_settings

    named = load_settings().theme
    known = [*(theme.name for theme in THEMES), *BUILTIN_THEMES]
    if not named:
        last = _remembered()
        return last if last in known else THEMES[0].name
    if named not in known:
        near = difflib.get_close_matches(named, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(ABOUT)}."
        raise LabError(f"setting 'theme': there is no theme '{named}'; {hint}")
    return named


def remember(theme: str) -> None:
    """Open with this theme from now on; without a home to write to, only until the screen is closed."""
    file = _remembered_in()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(theme, "utf-8")


def _remembered() -> str:
    try:
        with _remembered_in().open("rb") as file:
            return file.read(_LONGEST_NAME).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _remembered_in() -> Path:
    """One file for a user, whatever the lab: eyes are the same in all of them."""
    return platformdirs.user_state_path("persona-lab") / "theme"
