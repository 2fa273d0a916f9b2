"""`lab chat`: talk with a persona's model from the shell."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from lab.cli.output import console, print_json
from lab.db import jobs
from lab.db.queries import Reply, StudyRow, books, get_dataset, get_reply, get_study
from lab.db.tables import TERMINAL, State
from lab.errors import LabError

_POLL_SECONDS = 0.05


def chat(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest if left out.")] = None,
    persona: Annotated[str | None, typer.Option(help="Persona id; the first if left out.")] = None,
    method: Annotated[str | None, typer.Option(help="Whose recipe answers; the last trained if left out.")] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Ask once and leave.")] = None,
    json: Annotated[bool, typer.Option(help="With -m: print the answer as JSON.")] = False,
) -> None:
    """Chat with a persona's model; an empty line leaves."""
    from lab.tasks.local import ensure_running

    ensure_running()
    row = get_study(study)
    who = _persona(row, persona)
    ready = [book.method for book in books(row.id)]
    how = method or (ready[-1] if ready else "")
    if message is not None:
        reply = _answer(row, how, who, [{"role": "user", "content": message}], quiet=json)
        if json:
            print_json({"persona": who, "method": how, "text": reply.text, **reply.info})
        return
    _talk(row, how, who)


def _persona(study: StudyRow, wanted: str | None) -> str:
    from lab.data.load import load
    from lab.settings import load_settings

    personas = [p.persona_id for p in load(str(load_settings().artifacts / get_dataset(study.dataset).folder)).personas]
    personas = personas[: study.spec["personas"]]
    if wanted is None:
        return personas[0]
    if wanted not in personas:
        raise LabError(f"study '{study.name}' has no persona '{wanted}'; it has {', '.join(personas[:8])}, …")
    return wanted


def _talk(study: StudyRow, method: str, persona: str) -> None:
    console.print(f"[bold]{persona}[/] · {method} · {study.base}   (an empty line leaves, Ctrl-C stops an answer)")
    messages: list[dict[str, str]] = []
    while True:
        try:
            words = input("you  ").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if not words:
            return
        messages.append({"role": "user", "content": words})
        reply = _answer(study, method, persona, messages, quiet=False)
        messages.append({"role": "assistant", "content": reply.text})


def _answer(study: StudyRow, method: str, persona: str, messages: list[dict[str, str]], *, quiet: bool) -> Reply:
    from lab.tasks.queue import ask

    job = ask(study, method, persona, messages, {})
    shown = 0
    while True:
        reply = get_reply(job)
        if not quiet:
            sys.stdout.write(reply.text[shown:])
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
        weights = " + ".join(f"{adapter['name']}@{adapter['digest'][:6]}" for adapter in reply.info.get("adapters", ()))
        actions = ", ".join(f"{a['device']} {a['parameter']} {a['value']}" for a in reply.info.get("actions", ()))
        console.print(f"\n[dim]— {weights or 'the base alone'}{' · ' + actions if actions else ''}[/]")
    return reply
