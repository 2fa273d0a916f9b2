"""One chat answer, streamed, with the weights that gave it and what the model was told beside the conversation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from lab.data.types import Dialogue
from lab.errors import LabError
from lab.methods.prompt import Messages
from lab.methods.recipe import AdapterRef, Recipe, read_book
from lab.methods.retrieve import shown
from lab.metrics.actions import parse_actions
from lab.models.answer import Row
from lab.models.resident import Stack
from lab.models.stream import stream
from lab.tasks import remote, warm
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.gating import Gating
from lab.tasks.messages import Done
from lab.tasks.prompting import Prompter, told


def run(context: JobContext) -> Done:
    """Answer the last message of the conversation under the persona's recipe."""
    spec = context.spec
    recipe = _recipe(context)
    began = time.monotonic()
    prompter = Prompter(context)
    # A dialogue of the data that is replayed is shown what is older than it, as in its evaluation.
    at = datetime.fromisoformat(spec["at"]) if "at" in spec else datetime.now(UTC)
    earlier = prompter.earlier(recipe, spec["persona"], spec["messages"], at)
    known = _known(recipe, spec["persona"], earlier)
    context.answer("", known)
    messages = told(recipe, spec["context"], spec["messages"], earlier)
    pieces, who = _answer(context, recipe, Gating(context, prompter), messages)
    text, first, count = "", None, 0
    for piece in pieces:
        first = first if first is not None else time.monotonic() - began
        text += piece
        count += 1
        context.answer(text, known)
    info = (
        known
        | who()
        | {
            "actions": _actions(text),
            "first_token_seconds": first,
            "seconds": time.monotonic() - began,
            "n_pieces": count,
        }
    )
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
    gate = gating.digest(recipe)
    return pieces, lambda: _weights(warm.base_weights(), row.adapters, adapters) | ({"gate": gate} if gate else {})


def _recipe(context: JobContext) -> Recipe:
    book = read_book(context.committed(context.spec["book"], context.spec.get("manifest", "")))
    persona = context.spec["persona"]
    if persona not in book:
        raise LabError(f"persona '{persona}' is not part of this study; choose one of its {len(book)} personas.")
    return book[persona]


def _weights(base: tuple[str, str], stack: Stack, adapters: Sequence[AdapterRef]) -> dict[str, Any]:
    """The weights that answered: the base model in memory, and what the row went through on top of it.

    The digests are those that the server keeps weights under, which it computed from the numbers it loaded; the
    recipe, which only says what it asks for, gives them their names.
    """
    names = {one.digest: one.name for one in adapters}
    return {
        "base": base[0],
        **({"base_digest": base[1]} if base[1] else {}),  # only a folder has one
        "adapters": [{"name": names[digest], "digest": digest, "weight": weight} for digest, weight in stack],
    }


def _known(recipe: Recipe, persona: str, earlier: Sequence[Dialogue]) -> dict[str, Any]:
    """What the model is told of the user, by its source: text of the recipe's own, and retrieved dialogues."""
    known: dict[str, Any] = {}
    if recipe.about:
        known["prompt"] = {"source": recipe.prompt, "text": recipe.about}
    if recipe.retrieve is not None:
        known["retrieval"] = {**recipe.retrieve, "persona": recipe.history or persona}
        known["retrieved"] = [
            {
                "dialogue": dialogue.dialogue_id,
                "started_at": dialogue.started_at.isoformat(),
                "text": shown([dialogue], "examples").partition("\n")[2],  # without the heading
            }
            for dialogue in earlier
        ]
    return known


def _actions(text: str) -> list[dict[str, Any]]:
    return [
        {"device": action.device, "parameter": action.parameter, "value": action.value}
        for action in sorted(parse_actions(text), key=str)
    ]
