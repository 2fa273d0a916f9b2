"""`lab`, each time in a process of its own, but forked from one that has imported what most commands need.

A command spends most of its second on imports, and the tests call hundreds of commands. What reads the environment or
the folder when it is imported, as the console does, is imported anew each time.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

_PRELOADED = (
    "alembic.command",
    "filelock",
    "lab.db.queries",
    "lab.methods.plan",
    "lab.tasks.sweep",
    "rich.live",
    "rich.progress",
    "rich.table",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "tomlkit",
    "typer.main",
)
_NUMBER = 8  # bytes of a length, a process id or an exit code
_own = threading.local()  # commands of several threads run at the same time


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """`lab ARGUMENTS` in `folder`, as `subprocess.run` does it: to the end of all that it prints.

    Raises:
        TimeoutExpired: it was killed after `timeout` seconds.
    """
    printed = [b"", b""]
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    readers = [threading.Thread(target=_read, args=(pipe, printed, n)) for n, pipe in enumerate((out, err))]
    order = orjson.dumps([arguments, str(folder), dict(environment)])
    nursery = _nursery()
    socket.send_fds(nursery, [len(order).to_bytes(_NUMBER, "big")], [out_end, err_end])
    nursery.sendall(order)
    for end in (out_end, err_end):
        os.close(end)
    for reader in readers:
        reader.start()
    pid = int.from_bytes(nursery.recv(_NUMBER), "big")
    nursery.settimeout(timeout)
    try:
        code = int.from_bytes(nursery.recv(_NUMBER), "big", signed=True)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        nursery.close()
        del _own.nursery
        raise subprocess.TimeoutExpired(list(arguments), timeout) from None
    for reader in readers:
        reader.join()
    return subprocess.CompletedProcess(list(arguments), code, *(text.decode() for text in printed))


def _read(descriptor: int, printed: list[bytes], n: int) -> None:
    with os.fdopen(descriptor, "rb") as pipe:
        printed[n] = pipe.read()


def _nursery() -> socket.socket:
    """The other end of this socket forks; it ends when this one is closed."""
    if not hasattr(_own, "nursery"):
        _own.nursery, theirs = socket.socketpair()
        with theirs:
            null = subprocess.DEVNULL
            subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=null)
    nursery: socket.socket = _own.nursery
    nursery.settimeout(None)
    return nursery


# ---------------------------------------------------------------- in the nursery


def _serve(orders: socket.socket) -> None:
    """Do one command after another, each in a fork."""
    while True:
        length, printed, _, _ = socket.recv_fds(orders, _NUMBER, 2)
        if not length:
            return
        order = orders.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
        pid = os.fork()
        if pid == 0:
            orders.close()
            _command(*orjson.loads(order), *printed)
        for descriptor in printed:
            os.close(descriptor)
        orders.sendall(pid.to_bytes(_NUMBER, "big"))
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(BrokenPipeError):
            orders.sendall(os.waitstatus_to_exitcode(status).to_bytes(_NUMBER, "big", signed=True))


def _command(arguments: list[str], folder: str, environment: dict[str, str], out: int, err: int) -> None:
    """Be the command, from the first line of its own to its exit."""
    for descriptor, place in ((out, 1), (err, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["lab", *arguments]
    from lab.cli import main

    main()
    sys.exit()


if __name__ == "__main__":
    sys.path[0] = ""  # as `python -c` has it
    for name in _PRELOADED:
        importlib.import_module(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))
