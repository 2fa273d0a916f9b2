"""A report whose every word tries to be markup."""

from __future__ import annotations

from lab.report.document.blocks import (
    Answer,
    Bullets,
    Code,
    Column,
    Document,
    Example,
    Paragraph,
    Picture,
    Section,
    Table,
)

WORDS = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><a href="javascript:alert(1)">x</a>',
    "{{ 7 * 7 }} {% raw %}",
    "| a | b |",
    "# not a heading",
    "- not a list",
    "1. not a list",
    "**not bold** _not italic_ `not code`",
    "[not a link](http://evil.example)",
    "![no image](http://evil.example/x.png)",
    "https://evil.example www.evil.example",
    "&lt;not an entity&gt; &amp;",
    "```\nno fence",
    "two\nlines",
    "\\ ~~gone~~ $x$ <!-- --> --> ]]>",
    "+1 =x @a",
)
ALL = " ".join(WORDS)


def document() -> Document:
    """Every kind of block, full of such words."""
    answers = (
        Answer(ALL, 0.5, ((ALL, "wrong"), (" ", ""), (ALL, "right")), (ALL,), (ALL,)),
        Answer("silent", 0.1, (), (), ()),
    )
    blocks = (
        *(Paragraph(text) for text in WORDS),
        Paragraph(ALL, strong=True),
        Bullets(WORDS),
        Table((Column(WORDS[0]), Column(WORDS[4], number=True)), tuple((text, ALL) for text in WORDS), ALL),
        Picture("bars", ALL, ALL),
        Code(ALL, "toml"),
        Example(ALL, ALL, ALL, tuple((text, text) for text in WORDS), ALL, answers, ALL),
    )
    return Document(ALL, ALL, (Section("summary", ALL, blocks), Section("study", "What was studied", ())))
