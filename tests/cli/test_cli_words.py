"""Words of others on the terminal: a base, an error, a persona. None of them styles, breaks or drives it."""

from __future__ import annotations

import orjson
import psutil
import pytest

DATA = ("--personas", "2", "--dialogues", "6")
ODD = "[/x][red]"


@pytest.fixture(scope="module")
def queued(shell):
    shell.ok("data", "generate", "people", *DATA)
    config = shell.folder / ODD / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    said = shell.ok("run", "--data", "people", "--base", ODD, "--methods", "base", "--name", "odd")
    return shell, said


def test_brackets_are_printed_as_letters(queued):
    shell, said = queued
    for told in (said, shell.ok("status"), shell.ok("jobs"), shell.lab("wait", "odd").stdout, shell.ok("jobs")):
        assert "\x1b" not in told
    assert ODD in shell.ok("status")


def test_an_argument_that_could_drive_the_terminal_is_refused_and_not_printed(shell):
    refused = shell.lab("run", "--data", "people", "--base", ODD + "\x1b[31m", "--methods", "base", "--name", "red")
    assert refused.returncode == 1
    assert "control character U+001B" in refused.stderr
    assert "\x1b" not in refused.stdout + refused.stderr


def test_a_dead_worker_is_not_said_to_be_alive(queued):

    shell, _ = queued
    shell.ok("up")
    (worker,) = orjson.loads(shell.ok("status", "--json"))["workers"]
    process = psutil.Process(int(worker["id"].split(":")[1]))
    process.kill()
    psutil.wait_procs([process], timeout=10)
    assert "no worker is alive" in shell.ok("status")
    assert "none alive" in shell.lab("doctor").stdout
