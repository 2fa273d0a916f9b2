"""What was found and tried in a study, asked of the database."""

from __future__ import annotations

import pytest
from planned import claimed, planned, submit

from lab.db import jobs, scores
from lab.db.jobs import Outcome
from lab.db.tables import Score


@pytest.fixture(autouse=True)
def lab(database):
    """Every query is asked of both databases."""


def test_what_a_sweep_tried_is_told_by_method_and_seed():
    tried = [{"setting": {"rank": 4}, "val_loss": 0.5}, {"setting": {"rank": 8}, "val_loss": 0.7}]
    submit(planned("a", spec={"seed": 0}), planned("b", spec={"seed": 1}), planned("c", spec={"seed": 2}))
    for sweep in (tried, [], tried[::-1]):  # the second trained without a sweep
        lease = claimed()
        jobs.succeed(
            lease, Outcome(f"{lease.job}/1", "f" * 64, {"train_seconds": 1.0, "parameters": 1, "sweep": sweep})
        )
    assert scores.sweeps(1) == {"method": [(0, tried), (2, tried[::-1])]}


def test_what_was_made_for_a_method_is_added_up_within_a_seed_and_averaged_over_seeds():
    made = [("augment", 0, {"seconds": 100.0}), ("train", 0, {"train_seconds": 20.0, "parameters": 8}),
            ("meta", 1, {"tokens": 5}), ("train", 1, {"train_seconds": 60.0, "parameters": 8})]  # fmt: skip
    submit(*(planned(f"{n}", kind=kind, spec={"seed": seed}) for n, (kind, seed, _) in enumerate(made)))
    for _, _, result in made:
        lease = claimed()
        jobs.succeed(lease, Outcome(f"{lease.job}/1", "f" * 64, result))
    assert scores.costs(1, "test") == {
        "method": {"train_seconds": 90.0, "parameters": 8, "seconds_per_answer": None}
    }, "an older learned start tells no seconds"


def test_the_splits_and_task_types_of_a_study():
    evaluations = [planned(split, kind="evaluate", spec={"seed": 0, "split": split}) for split in ("test", "val")]
    submit(*evaluations)
    assert scores.evaluated_splits(1) == {"val": 1, "test": 1}, "planned is enough"
    assert scores.task_types(1, "test") == []
    lease = claimed()
    found = [
        Score(job=lease.job, persona_id="maya", task_type=kind, metric="device_f1", value=0.5, n=4)
        for kind in ("", "simple", "multi-device")
    ]
    jobs.succeed(lease, Outcome("1/1", "f" * 64, {"seconds_per_answer": 0.25}, found))
    assert scores.task_types(1, "test") == ["multi-device", "simple"]
    assert scores.task_types(1, "val") == []
