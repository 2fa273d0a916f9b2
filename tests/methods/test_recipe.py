"""Recipe books survive the disk, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.methods.recipe import BOOK_FILE, AdapterRef, Recipe, RecipeBook, read_book, write_book

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
adapters = st.builds(AdapterRef, text, text, text, st.floats(allow_nan=False, allow_infinity=False))
recipes = st.builds(Recipe, text, st.lists(adapters, max_size=3).map(tuple))
books = st.dictionaries(text, recipes, max_size=4)


@given(books)
def test_what_is_read_is_what_was_written(tmp_path_factory, book: RecipeBook):
    folder = tmp_path_factory.mktemp("book")
    write_book(book, folder)
    assert read_book(folder) == book


@given(books)
def test_the_same_book_is_the_same_bytes_in_whatever_order_it_was_made(tmp_path_factory, book: RecipeBook):
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    write_book(book, one)
    write_book(dict(reversed(book.items())), other)
    assert (one / BOOK_FILE).read_bytes() == (other / BOOK_FILE).read_bytes()


def test_a_book_that_is_not_there_says_so(tmp_path):
    with pytest.raises(LabError, match=r"recipes\.json: the recipe book is not there"):
        read_book(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{",
        b'{"maya": 3}',
        b'{"maya": {"adapters": []}}',
        b'{"maya": {"base": "b", "adapters": [{"name": "n"}]}}',
        b'{"maya": {"base": "b", "adapters": [{"name": "n", "folder": "f", "digest": "d", "wait": 1}]}}',
        b'{"maya": {"base": "b", "adapters": 3}}',
    ],
)
def test_a_book_that_is_none_says_so(tmp_path, content):
    (tmp_path / BOOK_FILE).write_bytes(content)
    with pytest.raises(LabError, match=r"recipes\.json: this is not a recipe book"):
        read_book(tmp_path)
