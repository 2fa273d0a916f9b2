"""A lab in which strangers' words stand wherever the lab keeps words of others: rows, data and predictions."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from lab.db.engine import writing
from lab.settings import load_settings

BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ESCAPES = "\x1b[2J\x1b[31m\x1b]52;c;aGk=\x07\x1b]0;title\x07\x1b[?1049l\x1bc"
CONTROLS = "\x9b2J\x9d52;c;x\x9c\x00\x07\x08\x0b\x7f\r\t\ta\nb\x85\u2028c"
DIRECTIONS = "\u202eesrever\u2066\u200f\u061c\ufeff\u200b\U000e0041"
MARKUP = "[red]x[/red][@click=app.quit]y[/][link=file:///etc/passwd]z[link][/][bold"
POISON = {
    "words": ESCAPES + MARKUP + CONTROLS + DIRECTIONS,
    "shapes": "e" + "\u0301" * 3000 + "漢" * 200 + "x" * 30_000 + " ﷺ👨‍👩‍👧",
}


def poison(evil: str) -> None:
    """Have it wherever the lab keeps what others wrote: in rows, in data and in predictions."""
    with writing() as session:
        for statement in (
            "UPDATE study SET name = name || :evil, base = :evil",
            "UPDATE dataset SET name = :evil, source = :evil",
            "UPDATE studyjob SET method = method || :evil WHERE method = 'hybrid'",
            "UPDATE job SET method = method || :evil WHERE method = 'hybrid'",
            "UPDATE job SET kind = kind || :evil WHERE kind = 'recipes'",
            "UPDATE job SET note = :evil, device = :evil, owner = :evil",
            "UPDATE job SET state = 'FAILED', error = :evil WHERE id = 3",
            "UPDATE worker SET host = :evil",
            "INSERT INTO joblog (job, attempt, at, text) SELECT id, 1, '2026-03-04 09:00:00', :evil FROM job",
            "INSERT INTO runmetric (job, series, \"group\", step, value) SELECT id, 'train', :evil, 1, 1e308 FROM job",
            "INSERT INTO runmetric (job, series, \"group\", step, value) SELECT id, 'train', '', 1, 9e999 FROM job",
        ):
            session.connection().execute(text(statement), {"evil": evil} if ":evil" in statement else {})
    root = load_settings().artifacts
    for file in root.glob("*/*/predictions.jsonl"):
        _rewrite(file, lambda row: row | {"prediction": evil, "reference": f"22 degrees {evil}", "task_type": evil})
    printable = BAD.sub("", evil)  # what an import lets through
    for file in root.glob("datasets/*/personas.jsonl"):
        _rewrite(file, lambda row: row | {"name": printable, "description": printable})


def _rewrite(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    rows = [change(orjson.loads(line)) for line in file.read_bytes().splitlines()]
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
