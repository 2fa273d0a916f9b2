"""A base model with hundreds of adapters in memory, any of which can serve any row of a batch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lab.errors import LabError
from lab.models.base import BaseModel
from lab.models.kv_cache import KeyValueCache, Pasts
from lab.models.lora import Adapter, Factors, GroupedLinear, attach, clear
from lab.models.loss import Head

Stack = tuple[tuple[str, float], ...]
"""The adapters a row goes through, each with its weight: ((adapter id, weight), ...). () is the plain base."""

SiteFactors = Mapping[str, tuple[Factors, ...]]


class Resident:
    """The base model and the adapters that were added to it."""

    def __init__(self, base: BaseModel) -> None:
        self.base = base
        self.head = Head.of(base.model)
        self.pasts = Pasts(base.model.config)
        self._decoder = base.model.get_decoder()  # type: ignore[no-untyped-call]
        self._takes_positions = "position_ids" in inspect.signature(self._decoder.forward).parameters
        self._sites: dict[str, GroupedLinear] = {}
        # adapter id → site → (A [r, in], s·Bᵀ [r, out]) in the base's number format
        self._adapters: dict[str, dict[str, tuple[Tensor, Tensor]]] = {}
        self._ranks: dict[str, int] = {}
        self._check_head()

    def add(self, adapter: Adapter) -> str:
        """Keep `adapter` in memory and return its id, its digest. Raises LabError if it is another model's."""
        digest = adapter.digest()
        if digest in self._adapters:
            return digest
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
        return digest

    def rank(self, stack: Stack) -> int:
        """The rank of a row's factors: the ranks of its adapters added up."""
        return sum(self._ranks[name] for name, _ in self._known(stack))

    def factors(self, stacks: Sequence[Stack]) -> SiteFactors:
        """Factors that put row i through stacks[i]; one pair for all rows where they share one stack.

        A stack becomes one pair: A and B concatenated along the rank, its weights in B, with zeros up to the
        widest stack of the batch.
        """
        distinct = list(dict.fromkeys(self._known(stack) for stack in stacks))
        used = {site for stack in distinct for name, _ in stack for site in self._adapters[name]}
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
    ) -> Tensor:
        """Run ids [rows, t] and return the final hidden states [rows, t, d].

        `mask` [rows, cached + t] is False at padding (None: there is none), `positions` [rows, t] the place of
        each token in its row. The factors are on for this call only.
        """
        arguments = {"position_ids": positions} if self._takes_positions else {}
        for site, layer in self._sites.items():
            layer.factors = factors.get(site, ())
        try:
            output = self._decoder(
                input_ids=ids,
                attention_mask=None if mask is None else mask.long(),
                past_key_values=cache,
                use_cache=cache is not None,
                **arguments,
            )
        finally:
            clear(self._sites)
        hidden: Tensor = output.last_hidden_state
        return hidden

    def _known(self, stack: Stack) -> Stack:
        for name, _ in stack:
            if name not in self._adapters:
                raise LabError(f"The adapter {name[:12]} is not in memory; add it before serving with it.")
        return stack

    def _pair(self, site: str, stack: Stack) -> tuple[Tensor, Tensor]:
        """A [R, in] and Bᵀ [R, out] of a whole stack at one site; R is 0 if it does nothing there."""
        layer = self._sites[site]
        a = [layer.weight.new_empty(0, layer.in_features)]
        b = [layer.weight.new_empty(0, layer.out_features)]
        for name, weight in stack:
            if site in self._adapters[name]:
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
