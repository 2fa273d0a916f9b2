from __future__ import annotations

from dataclasses import replace

import pytest
from dataset_strategies import tiny

from lab.data.measure import distinct_2, measure
from lab.data.split import split_by_time
from lab.data.types import Dataset, Message


def test_distinct_2_counts_word_pairs() -> None:
    assert distinct_2(["set the AC", "set the lights"]) == 3 / 4
    assert distinct_2(["Yes", ""]) == 0.0


def test_shares_are_of_those_that_say() -> None:
    dataset = tiny(1, 4)
    marked = [
        replace(dialogue, task_type=task_type, applied_routines=applied)
        for dialogue, task_type, applied in zip(
            dataset.dialogues, ("simple", "simple", "mood", None), ((0,), (), (1,), None), strict=True
        )
    ]
    found = measure(Dataset(dataset.personas, tuple(marked)))
    assert found.task_types == {"simple": 2 / 3, "mood": 1 / 3}
    assert found.routine_share == 2 / 3
    assert found.turns_per_dialogue == 1
    assert found.identification is None
    assert measure(dataset).routine_share is None


def test_unique_shares_count_repeated_turns() -> None:
    dataset = tiny(1, 4)
    same = tuple(
        replace(d, messages=(Message("user", "hi"), Message("assistant", "yes" if i else "no")))
        for i, d in enumerate(dataset.dialogues)
    )
    found = measure(Dataset(dataset.personas, same))
    assert (found.unique_user_turns, found.unique_assistant_turns) == (0.25, 0.5)


def test_personas_with_words_of_their_own_are_told_apart_and_others_are_not() -> None:
    dataset = tiny(4, 10)  # the assistant says the persona's id, the user says the same to all
    found = measure(dataset, split_by_time(dataset)).identification
    assert found is not None
    assert (found.assistant, found.chance) == (1.0, 0.25)
    assert found.user == pytest.approx(0.25)
    assert (found.n_train, found.n_test) == (24, 8)


def test_one_persona_cannot_be_told_from_another() -> None:
    dataset = tiny(1, 5)
    assert measure(dataset, split_by_time(dataset)).identification is None
