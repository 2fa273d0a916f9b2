"""Cosine similarity of paired rows."""

from __future__ import annotations

import numpy as np
import pytest

from lab.errors import LabError
from lab.metrics.similarity import cosine_similarity


def unit_rows(n: int, d: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_row_i_is_compared_with_row_i() -> None:
    east, north = [1.0, 0.0], [0.0, 1.0]
    reference, prediction = np.array([east, east, east]), np.array([east, north, [-1.0, 0.0]])
    assert cosine_similarity(reference, prediction).tolist() == [1, 0, -1]


def test_no_rounding_leaves_the_range_of_a_cosine() -> None:
    rows = unit_rows(500, 384, seed=0).astype(np.float32)
    assert cosine_similarity(rows, rows).max() <= 1
    assert cosine_similarity(rows, -rows).min() >= -1


def test_half_precision_embeddings_are_accepted() -> None:
    a, b = unit_rows(20, 384, seed=1), unit_rows(20, 384, seed=2)
    expected = (a * b).sum(axis=1)
    assert cosine_similarity(a.astype(np.float16), b.astype(np.float16)) == pytest.approx(expected, abs=1e-3)


def test_no_rows_have_no_similarities() -> None:
    assert cosine_similarity(np.empty((0, 384)), np.empty((0, 384))).shape == (0,)


@pytest.mark.parametrize(
    ("reference", "prediction", "message"),
    [
        (np.eye(2), np.eye(3), r"shapes \(2, 2\) and \(3, 3\)"),
        (np.ones(3), np.ones(3), "expected"),
        (np.eye(2), 2 * np.eye(2), "prediction row 0 has length 2"),
        (np.array([[np.nan, 0.0]]), np.array([[1.0, 0.0]]), "reference row 0"),
    ],
)
def test_arrays_that_are_not_paired_unit_rows_are_refused(
    reference: np.ndarray, prediction: np.ndarray, message: str
) -> None:
    with pytest.raises(LabError, match=message):
        cosine_similarity(reference, prediction)
