"""Large jobs in shards: trainings by their groups, evaluations by their personas, each shard for one device.

The shards run side by side, and a `join` makes of them what the job would have been by itself. It has that job's key,
so whatever stands on it has the same key on one device or on ten, and nothing computed either way is computed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from lab.methods.plan import PlannedJob, job_key

T = TypeVar("T")

LEAST = 8
"""Groups or personas of a shard, at least. So many groups fill a pass over the base and so many personas a batch of
answers: smaller shards would pay again for what they no longer share. Unlike seconds this is known, not guessed, before
anything ran, so the same study on the same devices always has the same shards."""

_ROLE = "shard "  # begins the roles that shards play for their join


def shard(jobs: Sequence[PlannedJob], devices: int, personas: int, known: Mapping[str, int]) -> list[PlannedJob]:
    """The plan with its large jobs in shards, parents before children.

    Args:
        jobs: the plan of a study.
        devices: how many there are to run on.
        personas: how many the study has.
        known: key → number of shards of every job that is there already, whatever its state, 1 for one that is whole:
            it stays as it is.
    """
    found: list[PlannedJob] = []
    elsewhere: dict[str, bool] = {}  # whether a model that runs elsewhere has a part in it
    for job in jobs:
        elsewhere[job.key] = "endpoint" in job.spec or any(elsewhere[parent] for parent in job.parents)
        worth = min(devices, personas // LEAST) if job.serves and not elsewhere[job.key] else 1
        n = known.get(job.key, worth)
        found += _in_shards(job, n) if n > 1 and _can_be_split(job) else [job]
    return found


def _can_be_split(job: PlannedJob) -> bool:
    """Whether its groups, or personas, learn and are answered for independently of each other.

    Of clusters nobody knows how many there will be, a user embedding shares its LoRA, and a sweep chooses one setting
    for all groups.
    """
    spec = job.spec
    if job.kind == "train":
        return spec["share"] == "persona" and spec["parameters"] != "user-embedding" and not spec.get("sweep")
    return job.kind == "evaluate"


def _in_shards(job: PlannedJob, n: int) -> list[PlannedJob]:
    specs = [job.spec | {"shard": [number, n]} for number in range(n)]
    shards = [replace(job, key=job_key(job.kind, spec, job.parents), spec=spec, makes_book=False) for spec in specs]
    keys = tuple(one.key for one in shards)
    roles = {f"{_ROLE}{number}": key for number, key in enumerate(keys)}
    spec = job.spec | {"joins": job.kind, "inputs": job.spec.get("inputs", {}) | roles}
    return [*shards, replace(job, kind="join", spec=spec, parents=keys)]


def shards_of(spec: Mapping[str, Any]) -> int:
    """How many shards the job of this spec joins; 1 if it is whole."""
    return sum(role.startswith(_ROLE) for role in spec["inputs"]) if "joins" in spec else 1


def shard_role(number: int) -> str:
    """What the shard of this number, from 0, is for its join."""
    return f"{_ROLE}{number}"


def in_shard(names: Sequence[T], spec: Mapping[str, Any]) -> list[T]:
    """Those of all groups or personas that a job of this spec is for: a run of them, or all."""
    number, n = spec.get("shard", (0, 1))
    return list(names[number * len(names) // n : (number + 1) * len(names) // n])


def part_of(spec: Mapping[str, Any]) -> str:
    """`1/2` for the first of two shards, nothing for a whole job."""
    return "{}/{}".format(spec["shard"][0] + 1, spec["shard"][1]) if "shard" in spec else ""
