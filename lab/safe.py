"""Text of strangers made harmless: what comes from data, models, logs and files cannot drive a terminal.

`safe` is the one function for it. It is called where text leaves the lab: by the screen as it paints, by the
commands as they print, by errors as they are made, and by the streams that a worker's log is written from.
"""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from itertools import groupby, islice

LONGEST_LINE = 2000  # characters: far more than any terminal shows of one line

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\](?:[^\x07\x1b\n]*(?:\x07|\x1b\\))?|[@-Z\\-_])")
# C0 and C1 controls, marks that turn the direction of writing, and characters of no width of their own.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
# What does not show, or shows as a space: the above, fillers, variation selectors, and spaces of other widths.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_MARKS = 8  # accents on one letter: more than any script needs
_MANY = re.compile(rf"[^\x00-\x7f]{{{_MARKS + 1},}}")


def safe(text: str) -> str:
    """The text without escape sequences, control characters and direction marks; tabs become spaces.

    New lines stay: they are for the layout to act on. Halves of characters become `?`, and of more accents on one
    letter than any script has only the first stay. What is safe already comes back as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPE.sub("", text.replace("\r\n", "\n").replace("\t", "    "))
    text = _UNSAFE.sub("", text)
    return _MANY.sub(_thinned, text).encode("utf-8", "replace").decode("utf-8")


def hidden(text: str) -> str | None:
    """The first character by which a name would differ from another and look the same."""
    found = _HIDDEN.search(text)
    return found.group() if found else None


def _thinned(run: re.Match[str]) -> str:
    """A run of letters with no more than so many marks in a row."""
    groups = groupby(run[0], key=lambda character: unicodedata.category(character)[0] == "M")
    return "".join("".join(islice(group, _MARKS) if is_mark else group) for is_mark, group in groups)


def one_line(text: object, longest: int = LONGEST_LINE) -> str:
    """The text on one line, safe to print; of a longer one the beginning."""
    said = str(text)
    # Cleaning takes characters away, so twice as many are looked at; a megabyte is not.
    line = " ".join(safe(said[: 2 * longest]).split())
    return line if len(line) <= longest and len(said) <= 2 * longest else line[: longest - 1] + "…"


def sentence(text: str, longest: int = LONGEST_LINE) -> str:
    """The text on one line, its spaces as they are; of a longer one both ends."""
    half = longest // 2
    if len(text) > 2 * longest:
        text = f"{text[:longest]} … {text[-longest:]}"
    line = safe(text).replace("\n", " ").strip()
    return line if len(line) <= longest else f"{line[: half - 2]} … {line[-half + 1 :]}"


def safe_json(text: str) -> str:
    """JSON that says the same with nothing in it that a terminal would act on: such characters become escapes."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(character: re.Match[str]) -> str:
    units = character[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class SafeStream(io.TextIOWrapper):
    """A text stream that cleans what is written to it."""

    def write(self, text: str) -> int:
        """Write the text, cleaned; returns the length of what was given, as callers expect."""
        super().write(safe(text))
        return len(text)


def clean_streams() -> None:
    """Clean what this process prints from now on: a log is read in a terminal, and tracebacks quote data."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, SafeStream):
            setattr(sys, name, SafeStream(stream.detach(), encoding="utf-8", errors="replace", line_buffering=True))
