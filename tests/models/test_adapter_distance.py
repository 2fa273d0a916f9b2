"""How alike two adapters are, by their updates."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from merging import adapters_of, apart, parts, random_adapter, updates, without

from lab.models.merge import cosine, cosines, distance


@settings(deadline=None, max_examples=30)
@given(parts.filter(lambda drawn: len(drawn) > 1))
def test_distance_and_cosine_are_those_of_the_updates(drawn: list[tuple[int, int, float, float]]) -> None:
    adapters, _ = adapters_of(drawn)
    matrix = cosines(adapters)
    for (i, one), (j, other) in itertools.product(enumerate(adapters), repeat=2):
        w1, w2 = updates(one), updates(other)
        expected = float(w1 @ w2 / (w1.norm() * w2.norm()))
        assert cosine(one, other) == pytest.approx(expected, abs=1e-6)
        assert matrix[i, j] == pytest.approx(expected, abs=1e-6)
        assert distance(one, other) == pytest.approx(apart(w1, w2), abs=1e-6)


def test_an_untrained_adapter_is_like_no_other() -> None:
    one, zero = random_adapter(1), random_adapter(2)
    zero.b = {site: torch.zeros_like(b) for site, b in zero.b.items()}
    assert cosine(one, zero) == cosine(zero, zero) == 0.0
    assert distance(one, zero) == 1.0
    assert distance(zero, zero) == 0.0
    assert distance(without(one, "layers.1.v_proj"), one) > 0.1
