"""Whatever people and workers do, in whatever order, with whatever old leases: the invariants hold."""

from __future__ import annotations

import os
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
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
from lab.db.job_table import JobTable
from lab.db.jobs import Outcome
from lab.db.leases import Lease
from lab.db.queries import list_jobs
from lab.db.tables import BROKEN, TERMINAL, Job, RunMetric, Score, State

# Job → its parents: a chain, a diamond, a lonely one, and one below both.
GRAPH = {"a": "", "b": "a", "c": "a", "d": "bc", "e": "", "f": "de"}
OWNERS = ("anna", "bert", "carl")
MOVES_AT_WORK = (
    *("work", "succeed", "fail", "fail for good", "stop", "lose", "stand still"),
    *("work", "cancel", "retry", "ghost"),
)
GOALS = st.sets(st.sampled_from(sorted(GRAPH)), min_size=1)
COPIES = st.integers(0, 5)  # of the graph, so that there is always something to do
SHIFTS = st.tuples(st.just("shift"), st.sampled_from(OWNERS), st.lists(st.sampled_from(MOVES_AT_WORK), max_size=6))
DEEDS = st.one_of(
    SHIFTS,
    SHIFTS,
    st.tuples(st.just("submit"), GOALS, COPIES, st.sampled_from("xy")),
    st.tuples(st.just("ask"), st.integers(0, 9), st.sampled_from(["cancel", "retry", "prioritise"])),
    st.tuples(st.just("sweep")),
)
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
        self.table = JobTable()
        self.submit(set(GRAPH), 0, "x")

    @rule(deed=DEEDS)
    def live(self, deed: tuple) -> None:
        name, *arguments = deed
        getattr(self, name)(*arguments)

    # ------------------------------------------------------------ people

    def submit(self, goals: set[str], copy: int, study: str) -> None:
        plan = (planned(f"{name}{copy}", *(f"{parent}{copy}" for parent in GRAPH[name])) for name in needed(goals))
        ids = submit(*plan, study=study)
        self.second_chance = True
        rows = {job.id: job for job in all_jobs()}
        assert not [rows[job].state for job in ids if rows[job].state in (*BROKEN, State.SKIPPED)]
        assert not [job for job in ids if rows[job].cancel_requested]

    def job(self, number: int) -> int:
        """One of the jobs that there are, the running ones first."""
        order = sorted(self.seen.values(), key=lambda row: (row.state is not State.RUNNING, row.id))
        return order[number % len(order)].id or 0

    def ask(self, number: int, what: str) -> None:
        """Of any job, the running ones first."""
        order = sorted(self.seen.values(), key=lambda row: (row.state is not State.RUNNING, row.id))
        job = order[number % len(order)].id or 0
        if what == "prioritise":
            jobs.prioritise(job, number)
        else:
            self.cancel(job) if what == "cancel" else self.retry(job)

    def cancel(self, job: int) -> None:
        jobs.cancel(job)
        with reading() as session:
            row = session.get_one(Job, job)
            assert row.state in TERMINAL or row.cancel_requested

    def retry(self, job: int) -> None:
        jobs.retry(job)
        self.second_chance = True

    # ------------------------------------------------------------ workers

    def shift(self, owner: str, moves: list[str]) -> None:
        """A worker takes a job, or goes on with the one it has; `moves` happen to it, to its end or not."""
        lease = self.lease_of(owner)
        for step, move in enumerate(moves if lease else []):
            self.happen(move, lease, step)
            self.invariants_hold_and_moves_are_legal()

    def lease_of(self, owner: str) -> Lease | None:
        for job in self.seen.values():
            if job.owner == owner:
                return Lease(job.id or 0, job.attempt, owner)
        found = claim(owner)
        ready = [job for job in self.seen.values() if job.state is State.READY]
        assert (found is None) == (not ready)
        if found is None:
            return None
        best = max(ready, key=lambda job: (job.priority, -(job.id or 0)))
        assert found.lease.job == best.id
        self.leases.append(found.lease)
        self.invariants_hold_and_moves_are_legal()
        return found.lease

    def happen(self, move: str, lease: Lease, step: int) -> None:
        """One move, which changes something if the lease holds, and nothing if it does not."""
        row = self.seen[lease.job]
        held = (row.state, row.attempt, row.owner) == (State.RUNNING, lease.attempt, lease.owner)
        match move:
            case "work":
                self.work(lease, (7 * step) % 4, held)
            case "succeed":
                assert bool(jobs.succeed(lease, self.outcome(lease))) == (held and not row.cancel_requested)
            case "fail" | "fail for good":
                assert (jobs.fail(lease, "error", for_good=move != "fail") is not None) == held
            case "stop":
                assert (jobs.hand_back(lease, "stopped") or jobs.cancelled(lease)) == held
            case "lose":
                assert (jobs.lose(lease) is not None) == held
            case "stand still":
                assert (jobs.lose(lease, seen_beat=step) is not None) == (held and row.beat == step)
            case "cancel":
                self.cancel(lease.job)
            case "retry":
                self.retry(lease.job)
            case "ghost":
                self.haunt(self.leases[step % len(self.leases)])

    def outcome(self, lease: Lease) -> Outcome:
        score = Score(job=lease.job, persona_id="p", task_type="", metric="m", value=1.0, n=1)
        return replace(outcome(lease), scores=[score])

    def work(self, lease: Lease, step: int, held: bool) -> None:
        point = RunMetric(job=lease.job, series="train", group="", step=step, value=1.0)
        assert jobs.beat(lease, {"progress": step / 5}).held == held
        assert jobs.record(lease, [point], [f"step {step}"]) == held
        assert jobs.checkpoint(lease, f"{lease.job}/{lease.attempt}/checkpoint", step) == held

    def haunt(self, lease: Lease) -> None:
        """Everything that an attempt can say, from one that may be long over."""
        row = self.seen[lease.job]
        if (row.state, row.attempt, row.owner) != (State.RUNNING, lease.attempt, lease.owner):
            for move in ("work", "succeed", "fail", "fail for good", "stop", "lose", "stand still"):
                self.happen(move, lease, row.beat)
            with reading() as session:
                assert session.get_one(Job, lease.job).model_dump() == row.model_dump()

    def sweep(self) -> None:
        settle()
        for job in self.seen.values():
            jobs.retry_is_due(job.id or 0, job.attempt)

    # ------------------------------------------------------------ what must hold

    @invariant()
    def who_reads_only_what_moved_has_read_all(self) -> None:
        assert self.table.read() == list_jobs()

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
        for _ in range(2 * len(all_jobs())):
            for job in all_jobs():
                jobs.retry_is_due(job.id or 0, job.attempt)
            if (found := claim("last")) is None:
                break
            assert jobs.succeed(found.lease, outcome(found.lease))
        with reading() as session:
            assert set(session.exec(select(Job.state).distinct())) <= set(TERMINAL)
        assert check_invariants() == []


EXAMPLES = {"sqlite": 10, "postgresql": 4}


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
