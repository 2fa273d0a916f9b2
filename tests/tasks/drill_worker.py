"""A real worker whose executors also know the kind `drill`."""

import sys
from pathlib import Path

from lab.errors import LabError
from lab.tasks.supervisor import main

if __name__ == "__main__":
    try:
        main((sys.executable, str(Path(__file__).with_name("drill_executor.py"))))
    except LabError as error:
        sys.exit(f"worker: {error}")
