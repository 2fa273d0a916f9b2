"""An executor that was ended: what is still said to it reaches nobody, and harms nobody."""

from __future__ import annotations

import sys

from lab.tasks.child import ExecutorProcess

SILENT = (sys.executable, "-c", "import time; time.sleep(60)")


def test_what_is_said_to_an_ended_executor_is_dropped():
    executor = ExecutorProcess(SILENT)
    executor.kill()
    executor.stop_job()
    executor.confirm_checkpoint()  # of an event that it left behind
    assert not executor.is_alive()
    assert "SIGKILL" in executor.death()


def test_an_executor_that_died_by_itself_is_spoken_to_without_harm():
    executor = ExecutorProcess((sys.executable, "-c", "raise SystemExit(3)"))
    while executor.is_alive():
        pass
    for _ in range(3):
        executor.confirm_checkpoint()
    assert executor.death() == "its executor exited with code 3"
    executor.kill()
