"""Greedy decoding of many prompts through mixed adapters, in batches that waste little.

Prompts that begin alike under the same adapters, such as the turns of one dialogue, are read once: the longest
is read, and the others take their keys and values from it. Rows that are done leave the batch.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lab.models.kv_cache import KeyValueCache
from lab.models.memory import halved, is_out_of_memory
from lab.models.resident import Resident, Stack
from lab.models.training import Stopped


@dataclass(frozen=True)
class Request:
    """A prompt, with the virtual tokens that it begins with, and the adapters that answer it."""

    ids: tuple[int, ...]
    stack: Stack = ()


@dataclass
class Decoded:
    """The tokens of an answer so far, without the token that ended it."""

    request: int
    ids: list[int] = field(default_factory=list)
    seconds: float = 0.0  # its share of the computing time: the shares of all rows add up to the whole


_READING = 0.3  # of a batch's time, more or less, goes into reading the prompts

Finished = Callable[[list[int]], bool]
"""Whether an answer is complete as it stands, for reasons other than an end token."""


@torch.no_grad()
def decode(
    resident: Resident,
    requests: Sequence[Request],
    max_new_tokens: int,
    batch_tokens: int,
    finished: Finished = lambda _: False,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Iterator[Decoded]:
    """Answer every request, in the order in which answers are complete.

    `batch_tokens` bounds the keys and values in memory: rows × (prompt + answer). A batch that runs out of
    memory is done again in smaller ones. Raises Stopped soon after `should_stop` says so. `on_progress` hears
    the share of the work that is done.
    """
    sharing = KeyValueCache(resident.base.model.config).plain
    left = set(range(len(requests)))
    while left:
        batches = plan(resident, requests, sorted(left), max_new_tokens, batch_tokens, sharing)
        before = 1 - len(left) / len(requests)
        for number, batch in enumerate(batches):

            def told(share: float, first: float = before, place: int = number, of: int = len(batches)) -> None:
                on_progress(first + (1 - first) * (place + share) / of)

            try:
                for answer in _decode_batch(resident, requests, batch, max_new_tokens, finished, should_stop, told):
                    left.discard(answer.request)
                    yield answer
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                tried = [len(requests[i].ids) + max_new_tokens for family in batch for i in family]
                break
        else:
            return
        # Not above: the exception still held the batch's tensors.
        batch_tokens = halved(len(tried) * max(tried), resident.base.device, len(tried))


def plan(
    resident: Resident,
    requests: Sequence[Request],
    wanted: Sequence[int],
    max_new_tokens: int,
    batch_tokens: int,
    sharing: bool,
) -> list[list[list[int]]]:
    """Split the `wanted` requests (by number) into batches of families, longest prompts first.

    All prompts of a family are beginnings of its last one. Families of like rank and length lie together; all
    rows of a batch have prefixes of one length.
    """
    families = []
    for family in _families(requests, wanted) if sharing else [[i] for i in wanted]:
        most = max(1, batch_tokens // (len(requests[family[-1]].ids) + max_new_tokens))
        families += [family[i : i + most] for i in range(0, len(family), most)]
    length = {family[-1]: len(requests[family[-1]].ids) for family in families}

    def likeness(family: list[int]) -> tuple[int, int, int]:
        stack = requests[family[-1]].stack
        return resident.prefix_tokens(stack), resident.rank(stack), length[family[-1]]

    families.sort(key=likeness, reverse=True)
    batches: list[list[list[int]]] = []
    rows = width = 0
    for family in families:
        widest = max(width, length[family[-1]])
        other_prefix = batches and likeness(batches[-1][0])[0] != likeness(family)[0]
        if not batches or other_prefix or (rows + len(family)) * (widest + max_new_tokens) > batch_tokens:
            batches.append([])
            rows, widest = 0, length[family[-1]]
        batches[-1].append(family)
        rows, width = rows + len(family), widest
    return batches


def _families(requests: Sequence[Request], wanted: Sequence[int]) -> list[list[int]]:
    """Group the wanted requests of one stack so that each prompt of a group is the beginning of the next one."""
    order = sorted(wanted, key=lambda i: (requests[i].stack, requests[i].ids))
    families: list[list[int]] = []
    for i in order:
        last = requests[families[-1][-1]] if families else None
        this = requests[i]
        if last and last.stack == this.stack and last.ids == this.ids[: len(last.ids)]:
            families[-1].append(i)
        else:
            families.append([i])
    return families


def _decode_batch(
    resident: Resident,
    requests: Sequence[Request],
    families: list[list[int]],
    max_new_tokens: int,
    finished: Finished,
    should_stop: Callable[[], bool],
    on_progress: Callable[[float], None],
) -> Iterator[Decoded]:
    if should_stop():
        raise Stopped
    started = time.perf_counter()
    batch = _Batch(resident, requests, families)
    live = list(enumerate(Decoded(i) for family in families for i in family))  # (row of the batch, answer)
    for step in itertools.count():
        on_progress(_READING + (1 - _READING) * step / max_new_tokens)
        if should_stop():
            raise Stopped
        tokens = batch.tokens.tolist()
        now = time.perf_counter()
        going = []
        for row, answer in live:
            answer.seconds += (now - started) / len(live)
            ended = tokens[row] in resident.base.eos_ids
            if not ended:
                answer.ids.append(tokens[row])
            if ended or len(answer.ids) == max_new_tokens or finished(answer.ids):
                yield answer
            else:
                going.append((row, answer))
        started = time.perf_counter()  # what was done with the answers is not part of them
        live = batch.without_finished(going)
        if not live:
            return
        batch.step()


class _Batch:
    """Rows that are decoded together, left-padded to one width; `tokens` [rows] are the ones to come next."""

    def __init__(self, resident: Resident, requests: Sequence[Request], families: list[list[int]]) -> None:
        self._resident = resident
        trunks = [requests[family[-1]] for family in families]
        self._before = resident.prefix_tokens(trunks[0].stack)
        self._cache = resident.cache([trunk.stack for trunk in trunks])
        trunk_of = [k for k, family in enumerate(families) for _ in family]
        rows = [requests[i] for family in families for i in family]
        self._stacks = [request.stack for request in rows]
        hidden = self._read(trunks)  # [trunks, width, d]
        width = hidden.shape[1]
        trunk = self._tensor(trunk_of)  # [rows]
        self._lengths = self._tensor([len(request.ids) for request in rows])  # [rows]
        start = width - self._tensor([len(request.ids) for request in trunks])[trunk]  # [rows]
        last = start + self._lengths - 1
        if len(rows) > len(trunks):
            # Each row takes its own beginning of its trunk, moved to the right end.
            columns = torch.arange(width, device=trunk.device) - width + 1 + last[:, None]  # [rows, width]
            prefix = torch.arange(self._before, device=trunk.device).expand(len(rows), -1)
            self._cache.spread(trunk, torch.cat([prefix, self._before + columns.clamp(min=0)], dim=1))
        mask = torch.arange(width, device=trunk.device) >= width - self._lengths[:, None]  # [rows, width]
        self._mask = self._with_prefix(mask)
        self._padded = not bool(mask.all())
        self._factors = resident.factors(self._stacks)
        self.tokens = resident.head.logits(hidden[trunk, last]).argmax(-1)

    def step(self) -> None:
        """Read `tokens` and find the next ones."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(self._mask), 1)], dim=1)
        hidden = self._resident.hidden(
            self.tokens[:, None],
            self._factors,
            self._mask if self._padded else None,
            self._before + self._lengths[:, None],
            self._cache,
        )
        self._lengths = self._lengths + 1
        self.tokens = self._resident.head.logits(hidden[:, -1]).argmax(-1)

    def without_finished(self, going: list[tuple[int, Decoded]]) -> list[tuple[int, Decoded]]:
        """Drop the rows that are not `going` once they are many enough to pay for moving the others."""
        if not going or len(going) > 0.75 * len(self._stacks):
            return going
        rows = [row for row, _ in going]
        self._cache.batch_select_indices(self._tensor(rows))
        self._stacks = [self._stacks[row] for row in rows]
        self._factors = self._resident.factors(self._stacks)
        self._mask, self._lengths, self.tokens = (x[rows] for x in (self._mask, self._lengths, self.tokens))
        return list(enumerate(answer for _, answer in going))

    def _read(self, trunks: list[Request]) -> Tensor:
        """Run the prompts through the model, [trunks, width, d]."""
        width = max(len(trunk.ids) for trunk in trunks)
        ids = self._tensor([[0] * (width - len(trunk.ids)) + list(trunk.ids) for trunk in trunks])
        lengths = self._tensor([len(trunk.ids) for trunk in trunks])
        positions = torch.arange(width, device=ids.device) - width + lengths[:, None]  # [trunks, width]
        mask = self._with_prefix(positions >= 0) if bool((lengths < width).any()) else None
        stacks = [trunk.stack for trunk in trunks]
        factors, soft = self._resident.factors(stacks), self._resident.soft(stacks)
        return self._resident.hidden(ids, factors, mask, self._before + positions.clamp(min=0), self._cache, soft)

    def _with_prefix(self, mask: Tensor) -> Tensor:
        """The mask [rows, t] with the prefix before it, [rows, before + t]."""
        return torch.cat([mask.new_ones(len(mask), self._before), mask], dim=1)

    def _tensor(self, values: list[int] | list[list[int]]) -> Tensor:
        return torch.tensor(values, device=self._resident.base.device)
