"""The history of every job, written by triggers of the database itself: nobody's write goes past them.

`fault_move` has a line for each change of a job's state, attempt or checkpoint; `fault_stray` one for each log
line or curve point that came while its attempt was not the job's running one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import text

from lab.db.engine import connected
from lab.db.invariants import MOVES, SECOND_CHANCES
from lab.db.jobs import CRASH_CAP
from lab.db.tables import State

_TABLES = (
    "CREATE TABLE fault_move (n {serial}, job INTEGER, was VARCHAR(16), state VARCHAR(16), attempt_was INTEGER, "
    "attempt INTEGER, step_was INTEGER, step INTEGER, crashes_was INTEGER, crashes INTEGER, cancel BOOLEAN)",
    "CREATE TABLE fault_stray (n {serial}, job INTEGER, what VARCHAR(60))",
)
_MOVED = " OR ".join(f"old.{name} <> new.{name}" for name in ("state", "attempt", "checkpoint_step", "crashes"))
_NOTE = (
    "INSERT INTO fault_move (job, was, state, attempt_was, attempt, step_was, step, crashes_was, crashes, cancel) "
    "VALUES (new.id, old.state, new.state, old.attempt, new.attempt, old.checkpoint_step, new.checkpoint_step, "
    "old.crashes, new.crashes, old.cancel_requested);"
)
_STRAY_LOG = (
    "INSERT INTO fault_stray (job, what) SELECT new.job, 'log of attempt ' || new.attempt || ' in attempt ' || "
    "attempt || ', ' || state FROM job WHERE id = new.job AND (attempt <> new.attempt OR state <> 'RUNNING');"
)
_STRAY_POINT = (
    "INSERT INTO fault_stray (job, what) SELECT new.job, 'curve point ' || new.step || ' while ' || state "
    "FROM job WHERE id = new.job AND state <> 'RUNNING';"
)
_WATCHED = {
    "move": ("job", "AFTER UPDATE", f"WHEN ({_MOVED})", _NOTE),
    "log": ("joblog", "AFTER INSERT", "", _STRAY_LOG),
    "point": ("runmetric", "AFTER INSERT", "", _STRAY_POINT),
    "point_again": ("runmetric", "AFTER UPDATE", "", _STRAY_POINT),
}


def install() -> None:
    """Have the database of the settings keep the history from now on."""
    with connected(writing=True) as connection:
        postgres = connection.dialect.name == "postgresql"
        serial = "SERIAL PRIMARY KEY" if postgres else "INTEGER PRIMARY KEY AUTOINCREMENT"
        for table in _TABLES:
            connection.execute(text(table.format(serial=serial)))
        for name, (table, moment, condition, action) in _WATCHED.items():
            if postgres:
                connection.exec_driver_sql(
                    f"CREATE FUNCTION fault_{name}() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN {action} RETURN NULL; END $$"
                )
                body = f"EXECUTE FUNCTION fault_{name}()"
            else:
                body = f"BEGIN {action} END"
            connection.exec_driver_sql(
                f"CREATE TRIGGER fault_{name} {moment} ON {table} FOR EACH ROW {condition} {body}"
            )


@dataclass(frozen=True)
class Move:
    """One change of a job."""

    job: int
    was: State
    state: State
    attempt_was: int
    attempt: int
    step_was: int
    step: int
    crashes_was: int
    crashes: int
    cancel: bool

    def faults(self) -> Iterator[str]:
        """What is not allowed about it."""
        name = f"job {self.job}, attempt {self.attempt}: {self.was} → {self.state}"
        moved = self.state is not self.was
        claimed = (self.was, self.state) == (State.READY, State.RUNNING)
        rules = {
            "no such move": not moved or (self.was, self.state) in MOVES | SECOND_CHANCES,
            "an attempt is counted by its claim": self.attempt - self.attempt_was == (1 if claimed else 0),
            "the committed step went back": self.step >= self.step_was,
            "a checkpoint of a job that does not run": self.step == self.step_was or self.was is State.RUNNING,
            "it was to be cancelled": not (self.cancel and self.was is State.RUNNING)
            or not moved
            or self.state is State.CANCELLED,
            "dead before the cap": self.state is not State.DEAD or self.was is State.DEAD or self.crashes >= CRASH_CAP,
            "more than one crash at once": self.crashes - self.crashes_was <= 1,
        }
        yield from (f"{name}: {rule}" for rule, holds in rules.items() if not holds)


def history() -> dict[int, list[Move]]:
    """Every job's moves, oldest first."""
    found: dict[int, list[Move]] = defaultdict(list)
    with connected(writing=False) as connection:
        for row in connection.execute(text("SELECT * FROM fault_move ORDER BY n")):
            _, job, was, state, *numbers, cancel = row
            found[job].append(Move(job, State(was), State(state), *numbers, bool(cancel)))
    return found


def strays() -> list[str]:
    """What was written for an attempt that was not the running one."""
    with connected(writing=False) as connection:
        rows = connection.execute(text("SELECT job, what FROM fault_stray ORDER BY n"))
        return [f"job {job}: {what}" for job, what in rows]
