"""A report as Markdown (GitHub's flavour): whatever the words hold, they stay words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lab.report.document.blocks import (
    Answer,
    Block,
    Bullets,
    Code,
    Document,
    Example,
    Paragraph,
    Picture,
    Section,
    Table,
)
from lab.safe import safe

_MARKUP = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
_OPENS = re.compile(r"^(\s*)([-+=>]|\d+(?=[.)]))")
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto):|\bwww\.")


def markdown(document: Document) -> str:
    """The whole report; figures are named as files beside it."""
    contents = "\n".join(f"- [{escaped(one.title)}](#{one.key})" for one in document.sections)
    parts = [f"# {escaped(document.title)}", escaped(document.subtitle), contents]
    for section in document.sections:
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """The text on one line, with nothing in it that Markdown or HTML acts on."""
    line = " ".join(safe(text).split())
    line = _MARKUP.sub(lambda match: "\\" + match[0], line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _LINK.sub(lambda match: match[0][:-1] + ("&#58;" if match[0][-1] == ":" else "&#46;"), line)
    return _OPENS.sub(r"\1\\\2", line) if not line[:1].isdigit() else re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


def _section(section: Section) -> Iterable[str]:
    yield f'<a id="{section.key}"></a>\n\n## {escaped(section.title)}'
    for block in section.blocks:
        yield _block(block)


def _block(block: Block) -> str:
    match block:
        case Paragraph(text, strong):
            return f"**{escaped(text)}**" if strong else escaped(text)
        case Bullets(items):
            return "\n".join(f"- {escaped(item)}" for item in items)
        case Table():
            return _table(block)
        case Picture(name, alt, caption):
            return f"![{escaped(alt)}](figures/{name}.svg)\n\n*{escaped(caption)}*"
        case Code(text, language):
            return fenced(text, language)
        case Example():
            return _example(block)


def _table(table: Table) -> str:
    titles = " | ".join(escaped(column.title) for column in table.columns)
    rule = " | ".join("---:" if column.number else "---" for column in table.columns)
    rows = [" | ".join(escaped(cell) or " " for cell in row) for row in table.rows]
    lines = "\n".join(f"| {line} |" for line in (titles, rule, *rows))
    return f"{lines}\n\n{escaped(table.note)}" if table.note else lines


def fenced(text: str, language: str = "") -> str:
    """A block of code whose fence is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{safe(text).rstrip()}\n{fence}"


def _example(example: Example) -> str:
    lines = [
        f"**{escaped(example.title)}**",
        f"Persona: {escaped(example.persona)}",
        f"Context: {escaped(example.context) or '–'}",
        *(f"> {escaped(role)}: {escaped(text)}" for role, text in example.said),
        f"Reference: {escaped(example.reference)}",
        *map(_answer, example.answers),
        f"*{escaped(example.source)}*",
    ]
    return "\n\n".join(lines)


def _answer(answer: Answer) -> str:
    words = "".join(f"**{_piece(text)}**" if mark == "wrong" else _piece(text) for text, mark in answer.pieces)
    said = f"{escaped(answer.method)} ({answer.similarity:.3f}): {words.strip() or '(nothing)'}"
    wrong = f" — wrong: {escaped(', '.join(answer.wrong))}" if answer.wrong else ""
    missing = f" — missing: {escaped(', '.join(answer.missing))}" if answer.missing else ""
    return said + wrong + missing


def _piece(text: str) -> str:
    """A piece of a line: the spaces at its ends are kept."""
    body = escaped(text)
    if not body:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + body + (" " if text[-1].isspace() else "")
