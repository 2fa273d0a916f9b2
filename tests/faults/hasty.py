"""What a screen writes, without its picture; dies in the middle of a write. `python -m faults.hasty SEED`."""

from __future__ import annotations

import os
import random
import signal
import sys
from contextlib import suppress


def main(seed: int) -> None:
    """Cancel, retry, shift and ask at random; at a random commit, be gone."""
    from sqlalchemy import Engine, event

    from lab.db.queries import list_jobs
    from lab.db.studies import add_chat
    from lab.errors import LabError
    from lab.tui import acts

    rng = random.Random(seed)
    left = rng.randrange(1, 12)

    def on_commit(_connection: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    jobs = list_jobs()
    event.listen(Engine, "commit", on_commit)
    while True:
        job = rng.choice(jobs)
        with suppress(LabError):
            match rng.randrange(4):
                case 0:
                    acts.cancel(job)
                case 1:
                    acts.retry(job)
                case 2:
                    acts.prioritise(job, rng.choice([-1, 1]))
                case _:
                    add_chat({"messages": [{"role": "user", "content": "are you there"}]}, "method")


if __name__ == "__main__":
    main(int(sys.argv[1]))
