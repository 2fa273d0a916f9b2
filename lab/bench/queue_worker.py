"""A worker whose executor is that of `lab bench queue`."""

from __future__ import annotations

import sys

from lab.bench.queue_executor import COMMAND
from lab.errors import LabError
from lab.tasks.supervisor import main

if __name__ == "__main__":
    try:
        main(COMMAND)
    except LabError as error:
        sys.exit(f"worker: {error}")
