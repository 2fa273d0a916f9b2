"""`lab chat`: talk with a persona's model from the shell."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from lab.cli.output import console, first_of, marked, print_json
from lab.db import jobs
from lab.db.migrate import migrate
from lab.db.queries import MethodBook, Reply, StudyRow, books, get_reply, get_study
from lab.db.tables import TERMINAL, State
from lab.errors import LabError
from lab.report.people import Person, parsed, people, written
from lab.safe import safe
from lab.tui.format import tables

_POLL_SECONDS = 0.05


def chat(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest if left out.")] = None,
    persona: Annotated[str | None, typer.Option(help="Persona id; the first if left out.")] = None,
    method: Annotated[str | None, typer.Option(help="Whose recipe answers; the last trained if left out.")] = None,
    context: Annotated[
        str | None, typer.Option(help="key=value,key=value; '' for none; the persona's latest if left out.")
    ] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Ask once and leave.")] = None,
    json: Annotated[bool, typer.Option("--json", help="With -m: print the answer as JSON.")] = False,
) -> None:
    """Chat with a persona's model; an empty line leaves."""
    from lab.tasks.local import ensure_running

    given = None if context is None else parsed(context)
    migrate()
    row = get_study(study)
    who, book = _person(row, persona), _book(row, method)
    ensure_running()
    # As on the Chat screen: a dialogue goes on where the persona was last seen.
    partner = _Partner(row, book, who.persona_id, who.context if given is None else given)
    if message is None:
        _talk(partner)
        return
    if not json:
        partner.tell()
    reply = _answer(partner, [{"role": "user", "content": message}], quiet=json)
    if json:
        about = {"persona": partner.persona, "method": book.method, "seed": book.seed, "context": partner.context}
        print_json(about | {"text": reply.text, **reply.info})


@dataclass(frozen=True, slots=True)
class _Partner:
    """Who answers, and in which context."""

    study: StudyRow
    book: MethodBook
    persona: str
    context: dict[str, Any]

    def tell(self) -> None:
        """One line, so that the same words asked elsewhere can be asked in the same context, of the same seed."""
        context = f"context: {marked(written(self.context)) or 'none'}"
        console.print(f"[dim]{context}{self.book.of_seeds(self.study)}[/]", soft_wrap=True, markup=True)


def _person(study: StudyRow, wanted: str | None) -> Person:
    known = {person.persona_id: person for person in people(study)}
    if wanted is None:
        return next(iter(known.values()))
    if wanted not in known:
        raise LabError(f"study '{study.name}' has no persona '{wanted}'; it has {first_of(list(known))}")
    return known[wanted]


def _book(study: StudyRow, wanted: str | None) -> MethodBook:
    ready = {book.method: book for book in books(study.id)}
    if not ready:
        raise LabError(f"no method of study '{study.name}' is ready; `lab jobs {study.name}` shows how far they are.")
    if wanted is not None and wanted not in ready:
        raise LabError(f"study '{study.name}' has no recipe for method '{wanted}'; ready are {first_of(list(ready))}")
    return ready[wanted or list(ready)[-1]]


def _talk(partner: _Partner) -> None:
    who = f"[bold]{marked(partner.persona)}[/] · {partner.book.method} · {marked(partner.study.base)}"
    console.print(f"{who}   (an empty line leaves, Ctrl-C stops an answer)", markup=True)
    partner.tell()
    messages: list[dict[str, str]] = []
    while True:
        try:
            words = input("you  ").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if not words:
            return
        messages.append({"role": "user", "content": words})
        reply = _answer(partner, messages, quiet=False)
        messages.append({"role": "assistant", "content": reply.text})


def _answer(partner: _Partner, messages: list[dict[str, str]], *, quiet: bool) -> Reply:
    from lab.tasks.queue import ask

    job = ask(partner.study, partner.book.method, partner.persona, messages, partner.context)
    shown = 0
    while True:
        reply = get_reply(job)
        if not quiet:
            sys.stdout.write(safe(reply.text[shown:]))
            sys.stdout.flush()
        shown = len(reply.text)
        if reply.state in TERMINAL:
            break
        try:
            time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            jobs.cancel(job)
    if reply.state not in (State.SUCCEEDED, State.CANCELLED):
        raise LabError(reply.error or f"the answer is {reply.state}.")
    if not quiet:
        adapters, settings = tables(reply.info, "adapters"), tables(reply.info, "actions")
        weights = " + ".join(f"{one.get('name')}@{str(one.get('digest'))[:6]}" for one in adapters)
        actions = ", ".join(f"{one.get('device')} {one.get('parameter')} {one.get('value')}" for one in settings)
        alone = str(reply.info.get("base")) if "endpoint" in reply.info else "the base alone"
        console.print(f"\n[dim]— {marked(weights or alone)}{marked(actions and ' · ' + actions)}[/]", markup=True)
    return reply
