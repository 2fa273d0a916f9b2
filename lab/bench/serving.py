"""What evaluation and chat have in common: an adapter per persona, resident here and loaded in `peft`."""

from __future__ import annotations

import dataclasses

import torch

from lab.bench.material import Material, prompts
from lab.models.lora import Adapter, attach
from lab.models.resident import Resident
from lab.models.serve import Row
from lab.models.trained_lora import initial_adapter

_SPREAD = 0.05  # of B's weights: enough for personas to answer differently


def resident_with(
    material: Material, adapters: dict[str, Adapter], *, endless: bool = False
) -> tuple[Resident, dict[str, str]]:
    """The base with these adapters in memory, and persona → adapter id. If `endless`, no token ends an answer."""
    base = material.base
    if endless:
        base = dataclasses.replace(base, eos_ids=frozenset(), stop_strings=())
    resident = Resident(base)
    return resident, {persona: resident.add(adapter) for persona, adapter in adapters.items()}


def random_adapters(material: Material) -> dict[str, Adapter]:
    """An adapter of its own for each persona: the work does not depend on what was learned."""
    lora = material.settings.lora
    sites = attach(material.base.model, lora.targets)
    made = {}
    for seed, persona in enumerate(material.personas):
        adapter = initial_adapter(sites, lora, seed)
        random = torch.Generator().manual_seed(seed)
        adapter.b = {site: torch.randn(b.shape, generator=random) * _SPREAD for site, b in adapter.b.items()}
        made[persona] = adapter
    return made


def rows_of(material: Material, ids: dict[str, str]) -> list[tuple[str, Row]]:
    """(persona, row) for every assistant turn held out, those of one persona together."""
    return [
        (persona, Row(beginning, ((ids[persona], 1.0),)))
        for persona in material.personas
        for messages in material.held_out(persona)
        for beginning in prompts(messages)
    ]
