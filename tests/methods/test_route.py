"""Routing: who gains leaves the default, and where nobody gains nobody leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.methods.route import (
    LEVEL,
    OwnGains,
    Routing,
    Scores,
    at_random,
    by_classifier,
    by_val,
    own_gains,
    pick,
    predict,
    predicted_to_gain,
    shrink,
    surely_above_zero,
)

AMONG = ("unified", "hybrid", "cluster")


def names(n: int) -> list[str]:
    return [f"persona_{index:03d}" for index in range(n)]


def scores(
    gains: Sequence[float], dialogues: int = 6, noise: float = 0.02, seed: int = 0, level: float = 0.7
) -> Scores:
    """Persona → scores of two turns in each of its dialogues: `level`, a number of its own, a gain and noise."""
    rng = np.random.default_rng(seed)
    return {
        persona: {
            (f"d{dialogue}", turn): 0.7 + number / 100 + gain + noise * rng.normal()
            for dialogue in range(dialogues)
            for turn in (1, 3)
        }
        for number, (persona, gain) in enumerate(zip(names(len(gains)), gains, strict=True))
    }


def methods(routing: Routing) -> dict[str, str]:
    return {persona: choice.method for persona, choice in routing.choices.items()}


# -- val: who goes where --------------------------------------------------------------------------------------------


def test_a_persona_goes_to_the_candidate_by_which_it_gains_most_and_the_others_stay():
    gains = {
        "unified": [0.0] * 6,
        "hybrid": [0.2, 0.2, 0.0, 0.0, -0.2, 0.0],
        "cluster": [0.0, 0.4, 0.2, 0.0, -0.2, 0.0],
    }
    routing = by_val(names(6), AMONG, [scores(gains[name], seed=seed) for seed, name in enumerate(AMONG)])
    assert list(methods(routing).values()) == ["hybrid", "cluster", "cluster", "unified", "unified", "unified"]
    first = routing.choices["persona_000"].gains
    assert first["hybrid"].gain == pytest.approx(0.2, abs=0.03)
    assert first["hybrid"].sure is not None
    assert first["hybrid"].sure > 1 - (1 - LEVEL) / 2
    assert routing.population["hybrid"].gain == pytest.approx(0.2 / 6, abs=0.01)
    assert routing.population["hybrid"].spread == pytest.approx(np.std(gains["hybrid"], ddof=1), abs=0.03)


def test_a_persona_is_compared_with_its_own_default_and_not_with_everybodys():
    """What the published study got wrong: whoever is easy to answer is not therefore served better."""
    easy = scores([0.0, 0.0, 0.1, 0.2, 0.3, 0.3])
    routing = by_val(names(6), AMONG[:2], [easy, scores([0.0, 0.0, 0.1, 0.2, 0.3, 0.3], seed=1)])
    assert set(methods(routing).values()) == {"unified"}


def test_what_all_gain_by_is_given_to_all_also_to_a_persona_that_alone_would_not_show_it():
    routing = by_val(names(30), AMONG[:2], [scores([0.0] * 30), scores([0.015] * 30, seed=1)])
    alone = [stats.ttest_1samp(differences, 0).pvalue for differences in _dialogue_means(0.015, 30)]
    assert set(methods(routing).values()) == {"hybrid"}
    assert max(alone) > 0.05


def _dialogue_means(gain: float, n: int) -> list[np.ndarray]:
    default, candidate = scores([0.0] * n), scores([gain] * n, seed=1)
    return [
        np.array([candidate[p][turn] - default[p][turn] for turn in default[p]]).reshape(-1, 2).mean(axis=1)
        for p in names(n)
    ]


def test_methods_that_answer_alike_leave_all_with_the_default():
    same = scores([0.1, 0.0, 0.3, 0.2])
    routing = by_val(names(4), AMONG, [same, same, same])
    assert set(methods(routing).values()) == {"unified"}
    assert routing.population["hybrid"].gain == 0


def test_who_lacks_val_dialogues_under_any_method_stays_and_the_others_are_judged_without_it():
    default, hybrid = scores([0.0] * 6), scores([0.2] * 6, seed=1)
    partial = {persona: turns for persona, turns in hybrid.items() if persona != "persona_002"}
    routing = by_val(names(6), AMONG[:2], [default, partial])
    assert methods(routing) == {p: "unified" if p == "persona_002" else "hybrid" for p in names(6)}
    assert routing.choices["persona_002"].gains == {}


def test_only_turns_that_all_methods_answered_are_compared():
    default, hybrid = scores([0.0] * 6), scores([0.0] * 6, seed=1)
    more = {p: {**turns, ("easy", 1): 1.0} for p, turns in hybrid.items()}
    assert by_val(names(6), AMONG[:2], [default, more]) == by_val(names(6), AMONG[:2], [default, hybrid])


@pytest.mark.parametrize(
    ("n", "dialogues", "why"),
    [
        (3, 6, "fewer than 4 personas have val dialogues that all methods answered"),
        (0, 6, "fewer than 4"),
        (8, 1, "no persona has two val"),
    ],
)
def test_where_noise_cannot_be_told_all_stay_and_it_is_said(n, dialogues, why):
    clear = [scores([gain] * n, dialogues, seed=seed) for seed, gain in enumerate((0.0, 0.5))]
    routing = by_val(names(n), AMONG[:2], clear)
    assert set(methods(routing).values()) <= {"unified"}
    assert why in routing.note
    assert routing.note.endswith("all stay with unified")


def test_a_persona_with_one_dialogue_is_judged_by_the_noise_of_the_others():
    default, hybrid = scores([0.0] * 6), scores([0.2] * 6, seed=1)
    short = {**hybrid, "persona_000": {turn: s for turn, s in hybrid["persona_000"].items() if turn[0] == "d0"}}
    routing = by_val(names(6), AMONG[:2], [default, short])
    gains = [routing.choices[persona].gains["hybrid"] for persona in names(2)]
    assert gains[0].sd is not None
    assert gains[1].sd is not None
    assert gains[0].sd > 1.2 * gains[1].sd


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(8)), shift=st.floats(-1, 1))
def test_neither_the_order_of_personas_nor_what_a_persona_scores_under_all_methods_matters(order, shift):
    rng = np.random.default_rng(5)
    gains = [[0.0] * 8, rng.normal(0, 0.03, 8).tolist(), rng.normal(0, 0.03, 8).tolist()]
    plain = [scores(one, seed=seed) for seed, one in enumerate(gains)]
    moved = [_shifted(one, [shift * number for number in range(8)]) for one in plain]
    personas = [names(8)[index] for index in order]
    first, second = by_val(names(8), AMONG, plain), by_val(personas, AMONG, moved)
    assert methods(first) == methods(second)
    for persona in personas:
        for candidate in AMONG[1:]:
            one, other = first.choices[persona].gains[candidate], second.choices[persona].gains[candidate]
            assert (one.gain, one.sd) == pytest.approx((other.gain, other.sd), abs=1e-9)


def _shifted(one: Scores, by: Sequence[float]) -> Mapping[str, Mapping[tuple[str, int], float]]:
    return {p: {turn: s + shift for turn, s in one[p].items()} for p, shift in zip(names(8), by, strict=True)}


# -- val: the parts -------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=4, max_size=12), st.floats(1e-4, 1))
def test_under_one_variance_shrinkage_is_the_textbooks(means, variance):
    """Efron & Morris: τ² is the sample variance less the noise, and B = v / (v + τ²) is taken off."""
    y, n = np.array(means), len(means)
    belief = shrink(OwnGains(y, np.full(n, variance), np.full(n, 9.0)))
    between = max(0.0, float(y.var(ddof=1)) - variance)
    kept = between / (variance + between)
    assert belief.population == pytest.approx(y.mean(), abs=1e-9)
    assert belief.spread**2 == pytest.approx(between, abs=1e-9)
    assert belief.mean == pytest.approx(y.mean() + kept * (y - y.mean()), abs=1e-6)
    doubt = kept * variance + (1 - kept) ** 2 * ((variance + between) / n + 2 / (n - 3) * (y - y.mean()) ** 2)
    assert belief.sd**2 == pytest.approx(doubt, abs=1e-6)


def test_the_less_is_known_of_a_persona_the_nearer_it_comes_to_the_population():
    y = np.array([0.3, 0.3, 0.0, 0.1, -0.2, 0.05])
    belief = shrink(OwnGains(y, np.array([0.001, 0.1, 0.01, 0.01, 0.01, 0.01]), np.full(6, 9.0)))
    assert y[0] > belief.mean[0] > belief.mean[1] > belief.population
    assert belief.sd[1] > belief.sd[0]


def test_with_a_turn_in_each_dialogue_and_one_persona_doubt_is_that_of_a_t_test():
    gain = np.array([0.1, 0.3, -0.1, 0.2, 0.25])
    own = own_gains(gain, np.zeros(5, np.intp), np.arange(5))
    t = stats.ttest_1samp(gain, 0, alternative="greater")
    assert own.mean / np.sqrt(own.variance) == pytest.approx(t.statistic)
    assert 1 - surely_above_zero(shrink(own), own)[0] == pytest.approx(t.pvalue)


def test_the_best_of_those_allowed_is_picked():
    gains = np.array([[0.1, 0.3, -0.1, 0.2], [0.2, 0.1, -0.2, 0.1]])
    allowed = np.array([[True, False, True, False], [True, True, True, False]])
    assert pick(gains, allowed).tolist() == [2, 2, 0, 0]


# -- classifier -----------------------------------------------------------------------------------------------------


def described(n: int, d: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) / d**0.5


def test_who_is_like_those_who_gain_is_sent_where_they_are_also_if_its_own_val_says_no():
    features = described(60)
    gains = np.where(features[:, 0] > 0, 0.1, -0.1)
    unlucky = int(np.argmax(features[:, 0]))
    seen = gains.copy()
    seen[unlucky] = -0.1
    routing = by_classifier(names(60), AMONG[:2], [scores([0.0] * 60), scores(seen.tolist(), seed=1)], features, 0)
    chosen = np.array([method == "hybrid" for method in methods(routing).values()])
    assert chosen[unlucky]
    assert (chosen == (gains > 0)).mean() > 0.85
    explained = routing.population["hybrid"].explained
    assert explained is not None
    assert explained > 0.3
    assert routing.choices["persona_000"].gains["hybrid"].sd is None


@settings(max_examples=20, deadline=None)
@given(persona=st.integers(0, 19), other=st.floats(-1, 1), seed=st.integers(0, 2**63 - 1))
def test_a_personas_own_val_gain_never_decides_for_itself(persona, other, seed):
    features, gains = described(20), np.random.default_rng(1).normal(size=20)
    changed = gains.copy()
    changed[persona] = other
    assert predict(features, gains, seed)[persona] == predict(features, changed, seed)[persona]


def test_a_candidate_by_which_all_gain_alike_is_given_to_all_though_there_is_nothing_to_explain():
    routing = by_classifier(
        names(20), AMONG[:2], [scores([0.0] * 20), scores([0.05] * 20, seed=1)], described(20), seed=0
    )
    assert set(methods(routing).values()) == {"hybrid"}
    assert routing.population["hybrid"].explained is not None
    assert routing.population["hybrid"].explained < 0.1


def test_predictions_that_do_not_come_true_move_nobody():
    predicted = np.full((2, 12), 0.1)
    gains = np.array([np.full(12, 0.05), np.linspace(-0.1, 0.09, 12)])
    assert predicted_to_gain(predicted, gains).all(axis=1).tolist() == [True, False]
    assert not predicted_to_gain(predicted, np.zeros((2, 12))).any()
    assert not predicted_to_gain(-predicted, gains).any()


@pytest.mark.parametrize(("t", "believed"), [(2.4, True), (2.1, False)])
def test_predictions_are_believed_at_the_level_shared_between_candidates(t, believed):
    """One-sided: t of 11 degrees is 2.2 at 0.05 / 2."""
    spread = np.linspace(-1, 1, 12)
    gains = np.array([spread + t * spread.std(ddof=1) / 12**0.5, -np.ones(12)])
    assert predicted_to_gain(np.full((2, 12), 0.1), gains).all(axis=1).tolist() == [believed, False]


def test_where_features_say_nothing_the_classifier_claims_no_gain():
    studies, claims = 40, 0
    for study in range(studies):
        gains = np.random.default_rng(study).normal(0, 0.03, (2, 30))
        predicted = np.array([predict(described(30, seed=study), one, study) for one in gains])
        claims += predicted_to_gain(predicted, gains).any()
    assert claims / studies <= 0.05 + 2 * (0.05 * 0.95 / studies) ** 0.5


def test_the_classifier_leaves_a_few_personas_with_the_default_and_says_so():
    routing = by_classifier(names(9), AMONG[:2], [scores([0.0] * 9), scores([0.5] * 9, seed=1)], described(9), 0)
    assert set(methods(routing).values()) == {"unified"}
    assert routing.note == "fewer than 10 personas are too few to learn from: all stay with unified"


def test_the_classifier_leaves_who_has_no_val_dialogues_with_the_default():
    hybrid = {persona: turns for persona, turns in scores([0.2] * 20, seed=1).items() if persona != "persona_007"}
    routing = by_classifier(names(20), AMONG[:2], [scores([0.0] * 20), hybrid], described(20), seed=0)
    assert {p for p, method in methods(routing).items() if method == "unified"} == {"persona_007"}


# -- at random ------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(personas=st.lists(st.text(min_size=1), min_size=1, unique=True), seed=st.integers(0, 2**63 - 1))
def test_seed_and_persona_alone_decide_what_is_drawn(personas, seed):
    routing = methods(at_random(personas, AMONG, seed))
    assert list(routing) == personas
    for persona in personas:
        assert methods(at_random([persona], AMONG, seed)) == {persona: routing[persona]}


def test_all_methods_are_drawn_about_equally_and_another_seed_draws_others():
    drawn = [list(methods(at_random(names(600), AMONG, seed)).values()) for seed in (0, 1)]
    for name in AMONG:
        assert drawn[0].count(name) == pytest.approx(200, abs=40)
    agree = sum(a == b for a, b in zip(*drawn, strict=True))
    assert agree == pytest.approx(200, abs=40)
