"""One chat answer, streamed, with the weights that gave it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from lab.errors import LabError
from lab.methods.prompt import Messages
from lab.methods.recipe import AdapterRef, Recipe, read_book
from lab.metrics.actions import parse_actions
from lab.models.answer import Row
from lab.models.stream import stream
from lab.tasks import remote, warm
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.gating import Gating
from lab.tasks.messages import Done
from lab.tasks.prompting import Prompter


def run(context: JobContext) -> Done:
    """Answer the last message of the conversation under the persona's recipe."""
    spec = context.spec
    recipe = _recipe(context)
    began = time.monotonic()
    prompter = Prompter(context)
    messages = prompter.messages(recipe, spec["persona"], spec["context"], spec["messages"], datetime.now(UTC))
    pieces, who = _answer(context, recipe, Gating(context, prompter), messages)
    text, first, count = "", None, 0
    for piece in pieces:
        first = first if first is not None else time.monotonic() - began
        text += piece
        count += 1
        context.answer(text)
    info = who() | {
        "actions": _actions(text),
        "first_token_seconds": first,
        "seconds": time.monotonic() - began,
        "n_pieces": count,
    }
    context.answer(text, info)
    if context.should_stop():
        raise JobStopped
    return Done("", info)


def _answer(
    context: JobContext, recipe: Recipe, gating: Gating, messages: Messages
) -> tuple[Iterator[str], Callable[[], dict[str, Any]]]:
    """The answer's pieces; and who gave them, which is known at their end."""
    if recipe.endpoint is not None:
        model = remote.remote_model(context, recipe.endpoint)
        return remote.chat(context, model, messages), lambda: remote.who(model)
    server = warm.resident(context, [recipe])
    adapters = gating.adapters(recipe, messages)
    row = Row(messages, warm.stack(adapters))
    pieces = stream(server, row, context.spec["max_new_tokens"], context.should_stop)
    return pieces, lambda: _info(recipe.base, adapters)


def _recipe(context: JobContext) -> Recipe:
    book = read_book(context.committed(context.spec["book"], context.spec.get("manifest", "")))
    persona = context.spec["persona"]
    if persona not in book:
        raise LabError(f"persona '{persona}' is not part of this study; choose one of its {len(book)} personas.")
    return book[persona]


def _info(base: str, adapters: Sequence[AdapterRef]) -> dict[str, Any]:
    return {
        "base": base,
        "adapters": [{"name": one.name, "digest": one.digest, "weight": one.weight} for one in adapters],
    }


def _actions(text: str) -> list[dict[str, Any]]:
    return [
        {"device": action.device, "parameter": action.parameter, "value": action.value}
        for action in sorted(parse_actions(text), key=str)
    ]
