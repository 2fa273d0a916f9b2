"""What each method of a study cost, from what its jobs said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lab.db.lineage import Origin
from lab.db.made import MAKERS, seconds_of
from lab.db.tables import State
from lab.methods.method import Method
from lab.report.evidence import LedgerRow


def ledger(
    jobs: Iterable[Origin], methods: Sequence[str], declared: Mapping[str, Method], split: str
) -> tuple[LedgerRow, ...]:
    """One row for each method that has a finished job: these, in their order, and what they stand on."""
    done = [job for job in jobs if job.state == State.SUCCEEDED]
    names = list(methods)
    for name in names:  # which grows on the way
        names += [under for under in declared[name].stands_on if under not in names]
    own = {name: [job for job in done if job.method == name] for name in names}
    return tuple(_row(name, own[name], declared[name], split) for name in names if own[name])


def _row(name: str, jobs: Sequence[Origin], method: Method, split: str) -> LedgerRow:
    """Means over seeds; a join tells what its shards learned, and the shards how long they took."""
    whole = [job for job in jobs if not job.is_shard]
    seeds = len({job.seed for job in whole if job.does == "evaluate"}) or 1
    made = [job for job in whole if job.does in MAKERS]
    tokens = [(job.result["tokens"], job.result.get("padding")) for job in made if "tokens" in job.result]
    asked = [
        job.result["seconds_per_answer"]
        for job in whole
        if job.does == "evaluate" and job.spec.get("split") == split and "seconds_per_answer" in job.result
    ]
    return LedgerRow(
        method=name,
        train_seconds=sum(map(_making, made)) / seeds if made else None,
        tokens=round(sum(n for n, _ in tokens) / seeds) if tokens else None,
        padding=_padding([(n, share) for n, share in tokens if share is not None]),
        parameters=max((job.result["parameters"] for job in made if "parameters" in job.result), default=None),
        seconds_per_answer=sum(asked) / len(asked) if asked else None,
        job_seconds=sum(map(seconds, jobs)) / seeds,
        stands_on=method.stands_on,
    )


def _making(job: Origin) -> float:
    """What it says itself, which counts every attempt, else what the clock says of the last."""
    told = seconds_of(job.does, job.result)
    return _clock(job) if told is None else told


def _padding(tokens: Sequence[tuple[int, float]]) -> float | None:
    """Share of all positions that were computed for nothing."""
    computed = sum(n / (1 - share) for n, share in tokens if share < 1)
    return 1 - sum(n for n, _ in tokens) / computed if computed else None


def seconds(job: Origin) -> float:
    """What a job took: the clock of its last attempt, or what it counted over all of them, if that is more.

    A join tells what its shards counted, and they are jobs themselves: of it only the clock counts.
    """
    if job.kind == "join":
        return _clock(job)
    return max(_clock(job), seconds_of(job.does, job.result) or 0.0, job.result.get("answer_seconds") or 0.0)


def _clock(job: Origin) -> float:
    """From its last claim to its commit, by the clock of the one worker that had it."""
    if job.started_at is None or job.finished_at is None:
        return 0.0
    return max(0.0, (job.finished_at - job.started_at).total_seconds())
