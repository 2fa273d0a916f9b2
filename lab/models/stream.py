"""An answer as it is written, for one reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from lab.models.answer import Row, answer_text, is_complete, request_of, settled_text
from lab.models.kv_cache import Past
from lab.models.resident import Resident, SiteFactors


@torch.no_grad()
def stream(
    resident: Resident,
    row: Row,
    max_new_tokens: int = 256,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[str]:
    """Yield the greedy answer piece by piece; joined, the pieces are the text that `generate` gives.

    No piece holds half a character or half of what ends an answer. It ends within a token's time when
    `should_stop()` says so. The next turn of a chat under the same adapters reads only what is new.
    """
    base = resident.base
    request = request_of(resident, row, max_new_tokens)
    stack = request.stack
    factors = resident.factors([stack])
    past = resident.pasts.take(stack, request.ids, lambda: Past(resident.cache([stack]), resident.prefix_tokens(stack)))
    fresh = list(request.ids[len(past.ids) :])
    answer: list[int] = []
    sent = 0
    while len(answer) < max_new_tokens and not should_stop():
        soft = None if past.ids else resident.soft([stack])
        token = _next(resident, past, fresh, factors, soft)
        if token in base.eos_ids:
            break
        answer.append(token)
        if is_complete(base, answer):
            break
        fresh = [token]
        text = settled_text(base, answer)
        if len(text) > sent:
            piece, sent = text[sent:], len(text)
            yield piece
    resident.pasts.keep(stack, past)
    if rest := answer_text(base, answer)[sent:]:
        yield rest


def _next(resident: Resident, past: Past, fresh: list[int], factors: SiteFactors, soft: Tensor | None) -> int:
    """Read the fresh tokens and find the one that follows."""
    ids = torch.tensor([fresh], device=resident.base.device)
    first = past.before + len(past.ids)
    positions = torch.arange(first, first + len(fresh), device=ids.device)[None]
    hidden = resident.hidden(ids, factors, None, positions, past.cache, soft)  # [1, fresh, d]
    past.ids += fresh
    return int(resident.head.logits(hidden[0, -1]).argmax())
