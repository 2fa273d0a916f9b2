"""The page: whole, alone, and with nothing in it but what it was told."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from hostile_document import WORDS, document
from page import Page

from lab.report.document.html import html, inlined

SVG = b"""<?xml version="1.0"?>
<!DOCTYPE svg>
<svg height="100pt" width="200pt" viewBox="0 0 200 100" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="x">
<metadata><rdf>when and by whom</rdf></metadata>
<g id="axes_1" clip-path="url(#p1)"><use xlink:href="#m1"/><text style="fill: #24292f">a</text></g></svg>"""


@pytest.fixture(scope="module")
def text() -> str:
    return html(document(), {"bars": SVG})


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_tag_is_closed_where_it_should_be(page):
    assert page.open == []


def test_words_stay_words(page):
    said = " ".join("".join(page.words).split())
    for words in WORDS:
        assert " ".join(words.split()) in said
    assert set(page.tags) <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "p", "nav", "ol", "li", "a", "main",
        "section", "h2", "ul", "div", "table", "thead", "tr", "th", "tbody", "td", "figure", "figcaption", "pre",
        "code", "article", "h3", "dl", "dt", "dd", "span", "mark", "script", "svg", "g", "use", "text",
    }  # fmt: skip
    assert page.tags.count("script") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_it_needs_nothing_from_elsewhere(page):
    for name in ("href", "src", "xlink:href", "srcset", "data"):
        assert all(value.startswith("#") for value in page.values(name)), name


def test_it_forbids_itself_to_load_anything_and_to_run_anything_but_its_own_script(text):
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy.replace("&#43;", "+")


def test_contents_lead_to_sections_and_ids_are_each_ones_own(page):
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    assert [value.removeprefix("#") for value in page.values("href")] == ["summary", "study"]
    assert {"summary", "study"} <= set(ids)


def test_a_figure_takes_the_ink_of_the_page_and_keeps_its_ids_apart():
    text = str(inlined(SVG, "bars"))
    assert text.startswith("<svg ")
    assert 'width="200pt"' in text
    assert "height=" not in text
    assert "metadata" not in text
    assert "currentColor" in text
    assert 'id="bars-axes_1"' in text
    assert "url(#bars-p1)" in text
    assert 'href="#bars-m1"' in text


def test_wrong_values_are_marked(text):
    assert '<mark class="wrong">' in text
    assert '<mark class="right">' in text
    assert "(nothing)" in text


def test_it_is_made_for_paper_and_for_dark_rooms(text):
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text


def test_the_same_report_gives_the_same_page(text):
    assert html(document(), {"bars": SVG}) == text
