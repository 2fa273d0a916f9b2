"""All targets, and how one is attacked: every example counted, every fault kept, every piece of code that runs seen."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import target_backup
import target_files
import target_live
import target_models
import target_queue
import target_rows
from hypothesis import HealthCheck, Phase, given, seed, settings
from target import Target
from watch import WATCH

TARGETS: list[Target] = [
    *target_queue.TARGETS,
    *target_live.TARGETS,
    *target_rows.TARGETS,
    *target_files.TARGETS,
    *target_models.TARGETS,
    *target_backup.TARGETS,
]


@dataclass
class Tally:
    """What came of one target."""

    examples: int = 0
    crashes: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)


def attack(target: Target, home: Path, examples: int, random: int, tell: Callable[[], None] = lambda: None) -> Tally:
    """Throw so many examples at a target; nothing ends it early."""
    tally = Tally()
    os.environ["HF_HUB_OFFLINE"] = "1"  # a name that is no folder is looked for in the cache only
    work = home / "work"
    work.mkdir(parents=True)

    @seed(random)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.examples)
    def throw(example: Any) -> None:
        tally.examples += 1
        try:
            with WATCH.over(home):
                target.attack(work, example)
        except Exception as error:
            tally.crashes.append(f"{type(error).__name__}: {str(error)[:300]}\n    by {example!r:.600}")
        tally.code += WATCH.seen
        tell()

    with target.arena(work):
        throw()
    return tally
