"""A real worker, for `python -m faults.worker`: disguised and armed as its variables say."""

from __future__ import annotations

import sys

from faults import disguise, points


def main() -> None:
    """Work; one sentence when it cannot."""
    disguise.put_on()
    from lab.errors import LabError
    from lab.tasks import supervisor

    points.arm_supervisor()
    try:
        supervisor.main((sys.executable, "-m", "faults.executor"))
    except LabError as error:
        sys.exit(f"worker: {error}")


if __name__ == "__main__":
    main()
