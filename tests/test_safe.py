"""Text of strangers: what is left of it can be printed, and is as it was where it was harmless."""

from __future__ import annotations

import io
import json
import time
import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.data.faults import DataError, Fault
from lab.errors import LabError
from lab.safe import LONGEST_LINE, SafeStream, one_line, safe, safe_json, sentence

anything = st.text(st.characters(), max_size=60)
texts = st.text(max_size=60)  # what UTF-8 can carry


@given(anything)
def test_safe_text_has_nothing_that_a_terminal_acts_on(text: str) -> None:
    cleaned = safe(text)
    kinds = {unicodedata.category(character) for character in cleaned.replace("\n", "")}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not any(unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF") for character in cleaned)
    assert safe(cleaned) == cleaned


@pytest.mark.parametrize(
    "text", ["plain", "naïve 漢字 😀", "नमस्ते", "Tiếng Việt", "שָׁלוֹם", "[red]not markup[/]", "a\nb", " " * 9, ""]
)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize("mark", ["\u0301", "\u20dd", "\u0e34", "\ufe0f"])
def test_thousands_of_marks_on_one_letter_are_a_few(mark: str) -> None:
    assert len(safe("é" + mark * 5000)) <= 12


@pytest.mark.parametrize("text", ["x" * 1_000_000, "漢" * 1_000_000, "\x1b[" * 500_000, "e" + "\u0301" * 1_000_000])
def test_a_megabyte_takes_a_moment(text: str) -> None:
    began = time.monotonic()
    assert len(one_line(text)) <= LONGEST_LINE
    assert len(sentence(text)) <= LONGEST_LINE
    safe(text)
    assert time.monotonic() - began < 10


def test_an_escape_that_does_not_end_hides_nothing_of_what_follows() -> None:
    assert safe("a\x1b]52;c;no end") == "a52;c;no end"
    assert "here" in safe("\x1b]0;title\nhere")


@given(texts)
def test_json_is_escaped_and_says_the_same(text: str) -> None:
    written = safe_json(orjson.dumps({"a": [text]}, option=orjson.OPT_INDENT_2).decode())
    assert json.loads(written) == {"a": [text]}
    assert safe(written) == written


@given(st.lists(anything, max_size=4))
def test_a_stream_cleans_what_is_written_to_it(parts: list[str]) -> None:
    file = io.BytesIO()
    stream = SafeStream(file, encoding="utf-8", errors="replace")
    for part in parts:
        assert stream.write(part) == len(part)
    stream.flush()
    written = file.getvalue().decode()
    assert not any(unicodedata.category(one) == "Cc" for one in written.replace("\n", ""))


@given(anything)
def test_an_error_is_one_clean_line(text: str) -> None:
    said = str(LabError(text))
    assert "\n" not in said
    assert len(said) <= LONGEST_LINE
    assert safe(said) == said


def test_of_an_endless_error_both_ends_are_told() -> None:
    said = str(LabError("the beginning " + "x" * 1_000_000 + " the end"))
    assert said.startswith("the beginning")
    assert said.endswith("the end")


def test_faults_of_data_are_a_line_each(tmp_path) -> None:
    faults = (Fault(tmp_path, 1, "one \x1b[31m"), Fault(tmp_path, 2, "two"))
    assert str(DataError(faults, 3)) == f"{tmp_path}:1: one\n{tmp_path}:2: two\nand 3 more"


def test_an_error_nobody_meant_is_a_sentence_too() -> None:
    assert (
        str(LabError.of(KeyError("split\x9b"))) == "what was read is not what this lab writes (KeyError: 'split\\x9b')."
    )
    error = LabError("as it is")
    assert LabError.of(error) is error


def test_what_the_system_refuses_is_not_blamed_on_what_was_read():
    assert str(LabError.of(OSError(28, "No space left on device"))) == "the system says: No space left on device."
    assert (
        str(LabError.of(PermissionError(13, "Permission denied", "a\x9b"))) == "a: the system says: Permission denied."
    )
