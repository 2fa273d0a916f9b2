"""An upgrade while there are jobs in the queue: the tables of the first schema, and those of the next."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from planned import DATA
from sqlalchemy import Connection, MetaData, Table, insert
from sqlmodel import SQLModel

import lab
from faults import recorder
from faults.arena import PATIENCE, TESTS, Arena
from lab.db.engine import connected
from lab.db.migrate import _revisions
from lab.db.tables import Dataset, Job, JobParent, State, Study, StudyJob, Worker
from lab.tasks.identity import machine_identity

_NEXT = '''"""What the next version will add.

Revision ID: {revision}
Revises: {before}
"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("flavour", sa.String(), nullable=False, server_default="plain"))


def downgrade() -> None:
    op.drop_column("job", "flavour")
'''


def to_the_next_version(arena: Arena) -> None:
    """Workers of this version die with jobs in every state; a worker of the next migrates, and finishes them.

    The next version is a copy of the program with one more migration. While an old worker is at work, the new one
    is refused, and once the tables are new, an old one is.
    """
    later = _next_version(arena.home / "next")
    old = [arena.worker("one"), arena.worker("two")]
    count = arena.times(60, 12)
    arena.submit(
        *(arena.job(f"{n}", *([f"{n - 1}"] if n % 4 else []), steps=8, pause=0.1) for n in range(count)),
        *(arena.job(f"error-{n}", fault="error", at=1) for n in range(2)),
    )
    _check_refused(arena, "a new worker beside old ones", PYTHONPATH=later)
    for worker in old:
        arena.kill(worker)
    new = arena.worker("three", PYTHONPATH=later)
    arena.hurt()
    arena.bunch(12)
    _check_refused(arena, "an old worker on new tables")
    arena.finish()
    arena.kill(new)


def _check_refused(arena: Arena, who: str, **variables: str) -> None:
    code = arena.launch("four", **variables).wait(PATIENCE)
    if code != 1:
        arena.broken.append(f"{who} was not refused: exit code {code}")


def _next_version(folder: Path) -> str:
    """A copy of the program with a newer schema; gives a path to import it from, before all else."""
    source = Path(lab.__file__).parent
    shutil.copytree(source, folder / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    before = _revisions()[-1]
    revision = f"{int(before) + 1:04d}"
    text = _NEXT.format(revision=revision, before=before)
    (folder / "lab" / "db" / "migrations" / "versions" / f"{revision}_next.py").write_text(text)
    return f"{folder}:{TESTS}"


def from_the_first_version(arena: Arena) -> None:
    """Jobs in every state, written by the tables of the first version; this one migrates and finishes them."""
    count = arena.times(60, 12)
    with connected(writing=True) as connection:
        tables = MetaData()
        tables.reflect(connection)
        _write(connection, tables, count)
    # By a process of the lab's settings: it waits a lease, which is short there, to see whether the old worker lives.
    migration = arena.run([sys.executable, "-c", "from lab.db.migrate import migrate; migrate()"])
    arena.check_shown(migration.wait(PATIENCE) == 0, "the tables were not upgraded")
    recorder.install()
    arena.expect(range(1, count + 1), State.SUCCEEDED)
    arena.hurt()
    arena.worker()
    arena.bunch(6)
    arena.settle()


def _write(connection: Connection, tables: MetaData, count: int) -> None:
    """Every fourth job waits for the one before it; the others wait, run, or are to be tried again."""
    dead = {"id": "dead:1:1", "host": "dead", "machine": machine_identity(), "pid": 2**22, "pid_started": 0.0}
    _insert(connection, tables, Worker(**dead, devices=["cpu"], version="0"))
    _insert(connection, tables, Dataset(digest=DATA, name="d", source="", folder="", n_personas=1, n_dialogues=1))
    _insert(connection, tables, Study(id=1, name="old", spec={}, dataset=DATA, base="base"))
    for number in range(1, count + 1):
        state = (State.READY, State.RUNNING, State.RETRY_WAIT, State.BLOCKED)[(number - 1) % 4]
        running = {"owner": "dead:1:1", "device": f"cpu-{number}", "attempt": 1} if state is State.RUNNING else {}
        job = Job(id=number, kind="drill", method="method", spec={}, key=f"old-{number}", state=state, **running)
        _insert(connection, tables, job)
        _insert(connection, tables, StudyJob(study=1, job=number, method="method"))
        if state is State.BLOCKED:
            _insert(connection, tables, JobParent(child=number, parent=number - 1))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT setval('job_id_seq', (SELECT max(id) FROM job))")
        connection.exec_driver_sql("SELECT setval('study_id_seq', (SELECT max(id) FROM study))")


def _insert(connection: Connection, tables: MetaData, row: SQLModel) -> None:
    """What the old table has of it."""
    table: Table = tables.tables[str(row.__tablename__)]
    values: dict[str, Any] = row.model_dump()
    known = {column.name for column in table.columns}
    connection.execute(insert(table).values({name: value for name, value in values.items() if name in known}))
