"""Faults of what a machine has to give: disk, memory, the memory of a GPU."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from planned import all_jobs

from faults.arena import Arena
from lab.db.tables import State
from lab.settings import load_settings

_DISK_MIB = 8
_GROUPS = (  # of control groups: folder, its limit, and what limits swap beside it
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    ("/sys/fs/cgroup", "memory.max", "memory.swap.max"),
)


@contextlib.contextmanager
def small_disk(home: Path) -> Iterator[dict[str, str]]:
    """The lab lies on a file system of its own of a few MiB, where one may be mounted."""
    artifacts = home / "artifacts"
    artifacts.mkdir()
    options = f"size={_DISK_MIB}m"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(artifacts)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield {}
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(artifacts)], check=True)


def disk_full(arena: Arena) -> None:
    """No byte is left, for artifacts and for the SQLite file; then there is room again, and all is tried again."""
    artifacts = load_settings().artifacts
    if not os.path.ismount(artifacts):
        _no_file_grows(arena)
        return
    arena.worker("one")
    arena.worker("two")
    for _ in range(arena.times(4, 1)):
        arena.patiently(lambda: arena.bunch(12, pause=0.1, kilobytes=8))
        arena.until(lambda: len(arena.executors()) == 2, "two workers at work")
        time.sleep(arena.rng.uniform(0.2, 0.6))
        _fill(artifacts / "filler")
        arena.hurt()
        time.sleep(arena.times(6, 3))
        (artifacts / "filler").unlink()
    arena.settle()
    arena.check_shown(any(job.tries or job.attempt > 1 for job in all_jobs()), "nobody wanted for room")
    while arena.retry_broken(State.FAILED):
        arena.settle()


def _fill(file: Path) -> None:
    """To the last byte."""
    with file.open("wb", buffering=0) as filler:
        for size in (2**16, 2**12, 2**8, 1):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"." * size)


def _no_file_grows(arena: Arena) -> None:
    """Without the right to mount: an executor whose files may not grow beyond a limit."""
    for _ in range(arena.times(4, 1)):
        worker = arena.worker("one", FAULTS_FILE_BYTES="4096")
        ids = arena.bunch(12, kilobytes=8)
        arena.hurt()
        arena.finish(ids)
        arena.kill(worker)
    arena.settle()
    while arena.retry_broken(State.FAILED):
        arena.settle()


def memory_limit(arena: Arena) -> None:
    """Executors ask for more memory than they may have: a MemoryError, or the kernel kills them."""
    with _memory_group() as group:
        arena.worker("one", FAULTS_MEMORY_GROUP=group)
        arena.worker("two", FAULTS_MEMORY_GROUP=group)
        for _ in range(arena.times(5, 1)):
            plan = [arena.job(f"plain-{n}") for n in range(4)]
            plan += [arena.job(f"greedy-{n}", f"plain-{n}", fault="memory", at=5) for n in range(4)]
            plan += [arena.job(f"killed-{n}", f"greedy-{n}", fault="killed for memory", at=5) for n in range(4)]
            arena.submit(*plan)
            arena.hurt(8)
            arena.kills += 4
        arena.settle()


@contextlib.contextmanager
def _memory_group() -> Iterator[str]:
    """A control group that holds little; its folder, or nothing where none can be made."""
    for root, *limits in _GROUPS:
        group = Path(root) / f"lab-faults-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            for limit in limits:
                with contextlib.suppress(OSError):
                    (group / limit).write_text(str(96 * 2**20) if "swap" not in limit else "0")
            yield str(group)
            return
        finally:
            _remove(group)
    yield ""


def _remove(group: Path) -> None:
    """A group can go when the last of its processes has."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)


def gpu_memory(arena: Arena) -> None:
    """A job that runs out of a GPU's memory is tried again; one that always does is given up, and nobody else."""
    arena.worker()
    for _ in range(arena.times(5, 1)):
        arena.submit(
            *(arena.job(f"once-{n}", fault="gpu memory") for n in range(4)),
            *(arena.job(f"after-{n}", f"once-{n}") for n in range(4)),
        )
        always = arena.submit(arena.job("always", fault="gpu memory", attempts=99), arena.job("below", "always"))
        arena.expect(always[:1], State.FAILED)
        arena.expect(always[1:], State.SKIPPED)
        arena.hurt(6)
    arena.settle()


def poison(arena: Arena) -> None:
    """A job that kills whoever touches it is stopped at its cap, and keeps nobody from anything else."""
    arena.worker("one")
    arena.worker("two")
    for _ in range(arena.times(5, 1)):
        plan = [arena.job("poison", fault="crash", at=1, attempts=99), arena.job("below", "poison")]
        plan += [arena.job(f"other-{n}") for n in range(10)]
        poison, below, *_ = arena.submit(*plan)
        arena.expect([poison], State.DEAD)
        arena.expect([below], State.SKIPPED)
        arena.hurt(3)
        arena.kills += 3
    arena.settle()
