"""Who there is to chat with and which methods are ready; one question and its growing answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lab.db import jobs, queries
from lab.db.queries import Reply, StudyRow
from lab.methods.spec import catalog
from lab.report.people import Person, people
from lab.tasks import queue


@dataclass(frozen=True, slots=True)
class Ready:
    """A method whose recipe book is ready."""

    method: str
    about: str


@dataclass(frozen=True, slots=True)
class ChatView:
    """What there is to choose from."""

    study: StudyRow | None
    people: tuple[Person, ...] = ()
    ready: tuple[Ready, ...] = ()


def read(study: StudyRow | None) -> ChatView:
    """The personas and the ready methods of a study."""
    if study is None:
        return ChatView(None)
    methods = dict.fromkeys(book.method for book in queries.books(study.id))
    known = catalog()
    own = study.spec.get("method", {})
    return ChatView(
        study,
        tuple(people(study)) if methods else (),
        tuple(
            Ready(name, known[name].about if name in known else own.get(name, {}).get("about", "")) for name in methods
        ),
    )


def ask(study: StudyRow, method: str, persona: str, messages: list[dict[str, str]], context: dict[str, Any]) -> int:
    """Queue the question; the id of its job."""
    return queue.ask(study, method, persona, messages, context)


def answer(job: int) -> Reply:
    """The answer so far."""
    return queries.get_reply(job)


def stop(asked: Iterable[int]) -> str:
    """Stop answers while they are written."""
    for job in asked:
        jobs.cancel(job)
    return "stopped"
