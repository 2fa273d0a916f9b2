"""What one turn scores."""

from __future__ import annotations

import pytest

from lab.metrics.turns import Counts, TurnScores, score_turn

REFERENCE = "Setting the AC to 22 degrees and lights to 50% brightness"
PREDICTION = "I'll set the AC to 20 degrees and the lights to 50%"


def score(reference: str, prediction: str) -> TurnScores:
    return score_turn(reference, prediction, similarity=0.9, nll=12.0, n_tokens=8)


def test_the_worked_example_of_the_published_study() -> None:
    turn = score(REFERENCE, PREDICTION)
    assert turn.devices == Counts(correct=2, predicted=2, reference=2)
    assert turn.numbers == Counts(correct=1, predicted=2, reference=2)
    assert turn.parameters == Counts(correct=1, predicted=2, reference=2)


def test_parameters_count_values_that_are_not_numbers_too() -> None:
    turn = score("Lights at 40%, warm, and the TV off", "Lights at 40%, cool, and the TV off")
    assert turn.parameters == Counts(correct=2, predicted=3, reference=3)
    assert turn.numbers == Counts(correct=1, predicted=1, reference=1)


def test_the_right_number_on_the_wrong_device_is_wrong() -> None:
    turn = score("Speaker to 40", "TV to 40")
    assert turn.numbers == turn.devices == Counts(correct=0, predicted=1, reference=1)


def test_a_turn_about_nothing_counts_nothing() -> None:
    turn = score("You're welcome!", "Any time.")
    assert turn.devices == turn.parameters == turn.numbers == Counts(0, 0, 0)


def test_lengths_are_in_words_and_what_was_measured_elsewhere_is_kept() -> None:
    turn = score(REFERENCE, PREDICTION)
    assert (turn.reference_words, turn.predicted_words) == (11, 12)
    assert (turn.similarity, turn.nll, turn.n_tokens) == (0.9, 12.0, 8)


@pytest.mark.parametrize("prediction", ["", "   \n"])
def test_an_empty_prediction_names_nothing(prediction: str) -> None:
    turn = score(REFERENCE, prediction)
    assert turn.devices == Counts(correct=0, predicted=0, reference=2)
    assert turn.predicted_words == 0
