"""What each method of a study cost, from what its jobs said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lab.db.lineage import Origin
from lab.db.tables import State
from lab.methods.method import Method
from lab.report.evidence import LedgerRow


def ledger(
    jobs: Iterable[Origin], methods: Sequence[str], declared: Mapping[str, Method], split: str
) -> tuple[LedgerRow, ...]:
    """One row for each of the methods that has a finished job, in their order."""
    done = [job for job in jobs if job.state == State.SUCCEEDED]
    own = {name: [job for job in done if job.method == name] for name in methods}
    return tuple(_row(name, own[name], declared[name], split) for name in methods if own[name])


def _row(name: str, jobs: Sequence[Origin], method: Method, split: str) -> LedgerRow:
    """Means over seeds; a join tells what its shards learned, and the shards how long they took."""
    whole = [job for job in jobs if not job.is_shard]
    seeds = len({job.seed for job in whole if job.does == "evaluate"}) or 1
    trained = [job for job in whole if "train_seconds" in job.result]
    tokens = [(job.result["tokens"], job.result.get("padding")) for job in trained if "tokens" in job.result]
    asked = [
        job.result["seconds_per_answer"]
        for job in whole
        if job.does == "evaluate" and job.spec.get("split") == split and "seconds_per_answer" in job.result
    ]
    return LedgerRow(
        method=name,
        train_seconds=sum(job.result["train_seconds"] for job in trained) / seeds if trained else None,
        tokens=round(sum(n for n, _ in tokens) / seeds) if tokens else None,
        padding=_padding([(n, share) for n, share in tokens if share is not None]),
        parameters=max((job.result["parameters"] for job in trained if "parameters" in job.result), default=None),
        seconds_per_answer=sum(asked) / len(asked) if asked else None,
        job_seconds=sum(map(_seconds, jobs)) / seeds,
        stands_on=method.stands_on,
    )


def _padding(tokens: Sequence[tuple[int, float]]) -> float | None:
    """Share of all positions that were computed for nothing."""
    computed = sum(n / (1 - share) for n, share in tokens if share < 1)
    return 1 - sum(n for n, _ in tokens) / computed if computed else None


def _seconds(job: Origin) -> float:
    """From its last claim to its commit, by the clock of the one worker that had it."""
    if job.started_at is None or job.finished_at is None:
        return 0.0
    return max(0.0, (job.finished_at - job.started_at).total_seconds())
