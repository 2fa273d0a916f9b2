"""Any method against any other, over seeds, in families that are corrected as one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lab.metrics import paired
from lab.metrics.paired import Runs, against, every_pair, family, over_seeds, seeds_of
from lab.metrics.statistics import compare, compare_many, summarise, summarise_many

PERSONAS = [f"p{number:02d}" for number in range(20)]


def runs(seed: int, gain: float = 0.0, seeds: int = 1) -> dict[int, dict[str, float]]:
    rng = np.random.default_rng(seed)
    return {s: {p: float(0.7 + gain + 0.05 * rng.normal()) for p in PERSONAS} for s in range(seeds)}


def methods(seeds: int = 1) -> dict[str, Runs]:
    return {
        "unified": runs(1, seeds=seeds),
        "hybrid": runs(2, 0.05, seeds),
        "persona": runs(3, -0.2, seeds),
        "retrieval": runs(4, seeds=seeds),
    }


def test_many_comparisons_at_once_are_those_of_each_alone() -> None:
    tables = [one[0] for one in methods().values()]
    tables[2] = {p: tables[2][p] for p in PERSONAS[:11]}
    pairs = [(tables[1], tables[0]), (tables[2], tables[0]), (tables[3], tables[2])]
    for together, pair in zip(compare_many(pairs), pairs, strict=True):
        alone = compare(*pair)
        assert (together.n, together.left_out, together.t_p) == (alone.n, alone.left_out, alone.t_p)
        assert together.interval is not None
        assert alone.interval is not None
        assert together.interval.low == pytest.approx(alone.interval.low)
    for summary, table in zip(summarise_many([(table, True) for table in tables]), tables, strict=True):
        assert summary.mean == summarise(table).mean
        assert summary.worst == summarise(table).worst


def test_against_unified_gives_scipys_p_corrected_for_the_other_methods() -> None:
    table = methods()
    found = against(table, "unified")
    assert [one.method for one in found] == ["hybrid", "persona", "retrieval"]
    own = list(table["unified"][0].values())
    for one in found:
        raw = stats.ttest_rel(list(table[one.method][0].values()), own)
        assert one.comparison.t == pytest.approx(raw.statistic)
        assert one.comparison.t_p == pytest.approx(raw.pvalue)
        assert one.p_holm >= one.comparison.t_p
    smallest = min(found, key=lambda one: one.comparison.t_p)
    assert smallest.p_holm == pytest.approx(3 * smallest.comparison.t_p)
    assert [one.method for one in found if one.gains] == ["hybrid"]
    assert [one.method for one in found if one.loses] == ["persona"]


def test_a_persona_is_compared_in_the_seeds_that_it_has_on_both_sides() -> None:
    """One seed may be luckier than another: a persona that lacks it on one side would seem to gain or lose."""
    unified = {0: dict.fromkeys(PERSONAS, 0.8), 1: dict.fromkeys(PERSONAS, 0.4)}
    hybrid = {0: dict.fromkeys(PERSONAS, 0.8), 1: dict.fromkeys(PERSONAS[::2], 0.4)}
    (one,) = against({"unified": unified, "hybrid": hybrid}, "unified")
    assert (one.comparison.n, one.comparison.difference, one.comparison.left_out) == (20, 0, 0)
    hybrid[0] = dict.fromkeys(PERSONAS[::2], 0.8)
    (one,) = against({"unified": unified, "hybrid": hybrid}, "unified")
    assert (one.comparison.n, one.comparison.difference, one.comparison.left_out) == (10, 0, 10)


def test_methods_that_share_no_seed_are_compared_over_the_personas_that_have_all_of_theirs() -> None:
    unified = {0: dict.fromkeys(PERSONAS, 0.7)}
    hybrid = {1: dict.fromkeys(PERSONAS, 0.8), 2: dict.fromkeys(PERSONAS[1:], 0.6)}
    (one,) = against({"unified": unified, "hybrid": hybrid}, "unified")
    assert (one.comparison.n, one.comparison.left_out) == (19, 1)
    assert one.comparison.difference == pytest.approx(0)


def test_every_pair_is_one_family_however_many_are_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    together = [(one.method, one.other, one.p_holm, one.wilcoxon_p_holm) for one in every_pair(methods())]
    monkeypatch.setattr(paired, "_AT_ONCE", 4)
    some = every_pair(methods(), progress=lambda done, total: told.append((done, total)))
    assert [(one.method, one.other, one.p_holm, one.wilcoxon_p_holm) for one in some] == together
    assert told == [(0, 6), (4, 6)]


def test_holm_is_that_of_a_worked_table() -> None:
    """0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02, as statsmodels' multipletests(method="holm") has it."""
    from lab.metrics.statistics import holm

    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    assert holm(p) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


def test_every_two_methods_are_compared_once_and_corrected_for_all_pairs() -> None:
    found = every_pair(methods())
    assert len(found) == 6
    assert ("persona", "hybrid") in {(one.method, one.other) for one in found}
    smallest = min(found, key=lambda one: one.comparison.t_p)
    assert smallest.p_holm == pytest.approx(6 * smallest.comparison.t_p)


def test_of_two_methods_without_a_common_persona_nothing_is_said_and_nothing_else_is_lost() -> None:
    table = methods() | {"elsewhere": {0: {"other": 0.5}}}
    assert [one.method for one in against(table, "unified")] == ["hybrid", "persona", "retrieval"]
    assert family([], table) == ()


def test_a_personas_score_is_its_mean_over_seeds_and_their_spread_is_told_apart() -> None:
    table = methods(seeds=3)
    (found,) = family([("hybrid", "unified")], table)
    means = [np.mean([table["hybrid"][seed][p] - table["unified"][seed][p] for p in PERSONAS]) for seed in range(3)]
    assert found.seeds is not None
    assert [mean for _, mean in found.seeds.means] == pytest.approx(means)
    assert found.seeds.sd == pytest.approx(np.std(means, ddof=1))
    assert found.comparison.difference == pytest.approx(np.mean(means))
    assert found.comparison.n == 20, "three seeds of a persona are one persona"
    assert seeds_of(table["unified"]) is not None
    assert seeds_of(methods()["unified"]) is None
    assert against(methods(), "unified")[0].seeds is None


def test_seeds_that_only_one_side_has_are_left_out_of_a_difference() -> None:
    """Else a difference between trainings would pass for one between methods."""
    table = {"unified": runs(1, seeds=2), "hybrid": {0: runs(2)[0]}}
    (found,) = against(table, "unified")
    assert found.comparison.difference == pytest.approx(compare(table["hybrid"][0], table["unified"][0]).difference)


def test_scores_over_seeds_are_the_mean_of_what_is_there() -> None:
    assert over_seeds({0: {"a": 0.25, "b": 0.5}, 1: {"a": 0.75}}) == {"a": 0.5, "b": 0.5}


def test_where_less_is_better_a_gain_is_a_negative_difference() -> None:
    (found, *_) = against({"unified": runs(1), "hybrid": runs(2, -0.1)}, "unified", higher_is_better=False)
    assert found.gains
    assert not found.loses
