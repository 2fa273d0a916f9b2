"""Garbage is collected while nobody types."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from lab.tui.garbage import Garbage


@pytest.fixture
def full() -> Iterator[list[str]]:
    """Grows with every look through everything; the thresholds are as before in the end."""
    thresholds, found = gc.get_threshold(), list[str]()

    def heard(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            found.append("all")

    gc.callbacks.append(heard)
    yield found
    gc.callbacks.remove(heard)
    gc.set_threshold(*thresholds)


def test_everything_is_looked_through_only_after_some_seconds_without_a_key_and_not_again_soon(full: list[str]) -> None:
    now = 0.0
    garbage = Garbage(lambda: now)
    for seconds, typed, times in [
        (100, True, 0),  # somebody types
        (102, False, 0),  # has just typed
        (104, False, 1),
        (120, False, 1),  # that was a moment ago
        (200, False, 2),
    ]:
        now = float(seconds)
        if typed:
            garbage.typed()
        garbage.collect()
        assert len(full) == times


def test_python_itself_then_looks_at_young_objects_only(full: list[str]) -> None:
    Garbage().wait_for_quiet()
    kept = [[number] for number in range(300_000)]
    assert len(kept) == 300_000
    assert full == []
