"""`python -m lab.tasks`: the worker that `lab` starts by itself."""

import sys

from lab.errors import LabError
from lab.tasks.supervisor import main

if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"worker: {error}")
