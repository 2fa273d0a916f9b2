"""How likely the assistant turns of dialogues are to recipes of many personas, in one batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from lab.models.answer import Row, room
from lab.models.chat_template import EncodedDialogue, encode_dialogue
from lab.models.memory import halved, is_out_of_memory, tokens_served
from lab.models.resident import Resident, Stack
from lab.models.training import Stopped
from lab.models.virtual import VIRTUAL


@dataclass(frozen=True)
class TurnNll:
    """How unlikely an assistant turn is, given everything before it."""

    message: int  # index in the dialogue's messages
    nll: float  # −Σ log p of its tokens and of the end of its turn, in nats
    tokens: int


@dataclass(frozen=True)
class _Part:
    """What one pass over a row scores: all of its dialogue, or one turn of it."""

    row: int
    adapters: Stack
    dialogue: EncodedDialogue


def nll(
    resident: Resident,
    rows: Sequence[Row],
    on_row: Callable[[int, list[TurnNll]], None] = lambda _row, _turns: None,
    should_stop: Callable[[], bool] = lambda: False,
    batch_tokens: int | None = None,
    known: Mapping[int, list[TurnNll]] = MappingProxyType({}),
) -> list[list[TurnNll]]:
    """Score each assistant turn of complete dialogues, history teacher-forced, in mixed-adapter batches.

    One list per row, in the order of its turns. Of a dialogue that does not fit into the model's context each turn is
    scored by itself, given as much before it as fits: so all recipes are judged by the same turns, however much of
    the context their prompts take. Batches of which every row is `known` are left out, and only they: the same rows
    share a batch whatever was done before, so their sums come out the same.
    """
    parts = [part for number, row in enumerate(rows) for part in _parts(resident, number, row)]
    left = Counter(part.row for part in parts)
    found: dict[int, list[TurnNll]] = {number: [] for number in range(len(rows))}

    def keep(part: _Part, turns: list[TurnNll]) -> None:
        found[part.row] = sorted((*found[part.row], *turns), key=lambda turn: turn.message)
        left[part.row] -= 1
        if not left[part.row] and part.row not in known:
            on_row(part.row, found[part.row])

    done = {n for n, part in enumerate(parts) if part.row in known}
    _score(resident, parts, done, keep, should_stop, batch_tokens or tokens_served(resident.base.model))
    return [known.get(number, found[number]) for number in range(len(rows))]


def _score(
    resident: Resident,
    parts: Sequence[_Part],
    done: set[int],
    keep: Callable[[_Part, list[TurnNll]], None],
    should_stop: Callable[[], bool],
    batch_tokens: int,
) -> None:
    """Score the parts in batches, which shrink when the memory does not suffice."""
    wanted: Sequence[int] = range(len(parts))
    while wanted:
        for batch in _batches(resident, parts, wanted, batch_tokens):
            if done >= set(batch):
                continue
            if should_stop():
                raise Stopped
            try:
                per_token = _token_nll(resident, [parts[n] for n in batch])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                tried = len(batch) * max(len(parts[n].dialogue.ids) for n in batch)
                break
            for n, losses in zip(batch, per_token, strict=True):
                keep(parts[n], _by_turn(parts[n].dialogue, losses))
            done |= set(batch)
        else:
            break
        # Not above: the exception still held the batch's tensors.
        batch_tokens = halved(tried, resident.base.device, len(batch))
        wanted = [n for n in wanted if n not in done]


def _parts(resident: Resident, number: int, row: Row) -> list[_Part]:
    tokenizer, most = resident.base.tokenizer, room(resident, row)
    whole = encode_dialogue(tokenizer, row.messages, most)
    answers = [index for index, message in enumerate(row.messages) if message["role"] == "assistant"]
    if set(whole.turn) >= set(answers):
        return [_Part(number, row.adapters, whole)]
    each = (encode_dialogue(tokenizer, row.messages[: index + 1], most) for index in answers)
    return [_Part(number, row.adapters, _only(one, index)) for one, index in zip(each, answers, strict=True)]


def _only(dialogue: EncodedDialogue, message: int) -> EncodedDialogue:
    """The dialogue with one turn supervised."""
    return EncodedDialogue(
        dialogue.ids,
        [turn == message for turn in dialogue.turn],
        [turn if turn == message else -1 for turn in dialogue.turn],
    )


def _batches(
    resident: Resident, parts: Sequence[_Part], wanted: Sequence[int], batch_tokens: int
) -> Iterator[list[int]]:
    """The wanted parts, those of like rank and length together, longest first, parts × longest within `batch_tokens`.

    All parts of a batch have prefixes of one length.
    """
    size = [
        (resident.prefix_tokens(part.adapters), resident.rank(part.adapters), len(part.dialogue.ids)) for part in parts
    ]
    order = sorted(wanted, key=lambda n: size[n], reverse=True)
    batch: list[int] = []
    for n in order:
        longest = max(size[m][2] for m in (*batch, n))
        if batch and (size[batch[0]][0] != size[n][0] or (len(batch) + 1) * longest > batch_tokens):
            yield batch
            batch = []
        batch.append(n)
    if batch:
        yield batch


@torch.no_grad()
def _token_nll(resident: Resident, parts: Sequence[_Part]) -> list[list[float]]:
    """−log p of every supervised token but a sequence's very first, per part."""
    stacks, dialogues = [part.adapters for part in parts], [part.dialogue for part in parts]
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
