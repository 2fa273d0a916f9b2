"""Why a job waits, in sentences, from rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.db.queries import JobRow
from lab.db.tables import Worker
from lab.db.workers import DRAINING
from lab.safe import one_line
from lab.tui.format import duration, ordinal, percent

_NAMED = 3  # jobs; of more the others are counted
_FAR = 2000  # jobs that are looked at for what holds up the others


@dataclass(frozen=True, slots=True)
class Hands:
    """Who could take a job."""

    workers: int = 0  # alive
    silent: int = 0  # said to be alive, but heard of no more
    draining: int = 0  # of those alive
    devices: tuple[str, ...] = ()  # of the others
    paused_by: str = ""

    @classmethod
    def of(cls, alive: Sequence[Worker], silent: int = 0, paused_by: str = "") -> Hands:
        """The hands of these workers."""
        taking = [worker for worker in alive if worker.state != DRAINING]
        devices = tuple(device for worker in taking for device in worker.devices)
        return cls(len(alive), silent, len(alive) - len(taking), devices, paused_by)


@dataclass(frozen=True, slots=True)
class Queue:
    """All that a reason is found in."""

    jobs: Mapping[int, JobRow]  # by id
    places: Mapping[int, int]  # of those that are READY: 1 for the one that is taken next
    hands: Hands
    pauses: Mapping[int, float]  # of those in RETRY_WAIT: seconds that are left at most


def why(job: JobRow, queue: Queue) -> list[str]:
    """The sentences, the nearest reason first; none for a job that does not wait."""
    if job.state == "BLOCKED":
        return _blocked(job, queue)
    if job.state == "READY":
        return [f"{_in_line(job, queue)}: {_no_hand(queue) or 'a worker takes it within seconds'}"]
    if job.state == "RETRY_WAIT":
        return [_again(job, queue)]
    return []


def _blocked(job: JobRow, queue: Queue) -> list[str]:
    parents = [queue.jobs[one] for one in job.waits_for if one in queue.jobs]
    unknown = [f"job {one}" for one in job.waits_for if one not in queue.jobs]
    said = [f"waits for {_list([*_named(parents), *unknown])}"]
    first = [one for one in _above(parents, queue) if one.state != "BLOCKED"]
    roots = [one for one in first if one not in parents]
    if roots:
        whose = "that waits" if len(job.waits_for) == 1 else "some of these wait"
        said.append(f"{whose} for {_list(_named(roots))}")
    if not any(one.state == "RUNNING" for one in first):
        waiting = [one for one in first if one.state in ("READY", "RETRY_WAIT")]
        stuck = min(waiting, key=lambda one: (queue.places.get(one.id, 0), one.id), default=None)
        said += [f"{stuck.id} is {line}" for line in why(stuck, queue)] if stuck else []
    return said


def _above(parents: Iterable[JobRow], queue: Queue) -> list[JobRow]:
    """The jobs that these stand on and that have not succeeded, with themselves, the nearest first."""
    found = {one.id: one for one in parents}
    frontier = list(found.values())
    while frontier and len(found) < _FAR:
        above = {one: queue.jobs[one] for job in frontier for one in job.waits_for if one in queue.jobs}
        frontier = [job for one, job in above.items() if one not in found]
        found |= above
    return list(found.values())


def _named(jobs: Iterable[JobRow]) -> list[str]:
    """Each in a few words, those that get on first."""
    return [_word(job) for job in sorted(jobs, key=lambda job: (job.state != "RUNNING", job.id))]


def _word(job: JobRow) -> str:
    """`41 train hybrid (RUNNING 62%, 3m12s left)`."""
    far = str(job.state)
    if job.state == "RUNNING":
        left = f", {duration(job.eta_seconds)} left" if job.eta_seconds is not None else ""
        far = f"{far} {percent(job.progress)}{left}"
    return f"{job.id} {one_line(job.kind)} {one_line(job.title)} ({far})"


def _list(words: Sequence[str]) -> str:
    more = len(words) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


# ---------------------------------------------------------------- who could take it


def _in_line(job: JobRow, queue: Queue) -> str:
    place = queue.places.get(job.id, 1)
    return "next in line" if place == 1 else f"{ordinal(place)} in line"


def _no_hand(queue: Queue) -> str:
    """Why nobody takes a job just now; "" if somebody will."""
    hands = queue.hands
    if hands.paused_by:
        return f"the queue is paused by {one_line(hands.paused_by)}; `lab resume` lets it go on"
    if not hands.workers:
        heard = f", {hands.silent} said nothing for a lease" if hands.silent else ""
        return f"no worker is alive{heard}; `lab up` starts one"
    if hands.draining == hands.workers:
        drain = "drains" if hands.workers == 1 else "drain"
        mend = "`lab up` starts another, `lab drain --undo` keeps them"
        return f"{_each(hands.workers, 'worker')} {drain} and will take no more; {mend}"
    busy = sum(job.state == "RUNNING" for job in queue.jobs.values())
    if busy >= len(hands.devices):
        gpu = "" if any(not device.startswith("cpu") for device in hands.devices) else ", no GPU among them"
        verb = "is" if len(hands.devices) == 1 else "are"
        return f"{_each(len(hands.devices), 'device')} {verb} busy{gpu}"
    return ""


def _each(count: int, what: str) -> str:
    return f"the only {what}" if count == 1 else f"all {count} {what}s"


def _again(job: JobRow, queue: Queue) -> str:
    """When it is tried again."""
    hands = queue.hands
    if not hands.workers:
        return "tried again once a worker is alive; `lab up` starts one"
    left = queue.pauses.get(job.id, 0.0)
    return f"tried again within {duration(max(left, 1))}" if left > 0 else "tried again any moment now"
