"""Similarity of paired sentence embeddings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lab.errors import LabError

# Room for embeddings stored in half precision.
_UNIT_LENGTH_TOLERANCE = 1e-2


def cosine_similarity(
    reference: npt.NDArray[np.floating], prediction: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Give the cosine of row i of `reference` and row i of `prediction`, both [n, d] and normalised; [n] in [−1, 1].

    Raises LabError when the shapes differ or a row is not of unit length.
    """
    a = np.asarray(reference, dtype=np.float64)
    b = np.asarray(prediction, dtype=np.float64)
    if a.ndim != 2 or a.shape != b.shape:
        raise LabError(f"embedding similarity: shapes {a.shape} and {b.shape} given, two equal [n, d] expected")
    for name, rows in (("reference", a), ("prediction", b)):
        lengths = np.linalg.norm(rows, axis=1)  # [n]
        # "not close" rather than "far", so that NaN is caught too
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_LENGTH_TOLERANCE))
        if len(wrong):
            raise LabError(
                f"embedding similarity: {name} row {wrong[0]} has length {lengths[wrong[0]]:.4g}, not 1; "
                "normalise the embeddings first"
            )
    cosines: npt.NDArray[np.float64] = (a * b).sum(axis=1)
    return cosines.clip(-1.0, 1.0)
