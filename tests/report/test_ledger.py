"""What a method cost, from what its jobs say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab.db.lineage import Origin
from lab.db.tables import State
from lab.methods.spec import catalog
from lab.report.evidence import LedgerRow
from lab.report.ledger import ledger

BEGAN = datetime(2026, 3, 4, tzinfo=UTC)


def job(method: str, kind: str, seconds: float, result: dict[str, Any], **spec: Any) -> Origin:
    """A finished job whose last attempt took so many seconds by the clock."""
    end = BEGAN + timedelta(seconds=seconds)
    return Origin(
        method, False, 1, kind, State.SUCCEEDED, 1, spec, result, "1/1", "f" * 64, "cpu", "", BEGAN, end
    )  # fmt: skip


def cost(method: str, *jobs: Origin) -> LedgerRow:
    return {row.method: row for row in ledger(jobs, [method], catalog(), "test")}[method]


def test_a_learned_start_and_written_text_are_part_of_making_it():
    row = cost(
        "meta-reptile",
        job("meta-reptile", "meta", 5.0, {"train_seconds": 1200.0, "tokens": 900}),
        job("meta-reptile", "train", 70.0, {"train_seconds": 60.0, "tokens": 100, "parameters": 8}),
    )
    assert (row.train_seconds, row.tokens, row.parameters) == (1260.0, 1000, 8)
    assert row.job_seconds == 1270.0, "of the start, more than the clock of its last attempt"
    row = cost("augmented-unified", job("augmented-unified", "augment", 5.0, {"seconds": 170.0}))
    assert row.train_seconds == 170.0


def test_what_does_not_tell_its_seconds_is_measured_by_the_clock():
    assert cost("meta-reptile", job("meta-reptile", "meta", 5.0, {"tokens": 900})).train_seconds == 5.0


def test_shards_count_once_and_their_join_by_its_clock_alone():
    shards = [job("unified", "train", 105.0, {"train_seconds": 100.0}, shard=n) for n in range(2)]
    join = job("unified", "join", 1.0, {"train_seconds": 200.0, "parameters": 8}, joins="train")
    row = cost("unified", *shards, join)
    assert (row.train_seconds, row.job_seconds) == (200.0, 211.0)


@pytest.mark.parametrize("method", ["merge-sparse", "anchor+delta"])
def test_what_it_stands_on_has_a_row_though_it_was_not_asked_for(method: str):
    trained = job("persona", "train", 9.0, {"train_seconds": 8.0, "parameters": 8})
    rows = ledger([trained, job(method, "merge", 1.0, {"train_seconds": 0.5})], [method], catalog(), "test")
    assert [row.method for row in rows] == [method, "persona"]


def test_what_makes_nothing_costs_no_making():
    assert cost("base", job("base", "recipes", 0.4, {})).train_seconds is None
