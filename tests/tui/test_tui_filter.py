"""What may be typed to narrow a table, and what it means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.tui.filter import Narrowing, completed, present_field, searching, values


@dataclass(frozen=True)
class Thing:
    state: str = ""
    kind: str = ""
    study: str = ""

    @property
    def text(self) -> str:
        return f"{self.state}\n{self.kind}\n{self.study}".lower()


FIELDS = {"state": lambda thing: thing.state, "kind": lambda thing: thing.kind, "study": lambda thing: thing.study}
THINGS = [
    Thing("RUNNING", "train", "homes"),
    Thing("FAILED", "train", "homes, flats"),
    Thing("FAILED", "evaluate", "out of town"),
    Thing("DEAD", "merge", "cuda:0"),
]
words = st.text(st.characters(codec="ascii", categories=["Ll", "Nd"]), min_size=1, max_size=4)
things = st.lists(st.builds(Thing, *(st.text(max_size=12) for _ in FIELDS)), max_size=6)


def kept(typed: str, rows: list[Thing] | None = None) -> list[Thing]:
    narrowing = Narrowing(FIELDS)
    narrowing.type(typed)
    return list(narrowing.kept(THINGS if rows is None else rows))


@pytest.mark.parametrize(
    ("typed", "places"),
    [
        ("", [0, 1, 2, 3]),
        ("TRAIN", [0, 1]),
        ("train failed", [1]),
        ("failed|dead", [1, 2, 3]),
        ("failed|dead|", [1, 2, 3]),
        ("!failed", [0, 3]),
        ("!failed|dead", [0]),
        ("state:failed kind:train", [1]),
        ("State:FAIL", [1, 2]),
        ("!state:failed|dead", [0]),
        ("kind:failed", []),
        ('"out of"', [2]),
        ('study:"of town"', [2]),
        ('"out of', [2]),
        ("/^dead$/", [3]),
        ("/^dead", [3]),
        ("/failed.*(flats|town)/", [1, 2]),
        ("/of town/ failed", [2]),
        ("kind:/^(train|merge)$/ !dead", [0, 1]),
        ("!/r.n/", [1, 2, 3]),
        ("cuda:0", [3]),
        ("state:", [0, 1, 2, 3]),
        ("!", [0, 1, 2, 3]),
        ("/", [0, 1, 2, 3]),
        ("| !|", [0, 1, 2, 3]),
        ('""', [0, 1, 2, 3]),
    ],
)
def test_what_is_typed_keeps_the_rows_that_have_it(typed: str, places: list[int]) -> None:
    assert kept(typed) == [THINGS[place] for place in places]


@given(st.text(), things)
def test_whatever_is_typed_is_a_filter_or_has_a_fault_and_then_keeps_all(typed: str, rows: list[Thing]) -> None:
    narrowing = Narrowing(FIELDS)
    narrowing.type(typed)
    found = narrowing.kept(rows)
    assert [row for row in rows if row in found] == list(found)
    if narrowing.fault or not narrowing.narrows:
        assert found is rows


@given(words, things)
def test_a_word_keeps_the_rows_that_say_it_and_with_not_all_others(word: str, rows: list[Thing]) -> None:
    having = [row for row in rows if word in row.text]
    assert kept(word, rows) == having
    assert kept(f"!{word}", rows) == [row for row in rows if row not in having]


@given(st.lists(words, min_size=2, max_size=4), things)
def test_more_words_keep_less_in_whatever_order(typed: list[str], rows: list[Thing]) -> None:
    all_of_them = kept(" ".join(typed), rows)
    assert all_of_them == kept("  ".join(reversed(typed)), rows)
    assert all(row in kept(typed[0], rows) for row in all_of_them)


@given(words, words, things)
def test_either_keeps_what_one_or_the_other_keeps(one: str, other: str, rows: list[Thing]) -> None:
    either = kept(f"{one}|{other}", rows)
    assert either == [row for row in rows if row in kept(one, rows) or row in kept(other, rows)]


@pytest.mark.parametrize("typed", ["/[a/", "train /(/", "state:/*/", "/a{2,1}/", "/(?P<x/"])
def test_a_broken_regex_is_told_and_filters_nothing(typed: str) -> None:
    narrowing = Narrowing(FIELDS)
    narrowing.type(typed)
    assert narrowing.fault.startswith("not a regex yet: ")
    assert narrowing.kept(THINGS) is THINGS
    narrowing.type("train")
    assert narrowing.fault == ""
    assert len(narrowing.kept(THINGS)) == 2


def test_a_regex_that_would_never_end_is_given_up() -> None:
    rows = [Thing("a" * 4000 + "!", "b" * 4000)]
    narrowing = Narrowing(FIELDS)
    narrowing.type(r"/^(\w|\w\w)+(\w|\w\w)+\d$/")
    assert narrowing.kept(rows) is rows
    assert "takes too long" in narrowing.fault


def test_a_row_is_read_once_however_often_the_table_comes_again() -> None:
    read: Counter[str] = Counter()

    def state(thing: Thing) -> str:
        read[thing.kind] += 1
        return thing.state

    narrowing = Narrowing({"state": state})
    rows = [Thing("RUNNING", str(number)) for number in range(5)]
    narrowing.type("run")
    first = narrowing.kept(rows)
    assert narrowing.kept(rows) is first
    narrowing.kept([Thing("READY", "new"), *rows])
    narrowing.type("runn")
    narrowing.kept(rows)
    assert set(read.values()) == {1}


def test_rows_that_went_are_forgotten() -> None:
    narrowing = Narrowing(FIELDS)
    narrowing.type("run")
    for number in range(20):
        rows = [Thing("RUNNING", f"{number} {one}") for one in range(500)]
        assert len(narrowing.kept(rows)) == 500
    assert len(narrowing._said) <= 2500


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("sta", "state:"),
        ("!sta", "!state:"),
        ("x st", "x state:"),
        ("state:fa", "state:failed"),
        ("!state:ready|fa", "!state:ready|failed"),
        ("state:", None),
        ("state:x", None),
        ("", None),
        ("zzz", None),
        ("state:two", None),  # a blank would begin another word
    ],
)
def test_a_name_or_value_that_is_begun_is_written_out(typed: str, line: str | None) -> None:
    assert completed(typed, list(FIELDS), ["READY", "FAILED", "two words"]) == line


def test_which_field_is_being_typed() -> None:
    assert present_field("x !State:fa|re", FIELDS) == ("state", "re")
    assert present_field("state:failed x", FIELDS) is None
    assert present_field("cuda:0", FIELDS) is None
    assert present_field("state:/x", FIELDS) is None


def test_the_values_of_a_list_are_counted_each() -> None:
    assert values(THINGS, FIELDS["study"]) == {"homes": 2, "flats": 1, "out of town": 1, "cuda:0": 1}


@pytest.mark.parametrize(
    ("typed", "spans"),
    [("Val", [(0, 3), (8, 11)]), ("val 0.5", [(8, 15)]), ("0.5.", []), (r"/\d\.\d/", [(4, 7), (12, 15)]), ("/", [])],
)
def test_a_search_finds_words_as_they_are_or_a_regex(typed: str, spans: list[tuple[int, int]]) -> None:
    assert searching(typed).found("val 1.3 val 0.5") == spans


def test_a_search_for_a_broken_regex_says_so_and_finds_nothing() -> None:
    search = searching("/[")
    assert "not a regex yet" in search.fault
    assert search.found("[") == []
    assert searching("[").found("a[b") == [(1, 2)]


@given(st.text(), st.text())
def test_whatever_is_searched_is_found_in_order_and_within_the_text(typed: str, text: str) -> None:
    ends = [0]
    for start, end in searching(typed).found(text):
        assert ends[-1] <= start < end <= len(text)
        ends.append(end)
