"""An executor that also knows a job that does nothing, by which `lab bench queue` measures a worker."""

from __future__ import annotations

import sys
import time

from lab.tasks import executor
from lab.tasks.context import JobContext
from lab.tasks.messages import Done

KIND = "nothing"
COMMAND = (sys.executable, "-m", "lab.bench.queue_executor")


def run(context: JobContext) -> Done:
    """Say when it began, by the clock of this machine; the artifact holds nothing but its manifest."""
    del context
    return Done("", {"began": time.time()})


if __name__ == "__main__":
    executor.KINDS[KIND] = "lab.bench.queue_executor"
    executor.main()
