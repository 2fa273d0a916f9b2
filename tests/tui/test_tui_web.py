"""`lab --web` as a person runs it: the page, the socket behind it, and who is let in."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import aiohttp
import pytest
import tui_lab

from lab.errors import LabError
from lab.tui.web import serve

_ADDRESS = re.compile(r"open (http://localhost:\d+)/\?key=(\S+)")


@pytest.fixture
def served(artifacts: Path, data: Path) -> Iterator[tuple[str, str]]:
    """A busy lab, served: its address and its key."""
    tui_lab.busy(data)
    code = (
        "from lab.tui.web import serve\n"
        "serve('localhost', 0, {'low_bandwidth': True}, lambda said: print(said, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ | {"NO_COLOR": "1"}
    )
    try:
        assert process.stdout is not None
        found = _ADDRESS.search(process.stdout.readline())
        assert found is not None
        yield found[1], found[2]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def _read(opener: urllib.request.OpenerDirector, address: str) -> str:
    for _ in range(100):
        try:
            with opener.open(address, timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:  # not listening yet
            time.sleep(0.1)
    raise AssertionError(f"nobody listens on {address}")


def _refused(address: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        _read(urllib.request.build_opener(), address)
    return caught.value.code


def test_the_page_is_there_for_who_has_the_key_and_for_nobody_else(served: tuple[str, str]) -> None:
    address, key = served
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    page = _read(browser, f"{address}/?key={key}")
    assert "Persona Lab" in page
    assert f"{address.replace('http', 'ws')}/ws" in page
    assert "https://" not in page, "nothing of another site is asked for"
    assert "Persona Lab" in _read(browser, address), "the cookie has the key"
    assert _refused(address) == 403
    assert _refused(f"{address}/?key=guess") == 403
    assert _refused(f"{address}/ws?key={key}") == 403
    assert _refused(f"{address}/static/css/xterm.css") == 403


async def test_the_socket_shows_the_lab_and_takes_keys(served: tuple[str, str]) -> None:
    address, key = served
    await asyncio.to_thread(_wait_for, address)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(f"{address}/?key={key}") as page:
            assert page.status == 200
        async with session.ws_connect(f"{address}/ws?width=140&height=40", origin=address) as socket:
            await _until(socket, b"smart-home-6")
            await socket.send_json(["stdin", "2"])
            await _until(socket, b"checkpoint 186")
            await socket.send_json(["stdin", "q"])


async def test_a_page_of_another_origin_gets_no_socket_even_with_the_cookie(served: tuple[str, str]) -> None:
    address, key = served
    await asyncio.to_thread(_wait_for, address)
    async with aiohttp.ClientSession(cookies={"persona_lab": key}) as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{address}/ws", origin="http://localhost:1")
        assert caught.value.status == 403


def _wait_for(address: str) -> None:
    assert _refused(address) == 403


async def _until(socket: aiohttp.ClientWebSocketResponse, words: bytes) -> None:
    """Read until these words were painted."""
    seen = b""
    async with asyncio.timeout(60):
        while words not in seen:
            message = await socket.receive()
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
            seen += message.data if isinstance(message.data, bytes) else message.data.encode()


def test_an_address_that_is_not_ours_is_one_sentence() -> None:
    with pytest.raises(LabError, match=r"192\.0\.2\.1:0 cannot be listened on .*choose another --host or --port"):
        serve("192.0.2.1", 0, {}, lambda said: None)


def test_listening_for_others_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.tui.web.LabServer.serve", lambda self: None)
    told: list[str] = []
    serve("0.0.0.0", 0, {}, told.append)
    assert told[0].startswith("warning: 0.0.0.0 can be reached by others")
    told.clear()
    serve("localhost", 0, {}, told.append)
    assert not any("warning" in said for said in told)
