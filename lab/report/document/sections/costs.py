"""What the methods cost."""

from __future__ import annotations

from collections.abc import Mapping

from lab.report.document.blocks import Block, Paragraph, Section, Table, columns
from lab.report.document.gather import Gathered
from lab.report.document.sections.shared import Album, lower_is_better, ranked
from lab.report.document.words import NOTHING, duration, label, large, number
from lab.report.evidence import Evidence, LedgerRow
from lab.report.figures.cost import cost as cost_figure
from lab.report.ledger import seconds
from lab.report.parts import Price


def prices(evidence: Evidence) -> list[Price]:
    """Each method's quality and its cost with all that it stands on."""
    ledger = {row.method: row for row in evidence.ledger}
    return [
        Price(
            one.name,
            one.summary,
            _total(ledger, one.name, "train_seconds"),
            _whole(_total(ledger, one.name, "parameters")),
            ledger[one.name].seconds_per_answer,
        )
        for one in evidence.methods
        if one.name in ledger
    ]


def _total(ledger: Mapping[str, LedgerRow], method: str, field: str) -> float:
    """The sum over a method and everything it stands on, each once; what was not needed counts 0."""
    seen: set[str] = set()
    todo = [method]
    while todo:
        name = todo.pop()
        if name not in seen and name in ledger:
            seen.add(name)
            todo += ledger[name].stands_on
    return float(sum(getattr(ledger[name], field) or 0 for name in seen))


def _whole(value: float) -> int:
    return int(value)


def costs(evidence: Evidence, gathered: Gathered, album: Album) -> Section | None:
    """The ledger, and quality against cost."""
    if not evidence.ledger:
        return None
    order = {one.name: place for place, one in enumerate(ranked(evidence))}
    ledger = sorted(evidence.ledger, key=lambda row: (order.get(row.method, len(order)), row.method))
    rows = tuple(
        (
            row.method,
            duration(row.job_seconds),
            duration(row.train_seconds),
            large(row.tokens),
            f"{row.padding:.1%}" if row.padding is not None else NOTHING,
            large(row.parameters),
            _disk(row.method, gathered),
            number(row.seconds_per_answer, 2),
            _devices(row.method, gathered),
            ", ".join(row.stands_on) or NOTHING,
        )
        for row in ledger
    )
    costs_of = ("all its jobs", "making it", "tokens seen", "padding", "parameters kept", "disk", "s per answer")
    titles = (*columns("method", *costs_of), *columns("device", "stands on", words=2))
    note = (
        "Seconds are device-seconds of one device of the kind named, mean over seeds; whatever else the machine did "
        "lengthens them. Making it: training, learning a start, writing text, merging; of what was interrupted, what "
        "was kept. What a method stands on is not "
        "counted again in its row; the figure counts it. Disk: bytes of the method's own artifacts here. Seconds per "
        "answer are of mixed batches."
    )
    blocks: list[Block] = [Table(titles, rows, note)]
    priced = prices(evidence)
    if priced:
        blocks.insert(
            0,
            album.add(
                "cost",
                cost_figure(priced, label(evidence.metric), lower_is_better=lower_is_better(evidence)),
                f"{label(evidence.metric)} over the time to make it, parameters and time for an answer",
                "Every method a dot, with the cost of all it stands on. The line joins those that no cheaper one beats "
                "in the mean; small differences along it need not be real.",
            ),
        )
    total = sum(seconds for _, seconds in _jobs(gathered))
    blocks.append(Paragraph(f"All {len(_jobs(gathered))} finished jobs of the study together: {duration(total)}."))
    return Section("costs", "What it cost", tuple(blocks))


def _jobs(gathered: Gathered) -> list[tuple[int, float]]:
    """(job, its seconds) of each finished job, once."""
    found = {one.job: seconds(one) for one in gathered.origins if one.artifact and one.started_at and one.finished_at}
    return sorted(found.items())


def _disk(method: str, gathered: Gathered) -> str:
    """What the method's recipe book and everything in it takes: adapters made in shards lie with their shard."""
    sizes = {
        one.job: gathered.disk.get(one.job)
        for one in gathered.origins
        if one.method == method and one.artifact and (one.makes_book or (one.is_shard and one.does == "train"))
    }
    if not sizes or None in sizes.values():
        return NOTHING
    total = sum(size for size in sizes.values() if size is not None)
    return f"{total / 1e6:.1f} MB" if total >= 1e5 else f"{total / 1e3:.1f} kB"


def _devices(method: str, gathered: Gathered) -> str:
    return ", ".join(sorted({one.device for one in gathered.origins if one.method == method and one.device}))
