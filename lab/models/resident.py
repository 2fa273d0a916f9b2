"""A base model with hundreds of adapters in memory, any of which can serve any row of a batch.

"Adapter" is meant as PEFT means it: LoRA factors, a soft prompt or a prefix.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lab.errors import LabError
from lab.models.base import BaseModel
from lab.models.kv_cache import KeyValueCache, Pasts
from lab.models.lora import Adapter, Factors, GroupedLinear, attach, clear
from lab.models.loss import Head
from lab.models.memory import is_out_of_memory
from lab.models.training import Servable
from lab.models.virtual import VIRTUAL, VirtualTokens, key_value_shape

Stack = tuple[tuple[str, float], ...]
"""The adapters a row goes through, each with its weight: ((adapter id, weight), ...). () is the plain base."""

SiteFactors = Mapping[str, tuple[Factors, ...]]


class Resident:
    """The base model and the adapters that were added to it."""

    def __init__(self, base: BaseModel) -> None:
        self.base = base
        self.head = Head.of(base.model)
        self.pasts = Pasts()
        self._embed = base.model.get_input_embeddings()
        self._decoder = base.model.get_decoder()  # type: ignore[no-untyped-call]
        self._takes_positions = "position_ids" in inspect.signature(self._decoder.forward).parameters
        self._sites: dict[str, GroupedLinear] = {}
        # adapter id → site → (A [r, in], s·Bᵀ [r, out]) in the base's number format
        self._adapters: dict[str, dict[str, tuple[Tensor, Tensor]]] = {}
        self._ranks: dict[str, int] = {}
        self._soft: dict[str, Tensor] = {}  # adapter id → input vectors [v, d]
        self._prefixes: dict[str, Tensor] = {}  # adapter id → keys and values [layers, 2, 1, heads, v, size]
        self._check_head()
        self._check_cache()

    def add(self, adapter: Servable) -> str:
        """Keep `adapter` in memory and return its id, its digest. Raises LabError if it is another model's."""
        digest = adapter.digest()
        if digest not in self._ranks:
            if isinstance(adapter, Adapter):
                self._add_lora(digest, adapter)
            else:
                self._add_virtual(digest, adapter)
        return digest

    def _add_virtual(self, digest: str, tokens: VirtualTokens) -> None:
        vectors = tokens.vectors.to(self.base.device, self.base.dtype)
        if tokens.config.kind == "soft-prompt":
            width, kept = self.head.weight.shape[1], self._soft
        else:
            shape = key_value_shape(self.base.model)
            width, kept = shape.width, self._prefixes
        if vectors.shape[1] != width:
            raise LabError(
                f"The {tokens.config.kind} {digest[:12]} does not fit {self.base.name}: its vectors have another "
                "size; serve it on the base model it was trained on."
            )
        kept[digest] = vectors if tokens.config.kind == "soft-prompt" else shape.spread(vectors[None])
        self._ranks[digest] = 0

    def _add_lora(self, digest: str, adapter: Adapter) -> None:
        sites = attach(self.base.model, adapter.config.targets)
        for site, a in adapter.a.items():
            layer, out = sites.get(site), adapter.b[site].shape[0]
            if layer is None or (layer.in_features, layer.out_features) != (a.shape[1], out):
                raise LabError(
                    f"The adapter {digest[:12]} does not fit {self.base.name}: {site} is missing there or has "
                    "another size; serve it on the base model it was trained on."
                )
        self._sites |= sites
        self._ranks[digest] = adapter.config.rank
        self._adapters[digest] = {
            site: (
                a.to(self.base.device, self.base.dtype),
                (adapter.b[site].mT * adapter.config.scale).to(self.base.device, self.base.dtype),
            )
            for site, a in adapter.a.items()
        }

    def rank(self, stack: Stack) -> int:
        """The rank of a row's factors: the ranks of its adapters added up."""
        return sum(self._ranks[name] for name, _ in self._known(stack))

    def virtual_tokens(self, stack: Stack) -> int:
        """Tokens of the stack's soft prompts: so many ids `VIRTUAL` come before a row's own."""
        return sum(len(self._soft[name]) for name, _ in self._known(stack) if name in self._soft)

    def prefix_tokens(self, stack: Stack) -> int:
        """Places that the stack's prefixes take up in the cache before anything is read."""
        return sum(self._prefixes[name].shape[4] for name, _ in self._known(stack) if name in self._prefixes)

    def soft(self, stacks: Sequence[Stack]) -> Tensor | None:
        """Input vectors [rows, v, d] for the virtual tokens of each row, zeros behind; None if no row has any."""
        rows = [[self._soft[name] for name, _ in stack if name in self._soft] for stack in stacks]
        if not any(rows):
            return None
        nothing = self.head.weight.new_empty(0, self.head.weight.shape[1])
        return pad_sequence([torch.cat([nothing, *parts]) for parts in rows], batch_first=True)

    def cache(self, stacks: Sequence[Stack]) -> KeyValueCache:
        """An empty cache but for the rows' prefixes, which must be of one length."""
        cache = KeyValueCache(self.base.model.config)
        if self.prefix_tokens(stacks[0]):
            rows = [torch.cat([self._prefixes[name] for name, _ in s if name in self._prefixes], 4) for s in stacks]
            for number, (keys, values) in enumerate(torch.cat(rows, dim=2)):
                cache.update(keys, values, number)
        return cache

    def factors(self, stacks: Sequence[Stack]) -> SiteFactors:
        """Factors that put row i through stacks[i]; one pair for all rows where they share one stack.

        A stack becomes one pair: A and B concatenated along the rank, its weights in B, with zeros up to the
        widest stack of the batch.
        """
        distinct = list(dict.fromkeys(self._known(stack) for stack in stacks))
        used = {site for stack in distinct for name, _ in stack for site in self._adapters.get(name, ())}
        place = {stack: i for i, stack in enumerate(distinct)}
        rows = torch.tensor([place[stack] for stack in stacks], device=self.base.device)
        found: dict[str, tuple[Factors, ...]] = {}
        for site in used:
            pairs = [self._pair(site, stack) for stack in distinct]
            a = pad_sequence([a for a, _ in pairs], batch_first=True)  # [distinct, R, in]
            b = pad_sequence([b for _, b in pairs], batch_first=True)  # [distinct, R, out]
            if len(distinct) > 1:
                a, b = a[rows], b[rows]  # [rows, R, ...]
            found[site] = (Factors(a, b.mT, 1.0),)
        return found

    def hidden(
        self,
        ids: Tensor,
        factors: SiteFactors,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KeyValueCache | None = None,
        soft: Tensor | None = None,
    ) -> Tensor:
        """Run ids [rows, t] and return the final hidden states [rows, t, d].

        `mask` [rows, cached + t] is False at padding (None: there is none), `positions` [rows, t] the place of
        each token in its row, `soft` [rows, v, d] what stands for ids that are `VIRTUAL`. The factors are on for
        this call only.
        """
        arguments: dict[str, Any] = {"position_ids": positions} if self._takes_positions else {}
        arguments |= {"input_ids": ids} if soft is None else {"inputs_embeds": self._embedded(ids, soft)}
        for site, layer in self._sites.items():
            layer.factors = factors.get(site, ())
        try:
            output = self._decoder(
                attention_mask=None if mask is None else mask.long(),
                past_key_values=cache,
                use_cache=cache is not None,
                **arguments,
            )
        finally:
            clear(self._sites)
        hidden: Tensor = output.last_hidden_state
        return hidden

    def _embedded(self, ids: Tensor, soft: Tensor) -> Tensor:
        virtual = ids == VIRTUAL  # [rows, t]
        place = (virtual.cumsum(1) - 1).clamp(min=0)  # [rows, t] which of the row's virtual tokens
        vectors = soft.gather(1, place[..., None].expand(-1, -1, soft.shape[2]))  # [rows, t, d]
        embedded: Tensor = self._embed(ids.clamp(min=0))
        return torch.where(virtual[..., None], vectors, embedded)

    def _known(self, stack: Stack) -> Stack:
        for name, weight in stack:
            if name not in self._ranks:
                raise LabError(f"The adapter {name[:12]} is not in memory; add it before serving with it.")
            if weight != 1.0 and name not in self._adapters:
                kind = "soft prompt" if name in self._soft else "prefix"
                raise LabError(f"The {kind} {name[:12]} can be served with weight 1 only; got {weight:g}.")
        return stack

    def _pair(self, site: str, stack: Stack) -> tuple[Tensor, Tensor]:
        """A [R, in] and Bᵀ [R, out] of a whole stack at one site; R is 0 if it does nothing there."""
        layer = self._sites[site]
        a = [layer.weight.new_empty(0, layer.in_features)]
        b = [layer.weight.new_empty(0, layer.out_features)]
        for name, weight in stack:
            if site in self._adapters.get(name, ()):
                a_i, b_i = self._adapters[name][site]
                a.append(a_i)
                b.append(b_i if weight == 1.0 else b_i * weight)
        return torch.cat(a), torch.cat(b)

    @torch.no_grad()
    def _check_head(self) -> None:
        """Only wanted positions go through the head, so it is used apart from the model; see that it may be."""
        ids = torch.arange(5, 11, device=self.base.device)[None]
        expected = self.base.model(input_ids=ids, use_cache=False).logits.float()
        error = (self.head.logits(self.hidden(ids, {})) - expected).abs().max()
        if error > 0.05 * expected.abs().max():
            raise LabError(f"{self.base.name} makes its logits in a way this lab does not know.")

    @torch.no_grad()
    def _check_cache(self) -> None:
        """Answers grow token by token beside longer rows; see that the model says there what it says alone.

        Architectures without keys and values, or with layers that do not heed padding, are off by all of their logits.
        """
        ids = torch.arange(5, 11, device=self.base.device)
        alone = [self.base.model(input_ids=row[None], use_cache=False).logits[0, -1] for row in (ids, ids[2:])]
        positions = torch.stack([torch.arange(6), torch.arange(-2, 4)]).to(ids.device)  # [2, 6]
        mask, cache = positions >= 0, KeyValueCache(self.base.model.config)
        rows, places = ids * mask, positions.clamp(min=0)
        try:
            self.hidden(rows[:, :5], {}, mask[:, :5], places[:, :5], cache)
            together = self.head.logits(self.hidden(rows[:, 5:], {}, mask, places[:, 5:], cache)[:, -1])
            same = all((one - own).norm() <= 0.3 * own.norm() for one, own in zip(together, alone, strict=True))
        except (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            same = False
        if not same:
            kind = type(self.base.model).__name__
            raise LabError(
                f"{self.base.name} ({kind}) keeps what it has read in a way this lab does not know, so it cannot "
                "answer many at once; choose a decoder with attention, such as Qwen, Llama or SmolLM."
            )
