"""How long a study will take and how much disk: work times rates, over the jobs that are not there yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.methods.plan import PlannedJob
from lab.methods.rates import Basis, Ran, Rates
from lab.methods.work import Work, learned_key


@dataclass(frozen=True, slots=True)
class JobEstimate:
    """One job: its number in the plan, from 1, and those that it waits for."""

    number: int
    job: PlannedJob
    after: tuple[int, ...]
    reused: bool
    seconds: float  # 0 if reused
    bytes: int | None  # 0 if reused; None: not known
    basis: Basis


@dataclass(frozen=True, slots=True)
class Estimate:
    """A plan with what it costs, on `lanes` devices at once."""

    jobs: tuple[JobEstimate, ...]
    lanes: int

    @property
    def reused(self) -> int:
        """Jobs that have nothing left to do."""
        return sum(one.reused for one in self.jobs)

    @property
    def seconds(self) -> float:
        """From start to end: the longest path through the jobs, or all of them shared out, whichever is longer."""
        ends: dict[int, float] = {}
        for one in self.jobs:
            ends[one.number] = one.seconds + max((ends[parent] for parent in one.after), default=0.0)
        total = sum(one.seconds for one in self.jobs)
        return max(*ends.values(), total / self.lanes) if ends else 0.0

    @property
    def bytes(self) -> int:
        """Of all jobs of which it is known."""
        return sum(one.bytes or 0 for one in self.jobs)

    @property
    def unknown_disk(self) -> bool:
        """Whether some job's disk is not known."""
        return any(one.bytes is None for one in self.jobs)

    @property
    def guessed(self) -> list[str]:
        """The kinds of job of which none has run here yet."""
        return list(dict.fromkeys(one.job.kind for one in self.jobs if one.basis == "guess" and not one.reused))


def estimate(
    jobs: Sequence[PlannedJob], work: Mapping[str, Work], rates: Rates, reused: Collection[str], lanes: int = 1
) -> Estimate:
    """The cost of each job of a plan; `reused` has the keys of those that succeeded before."""
    numbers = {job.key: number for number, job in enumerate(jobs, 1)}
    found = []
    for job in jobs:
        after = tuple(numbers[parent] for parent in job.parents)
        rate, todo, done = rates.of(job.kind, job.spec, job.method), work[job.key], job.key in reused
        seconds, size = (0.0, 0) if done else (rate.seconds(todo.amount, todo.longer), todo.bytes)
        found.append(JobEstimate(numbers[job.key], job, after, done, seconds, size, rate.basis))
    return Estimate(tuple(found), max(lanes, 1))


def learned_weights(ran: Iterable[Ran]) -> dict[str, float]:
    """`learned_key` → how many weights each group of such a training had, from trainings that are over."""
    found: dict[str, float] = {}
    for one in ran:
        plain = one.kind == "train" and one.spec["parameters"] != "user-embedding" and not one.spec.get("sweep")
        if plain and one.result.get("groups"):
            found.setdefault(learned_key(one.spec), one.result["parameters"] / one.result["groups"])
    return found
