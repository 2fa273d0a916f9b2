"""Dialogues counted without a tokenizer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lab.data.split import split_by_time
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.methods.counts import Part, count


def homes(words: str, turns: int = 2) -> Dataset:
    said = (Message("user", words), Message("assistant", words)) * turns
    at = datetime(2026, 1, 1, tzinfo=UTC)
    dialogues = (Dialogue(f"d{n}", "anna", at + timedelta(days=n), {"weather": "rainy"}, said) for n in range(10))
    return Dataset((Persona("anna", "Likes it warm."),), tuple(dialogues))


def test_each_part_has_its_dialogues_turns_and_about_as_many_tokens():
    data = homes("Turn the lights on, please.")
    anna = count(data, split_by_time(data))["anna"]
    assert {name: len(part.lengths) for name, part in anna.parts.items()} == {"train": 6, "val": 2, "test": 2}
    assert anna.parts["train"].turns == 6 * 2
    assert anna.description == pytest.approx(len("The user: Likes it warm.") / 4, abs=1)
    (length,) = set(anna.parts["test"].lengths)
    system = "You are the user's personal assistant. Answer in one or two short sentences. Situation: weather: rainy."
    assert length == pytest.approx(len(system) / 4 + 4 * 27 / 4 + 5 * 5, abs=5)


def test_other_scripts_count_more_for_each_character():
    latin, hanzi = homes("a" * 40), homes("请" * 40)
    short, long = (count(data, split_by_time(data))["anna"].parts["train"].lengths[0] for data in (latin, hanzi))
    assert long - short == 4 * (30 - 10)


def test_what_does_not_fit_is_cut():
    part = Part((100, 200, 300), 9, 0)
    assert part.tokens() == 600
    assert part.tokens(more=50) == 750
    assert part.tokens(more=50, longest=240) == 150 + 240 + 240
