"""A real executor with kinds of job that need no model, for `python -m faults.executor`."""

from __future__ import annotations

import os
import resource

from faults import points
from lab.tasks import executor


def main() -> None:
    """Do assignments."""
    if limit := os.environ.get("FAULTS_FILE_BYTES"):  # a disk that takes no more, where none can be mounted
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    executor.KINDS |= {"drill": "faults.work", "chat": "faults.talk"}
    points.arm_executor()
    executor.main()


if __name__ == "__main__":
    main()
