"""`lab run --plan`: what a study would run, and an estimate of time and disk."""

from __future__ import annotations

from typing import Any

from lab.cli.output import console, marked, print_json, table
from lab.db.queries import seed_of, split_of, titled
from lab.methods.estimate import JobEstimate
from lab.methods.rates import Basis
from lab.methods.shard import part_of
from lab.safe import safe
from lab.tasks.costs import check_room, remarks, size_text, time_text, total
from lab.tasks.preview import Preview

__all__ = ["as_json", "check_room", "print_costs", "print_plan", "size_text"]

_NOTES: dict[Basis, str] = {"measured": "", "scaled": "from another base or device", "guess": "a guess"}


def print_plan(found: Preview, json: bool) -> None:
    """Every job in order, totals, and what there is to say about them."""
    if json:
        print_json(as_json(found) | {"jobs": [_job_json(one) for one in found.estimate.jobs]})
        return
    _print_study(found)
    numbers, seeds = ("job", "seed", "time", "disk"), ("seed",) if len(found.prepared.spec.seeds) > 1 else ()
    columns = ("job", "kind", "method", *seeds, "after", "time", "disk", "note")
    lines = ([cells[name] for name in columns] for cells in map(_cells, found.estimate.jobs))
    console.print(table(columns, lines, right=numbers, spare=("disk", "after")))
    _print_totals(found)


def print_costs(found: Preview) -> None:
    """The totals alone, and what there is to say about them."""
    _print_study(found)
    _print_totals(found)


def _print_study(found: Preview) -> None:
    spec = found.prepared.spec
    what = f"{found.prepared.dataset.name}, {len(found.prepared.data.personas)} personas, base {spec.base}"
    console.print(f"study [bold]{spec.name}[/]: {marked(what)}", soft_wrap=True, markup=True)


def _print_totals(found: Preview) -> None:
    for line in (total(found), *remarks(found)):
        console.print(safe(line), soft_wrap=True)


def as_json(found: Preview) -> dict[str, Any]:
    """The totals."""
    costs = found.estimate
    return {
        "study": found.prepared.spec.name,
        "total": {
            "jobs": len(costs.jobs),
            "reused": costs.reused,
            "seconds": costs.seconds,
            "bytes": costs.bytes,
            "disk_is_known": not costs.unknown_disk,
            "free_bytes": found.free,
            "devices": found.devices,
            "guessed": costs.guessed,
        },
        "warnings": found.prepared.warnings,
    }


def _cells(one: JobEstimate) -> dict[str, str]:
    """What each column says of a job."""
    spec, seed = one.job.spec, seed_of(one.job.spec)
    seconds = time_text(one.seconds).removeprefix("about ").replace("less than", "<")
    disk = "" if one.reused else "?" if one.bytes is None else size_text(one.bytes)
    return {
        "job": str(one.number),
        "kind": one.job.kind,
        "method": titled(one.job.method, split_of(spec), part_of(spec)),
        "seed": "" if seed is None else str(seed),
        "after": ", ".join(map(str, one.after)),
        "time": seconds,
        "disk": disk,
        "note": "reused" if one.reused else _NOTES[one.basis],
    }


def _job_json(one: JobEstimate) -> dict[str, Any]:
    return {
        "number": one.number,
        "kind": one.job.kind,
        "method": one.job.method,
        "part": part_of(one.job.spec),
        "split": split_of(one.job.spec),
        "seed": seed_of(one.job.spec),
        "after": one.after,
        "reused": one.reused,
        "seconds": one.seconds,
        "bytes": one.bytes,
        "basis": one.basis,
    }
