"""`lab --web`: the same screens in a browser, for whoever has the key that is printed with the address.

Whoever reaches the port and has the key has the lab, so it listens on this machine only unless told otherwise. The
key keeps out other users of this machine; it is put into a cookie that pages of other sites cannot send along.
"""

from __future__ import annotations

import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from lab.errors import LabError

LOCAL = ("localhost", "127.0.0.1", "::1")
_COOKIE = "persona_lab"
_PAGE = Path(__file__).parent / "page"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LabServer(Server):
    """Textual's server, with a door."""

    def __init__(self, host: str, port: int, key: str, command: str) -> None:
        super().__init__(command, host=host, port=port, title="Persona Lab", templates_path=_PAGE)
        self._key = key

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._admit)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """What is to be said is said by the command."""

    def initialize_logging(self) -> None:
        """Nothing: faults of the screens are told on the screens."""

    @web.middleware
    async def _admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Let through who has the key; a page of another origin has not, whatever its cookies."""
        if compare_digest(request.cookies.get(_COOKIE, "").encode(), self._key.encode()):
            origin = request.headers.get("Origin")
            if origin is None or urlsplit(origin).netloc == request.host:
                return await handler(request)
        elif request.path == "/" and compare_digest(request.query.get("key", "").encode(), self._key.encode()):
            door = web.HTTPFound("/")
            door.set_cookie(_COOKIE, self._key, httponly=True, samesite="Strict")
            raise door
        raise web.HTTPForbidden(text="Open the address that `lab --web` printed: it has the key.")

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page; its socket is wherever the page came from, also through an SSH tunnel."""
        self.public_url = f"{request.scheme}://{request.host}"
        return await super().handle_index(request)


def serve(host: str, port: int, options: dict[str, bool], tell: Callable[[str], None]) -> None:
    """Serve the screens until Ctrl-C; every browser tab is a screen of its own.

    Args:
        host: the address to listen on.
        port: 0: any that is free.
        options: of `lab.tui.app.run`.
        tell: hears where to look, and what to beware of.

    Raises:
        LabError: the address cannot be listened on.
    """
    port = _free(host, port)
    key = secrets.token_urlsafe(16)
    code = f"from lab.tui.run import run; run(**{options!r})"
    shown = host if host not in ("0.0.0.0", "::") else socket.gethostname()
    if host not in LOCAL:
        tell(
            f"warning: {host} can be reached by others, and what you type and see goes over the network unencrypted; "
            "ssh -L and localhost are safer."
        )
    tell(f"open http://{f'[{shown}]' if ':' in shown else shown}:{port}/?key={key}")
    tell("Ctrl-C stops serving; jobs go on.")
    LabServer(host, port, key, shlex.join([sys.executable, "-c", code])).serve()


def _free(host: str, port: int) -> int:
    """The port, once it is known that it can be listened on."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            found: int = probe.getsockname()[1]
            return found
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabError(f"{host}:{port} cannot be listened on ({reason}); choose another --host or --port.") from None
