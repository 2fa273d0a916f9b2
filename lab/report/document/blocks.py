"""What a report is made of, whatever it is written as: every text here is plain, and is escaped where it is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.report.marks import Mark


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences; `strong` is for what a reader must not miss."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences one below the other."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; numbers stand at its right edge."""

    title: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; `note` says below it how to read it."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the report's folder by its name; `alt` says in words what it shows."""

    name: str
    alt: str
    caption: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be copied."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One method's answer: its words in pieces, and its settings that the reference has not, or that it lacks."""

    method: str
    similarity: float
    pieces: tuple[tuple[str, Mark], ...]
    wrong: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One turn: who asks what and when, what should be said, and what was said."""

    title: str
    persona: str
    context: str
    said: tuple[tuple[str, str], ...]  # (role, text) of the last messages before the turn
    reference: str
    answers: tuple[Answer, ...]
    source: str  # where the row is found


Block = Paragraph | Bullets | Table | Picture | Code | Example


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report; `key` is its anchor."""

    key: str
    title: str
    blocks: tuple[Block, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]


def columns(*titles: str, words: int = 1) -> tuple[Column, ...]:
    """Columns of which the first so many hold words, the others numbers."""
    return tuple(Column(title, number=place >= words) for place, title in enumerate(titles))
