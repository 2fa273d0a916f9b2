"""The published numbers stand beside ours as they were published."""

from __future__ import annotations

from invented import drawn, evidence

from lab.methods.spec import catalog
from lab.report.document.published import beside, differs, general, other_metrics, published
from lab.report.results import Cost, Estimate, MethodResult


def test_every_published_method_is_one_of_the_catalogue():
    assert {one.name for one in published()} <= set(catalog())


def test_numbers_are_shares():
    for one in published():
        for values in (one.similarity, one.device_precision, one.parameter_f1, one.numerical_precision, one.improved):
            assert all(0 < value < 1 for value in values), one.name


def test_where_documents_disagree_both_values_are_given():
    found = {one.name: one for one in published()}
    assert found["unified"].numerical_precision == (0.2935, 0.9124)
    assert found["merge-weighted-published"].similarity == (0.6134, 0.67)


def test_what_differs_is_told_of_every_row():
    one = evidence(drawn({"persona": -0.1}))
    assert len(differs(one)) == len(beside(one)) == 2
    assert any("One seed and no paired test" in text for text in general())


def test_rows_have_both_studies_and_no_more_methods_than_ours():
    unified, persona = beside(evidence(drawn({"persona": -0.1, "of-mine": 0.0})))
    assert unified[:3] == ("unified", "unified LoRA", "0.821")
    assert persona[2] == "0.683"
    assert persona[4] == "−0.139"  # of the means, as published
    assert persona[5].startswith("−0.")
    assert "[" in persona[5]  # ours, paired, with an interval


def test_a_number_of_one_persona_is_not_compared_with_the_mean_of_all():
    _, static = beside(evidence(drawn({"soft-prompt-text": 0.0})))
    assert static[4] == "+0.015"


def test_both_denominators_of_numerical_precision_are_given():
    metrics = {
        name: Estimate(mean, None, None, 3)
        for name, mean in (("numerical_precision", 0.8), ("numerical_precision_as_published", 0.3))
    }
    ours = MethodResult("unified", 3, metrics, None, Cost(None, None, None))
    ((name, *cells),) = other_metrics([ours])
    assert name == "unified"
    assert cells[-3:] == ["0.293 or 0.912", "0.800", "0.300"]
