"""Some dozens to hundreds of examples for every way into the lab; `make fuzz` throws ten thousand.

Nothing but a clear sentence comes back, worker and screen go on, and no code runs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from target import Target
from targets import TARGETS, attack


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name.replace(" ", "-"))
def test_nothing_crashes_and_nothing_runs(target: Target, tmp_path: Path):
    tally = attack(target, tmp_path, target.short, random=5)
    assert tally.crashes == []
    assert tally.code == []
    assert tally.examples >= target.short / 2  # of some there are no more
