"""Markdown: read by a parser, every word is a word again."""

from __future__ import annotations

import pytest
from hostile_document import ALL, WORDS, document
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lab.report.document.markdown import escaped, fenced, markdown

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def flat(tokens: list[Token]) -> list[Token]:
    return [one for token in tokens for one in (token, *flat(token.children or []))]


def words(text: str) -> str:
    return " ".join("".join(t.content for t in flat(PARSER.parse(text)) if t.type in ("text", "code_inline")).split())


@pytest.mark.parametrize("text", WORDS)
def test_words_stay_words(text):
    tokens = flat(PARSER.parse(escaped(text)))
    assert {token.type for token in tokens} == {"paragraph_open", "inline", "text", "paragraph_close"}
    assert words(escaped(text)) == " ".join(text.split())


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1).filter(str.strip))
def test_any_words_stay_words(text):
    wanted = " ".join(escaped(text).split())
    tokens = flat(PARSER.parse(wanted))
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}


def test_a_report_has_the_blocks_it_was_given_and_no_markup_of_others():
    tokens = flat(PARSER.parse(markdown(document())))
    assert [t.content for t in tokens if t.type == "html_inline"] == [
        '<a id="summary">',
        "</a>",
        '<a id="study">',
        "</a>",
    ]
    assert not [t for t in tokens if t.type == "html_block"]
    assert [str(t.attrs["src"]) for t in tokens if t.type == "image"] == ["figures/bars.svg"]
    assert [str(t.attrs["href"]) for t in tokens if t.type == "link_open"] == ["#summary", "#study"]
    assert sum(t.type == "table_open" for t in tokens) == 1
    assert sum(t.type == "td_open" for t in tokens) == 2 * len(WORDS)
    assert sum(t.type == "heading_open" for t in tokens) == 3
    (code,) = [t for t in tokens if t.type == "fence"]
    assert " ".join(code.content.split()) == " ".join(ALL.split())


def test_a_fence_is_longer_than_any_in_it():
    text = "a\n````\nb"
    (token,) = PARSER.parse(fenced(text, "toml"))
    assert token.content == text + "\n"


def test_underscores_within_a_name_need_no_escape():
    assert escaped("persona_000 minus −0.1") == "persona_000 minus −0.1"
