"""One lab, one version: whoever would work beside workers of another one is refused."""

from __future__ import annotations

from collections.abc import Sequence

from lab.db.tables import Worker
from lab.db.workers import first_to_beat, give_up, of_other_versions
from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks.identity import VERSION, is_alive, machine_identity
from lab.tasks.sweep import reap_local_dead


def check_version() -> None:
    """Refuse to submit to workers of another version.

    Raises:
        LabError: says which worker that is, and how to mend it.
    """
    reap_local_dead()
    if others := of_other_versions(VERSION):
        refuse(others)


def refuse(others: Sequence[Worker]) -> None:
    """Refuse to work beside these, if one of them lives; else they are given up.

    Raises:
        LabError: says which worker that is, and how to mend it.
    """
    here = [worker for worker in others if worker.machine == machine_identity() and is_alive(worker)]
    names = [worker.id for worker in others]
    alive = here[0].id if here else first_to_beat(names, load_settings().lease_seconds)
    for worker in others:
        if worker.id == alive:
            raise LabError(
                f"this is Persona Lab {VERSION}, but worker {worker.id} of this lab runs {worker.version}; install that"
                f" one here, or stop the worker with `lab drain {worker.host}` and start it again with this one."
            )
    give_up(names)
