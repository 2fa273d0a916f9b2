"""A training that is killed with SIGKILL at any moment ends with the same bytes and curves as one that never was.

A short pass by default; EXACT_KILLS and EXACT_SEED set another, and `make resume` runs the full one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from exact import CHECKPOINT_SECONDS, PERSONAS, Kill, Trainings, moments
from fleet import FAST, all_is_well, fleet
from planned import own_lab

from lab.db.migrate import migrate
from lab.db.queries import job_log
from lab.models.checkpoint import states

KILLS = int(os.environ.get("EXACT_KILLS", "4"))
SEED = int(os.environ.get("EXACT_SEED", "0"))
SLACK = 1.0  # seconds: a wave, the write of a checkpoint, and a machine that does something else just then

pytestmark = pytest.mark.timeout(60 + 60 * KILLS)


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    with own_lab(tmp_path_factory.mktemp("lab"), **FAST) as artifacts, fleet() as ships:
        migrate()
        yield Trainings(artifacts, ships)
        all_is_well()


def test_groups_stop_at_different_steps_and_each_has_an_adapter_and_curves(trainings: Trainings):
    never = trainings.never_killed
    last = [points[-1][0] for (series, group), points in never.curves.items() if series == "train" and group]
    assert len(last) == PERSONAS
    assert len(set(last)) > 2
    assert sum(name.endswith("adapter_model.safetensors") for name in never.files) == PERSONAS


def test_killed_at_any_moment_it_leaves_the_same_adapters_and_curves(trainings: Trainings):
    kills: list[Kill] = []
    for number, moment in enumerate(moments(KILLS, SEED)):
        kill = trainings.killed(("executor", "worker")[number % 2], moment, cold=number % 4 == 1)
        print(f"{kill.what:8} {kill.moment!s:24.24} {kill.seconds:5.2f} s, {kill.stage}, attempts {kill.attempts}")
        kills.append(kill)
    same = [kill.outcome == trainings.never_killed for kill in kills]
    assert sum(same) == KILLS, [kill for kill, equal in zip(kills, same, strict=True) if not equal]
    assert sum(kill.attempts > 1 for kill in kills) > KILLS / 2, "most attempts were killed before they were done"
    assert all(kill.redone < CHECKPOINT_SECONDS + SLACK for kill in kills if kill.redone is not None)


def test_checkpoints_that_a_power_cut_emptied_cost_their_time_and_nothing_else(trainings: Trainings):
    emptied: list[Path] = []

    def empty(checkpoint: Path) -> None:
        emptied.extend(states(checkpoint))
        for path in emptied:
            path.write_bytes(b"")

    kill = trainings.killed("worker", "checkpoint/finished/*", harm=empty)
    assert emptied
    assert kill.outcome == trainings.never_killed
    log = "\n".join(line.text for line in job_log(kill.job))
    assert f"the work starts anew: {emptied[-1]}: not a readable checkpoint" in log
