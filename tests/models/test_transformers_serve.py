"""A server that others wrote: `transformers serve` with the tiny model, asked as any endpoint is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_model import save_base

from lab.errors import LabError
from lab.models.base import load_base
from lab.models.endpoint import Endpoint
from lab.models.remote import RemoteModel
from lab.models.resident import Resident
from lab.models.serve import Row, generate

SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
DIALOGUES = [[SYSTEM, {"role": "user", "content": f"Setting the AC to {n} degrees, please."}] for n in range(9)]

UNFINISHED = "\ufffd"  # a character cut off in its middle, which we leave out


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made: Path = tmp_path_factory.mktemp("tiny")
    save_base(made)
    return made


@pytest.fixture(scope="module")
def url(folder) -> Iterator[str]:
    """Its address, once it is healthy."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("transformers"), "serve", str(folder), "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--device", "cpu", "--dtype", "float32"],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not _healthy(port):
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.communicate()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except urllib.error.URLError:
        return False


def test_it_answers_as_the_same_model_does_here(url, folder):
    here = generate(Resident(load_base(str(folder), "cpu", "float32")), [Row(m) for m in DIALOGUES], 12)
    there: dict[int, str] = {}
    model = RemoteModel(Endpoint(url, str(folder), "TINY_KEY", 60.0), 12)
    model.answer_all(DIALOGUES, there.__setitem__)
    texts = [there[number].rstrip(UNFINISHED) for number in range(len(DIALOGUES))]
    assert texts == [answer.text for answer in here]
    assert model.is_greedy
    assert "".join(model.stream(DIALOGUES[0])).rstrip(UNFINISHED) == here[0].text


def test_it_says_that_another_model_is_not_served(url):
    model = RemoteModel(Endpoint(url, "gpt", "TINY_KEY", 60.0), 12, retries=0)
    with pytest.raises(
        LabError, match=r"gpt at http://127\.0\.0\.1.* refuses what it is asked \(HTTP 400: Server is pinned"
    ):
        list(model.stream(DIALOGUES[0]))
