"""Three averages of the same turns, each with its n."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.metrics.aggregate import METRICS, Average, Value, aggregate, aggregate_by, scores_of
from lab.metrics.turns import Counts, TurnScores, score_turn

NOTHING = Counts(0, 0, 0)


def turn(numbers: Counts = NOTHING, similarity: float = 0.5, nll: float = 6.0, n_tokens: int = 3) -> TurnScores:
    return TurnScores(numbers, numbers, numbers, similarity, nll, n_tokens, reference_words=4, predicted_words=2)


MIXED = [turn(Counts(1, 2, 4)), turn(Counts(3, 3, 3)), turn(Counts(0, 0, 1)), turn(Counts(0, 0, 0))]


def test_micro_divides_sums_by_sums() -> None:
    assert aggregate(MIXED)["numerical_precision"] == Value(4 / 5, n=5)
    assert aggregate(MIXED)["numerical_recall"] == Value(4 / 8, n=8)
    assert aggregate(MIXED)["numerical_f1"] == Value(8 / 13, n=13)


def test_macro_averages_the_turns_where_the_metric_is_defined() -> None:
    assert aggregate(MIXED)["numerical_precision_macro"] == Value((1 / 2 + 1) / 2, n=2)
    assert aggregate(MIXED)["numerical_recall_macro"] == Value((1 / 4 + 1 + 0) / 3, n=3)
    assert aggregate(MIXED)["numerical_f1_macro"] == Value((2 / 6 + 1 + 0) / 3, n=3)


def test_as_published_scores_a_turn_with_nothing_to_count_as_zero() -> None:
    assert aggregate(MIXED)["numerical_precision_as_published"] == Value((1 / 2 + 1) / 4, n=4)
    assert aggregate(MIXED)["numerical_recall_as_published"] == Value((1 / 4 + 1) / 4, n=4)


def test_the_denominator_explains_two_published_figures_for_one_model() -> None:
    """Nine numbers in ten right, but two turns in three speak of no number: 90% and 30%."""
    turns = [turn(Counts(9, 10, 10))] * 10 + [turn()] * 20
    values = aggregate(turns)
    assert values["numerical_precision"].value == pytest.approx(0.9)
    assert values["numerical_precision_as_published"].value == pytest.approx(0.3)


def test_the_worked_example_through_the_table() -> None:
    reference = "Setting the AC to 22 degrees and lights to 50% brightness"
    prediction = "I'll set the AC to 20 degrees and the lights to 50%"
    values = aggregate([score_turn(reference, prediction, similarity=0.97, nll=10.0, n_tokens=10)])
    assert values["device_precision"] == Value(1.0, n=2)
    assert values["numerical_precision"] == Value(0.5, n=2)
    assert values["embedding_similarity"] == Value(0.97, n=1)
    assert values["length_ratio"].value == pytest.approx(12 / 11)


def test_token_nll_weighs_tokens_and_its_macro_weighs_turns() -> None:
    values = aggregate([turn(nll=2.0, n_tokens=1), turn(nll=9.0, n_tokens=9)])
    assert values["token_nll"] == Value(1.1, n=10)
    assert values["token_nll_macro"] == Value(1.5, n=2)


def test_a_metric_that_nothing_defines_is_absent() -> None:
    """Data about something else than devices has similarity and likelihood, and no device metric at all."""
    assert aggregate([turn(), turn()]).keys() == {
        "embedding_similarity",
        "token_nll",
        "token_nll_macro",
        "length_ratio",
        "length_ratio_macro",
    }
    assert aggregate([]) == {}


def test_silence_about_numbers_the_reference_names_is_zero_as_published_and_undefined_as_micro() -> None:
    values = aggregate([turn(Counts(0, 0, 2))])
    assert values["numerical_precision_as_published"] == Value(0.0, n=1)
    assert "numerical_precision" not in values
    assert values["numerical_recall"] == Value(0.0, n=2)


def test_turns_are_grouped_by_persona_and_by_persona_and_task_type() -> None:
    turns = [("ann", "simple", turn(similarity=0.2)), ("bob", "simple", turn(similarity=0.4))]
    turns += [("ann", "multi-device", turn(similarity=0.6))]
    by_persona = aggregate_by((persona, scores) for persona, _, scores in turns)
    by_task = aggregate_by(((persona, task), scores) for persona, task, scores in turns)
    assert scores_of("embedding_similarity", by_persona) == pytest.approx({"ann": 0.4, "bob": 0.4})
    assert by_task["ann", "multi-device"]["embedding_similarity"] == Value(0.6, n=1)
    assert list(by_task) == [("ann", "simple"), ("bob", "simple"), ("ann", "multi-device")]


def test_scores_leave_out_personas_for_whom_the_metric_is_undefined() -> None:
    values = aggregate_by([("ann", turn(Counts(1, 1, 1))), ("bob", turn())])
    assert scores_of("device_precision", values) == {"ann": 1.0}


def test_the_table_has_stable_names_labels_directions_and_formats() -> None:
    counted = [
        f"{kind}_{rate}" for kind in ("device", "parameter", "numerical") for rate in ("precision", "recall", "f1")
    ]
    suffixed = [name + suffix for suffix in ("", "_macro", "_as_published") for name in counted]
    others = ["embedding_similarity", "token_nll", "length_ratio", "token_nll_macro", "length_ratio_macro"]
    assert set(METRICS) == {*suffixed, *others}
    assert METRICS["numerical_precision_as_published"].label == "numerical precision (as published)"
    assert METRICS["device_f1_macro"].average is Average.MACRO
    assert METRICS["token_nll"].higher_is_better is False
    assert METRICS["length_ratio"].higher_is_better is None
    assert METRICS["embedding_similarity"].show(0.8614) == "0.861"
    assert METRICS["device_precision"].show(0.938) == "93.8%"


COUNTS = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)).map(
    lambda extra: Counts(extra[0], extra[0] + extra[1], extra[0] + extra[2])
)


@given(st.lists(COUNTS, min_size=1, max_size=10))
def test_every_rate_lies_between_zero_and_one_and_as_published_never_exceeds_macro(counts: list[Counts]) -> None:
    values = aggregate([turn(count) for count in counts])
    for name, value in values.items():
        assert math.isfinite(value.value)
        if name.startswith(("device", "parameter", "numerical")):
            assert 0 <= value.value <= 1
    for name in ("numerical_precision", "numerical_recall", "numerical_f1"):
        if f"{name}_macro" in values:
            assert values[f"{name}_as_published"].value <= values[f"{name}_macro"].value + 1e-12
