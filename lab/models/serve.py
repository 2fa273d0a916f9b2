"""Serving recipes: answers of many personas in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.models.answer import Row, answer_text, is_complete, request_of
from lab.models.decode import decode
from lab.models.memory import tokens_served
from lab.models.resident import Resident
from lab.models.stream import stream
from lab.models.training import Stopped

__all__ = ["Answer", "Row", "Stopped", "generate", "stream"]


@dataclass(frozen=True)
class Answer:
    """What the assistant says next."""

    text: str  # without special tokens
    token_ids: tuple[int, ...]  # without the token that ended it
    n_prompt: int  # tokens of the prompt
    seconds: float  # this answer's share of the computing time; the shares add up to the whole


def generate(
    resident: Resident,
    rows: Sequence[Row],
    max_new_tokens: int = 256,
    on_row: Callable[[int, Answer], None] = lambda _row, _answer: None,
    should_stop: Callable[[], bool] = lambda: False,
    batch_tokens: int | None = None,
    on_progress: Callable[[float], None] = lambda _: None,
) -> list[Answer]:
    """Answer every row greedily, in mixed-adapter batches; the answers are in the order of the rows.

    `on_row(i, answer)` is called as soon as row i is answered, `on_progress` with the share of the work done
    after every token. When `should_stop()` says so, Stopped is raised within a token's time. `batch_tokens`
    bounds the memory, rows × (prompt + answer) tokens at once; by default it is what fits. A prompt that does
    not fit into the model's context loses its oldest exchanges.
    """
    base = resident.base
    requests = [request_of(resident, row, max_new_tokens) for row in rows]
    answers: dict[int, Answer] = {}
    for done in decode(
        resident,
        requests,
        max_new_tokens,
        batch_tokens or tokens_served(base.model),
        lambda ids: is_complete(base, ids),
        should_stop,
        on_progress,
    ):
        prompt = requests[done.request].ids
        answer = Answer(answer_text(base, done.ids), tuple(done.ids), len(prompt), done.seconds)
        answers[done.request] = answer
        on_row(done.request, answer)
    return [answers[i] for i in range(len(rows))]
