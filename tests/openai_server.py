"""A real HTTP server that speaks OpenAI's protocol with the tiny model behind it, and can fall ill."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from lab.models.base import load_base
from lab.models.resident import Resident
from lab.models.serve import Row, generate, stream

NAME = "tiny"


class ModelServer(ThreadingHTTPServer):
    """Serves a base model's folder; what ails it are attributes that may be set while it runs."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.resident = Resident(load_base(str(folder), "cpu", "float32"))
        self.model = threading.Lock()  # one at a time
        self.served = [NAME, "another"]
        self.key = ""  # what it wants to be shown, if anything
        self.delay = 0.0  # seconds before each answer
        self.swift = 0  # so many more answers come without that delay
        self.pause = 0.0  # seconds before each piece of a streamed one
        self.lives: int | None = None  # so many more answers, then it hangs up on everybody
        self.refusals: list[tuple[int, Any]] = []  # HTTP status and body of the next answers
        self.untaken: tuple[str, ...] = ()  # settings that the model does not take
        self.asked: list[dict[str, Any]] = []  # every request for an answer
        self.given = 0  # answers
        self.at_once = self.most_at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is none of our business."""


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            self._send(404, b"<html><body>Not here</body></html>", "text/html")
        elif self._welcome():
            self._json(200, {"object": "list", "data": [{"id": name} for name in self.server.served]})

    def do_POST(self) -> None:
        server = self.server
        body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._send(404, b"<html><body>Not here</body></html>", "text/html")
            return
        server.asked.append(body)
        if not self._welcome() or self._refused(body):
            return
        server.at_once += 1
        server.most_at_once = max(server.most_at_once, server.at_once)
        if not self._swift():
            time.sleep(server.delay)
        with server.model:
            server.at_once -= 1
            if server.lives == 0:
                return  # without a word
            server.lives = None if server.lives is None else server.lives - 1
            self._answer(body)
            server.given += 1

    def _swift(self) -> bool:
        with self.server.model:
            self.server.swift, swift = max(0, self.server.swift - 1), self.server.swift > 0
        return swift

    def _welcome(self) -> bool:
        """Whether the key is right; one that is not is repeated aloud, as careless servers do."""
        shown = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.server.key and shown != self.server.key:
            self._json(401, {"error": {"message": f"Incorrect API key provided: {shown}.", "code": "invalid_api_key"}})
            return False
        return True

    def _refused(self, body: dict[str, Any]) -> bool:
        if self.server.refusals:
            status, words = self.server.refusals.pop(0)
            if isinstance(words, str):
                self._send(status, words.encode(), "text/html")
            else:
                self._json(status, words)
            return True
        if body["model"] not in self.server.served:
            self._json(404, {"error": {"message": f"The model {body['model']} does not exist", "param": None}})
            return True
        for setting in self.server.untaken:
            if setting in body:
                self._json(400, {"error": {"message": f"Unsupported parameter: '{setting}'", "param": setting}})
                return True
        return False

    def _answer(self, body: dict[str, Any]) -> None:
        row = Row(body["messages"])
        longest = body.get("max_tokens") or body["max_completion_tokens"]
        if not body.get("stream"):
            (answer,) = generate(self.server.resident, [row], longest)
            message = {"role": "assistant", "content": answer.text}
            self._json(200, {"id": "1", "object": "chat.completion", "choices": [{"index": 0, "message": message}]})
            return
        self._head(200, "text/event-stream")
        for piece in stream(self.server.resident, row, longest):
            time.sleep(self.server.pause)
            chunk = {"id": "1", "choices": [{"index": 0, "delta": {"content": piece}}]}
            self.wfile.write(b"data: " + orjson.dumps(chunk) + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def _json(self, status: int, content: Any) -> None:
        self._send(status, orjson.dumps(content), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self._head(status, kind)
        self.wfile.write(content)

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()


@contextlib.contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[ModelServer]:
    """A server of the model in `folder` that runs, and is gone afterwards: nobody listens at its port any more."""
    server = ModelServer(folder, port)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
