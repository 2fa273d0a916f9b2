"""Choosing the best of noisy scores and judging by the same: what it pretends, so that nobody takes it for a result."""

from __future__ import annotations

import numpy as np
import pytest

from lab.errors import LabError
from lab.metrics.selection import ceiling


def test_the_oracle_takes_each_personas_best_method() -> None:
    found = ceiling({"unified": {"a": 0.8, "b": 0.6}, "hybrid": {"a": 0.7, "b": 0.9}}, "unified")
    assert found is not None
    assert (found.oracle, found.oracle_gain) == pytest.approx((0.85, 0.15))
    assert (found.moved, found.n, found.among) == (0.5, 2, ("unified", "hybrid"))


def test_the_published_procedure_compares_each_persona_with_one_global_mean() -> None:
    """Persona a gains nothing by its own score of 0.8, and is counted as +0.05 over the mean of 0.7."""
    found = ceiling({"unified": {"a": 0.8, "b": 0.6}, "hybrid": {"a": 0.75, "b": 0.65}}, "unified")
    assert found is not None
    assert found.published_gain == pytest.approx((0.05 + 0.0) / 2)


def test_both_claim_a_gain_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    scores = {name: {f"p{n}": float(x) for n, x in enumerate(rng.normal(0.8, 0.07, 200))} for name in "abc"}
    found = ceiling(scores, "a")
    assert found is not None
    assert found.oracle_gain > 0.04
    assert found.published_gain > 0.03


def test_where_less_is_better_the_oracle_takes_the_least() -> None:
    found = ceiling({"unified": {"a": 2.0}, "hybrid": {"a": 1.5}}, "unified", higher_is_better=False)
    assert found is not None
    assert (found.oracle, found.oracle_gain, found.published_gain) == (1.5, -0.5, -0.5)


def test_the_default_alone_has_no_ceiling_and_strangers_have_none() -> None:
    assert ceiling({"unified": {"a": 1.0}}, "unified") is None
    with pytest.raises(LabError, match="no persona has a score under every method"):
        ceiling({"unified": {"a": 1.0}, "hybrid": {"b": 1.0}}, "unified")
