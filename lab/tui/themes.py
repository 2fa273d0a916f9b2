"""The lab's own colours, dark and light; Textual's other themes are in the command palette."""

from __future__ import annotations

from textual.theme import Theme

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
        error="#ef6f6c",
        variables={"border": "#2b3543", "scrollbar": "#2b3543", "scrollbar-background": "#11151b"},
    ),
    Theme(
        name="lab-light",
        primary="#2f6f9f",
        secondary="#1d7a8c",
        accent="#a86200",
        foreground="#20262e",
        background="#fbfaf7",
        surface="#fbfaf7",
        panel="#eceae4",
        success="#2f7d32",
        warning="#a35200",
        error="#c0302c",
        dark=False,
    ),
)
