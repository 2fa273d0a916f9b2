"""What a job says it took to make what a method serves with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAKERS = ("train", "meta", "augment", "merge", "mixture", "fit")
"""Kinds of jobs that take a device's time to make something: weights, or text to learn from."""


def seconds_of(does: str, result: Mapping[str, Any]) -> float | None:
    """Device-seconds over all attempts of the job; None where it makes nothing, or its result does not tell."""
    if does not in MAKERS:
        return None
    told = result.get("seconds" if does == "augment" else "train_seconds")
    return None if told is None else float(told)
