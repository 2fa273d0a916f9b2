"""Serving recipes: answers of many personas in one batch, and how likely their references are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from lab.models.answer import Row, answer_text, is_complete, request_of, room
from lab.models.chat_template import EncodedDialogue, encode_dialogue
from lab.models.decode import decode
from lab.models.memory import halved, is_out_of_memory, tokens_served
from lab.models.resident import Resident
from lab.models.stream import stream
from lab.models.training import Stopped
from lab.models.virtual import VIRTUAL

__all__ = ["Answer", "Row", "Stopped", "TurnNll", "generate", "nll", "stream"]


@dataclass(frozen=True)
class Answer:
    """What the assistant says next."""

    text: str  # without special tokens
    token_ids: tuple[int, ...]  # without the token that ended it
    n_prompt: int  # tokens of the prompt
    seconds: float  # this answer's share of the computing time; the shares add up to the whole


@dataclass(frozen=True)
class TurnNll:
    """How unlikely an assistant turn is, given everything before it."""

    message: int  # index in the dialogue's messages
    nll: float  # −Σ log p of its tokens and of the end of its turn, in nats
    tokens: int


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


def nll(
    resident: Resident,
    rows: Sequence[Row],
    on_row: Callable[[int, list[TurnNll]], None] = lambda _row, _turns: None,
    should_stop: Callable[[], bool] = lambda: False,
    batch_tokens: int | None = None,
    known: Mapping[int, list[TurnNll]] = MappingProxyType({}),
) -> list[list[TurnNll]]:
    """Score each assistant turn of complete dialogues, history teacher-forced, in mixed-adapter batches.

    One list per row, in the order of its turns. Of a dialogue that does not fit into the model's context the
    oldest turns are missing. Batches of which every row is `known` are left out, and only they: the same rows share
    a batch whatever was done before, so their sums come out the same.
    """
    dialogues = [encode_dialogue(resident.base.tokenizer, row.messages, room(resident, row)) for row in rows]
    scores = dict(known)
    batch_tokens = batch_tokens or tokens_served(resident.base.model)
    wanted: Sequence[int] = range(len(rows))
    while wanted:
        for batch in _batches(resident, rows, dialogues, wanted, batch_tokens):
            if scores.keys() >= set(batch):
                continue
            if should_stop():
                raise Stopped
            try:
                per_token = _token_nll(resident, [rows[i] for i in batch], [dialogues[i] for i in batch])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                tried = len(batch) * max(len(dialogues[i].ids) for i in batch)
                break
            for i, losses in zip(batch, per_token, strict=True):
                scores[i] = _by_turn(dialogues[i], losses)
                on_row(i, scores[i])
        else:
            break
        # Not above: the exception still held the batch's tensors.
        batch_tokens = halved(tried, resident.base.device, len(batch))
        wanted = [i for i in wanted if i not in scores]
    return [scores[i] for i in range(len(rows))]


def _batches(
    resident: Resident,
    rows: Sequence[Row],
    dialogues: Sequence[EncodedDialogue],
    wanted: Sequence[int],
    batch_tokens: int,
) -> Iterator[list[int]]:
    """The wanted rows, those of like rank and length together, longest first, rows × longest within `batch_tokens`.

    All rows of a batch have prefixes of one length.
    """
    size = [
        (resident.prefix_tokens(row.adapters), resident.rank(row.adapters), len(d.ids))
        for row, d in zip(rows, dialogues, strict=True)
    ]
    order = sorted(wanted, key=lambda i: size[i], reverse=True)
    batch: list[int] = []
    for i in order:
        longest = max(size[j][2] for j in (*batch, i))
        if batch and (size[batch[0]][0] != size[i][0] or (len(batch) + 1) * longest > batch_tokens):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


@torch.no_grad()
def _token_nll(resident: Resident, rows: Sequence[Row], dialogues: Sequence[EncodedDialogue]) -> list[list[float]]:
    """−log p of every supervised token but a dialogue's very first, per dialogue."""
    stacks = [row.adapters for row in rows]
    leads = [resident.virtual_tokens(stack) for stack in stacks]
    ids = _padded(resident, [[VIRTUAL] * lead + d.ids for lead, d in zip(leads, dialogues, strict=True)])
    flags = [[False] * (lead + 1) + d.supervised[1:] for lead, d in zip(leads, dialogues, strict=True)]
    supervised = _padded(resident, flags).bool()[:, 1:]
    cache = resident.cache(stacks) if resident.prefix_tokens(stacks[0]) else None
    # Padding is on the right, where no real token looks.
    hidden = resident.hidden(ids, resident.factors(stacks), cache=cache, soft=resident.soft(stacks))  # [rows, width, d]
    losses = resident.head.nll(hidden[:, :-1][supervised], ids[:, 1:][supervised])  # [supervised]
    counts = supervised.sum(1).tolist()
    return [part.tolist() for part in torch.split(losses, counts)]


def _padded(resident: Resident, values: Sequence[Sequence[int]]) -> Tensor:
    width = max(map(len, values))
    rows = [[*row, *[0] * (width - len(row))] for row in values]
    return torch.tensor(rows, device=resident.base.device)


def _by_turn(dialogue: EncodedDialogue, losses: list[float]) -> list[TurnNll]:
    turns: dict[int, list[float]] = {}
    for turn, loss in zip((turn for turn in dialogue.turn[1:] if turn >= 0), losses, strict=True):
        turns.setdefault(turn, []).append(loss)
    return [TurnNll(turn, sum(parts), len(parts)) for turn, parts in turns.items()]
