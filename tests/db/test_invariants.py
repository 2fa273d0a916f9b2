"""The checker itself: it sees what is wrong, and says which job."""

from __future__ import annotations

import pytest
from planned import claim, claimed, planned, submit, succeed
from sqlalchemy import text

from lab.db import jobs
from lab.db.engine import connected
from lab.db.invariants import check_invariants
from lab.errors import LabError


@pytest.fixture(autouse=True)
def some_jobs(lab_home):
    """1 SUCCEEDED, 2 RUNNING, 3 BLOCKED by 2, 4 FAILED, 5 SKIPPED by 4, 6 READY."""
    submit(
        planned("done"),
        planned("running"),
        planned("blocked", "running"),
        planned("failed"),
        planned("skipped", "failed"),
        planned("ready"),
    )
    succeed(claimed())
    claimed()
    jobs.fail(claimed("other"), "error", for_good=True)
    assert check_invariants() == []


def spoil(*statements: str) -> None:
    with connected(writing=True) as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("owner = NULL WHERE id = 2", "job 2 (RUNNING): an owner and RUNNING belong together"),
        ("owner = 'x' WHERE id = 6", "job 6 (READY): an owner and RUNNING belong together"),
        ("attempt = 0 WHERE id = 2", "job 2 (RUNNING): it must have been claimed"),
        ("finished_at = NULL WHERE id = 4", "job 4 (FAILED): finished_at and an end belong together"),
        ("cancel_requested = true WHERE id = 6", "job 6 (READY): only a running job is asked to stop"),
        ("tries = 2 WHERE id = 6", "job 6 (READY): tries are spent"),
        ("crashes = 3 WHERE id = 6", "job 6 (READY): crashes are at the cap"),
        ("error = NULL WHERE id = 4", "job 4 (FAILED): a broken job says why"),
        ("checkpoint_step = 3 WHERE id = 6", "job 6 (READY): a step without a checkpoint"),
        ("state = 'READY' WHERE id = 3", "job 3 is READY before its parents have succeeded"),
        ("state = 'BLOCKED' WHERE id = 6", "job 6 is BLOCKED without a parent"),
        ("state = 'BLOCKED', finished_at = NULL WHERE id = 5", "job 5 is BLOCKED below a job that will not succeed"),
        ("state = 'READY', finished_at = NULL WHERE id = 4", "job 5 is SKIPPED though nothing before it is broken"),
        ("artifact = 'x' WHERE id = 6", "job 6 is READY but has a result"),
        ("manifest = NULL WHERE id = 1", "job 1 is SUCCEEDED without a result"),
        ("state = 'RUNNING', owner = 'worker', attempt = 1, device = 'cpu' WHERE id = 6", "worker runs 2 work jobs on"),
    ],
)
def test_a_spoiled_row_is_seen(fault, says):
    spoil(f"UPDATE job SET {fault}")
    assert any(sentence.startswith(says) for sentence in check_invariants()), check_invariants()


def test_a_job_freed_by_nobody_is_seen():
    lease = claim("third").lease
    assert lease.job == 6
    spoil(
        "UPDATE job SET state = 'SUCCEEDED', owner = NULL, finished_at = started_at, artifact = 'a', manifest = 'f', "
        "result = '{}' WHERE id = 2"
    )
    assert check_invariants() == ["job 3 is BLOCKED by nothing"]


def test_scores_of_a_job_that_has_not_succeeded_are_seen():
    spoil("INSERT INTO score (job, persona_id, task_type, metric, value, n) VALUES (6, 'p', '', 'm', 1, 1)")
    assert check_invariants() == ["job 6 is READY but has scores"]


def test_a_log_of_an_attempt_that_never_was_is_seen():
    spoil("INSERT INTO joblog (job, attempt, at, text) VALUES (6, 2, '2026-01-01', 'late')")
    assert check_invariants() == ["job 6 has a log of attempt 2, which never was"]


def test_a_study_without_the_parents_of_its_jobs_is_seen():
    spoil("DELETE FROM studyjob WHERE job = 4")
    assert check_invariants() == ["study 1 names job 5 but not {4}, which it waits for"]


def test_two_jobs_of_one_key_are_seen():
    spoil("DROP INDEX job_key", "UPDATE job SET key = 'done' WHERE id = 6")
    assert check_invariants() == ["2 jobs have the key done"]


def test_an_artifact_that_does_not_verify_is_seen():
    def verify(artifact: str, manifest: str) -> None:
        raise LabError(f"{artifact}: not {manifest[:4]}")

    assert check_invariants(verify) == ["job 1: 1/1: not ffff"]
