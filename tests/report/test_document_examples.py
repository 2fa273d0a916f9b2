"""Examples follow a rule, and mark what is wrong in an answer."""

from __future__ import annotations

import pytest

from lab.report.document.examples import examples
from lab.report.people import Person
from lab.report.predictions import Prediction

REFERENCE = "Setting the AC to 22 degrees and lights to 50% brightness"
PREDICTION = "I'll set the AC to 20 degrees and the lights to 50%"


def row(dialogue: str, similarity: float, prediction: str = PREDICTION) -> Prediction:
    history = [{"role": "user", "content": f"message {n}"} for n in range(5)]
    return Prediction(
        "p1", dialogue, 1, "simple", {"weather": "rainy"}, history, REFERENCE, prediction, similarity, 1.0, 9
    )


def made(mine: list[float], theirs: list[float]) -> list[str]:
    found = examples(
        "hybrid",
        [row(f"d{n}", value) for n, value in enumerate(mine)],
        "unified",
        [row(f"d{n}", value) for n, value in enumerate(theirs)],
        {"p1": Person("p1", "Maya", "Yoga instructor.")},
        "6/1/predictions.jsonl",
    )
    return [f"{one.title} {one.source}" for one in found]


def test_best_median_and_worst_by_the_difference():
    assert made([0.9, 0.5, 0.3, 0.8, 0.1], [0.5, 0.5, 0.9, 0.7, 0.3]) == [
        "Best: +0.400 against unified 6/1/predictions.jsonl, line 1; dialogue d0, message 1",
        "Median: +0.000 against unified 6/1/predictions.jsonl, line 2; dialogue d1, message 1",
        "Worst: −0.600 against unified 6/1/predictions.jsonl, line 3; dialogue d2, message 1",
    ]


@pytest.mark.parametrize(
    ("mine", "titles"), [([], []), ([0.5], ["Only turn"]), ([0.5, 0.6], ["Best", "Worst"])], ids=["none", "one", "two"]
)
def test_of_few_turns_those_there_are(mine, titles):
    assert [one.split(":")[0] for one in made(mine, [0.1] * len(mine))] == titles


def test_equal_turns_stand_in_the_order_of_their_dialogues():
    assert [one[-13:-11] for one in made([0.5] * 4, [0.5] * 4)] == ["d0", "d2", "d3"]


def test_wrong_and_missing_settings_are_told_and_wrong_words_marked():
    (one, *_) = examples("hybrid", [row("d", 0.7)], "unified", [row("d", 0.6, REFERENCE)], {}, "x")
    wrong, right = one.answers
    assert ("20", "wrong") in wrong.pieces
    assert ("50", "right") in wrong.pieces
    assert "".join(text for text, _ in wrong.pieces) == PREDICTION
    assert wrong.wrong == ("ac temperature 20",)
    assert wrong.missing == ("ac temperature 22",)
    assert (right.wrong, right.missing) == ((), ())


def test_who_asks_and_in_what_situation_is_told():
    people = {"p1": Person("p1", "Maya", "Yoga instructor.")}
    (one,) = examples("hybrid", [row("d", 0.7)], "unified", [row("d", 0.6)], people, "x")
    assert one.persona == "p1, Maya: Yoga instructor."
    assert one.context == "weather=rainy"
    assert [text for _, text in one.said] == ["message 2", "message 3", "message 4"]


def test_long_answers_are_cut():
    (one,) = examples("hybrid", [row("d", 0.7, "word " * 1000)], "unified", [row("d", 0.6)], {}, "x")
    assert sum(len(text) for text, _ in one.answers[0].pieces) == 600
