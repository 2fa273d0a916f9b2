"""Rows that no lab has written: what claims them, what commands print of them, what the screen shows of them."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
from hostile import PATHS, integers, mutated, reals, texts, values
from hypothesis import strategies as st
from planned import DATA
from sqlalchemy import insert, text
from sqlmodel import SQLModel
from target import Target, check_plain, check_sentence
from target_queue import lab

from lab.cli import main
from lab.db import jobs, queries
from lab.db.engine import connected
from lab.db.tables import ChatReply, Dataset, Job, JobLog, RunMetric, Score, State, Study, StudyJob, Worker
from lab.metrics.aggregate import METRICS
from lab.tui.chat.conversation import Answer, Conversation, Round
from lab.tui.chat.home import home_lines, home_of
from lab.tui.feeds.order import in_order, queue_places
from lab.tui.feeds.status import StatusFeed
from lab.tui.format import clock
from lab.tui.text import Line, clean
from lab.tui.widgets.about import about, facts, how_far
from lab.tui.widgets.chart import Series, plot
from lab.tui.widgets.header import facts as header
from lab.tui.widgets.jobs_table import remark
from lab.tui.widgets.log import laid_out
from lab.tui.widgets.transcript import Shown, said_lines

CELLS = 80
SPEC = {
    "dtype": "auto", "personas": 2, "dialogues": None, "split": [0.6, 0.2, 0.2], "evaluate": ["val", "test"],
    "methods": ["unified", "persona"], "seeds": [0], "method": {"mine": {"about": "x"}},
}  # fmt: skip
JOB = {"data": DATA, "base": "tiny", "seed": 0, "split": "test", "share": "persona", "training": {"epochs": 3}}
RESULT = {
    "train_seconds": 1.5,
    "parameters": 10,
    "seconds_per_answer": 0.1,
    "sweep": [{"setting": {"rank": 4}, "val_loss": 1}],
}
INFO = {
    "base": "tiny", "adapters": [{"name": "unified", "digest": "f" * 64, "weight": 1.0}], "seconds": 1.5,
    "actions": [{"device": "ac", "parameter": "temperature", "value": 22}], "first_token_seconds": 0.5,
}  # fmt: skip
USAGE = {"gpus": [{"device": "cuda:0", "memory": 1.0, "total": 2.0, "load": 3.0}]}

_moments = st.one_of(
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
    st.datetimes(timezones=st.just(UTC)),
)
_kinds = st.one_of(st.sampled_from(["train", "evaluate", "recipes"]), texts)
_methods = st.one_of(st.sampled_from(["unified", "persona"]), texts)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def _json(tree: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(tree), mutated(tree), mutated(tree), values)


@st.composite
def databases(draw: Any) -> dict[str, list[dict[str, Any]]]:
    """A study with its jobs and all that belongs to them, as somebody else might have written them."""
    numbers = range(1, draw(st.integers(1, 3)) + 1)
    moment = draw(_moments)
    plain = {"key": "", "queue": "work", "created_at": moment, "attempt": 0, "beat": 0, "tries": 0, "max_tries": 2}
    rows = [
        plain
        | {"id": number, "kind": draw(_kinds), "method": draw(_methods), "state": draw(st.sampled_from(State))}
        | {"spec": draw(_json(JOB)), "result": draw(_maybe(_json(RESULT))), "priority": draw(integers)}
        | {"progress": draw(reals), "step": draw(_maybe(integers)), "total_steps": draw(_maybe(integers))}
        | {"eta_seconds": draw(_maybe(reals)), "loss": draw(_maybe(reals)), "val_loss": draw(_maybe(reals))}
        | {
            "note": draw(texts),
            "error": draw(_maybe(texts)),
            "owner": draw(_maybe(texts)),
            "device": draw(_maybe(texts)),
        }
        | {"artifact": draw(_maybe(st.sampled_from(PATHS))), "checkpoint": draw(_maybe(st.sampled_from(PATHS)))}
        | {"finished_at": draw(_maybe(_moments)), "cancel_requested": draw(st.booleans()), "crashes": 0}
        | {"checkpoint_step": draw(integers), "started_at": draw(_maybe(_moments))}
        for number in numbers
    ]
    study = {"id": 1, "name": draw(texts), "spec": draw(_json(SPEC)), "dataset": DATA, "base": draw(texts)}
    folder = {"digest": DATA, "name": draw(texts), "source": draw(texts), "folder": draw(st.sampled_from(PATHS))}
    worker = {"id": "w", "host": draw(texts), "machine": "m", "pid": draw(integers), "pid_started": draw(reals)}
    worker |= {"devices": draw(_json(["cuda:0"])), "usage": draw(_json(USAGE)), "version": draw(texts), "beat": 1}
    steps = draw(st.lists(integers, max_size=4, unique=True))
    return {
        "dataset": [folder | {"n_personas": 2, "n_dialogues": draw(integers), "created_at": moment}],
        "study": [study | {"created_at": draw(_moments)}],
        "job": rows,
        "studyjob": [
            {"study": 1, "job": n, "method": draw(_methods), "makes_book": draw(st.booleans())} for n in numbers
        ],
        "worker": [worker | {"state": draw(texts), "started_at": moment, "seen_at": draw(_moments)}],
        "runmetric": [{"job": 1, "series": "train", "group": "", "step": n, "value": draw(reals)} for n in steps],
        "joblog": [{"job": 1, "attempt": 1, "at": draw(_moments), "text": draw(texts)} for _ in range(2)],
        "chatreply": [{"job": 1, "text": draw(texts), "info": draw(_json(INFO))}],
        "score": [
            {"job": 1, "persona_id": draw(texts), "task_type": draw(st.sampled_from(["", "x"])), "metric": metric}
            | {"value": draw(reals), "n": draw(integers)}
            for metric in draw(st.lists(st.sampled_from([*METRICS, "\x1b[2J"]), max_size=3, unique=True))
        ],
        "broken": draw(st.lists(st.sampled_from(BROKEN), max_size=1)),
    }


# What SQLite holds without a word, and no column should: another type, no JSON, no date, no state.
_JSON = ("spec", "info", "usage", "result", "devices")
BROKEN: list[Any] = [
    f"UPDATE job SET spec = '{'[' * 900}{']' * 900}'",
    "UPDATE study SET spec = '5'",
    "UPDATE job SET spec = '{broken'", "UPDATE job SET spec = 'null'", "UPDATE job SET state = 'ASLEEP' WHERE id = 1",
    "UPDATE job SET created_at = 'yesterday'", "UPDATE worker SET usage = x'ff00'", "UPDATE study SET spec = '[1, 2'",
    "UPDATE job SET progress = 'half'", "UPDATE job SET method = x'80ff'", "UPDATE runmetric SET value = 'high'",
    "UPDATE job SET priority = 'first'", "UPDATE study SET name = x'1b5b324a'",
]  # fmt: skip
_TABLES: list[type[SQLModel]] = [Dataset, Study, Job, StudyJob, Worker, RunMetric, JobLog, ChatReply, Score]


def write(rows: dict[str, list[Any]]) -> None:
    """Have these rows in the database and no others."""
    with connected(writing=True) as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())
        for model in _TABLES:
            table = model.__table__  # type: ignore[attr-defined]
            for row in rows[table.name]:
                connection.execute(insert(table).values(_writable(row)))
        for statement in rows["broken"]:
            connection.execute(text(statement))


def _writable(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value if key not in _JSON or _is_json(value) else {} for key, value in row.items()}


def _is_json(value: Any) -> bool:
    try:
        return orjson.dumps(value) != b"null"
    except TypeError:
        return False


def attack_claim(home: Path, rows: dict[str, list[Any]]) -> None:
    """Whatever the rows are, a worker comes to an end with them: each is taken once, or set aside with a sentence."""
    write(rows)
    with connected(writing=True) as connection:
        connection.execute(text("UPDATE job SET state = 'READY', attempt = 0, owner = NULL"))
    for _ in range(len(rows["job"]) + 1):
        claim = jobs.claim("work", "worker", "cpu")
        if claim is None:
            break
        assert isinstance(claim.spec, dict)
        jobs.fail(claim.lease, claim.kind, for_good=True)
    assert jobs.claim("work", "worker", "cpu") is None, "a row that is claimed for ever"
    with connected(writing=False) as connection:
        for (error,) in connection.execute(text("SELECT error FROM job WHERE state = 'FAILED' AND error <> ''")):
            check_sentence(str(error))


COMMANDS = [
    ["jobs"], ["jobs", "--json"], ["status"], ["status", "--json"], ["logs", "1"], ["logs", "1", "--json"],
    ["results"], ["results", "--json"], ["results", "--split", "val"],
]  # fmt: skip


def run(*arguments: str) -> tuple[int, str, str]:
    """A command in this process: its exit code, what it printed, and why it could not."""
    out, why, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["lab", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(why),
    ):
        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
    return code, out.getvalue(), why.getvalue()


def attack_commands(home: Path, example: tuple[dict[str, list[Any]], list[str]]) -> None:
    """A command prints the rows, or says in one sentence why not; nothing it prints drives the terminal."""
    rows, command = example
    write(rows)
    code, said, why = run(*command)
    check_plain(said)
    assert "Traceback" not in said + why
    if code:
        check_sentence(why.strip())


def attack_screen(home: Path, rows: dict[str, list[Any]]) -> None:
    """What the widgets lay out of the rows can be painted: single lines in which nothing drives the terminal."""
    write(rows | {"broken": []})
    status = StatusFeed().read(None)
    lines: list[Line] = [header(status, CELLS)]
    listed = queries.list_jobs()
    places = queue_places(listed)
    for row in in_order(listed):
        lines.append(remark(row, places.get(row.id, 1)))
        detail = queries.get_job(row.id)
        lines += [*about(detail, CELLS), how_far(detail), tuple(facts(detail.spec))]
    lines += [one for row in queries.job_log(1) for one in laid_out(row, CELLS)]
    lines += plot([Series("train", "accent", queries.curve(1, "train"))], CELLS, 12)
    reply = queries.get_reply(1)
    answer = Answer(1, str(reply.state), reply.text, reply.error or "", reply.info)
    asked = Round([{"role": "user", "content": "hello"}], {}, {"a": answer, "b": answer}, "lights to 40")
    for methods in (["a"], ["a", "b"]):
        shown = Shown(Conversation("s", "p", [asked]), methods, details=len(methods) > 1)
        lines += [*said_lines(shown, CELLS, CELLS), *home_lines(home_of(shown.conversation, "a"), CELLS)]
    for line in lines:
        painted = "".join(piece for piece, _ in clean(line))
        assert "\n" not in painted
        check_plain(painted)
    assert clock(datetime.max.replace(tzinfo=UTC))


@contextlib.contextmanager
def wide(home: Path) -> Iterator[None]:
    """A lab, and a terminal of 200 columns."""
    with lab(home), patch.dict("os.environ", {"COLUMNS": "200", "NO_COLOR": "1"}):
        yield


TARGETS = [
    Target("rows, claimed", databases(), attack_claim, 6, 15, lab),
    Target("rows, by commands", st.tuples(databases(), st.sampled_from(COMMANDS)), attack_commands, 8, 18, wide),
    Target("rows, in widgets", databases(), attack_screen, 8, 15, lab),
]
