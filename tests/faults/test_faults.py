"""A shortened pass of `make faults`, and the proof that it sees what it looks for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest

from faults.databases import Postgres, postgres
from faults.suite import FAULTS, POSTGRESQL, SQLITE, run
from faults.table import Row

SEED = 5
SCALE = 0.04
SHORT = [  # one of each kind that nothing else in the tests does; the others take longer than they tell
    ("kill -9 storm", SQLITE),
    ("kill -9 storm", POSTGRESQL),
    ("crash at every step", POSTGRESQL),
    ("PostgreSQL crashes", POSTGRESQL),
    ("disk full", SQLITE),
    ("upgrade from the first version", SQLITE),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


@pytest.fixture(autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab in which something is wrong is left to be looked at: here with all else that tests leave."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("lab")))


def hurt(server: Postgres, name: str, database: str, **variables: str) -> Row:
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    return run(fault, database, seed=SEED, scale=SCALE, postgres=server, **variables)


@pytest.mark.parametrize(("name", "database"), SHORT)
def test_no_job_is_lost_no_effect_doubled_no_invariant_broken(server, name, database):
    row = hurt(server, name, database)
    assert row.injected > 0
    assert row.jobs > 0
    assert (row.lost, row.duplicated, row.violations) == ([], [], [])


def test_without_a_fence_doubled_effects_are_seen(server):
    row = hurt(server, "zombie worker", POSTGRESQL, FAULTS_PLANT="no fence")
    assert row.duplicated or row.violations


def test_without_a_sweep_lost_jobs_are_seen(server, monkeypatch):
    monkeypatch.setattr("faults.arena.PATIENCE", 3.0)
    row = hurt(server, "GPU out of memory (simulated)", SQLITE, FAULTS_PLANT="no sweep")
    assert row.lost


def test_without_checkpoints_work_done_twice_is_seen(server):
    row = hurt(server, "executor out of memory", SQLITE, FAULTS_PLANT="no resume")
    assert any("began at step 1" in sentence for sentence in row.duplicated)
