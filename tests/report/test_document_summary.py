"""What the summary says, and what it must never say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import drawn, evidence, leaky

from lab.metrics.intervals import Interval
from lab.metrics.statistics import smallest_detectable_effect
from lab.report.document.summary import Sentence, summarised
from lab.report.evidence import Evidence


def said(one: Evidence, about: str) -> list[str]:
    return [sentence.text for sentence in summarised(one) if sentence.about == about]


def whole(one: Evidence) -> str:
    return " ".join(sentence.text for sentence in summarised(one))


def test_a_gain_is_told_with_its_size_its_interval_and_its_p():
    (text,) = said(evidence(drawn({"hybrid": 0.03, "swapped": 0.0}), controls={"hybrid": "swapped"}), "better")
    assert re.match(
        r"hybrid is better than unified by 0\.03\d \[0\.02\d, 0\.04\d\] \(p < \.001 after Holm's correction, \d+% of",
        text,
    )
    assert "it beats its control swapped by 0.03" in text


def test_without_a_control_a_gain_is_not_called_personal():
    (text,) = said(evidence(drawn({"hybrid": 0.03})), "better")
    assert "no control was run for it, so nothing tells whether that is owed to personalising" in text


def test_what_serves_everybody_alike_gains_nothing_by_personalising():
    (text,) = said(evidence(drawn({"unified-wide": 0.03}), alike=["unified-wide"]), "better")
    assert "serves every persona alike, so that is no gain of personalising" in text


def test_a_gain_that_the_control_keeps_is_no_claim():
    one = evidence(drawn({"hybrid": 0.03, "swapped": 0.03}), controls={"hybrid": "swapped"})
    assert said(one, "better") == []
    (text,) = said(one, "not personal")
    assert "is not shown to beat its control swapped" in text
    assert "is better" not in text
    assert "something other than personalising raises scores" in said(one, "faults")[0]


def test_a_gain_that_stays_in_part_is_told_in_part():
    one = evidence(drawn({"hybrid": 0.06, "swapped": 0.03}), controls={"hybrid": "swapped"})
    assert "that part of the gain is not personal" in said(one, "better")[0]


def test_null_data_bound_what_could_have_been_missed():
    one = evidence(drawn({"persona": 0.0, "hybrid": 0.0}, 20))
    (bound,) = said(one, "bound")
    assert bound.startswith("No method is shown to be better than unified. 95% intervals, each taken alone, leave room")
    highest = max(m.versus.comparison.interval.high for m in one.methods if m.versus)
    assert f"{highest:.3f}" in bound
    assert said(one, "open")[0].startswith("For 2 methods no difference from unified is shown, which does not say")
    detectable = [m.versus.comparison.detectable for m in one.methods if m.versus]
    (power,) = said(one, "power")
    assert f"smaller than {min(detectable):.3f} to {max(detectable):.3f} (by method), tested alone, would be" in power
    stricter = smallest_detectable_effect(20, alpha=0.025) / smallest_detectable_effect(20)
    assert f"correction for 2 methods, one smaller than {stricter * min(detectable):.3f} to " in power


def test_what_could_have_been_missed_is_told_apart_for_what_is_personal_and_what_is_not():
    one = evidence(drawn({"persona": 0.0, "unified-wide": 0.002}, 20), alike=["unified-wide"])
    highs = {m.name: m.versus.comparison.interval.high for m in one.methods if m.versus}
    (bound,) = said(one, "bound")
    assert f"{highs['persona']:.3f} by personalising (persona) and {highs['unified-wide']:.3f} by what serves" in bound
    lost = evidence(drawn({"persona": -0.1, "unified-wide": 0.002}, 20), alike=["unified-wide"])
    assert "by personalising" not in said(lost, "bound")[0]


def test_a_reference_that_training_has_not_improved_is_told_before_the_answer():
    told = summarised(evidence(drawn({"base": 0.0, "persona": 0.0})))
    assert [one.about for one in told[:3]] == ["study", "reference", "answer"]
    assert "unified is not shown to be better than the base model without training (base minus" in told[1].text
    assert said(evidence(drawn({"base": -0.1, "persona": 0.0})), "reference") == []


def test_a_reference_below_nearly_everything_controls_too_may_be_low_by_chance():
    gains = {f"m{n}": 0.01 for n in range(9)} | {"swapped": 0.01, "base": -0.2}
    (text,) = said(evidence(drawn(gains), controls={"m0": "swapped"}), "reference")
    assert text.startswith("9 of 9 methods lie above unified, and so does the control: its own mean may be low")
    few = evidence(drawn({"m0": 0.01, "swapped": 0.01}), controls={"m0": "swapped"})
    assert said(few, "reference") == []


def test_a_reference_that_is_worse_than_its_base_is_told_so():
    assert "unified is worse than the base model" in said(evidence(drawn({"base": 0.1})), "reference")[0]


def test_a_drawn_control_that_gains_says_that_the_choice_is_not_what_helps():
    one = evidence(drawn({"merge": 0.03, "drawn": 0.03}), controls={"merge": "drawn"}, drawn_controls=["drawn"])
    assert "what it was drawn from helps, and a method that chooses has to beat it" in said(one, "faults")[0]


def test_a_control_that_gains_among_controls_is_told_though_it_does_not_among_all_methods():
    gains = {f"m{n}": 0.0 for n in range(60)} | {"swapped": 0.03}
    one = evidence(drawn(gains, 12), controls={"m0": "swapped"})
    method = one.method("swapped")
    assert method is not None
    assert method.versus is not None
    assert not method.versus.gains
    left = replace(method.versus, p_holm=method.versus.comparison.t_p)
    one = replace(one, controls=(replace(one.controls[0], left=left), *one.controls[1:]))
    assert "The control swapped scores above unified by 0.0" in said(one, "faults")[0]


def test_what_another_metric_shows_is_told_after_what_the_main_one_does_not():
    similar = drawn({"persona": 0.0, "hybrid": 0.0, "swapped": 0.0})
    nll = drawn({"persona": 0.2, "hybrid": -0.2, "swapped": -0.3}, seed=1)
    assert said(evidence(similar, controls={"hybrid": "swapped"}, nll=nll), "elsewhere") == [
        "By token NLL, tested and corrected for itself, 2 methods beat unified: swapped (a control) and hybrid (not "
        "shown to beat its control swapped); 1 method falls behind unified: persona."
    ]
    level = said(evidence(similar, nll=drawn({"persona": 0.0}, seed=1)), "elsewhere")
    assert level == ["By token NLL, tested and corrected for itself, no method is shown to differ from unified."]
    assert said(evidence(drawn({"persona": 0.0}, 1), nll=drawn({"persona": 0.0}, 1)), "elsewhere") == []


def test_a_metric_that_is_the_same_under_all_methods_is_not_said_to_have_found_nothing():
    same = {"persona_0": 0.0, "persona_1": 0.0, "persona_2": 0.5}
    nll = {"unified": same, "persona": same, "hybrid": same}
    (told,) = said(evidence(drawn({"persona": 0.0, "hybrid": 0.0}), nll=nll), "elsewhere")
    assert told == "By token NLL all methods serve every persona alike: it tells nothing of these data."


@pytest.mark.parametrize(
    ("gains", "controls", "told"),
    [
        ({"hybrid": -0.3, "swapped": 0.0}, {"hybrid": "swapped"}, "hybrid (which beats its control swapped)."),
        ({"hybrid": -0.3}, {}, "hybrid (without a control)."),
        ({"alike": -0.3}, {}, "beats unified: alike."),
    ],
)
def test_a_gain_in_another_metric_is_told_with_what_its_control_says(gains, controls, told):
    one = evidence(drawn(dict.fromkeys(gains, 0.0)), controls=controls, alike=["alike"], nll=drawn(gains, seed=1))
    assert said(one, "elsewhere")[0].endswith(told)


def test_the_answer_comes_first_and_needs_a_control():
    gain = drawn({"hybrid": 0.03, "swapped": 0.0})
    assert said(evidence(gain, controls={"hybrid": "swapped"}), "answer") == [
        "Personalising gains over one model for everybody: shown in embedding similarity for hybrid, and confirmed by "
        "a control."
    ]
    assert said(evidence(gain), "answer") == [
        "That personalising gains over one model for everybody is not shown in embedding similarity, though some "
        "methods score above unified: no control confirms that this is personal."
    ]
    assert said(evidence(drawn({"hybrid": 0.0})), "answer") == [
        "That personalising gains over one model for everybody is not shown in embedding similarity."
    ]


def test_of_many_that_are_better_those_that_a_control_confirms_are_told_first():
    one = evidence(drawn({f"m{n}": 0.02 * n for n in range(1, 9)} | {"swapped": 0.0}), controls={"m1": "swapped"})
    told = [sentence.methods for sentence in summarised(one) if sentence.about == "better"]
    assert told == [("m1",), ("m8",), ("m7",), ("m6",), ("m5",)]
    (more,) = said(one, "more")
    assert more.startswith("Above unified too, p < 0.05 after Holm's correction: m4 by 0.0")


def test_what_is_worse_is_told_with_the_size_of_the_loss():
    one = evidence(drawn({"persona": -0.03}))
    (text,) = said(one, "worse")
    assert re.fullmatch(r"1 method is worse than unified: persona by 0\.0\d\d \[0\.0\d\d, 0\.0\d\d\]\.", text)
    assert said(one, "bound") == [
        "No method is shown to be better than unified: every 95% interval, taken alone, lies below zero."
    ]


def test_of_many_that_are_worse_the_worst_are_named():
    one = evidence(drawn({f"m{n}": -0.02 * n for n in range(1, 9)}))
    (text,) = said(one, "worse")
    assert text.startswith("8 methods are worse than unified: m8 by 0.1")
    assert text.endswith("and 3 more by less.")


def test_a_method_planned_after_a_look_explores():
    one = evidence(drawn({"hybrid": 0.03}))
    late = tuple(replace(method, after_test=True) for method in one.methods)
    assert "an exploration, not a test" in said(replace(one, methods=late), "better")[0]


def test_one_persona_allows_no_claim():
    one = evidence(drawn({"hybrid": 0.3}, 1))
    assert said(one, "better") == []
    assert said(one, "bound") == ["No method is shown to be better than unified."]


def test_a_significant_p_without_an_interval_beyond_zero_is_no_claim():
    one = evidence(drawn({"hybrid": 0.03}))
    method = one.method("hybrid")
    assert method is not None
    assert method.versus is not None
    crossing = replace(method.versus.comparison, interval=Interval(-0.001, 0.06))
    other = replace(method, versus=replace(method.versus, comparison=crossing))
    assert said(replace(one, methods=(other,)), "better") == []


def test_leakage_is_told_before_any_result():
    sentences = summarised(leaky(evidence(drawn({"hybrid": 0.03})), "dialogue d7 is in train and in test"))
    assert [one.about for one in sentences[:2]] == ["study", "faults"]
    assert "dialogue d7 is in train and in test" in sentences[1].text


def test_success_is_claimed_only_where_every_criterion_is_met():
    scores = {"unified": {f"p{n}": 0.86 + n / 1000 for n in range(30)}}
    scores["hybrid"] = {
        persona: value + 0.03 + (n % 3) / 1000 for n, (persona, value) in enumerate(scores["unified"].items())
    }
    assert said(evidence(scores), "criteria") == ["hybrid meets all published criteria of success."]
    (text,) = said(evidence(drawn({f"m{n}": 0.03 for n in range(7)})), "criteria")
    assert re.fullmatch(
        r"No method meets all published criteria of success: the most is \d of 4, which \d m\w+ meet\.", text
    )
    (text,) = said(evidence(drawn({"hybrid": 0.03})), "criteria")
    assert text.startswith("No method meets all published criteria of success. Nearest is hybrid, which meets")


@pytest.mark.parametrize("scores", [{}, {"hybrid": {"p0": 0.5, "p1": 0.6}}], ids=["nothing", "no unified"])
def test_what_is_not_there_is_said(scores):
    text = whole(evidence(scores))
    assert ("Nothing of this study is evaluated" in text) or ("nothing can be said against it" in text)


GAINS = st.dictionaries(
    st.sampled_from(["persona", "hybrid", "cluster", "retrieval"]), st.floats(-0.05, 0.05), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(GAINS, st.integers(2, 30), st.floats(0.001, 0.08), st.integers(0, 10_000))
def test_no_sentence_claims_what_an_interval_or_a_control_denies(gains, n, spread, seed):
    gains = {**gains, "swapped": 0.5 * max(gains.values()), "base": -max(gains.values())}
    methods = [name for name in gains if name not in ("swapped", "base")]
    nll = drawn({name: -3 * gain for name, gain in gains.items()}, n, spread=spread, seed=seed + 1)
    scores = drawn(gains, n, spread=spread, seed=seed)
    one = evidence(scores, controls=dict.fromkeys(methods, "swapped"), alike=["base"], nll=nll)
    for sentence in summarised(one):
        assert "prove" not in sentence.text.lower()
        _check(one, sentence)


def _check_elsewhere(one: Evidence, text: str) -> None:
    """As many as are said to beat unified, or to fall behind it, do so by interval and by p after Holm."""
    (found,) = one.others
    sure = [v.comparison for v in found.versus if v.p_holm < 0.05 and v.comparison.interval is not None]
    for words, told in (
        ("beats?", [c for c in sure if c.interval.high < 0]),
        ("falls? behind", [c for c in sure if c.interval.low > 0]),
    ):
        named = re.search(rf"(\d+) methods? {words} unified", text)
        assert (int(named[1]) if named else 0) == len(told)


def _check(one: Evidence, sentence: Sentence) -> None:
    """Whoever is called better or worse is so, by interval, by p after Holm, and by the control."""
    named = set(re.findall(r"(\S+) is better than unified by", sentence.text))
    assert named == (set(sentence.methods) if sentence.about == "better" else set())
    if not sentence.methods:
        assert not re.search(r"\b(gains over one model for everybody:|is better than|are worse than)", sentence.text)
    if sentence.about == "elsewhere":
        _check_elsewhere(one, sentence.text)
    if "unified is" in sentence.text and sentence.about == "reference":
        assert not one.method("base").versus.loses or one.method("base").versus.comparison.interval.high >= 0
    verdict = {control.method: control.verdict for control in one.controls}
    for name in sentence.methods:
        method = one.method(name)
        assert method is not None
        assert method.versus is not None
        found = method.versus.comparison
        assert found.interval is not None
        assert method.versus.p_holm < 0.05
        if sentence.about == "worse":
            assert found.interval.high < 0
        else:
            assert found.interval.low > 0
            assert (verdict.get(name) == "kept") == (sentence.about == "not personal") or sentence.about == "more"
            assert sentence.about != "answer" or verdict.get(name) in ("removed", "partly")
