"""Which adapters serve a dialogue: those of its recipe, and of a mixture's experts the shares of its gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from lab.errors import LabError
from lab.methods.recipe import AdapterRef, Gated, Recipe
from lab.models.gate import Gate, load_gate
from lab.tasks.context import JobContext
from lab.tasks.prompting import Prompter

GATE_FILE = "gate.safetensors"


class Gating:
    """Looks at what the user says first, as retrieval does: a dialogue keeps its adapters to its end."""

    def __init__(self, context: JobContext, prompter: Prompter) -> None:
        self._context, self._prompter = context, prompter
        self._gates: dict[str, Gate] = {}

    def adapters(self, recipe: Recipe, turns: Sequence[Mapping[str, str]]) -> tuple[AdapterRef, ...]:
        """All adapters for a dialogue that begins so, each with its weight."""
        if recipe.gated is None:
            return recipe.adapters
        opening = torch.from_numpy(self._prompter.opening(turns))[None].float()  # [1, f]
        shares = self._gate(recipe.gated).shares(opening, recipe.gated.top)[0].tolist()  # K
        chosen = zip(recipe.gated.experts, shares, strict=True)
        return (*recipe.adapters, *(replace(expert, weight=share) for expert, share in chosen if share > 0))

    def digest(self, recipe: Recipe) -> str | None:
        """The digest of the gate that shares dialogues out under this recipe; None where it has none."""
        return None if recipe.gated is None else self._gate(recipe.gated).digest()

    def _gate(self, gated: Gated) -> Gate:
        if gated.digest not in self._gates:
            file = self._context.fetched(f"{gated.folder}/{GATE_FILE}")
            gate = load_gate(file)
            if gate.digest() != gated.digest:
                raise LabError(f"{file}: this is not the gate that was trained; run the study again, and it is.")
            self._gates[gated.digest] = gate
        return self._gates[gated.digest]
