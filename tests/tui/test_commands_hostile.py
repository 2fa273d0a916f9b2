"""The same words of strangers as on the screens, printed by commands: text, and never an order to the terminal."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import threading
from pathlib import Path

import orjson
import pytest
import tui_lab
from poison import BAD, POISON, poison

from lab.cli import chat, main
from lab.cli.output import console
from lab.db import queries
from lab.db.queries import get_study
from lab.tasks import embedded, queue


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 200)  # COLUMNS is read once, when it is made
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def poisoned(artifacts: Path, data: Path) -> str:
    """A finished study in which everything that can be is hostile; gives the words."""
    tui_lab.done(data)
    poison(POISON["words"])
    return POISON["words"]


def printed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """All that a command prints, of which nothing drives the terminal."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["lab", *arguments])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main()
    said = out.getvalue()
    found = BAD.search(said)
    assert found is None, f"{found!r} in {said[max(found.start() - 40, 0) : found.end() + 40]!r}"
    return said


@pytest.mark.parametrize(
    ("command", "shows"),
    [
        (["jobs"], "[@click=app.quit]"),
        (["logs", "1"], "[red]x[/red]"),
        (["logs", "999"], "lab: there is no job 999"),
        (["status"], "[link=file:///etc/passwd]"),
        (["results"], "embedding similarity"),
        (["results", "--split", "val"], "embedding similarity"),
        (["results", "no\x1b[31msuch"], "holds the control character U+001B; take it out"),
        (["results", "no\u202esuch"], "there is no study named 'nosuch'"),
    ],
)
def test_tables_and_lines_are_text(poisoned, monkeypatch, command, shows):
    assert shows in printed(monkeypatch, *command)


@pytest.mark.parametrize("command", [["jobs"], ["status"], ["results"], ["logs", "1"]])
def test_json_says_every_character_and_prints_none_that_acts(poisoned, monkeypatch, command):
    said = json.loads(printed(monkeypatch, *command, "--json"))
    if command == ["logs", "1"]:
        assert said[-1]["text"] == poisoned


def test_data_are_shown_as_text(artifacts, data, monkeypatch):
    words = BAD.sub("", POISON["words"]) + "\u202eesrever\u2066"
    rows = [orjson.loads(line) for line in (data / "personas.jsonl").read_bytes().splitlines()]
    rows = [row | {"description": words, "name": words, "routines": [{"name": words}]} for row in rows]
    (data / "personas.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    assert "[@click=app.quit]" in printed(monkeypatch, "data", "show", str(data))
    with (data / "dialogues.jsonl").open("ab") as file:
        file.write(b'{"dialogue_id": "a\\u001b[2J\\u009b31m", "persona_id": "\\u202e"}\n')
    assert "control character U+001B" in printed(monkeypatch, "data", "show", str(data))


def test_a_chat_is_text(poisoned, monkeypatch):
    queue._sender.cache_clear()
    embedded.start()
    try:
        study = get_study()
        partner = chat._Partner(study, queries.books(study.id)[0], "maya", {"weather": poisoned})
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            partner.tell()
            asking = threading.Thread(
                target=chat._answer, args=(partner, [{"role": "user", "content": "hi"}]), kwargs={"quiet": False}
            )
            asking.start()
            while asking.is_alive():
                if queries.queue_length("chat"):
                    tui_lab.answer_chat((poisoned[:9], poisoned[9:], "the end"))
                asking.join(0.05)
    finally:
        embedded.stop()
        queue._sender.cache_clear()
    assert "the end" in out.getvalue()
    assert BAD.search(out.getvalue()) is None
