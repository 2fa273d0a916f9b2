"""`lab bench queue`: how soon a worker starts a job, and how many it does, on SQLite and on a PostgreSQL server.

Each database gets a lab of its own in a temporary folder and, on the server, a database of its own; both are gone
afterwards.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from lab.bench.command import carry_out
from lab.bench.host import host
from lab.bench.report import show_head
from lab.errors import LabError
from lab.settings import load_settings

_PACKAGES = ("persona-lab", "sqlalchemy", "sqlmodel", "huey", "redis")
_TARGETS = {"submit_to_start_ms": 100.0, "jobs_per_second": 200.0}


def bench_queue(n_jobs: int, n_submissions: int, server: str) -> dict[str, Any]:
    """Measure on SQLite and, if a PostgreSQL server is named, there; the result is JSON values.

    Raises:
        LabError: the numbers are too small, or the server cannot be used.
    """
    if n_jobs < 1 or n_submissions < 2:
        raise LabError("lab bench queue needs at least one job and two submissions.")
    with contextlib.ExitStack() as stack:
        urls = {"sqlite": ""} | ({"postgresql": stack.enter_context(_database(server))} if server else {})
        sides = {name: _measured(n_jobs, n_submissions, url) for name, url in urls.items()}
    versions = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    versions |= {name: version(name) for name in _PACKAGES}
    return {"bench": "queue", "machine": host() | {"versions": versions}, "targets": _TARGETS, "sides": sides}


def _measured(n_jobs: int, n_submissions: int, url: str) -> dict[str, Any]:
    """What a process of its own measures in a private lab: settings are read once in a process."""
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
        environment |= {"LAB_ARTIFACTS": f"{folder}/artifacts", "LAB_DATABASE_URL": url, "LAB_DEVICES": '["cpu"]'}
        command = [sys.executable, "-m", "lab.bench.queue_lab", str(n_jobs), str(n_submissions)]
        done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise LabError("the measurement did not come to its end; the lines above say why.")
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


@contextlib.contextmanager
def _database(server: str) -> Iterator[str]:
    """The URL of an empty database on a PostgreSQL server."""
    name = f"lab_bench_{os.getpid()}"
    try:
        url = make_url(server.replace("postgresql://", "postgresql+psycopg://", 1))
        if url.get_backend_name() != "postgresql":
            raise LabError("--database: this is not the URL of a PostgreSQL server; SQLite is measured in any case.")
        administrator = create_engine(url, isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except (ArgumentError, SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise LabError(f"--database: no database can be made on this server ({reason}); name another.") from None
    try:
        yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        administrator.dispose()


# ---------------------------------------------------------------- for people


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print what was measured beside the targets."""
    show_head(result, f"one worker, one executor, {result['machine']['cpu']}", console)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    for side in result["sides"]:
        table.add_column(side, justify="right")
    table.add_column("target", justify="right")
    for name, values, target in _rows(result):
        table.add_row(name, *(f"{value:,.2f}" for value in values), target)
    console.print(table)


def _rows(result: Mapping[str, Any]) -> Iterator[tuple[str, list[float], str]]:
    sides, targets = list(result["sides"].values()), result["targets"]
    for quantile in ("p50", "p95", "worst"):
        target = f"< {targets['submit_to_start_ms']:g}" if quantile == "p50" else ""
        yield f"submit to start, {quantile}, ms", [side["submit_to_start_ms"][quantile] for side in sides], target
    rates = [side["jobs_per_second"] for side in sides]
    yield f"jobs/s, of {sides[0]['jobs']:,}", rates, f"≥ {targets['jobs_per_second']:g}"
    for who in sides[0]["cpu_ms_per_job"]:
        yield f"CPU of the {who} a job, ms", [side["cpu_ms_per_job"][who] for side in sides], ""
    for part in sides[0]["parts_ms"]:
        yield f"{part}, ms", [side["parts_ms"][part] for side in sides], ""


def main(arguments: list[str]) -> int:
    """Parse, measure, print; returns the exit code."""
    parser = ArgumentParser(prog="lab.bench.queue")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--submissions", type=int, default=50)
    parser.add_argument("--database", default="")
    parser.add_argument("--quick", action="store_true", help="few of both: see that it works")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    jobs, submissions = (20, 5) if given.quick else (given.jobs, given.submissions)
    return carry_out(
        lambda: bench_queue(jobs, submissions, given.database or load_settings().database_url),
        show,
        json=given.json,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
