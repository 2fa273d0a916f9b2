"""Run a worker on this machine: `python worker.py`. Settings come from settings.toml and LAB_* variables."""

import sys

from lab.errors import LabError
from lab.tasks.supervisor import main

if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"worker: {error}")
