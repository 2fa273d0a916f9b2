"""Whatever people and workers do, in whatever order, with whatever old leases: the invariants hold."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from planned import all_jobs, claim, outcome, planned, submit
from sqlalchemy import text
from sqlmodel import select

from lab.db import jobs
from lab.db.engine import connected, reading
from lab.db.graph import settle
from lab.db.invariants import MOVES, SECOND_CHANCES, check_invariants
from lab.db.jobs import Lease
from lab.db.tables import BROKEN, TERMINAL, Job, RunMetric, Score, State

# Job → its parents: a chain, a diamond, a lonely one, and one below both.
GRAPH = {"a": "", "b": "a", "c": "a", "d": "bc", "e": "", "f": "de"}
OWNERS = ("anna", "bert", "carl")
JOBS = st.integers(min_value=0, max_value=len(GRAPH) - 1)
TABLES = ["chatreply", "joblog", "jobparent", "runmetric", "score", "studyjob", "job", "study"]


def needed(goals: set[str]) -> list[str]:
    """The goals and all that they stand on, parents first."""
    found = set(goals)
    for name in reversed(GRAPH):
        if name in found:
            found |= set(GRAPH[name])
    return [name for name in GRAPH if name in found]


class Lives(RuleBasedStateMachine):
    """People submit, cancel and retry; workers claim, beat, commit, fail, die, and come back from the dead."""

    @initialize()
    def an_empty_lab(self) -> None:
        with connected(writing=True) as connection:
            for table in TABLES:
                connection.execute(text(f"DELETE FROM {table}"))
        self.leases: list[Lease] = []
        self.seen: dict[int, Job] = {}
        self.second_chance = False
        self.ids: dict[str, int] = {}

    # ------------------------------------------------------------ people

    @rule(goals=st.sets(st.sampled_from(sorted(GRAPH)), min_size=1), study=st.sampled_from("xy"))
    def submit(self, goals: set[str], study: str) -> None:
        names = needed(goals)
        ids = submit(*(planned(name, *GRAPH[name]) for name in names), study=study)
        self.ids |= dict(zip(names, ids, strict=True))
        self.second_chance = True
        rows = {job.id: job for job in all_jobs()}
        assert not [rows[job].state for job in ids if rows[job].state in (*BROKEN, State.SKIPPED)]
        assert not [job for job in ids if rows[job].cancel_requested]

    def job(self, number: int) -> int:
        """One of the jobs that there are."""
        return sorted(self.ids.values())[number % len(self.ids)]

    @precondition(lambda self: self.ids)
    @rule(number=JOBS)
    def cancel(self, number: int) -> None:
        job = self.job(number)
        jobs.cancel(job)
        with reading() as session:
            row = session.get_one(Job, job)
            assert row.state in TERMINAL or row.cancel_requested

    @precondition(lambda self: self.ids)
    @rule(number=JOBS)
    def retry(self, number: int) -> None:
        jobs.retry(self.job(number))
        self.second_chance = True

    @precondition(lambda self: self.ids)
    @rule(number=JOBS, priority=st.integers(-2, 2))
    def prioritise(self, number: int, priority: int) -> None:
        jobs.prioritise(self.job(number), priority)

    # ------------------------------------------------------------ workers

    @rule(owner=st.sampled_from(OWNERS))
    def claim(self, owner: str) -> None:
        if any(job.owner == owner for job in self.seen.values()):
            return  # a lane has one job at a time
        found = claim(owner)
        ready = [job for job in self.seen.values() if job.state is State.READY]
        assert (found is None) == (not ready)
        if found is not None:
            best = max(ready, key=lambda job: (job.priority, -(job.id or 0)))
            assert found.lease.job == best.id
            self.leases.append(found.lease)

    def holds(self, lease: Lease) -> bool:
        row = self.seen[lease.job]
        return (row.state, row.attempt, row.owner) == (State.RUNNING, lease.attempt, lease.owner)

    def pick(self, number: int) -> Lease:
        """Any lease there ever was, the newest most often."""
        return self.leases[max(0, len(self.leases) - 1 - number)]

    @precondition(lambda self: self.leases)
    @rule(number=st.integers(0, 6), step=st.integers(0, 5))
    def work(self, number: int, step: int) -> None:
        lease = self.pick(number)
        held = self.holds(lease)
        point = RunMetric(job=lease.job, series="train", group="", step=step, value=1.0)
        assert jobs.beat(lease, {"progress": step / 5}).held == held
        assert jobs.record(lease, [point], [f"step {step}"]) == held
        assert jobs.checkpoint(lease, f"{lease.job}/{lease.attempt}/checkpoint", step) == held

    @precondition(lambda self: self.leases)
    @rule(number=st.integers(0, 6))
    def succeed(self, number: int) -> None:
        lease = self.pick(number)
        wanted = self.holds(lease) and not self.seen[lease.job].cancel_requested
        score = Score(job=lease.job, persona_id="p", task_type="", metric="m", value=1.0, n=1)
        done = outcome(lease)
        assert jobs.succeed(lease, jobs.Outcome(done.artifact, done.manifest, done.result, [score])) == wanted

    @precondition(lambda self: self.leases)
    @rule(number=st.integers(0, 6), for_good=st.booleans())
    def fail(self, number: int, for_good: bool) -> None:
        lease = self.pick(number)
        held = self.holds(lease)
        assert (jobs.fail(lease, "error", for_good=for_good) is not None) == held

    @precondition(lambda self: self.leases)
    @rule(number=st.integers(0, 6))
    def stop(self, number: int) -> None:
        lease = self.pick(number)
        held = self.holds(lease)
        assert (jobs.hand_back(lease, "stopped") or jobs.cancelled(lease)) == held

    @precondition(lambda self: self.leases)
    @rule(number=st.integers(0, 6), beat=st.none() | st.integers(0, 3))
    def lose(self, number: int, beat: int | None) -> None:
        lease = self.pick(number)
        expected = self.holds(lease) and beat in (None, self.seen[lease.job].beat)
        assert (jobs.lose(lease, seen_beat=beat) is not None) == expected

    @precondition(lambda self: self.ids)
    @rule()
    def sweep(self) -> None:
        settle()
        for job in self.seen.values():
            jobs.retry_is_due(job.id or 0, job.attempt)

    # ------------------------------------------------------------ what must hold

    @invariant()
    def invariants_hold_and_moves_are_legal(self) -> None:
        assert check_invariants() == []
        now = {job.id or 0: job for job in all_jobs()}
        for job, before in self.seen.items():
            after = now[job]
            legal = MOVES | SECOND_CHANCES if self.second_chance else MOVES
            assert before.state is after.state or (before.state, after.state) in legal
            assert after.attempt >= before.attempt
            assert after.checkpoint_step >= before.checkpoint_step, "the committed step never goes back"
            if before.state is State.SUCCEEDED:
                assert after.model_dump() == before.model_dump()
        self.seen, self.second_chance = now, False

    def teardown(self) -> None:
        """Once faults stop, every job comes to its end, and within a bounded number of claims."""
        if not hasattr(self, "seen"):
            return
        for job in all_jobs():
            if job.state is State.RUNNING:
                jobs.lose(Lease(job.id or 0, job.attempt, job.owner or ""))
        for _ in range(2 * len(GRAPH)):
            for job in all_jobs():
                jobs.retry_is_due(job.id or 0, job.attempt)
            if (found := claim("last")) is None:
                break
            assert jobs.succeed(found.lease, outcome(found.lease))
        with reading() as session:
            assert set(session.exec(select(Job.state).distinct())) <= set(TERMINAL)
        assert check_invariants() == []


EXAMPLES = {"sqlite": 20, "postgresql": 6}


def test_any_order_of_moves_keeps_the_invariants(database):
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=EXAMPLES[database] * int(os.environ.get("TEST_THOROUGHNESS", "1")),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
