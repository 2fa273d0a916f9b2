"""What a job asks of models that run elsewhere: the recipes that have an endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.methods.prompt import Messages
from lab.models.training import Stopped
from lab.tasks.answers import Answers, Turn
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.messages import Progress

if TYPE_CHECKING:
    from lab.models.remote import RemoteModel

_CHAT_RETRIES = 1  # a person waits


def answer_turns(context: JobContext, turns: Sequence[Turn], answers: Answers) -> None:
    """Have every turn answered by its endpoint; what was answered is kept when one of them fails.

    Raises:
        LabError: an endpoint cannot be used.
        JobStopped: as it was told to.
    """
    endpoints: list[Mapping[str, Any]] = []
    for turn in turns:
        if turn.endpoint is not None and turn.endpoint not in endpoints:
            endpoints.append(turn.endpoint)
    for endpoint in endpoints:
        _ask(context, endpoint, [turn for turn in turns if turn.endpoint == endpoint], answers)


def _ask(context: JobContext, endpoint: Mapping[str, Any], turns: Sequence[Turn], answers: Answers) -> None:
    model = remote_model(context, endpoint)
    context.note(f"asking {model.endpoint}")
    since = time.monotonic()

    def take(number: int, text: str) -> None:
        nonlocal since
        began, since = since, time.monotonic()
        answers.take(turns[number], text, since - began)  # several are under way: shares of the time for all

    def should_stop() -> bool:
        answers.tell(len(answers.texts))  # so that waiting is not taken for hanging
        return context.should_stop()

    try:
        model.answer_all([turn.history for turn in turns], take, should_stop)
    except Stopped:
        answers.save()
        raise JobStopped from None
    except LabError:
        answers.save()
        raise
    context.log(f"{model.endpoint} gave {len(turns)} answer(s){'' if model.is_greedy else ', at its own temperature'}")


def chat(context: JobContext, model: RemoteModel, messages: Messages) -> Iterator[str]:
    """One answer, piece by piece, until the job is to stop."""

    def should_stop() -> bool:
        context.progress(Progress())
        return context.should_stop()

    return model.stream(messages, should_stop)


def who(model: RemoteModel) -> dict[str, Any]:
    """What a chat says of who answered: no weights of ours, but this model at this address."""
    at = model.endpoint
    return {"base": str(at), "adapters": [], "endpoint": {"url": at.url, "model": at.model}}


def remote_model(context: JobContext, endpoint: Mapping[str, Any]) -> RemoteModel:
    """The model of a recipe's endpoint, for answers as long as the job asks for."""
    from lab.models.endpoint import Endpoint
    from lab.models.remote import RemoteModel  # its client takes a second to import, and few jobs need it

    retries = {"retries": _CHAT_RETRIES} if context.assignment.kind == "chat" else {}
    return RemoteModel(Endpoint(**endpoint), context.spec["max_new_tokens"], **retries)
