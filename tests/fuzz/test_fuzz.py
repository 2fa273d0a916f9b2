"""Some hundred examples for every way into the lab; `make fuzz` throws ten thousand.

Nothing but a clear sentence comes back, worker and screen go on, and no code runs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from target import Target
from targets import TARGETS, attack

EXAMPLES = 8  # for each share of a target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name.replace(" ", "-"))
def test_nothing_crashes_and_nothing_runs(target: Target, tmp_path: Path):
    tally = attack(target, tmp_path, EXAMPLES * target.share, random=5)
    assert tally.crashes == []
    assert tally.code == []
    assert tally.examples >= EXAMPLES * target.share / 2  # some have fewer examples than that
