"""Processes that share one SQLite file."""

from __future__ import annotations

import subprocess
import sys

from planned import own_lab, planned, submit

from lab.db.invariants import check_invariants
from lab.db.migrate import migrate

OPEN = "import sys; from lab.db.migrate import migrate; sys.stdin.readline(); migrate()"
CLAIM_ALL = """
import sys
from lab.db import jobs
sys.stdin.readline()
while (found := jobs.claim("work", sys.argv[1], "cpu")) is not None:
    jobs.succeed(found.lease, jobs.Outcome("a", "f", {}))
    print(found.lease.job)
"""


def start(code: str, *names: str) -> list[subprocess.Popen[str]]:
    """Python processes that wait for a line."""
    return [subprocess.Popen([sys.executable, "-c", code, name], stdin=-1, stdout=-1, text=True) for name in names]


def test_two_processes_may_open_a_new_lab_at_once(tmp_path):
    with own_lab(tmp_path):
        opening = start(OPEN, "anna", "bert")
        for process in opening:
            process.communicate("go\n", timeout=60)
        assert [process.returncode for process in opening] == [0, 0]
        migrate()
        assert submit(planned("a")) == [1]


def test_each_job_is_claimed_by_exactly_one_process(lab_home):
    ids = submit(*(planned(f"job-{n}") for n in range(40)))
    said = [process.communicate("go\n", timeout=60)[0] for process in start(CLAIM_ALL, "anna", "bert")]
    assert sorted(int(line) for lines in said for line in lines.split()) == ids
    assert check_invariants() == []
