"""A real SFTP server (asyncssh) in a thread: host key, user, password and a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "lab", "s3cret:&/?"
QUOTED = "s3cret%3A%26%2F%3F"  # as it stands in a URL


class _OwnerOnly(asyncssh.SSHServer):
    def __init__(self, connections: set[Any], keys: list[Any]) -> None:
        self._connections, self._keys = connections, keys

    def connection_made(self, conn: Any) -> None:
        self._connections.add(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: Any) -> bool:
        return username == USER and key in self._keys

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@dataclass
class SftpServer:
    """Serves `folder` to who has the password or one of `keys`; lists the files that were read from it."""

    folder: Path
    home: Path  # whose .ssh/known_hosts vouches for it
    address: str = "127.0.0.1"
    port: int = 0
    keys: list[Any] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    _connections: set[Any] = field(default_factory=set)
    _listener: Any = None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _key: Any = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))

    @property
    def url(self) -> str:
        return f"sftp://{USER}:{QUOTED}@{self.address}:{self.port}/lab"

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        server = self

        class Counting(asyncssh.SFTPServer):
            def __init__(self, chan: Any) -> None:
                super().__init__(chan, chroot=str(server.folder).encode())

            def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
                if not pflags & asyncssh.FXF_WRITE:
                    server.reads.append(path.decode())
                return super().open(path, pflags, attrs)

        async def listen() -> Any:
            return await asyncssh.listen(
                self.address,
                self.port,
                server_factory=lambda: _OwnerOnly(self._connections, self.keys),
                server_host_keys=[self._key],
                sftp_factory=Counting,
                reuse_address=True,
            )

        self._listener = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)
        self.port = self._listener.get_port()
        known = self.home / ".ssh/known_hosts"
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(f"[{self.address}]:{self.port} {self._key.export_public_key().decode()}")

    def stop(self) -> None:
        """Hang up on everybody."""

        async def close() -> None:
            self._listener.close()
            for connection in self._connections:
                connection.abort()
            self._connections.clear()
            await asyncio.sleep(0.05)  # for their ends to be told

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)


@contextlib.contextmanager
def serving_sftp(folder: Path, home: Path, address: str = "127.0.0.1", port: int = 0) -> Iterator[SftpServer]:
    """A server for as long as the context lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    server = SftpServer(folder, home, address, port)
    thread = threading.Thread(target=server._loop.run_forever, daemon=True)
    thread.start()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server._loop.call_soon_threadsafe(server._loop.stop)
        thread.join(5)
