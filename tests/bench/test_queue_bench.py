"""`lab bench queue` measures a real worker in a lab of its own, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from sqlalchemy import create_engine, text

SMALL = ("--jobs", "30", "--submissions", "4")


def bench(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it where a lab of the user's would be."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    (home / "tmp").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "lab.bench.queue", *SMALL, *arguments],
        cwd=home,
        env=environment | {"TMPDIR": str(home / "tmp")},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_it_tells_latency_throughput_and_their_parts_and_touches_no_lab_of_the_users(tmp_path):
    done = bench(tmp_path, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    result = orjson.loads(done.stdout)
    assert result["targets"] == {"submit_to_start_ms": 100.0, "jobs_per_second": 200.0}
    side = result["sides"]["sqlite"]
    waits = side["submit_to_start_ms"]
    assert 0 < waits["p50"] <= waits["p95"] <= waits["worst"]
    assert (waits["n"], side["jobs"], side["jobs_per_second"] > 1) == (5, 20, True)
    assert set(side["parts_ms"]) == {"claim", "executor, with its manifest", "of which the manifest", "commit"}
    assert all(value > 0 for value in side["parts_ms"].values())
    assert set(side["cpu_ms_per_job"]) == {"supervisor", "executor"}
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_on_postgresql_it_has_a_database_of_its_own_which_is_gone_afterwards(tmp_path, postgres: Callable[[], str]):
    url = postgres()
    done = bench(tmp_path, "--database", url)
    assert done.returncode == 0, done.stderr
    header = done.stdout.splitlines()[2].split()
    assert header == ["sqlite", "postgresql", "target"]
    administrator = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with administrator.connect() as connection:
        left = connection.execute(text("SELECT datname FROM pg_database WHERE datname LIKE 'lab_bench_%'")).all()
    administrator.dispose()
    assert left == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--jobs", "0"), "at least one job"),
        (("--database", "postgresql://a:s3cret@127.0.0.1:1/x"), "--database: no database can be made on this server"),
        (("--database", "sqlite:///x"), "--database: this is not the URL of a PostgreSQL server"),
        (("--database", "nonsense"), "--database: no database can be made"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, says):
    done = bench(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("lab: ")
    assert says in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr
