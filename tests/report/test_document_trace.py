"""Scores are compared with the rows they came from."""

from __future__ import annotations

from lab.report.document.trace import mismatches
from lab.report.predictions import Prediction


def rows(**similarities: list[float]) -> list[Prediction]:
    return [
        Prediction(persona, f"d{n}", 1, "", {}, [], "a", "a", value, 0.0, 0)
        for persona, values in similarities.items()
        for n, value in enumerate(values)
    ]


def test_a_score_is_the_mean_of_its_rows():
    assert mismatches(rows(a=[0.1, 0.2], b=[0.4]), {"a": 0.15, "b": 0.4}) == []


def test_scores_that_do_not_follow_are_told():
    assert mismatches(rows(a=[0.1], b=[0.4]), {"a": 0.1, "b": 0.41}) == [
        "the score of 1 persona(s), such as b, does not follow from its rows"
    ]


def test_scores_without_rows_and_rows_without_scores_are_told():
    assert mismatches(rows(a=[0.1]), {"b": 0.2}) == [
        "the score of 2 persona(s), such as a, does not follow from its rows"
    ]
