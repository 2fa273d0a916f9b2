"""Merge the adapters that another method trained: one for each persona, or one for each cluster."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lab.errors import LabError
from lab.methods.declare import Merge
from lab.methods.recipe import AdapterRef, RecipeBook, read_book, write_book
from lab.models.lora import Adapter
from lab.models.merge import merge
from lab.models.peft_format import save_peft
from lab.report.predictions import read_predictions
from lab.tasks.adapters import read_lora
from lab.tasks.cluster import Clusters, all_alike, read_clusters, with_newcomers
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.material import material
from lab.tasks.merge_learned import learn_weights
from lab.tasks.messages import Done, Progress


@dataclass(frozen=True)
class Mix:
    """Whose adapters are merged, and with which weights, which add up to 1."""

    personas: tuple[str, ...]
    weights: tuple[float, ...]


def run(context: JobContext) -> Done:
    """Merge; the artifact holds `adapters/NNNN/` in PEFT's format and `recipes.json`."""
    began = time.perf_counter()
    how = Merge(**context.spec["merge"], of="any")
    book = read_book(context.needed("of")) | _others(context)
    mixes, labels = _chosen(context, how)
    shelf = _Shelf(context, book, how)
    if how.weights == "learned":
        mixes = _with_learned(context, mixes, shelf)
    sharers = Counter(mixes.values())
    merged: RecipeBook = {}
    for number, (persona, mix) in enumerate(mixes.items()):
        if context.should_stop():
            raise JobStopped
        label = persona if sharers[mix] == 1 else f"cluster {labels[persona]}"
        reference = shelf.merged(mix, label)
        recipe = book[persona]
        merged[persona] = replace(recipe, adapters=(*recipe.adapters[:-1], reference))
        context.progress(Progress(progress=number / len(mixes), step=number, total_steps=len(mixes)))
    write_book(merged, context.folder)
    context.log(f"{len(shelf.made)} merged adapter(s) for {len(merged)} personas")
    return Done(
        "", {"train_seconds": time.perf_counter() - began, "parameters": shelf.parameters, "adapters": len(shelf.made)}
    )


def _others(context: JobContext) -> RecipeBook:
    """The recipes of those whom newcomers are merged with."""
    folder = context.input("others")
    return read_book(folder) if folder else {}


def _chosen(context: JobContext, how: Merge) -> tuple[dict[str, Mix], dict[str, int]]:
    """Persona → what is merged for it, and its cluster; each newcomer is alone among those who were there before."""
    scores = {**_val_scores(context.input("scores")), **_val_scores(context.input("scores of others"))}
    folder, seed = context.input("clusters"), context.spec["seed"]
    if context.input("others") is None:
        clusters = read_clusters(folder) if folder else all_alike(material(context).personas)
        return choose(how, clusters, scores, seed), clusters.clustering.labels
    found = with_newcomers(context, material(context), folder) if folder else _newcomers_alike(context)
    mixes = {persona: choose(how, clusters, scores, seed)[persona] for persona, clusters in found.items()}
    return mixes, {persona: clusters.clustering.labels[persona] for persona, clusters in found.items()}


def _newcomers_alike(context: JobContext) -> dict[str, Clusters]:
    """Each newcomer among those who were there before, where it does not matter who is alike."""
    others = _others(context)
    return {persona: all_alike([*others, persona]) for persona in material(context).personas}


def _with_learned(context: JobContext, mixes: dict[str, Mix], shelf: _Shelf) -> dict[str, Mix]:
    """The same personas' adapters with the weights that fit each one's val dialogues."""
    for mix in mixes.values():
        shelf.check(mix)
    found = learn_weights(context, shelf.book, {p: mix.personas for p, mix in mixes.items()}, shelf.own)
    for persona in mixes.keys() - found.keys():
        context.log(f"{persona} has no val dialogue: its weights stay equal")
    return {p: Mix(mix.personas, found.get(p, mix.weights)) for p, mix in mixes.items()}


def choose(how: Merge, clusters: Clusters, scores: dict[str, float], seed: int) -> dict[str, Mix]:
    """Persona → what is merged for it, from the personas' vectors, clusters and val scores."""
    unit = _unit(clusters.vectors)
    place = {persona: number for number, persona in enumerate(clusters.personas)}
    neighbours = clusters.members() if how.within == "cluster" else {0: list(clusters.personas)}
    mixes: dict[str, Mix] = {}
    for members in neighbours.values():
        for persona in members:
            similar = unit[[place[other] for other in members]] @ unit[place[persona]]  # [members]
            picked = _picked(how, members, similar, persona, seed)
            cosine = {other: float(similar[members.index(other)]) for other in picked}
            mixes[persona] = Mix(tuple(picked), _weights(how, picked, cosine, clusters, scores))
    return {persona: mixes[persona] for persona in clusters.personas}


def _picked(how: Merge, members: list[str], similar: NDArray[np.float64], persona: str, seed: int) -> list[str]:
    """The `nearest` members: its own adapter and the most similar others, or random others."""
    wanted = min(how.nearest or len(members), len(members))
    others = [other for other in members if other != persona]
    if how.choose == "random":
        order = np.random.default_rng([seed, members.index(persona)]).permutation(len(others))
        return sorted([persona, *(others[i] for i in order[: wanted - 1])])
    nearness = dict(zip(members, similar.tolist(), strict=True))
    others.sort(key=lambda other: (-nearness[other], other))
    return sorted([persona, *others[: wanted - 1]])


def _weights(
    how: Merge, picked: Sequence[str], cosine: dict[str, float], clusters: Clusters, scores: dict[str, float]
) -> tuple[float, ...]:
    if how.weights in ("equal", "learned"):
        raw = [1.0] * len(picked)
    elif how.weights == "cosine":
        raw = [max(cosine[other], 0.0) for other in picked]
    else:
        raw = [max(scores.get(other, 0.0), 0.0) * clusters.clustering.centrality[other] for other in picked]
    total = sum(raw)
    return tuple(weight / total for weight in raw) if total > 0 else tuple([1 / len(picked)] * len(picked))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1.0)


def _val_scores(folder: Path | None) -> dict[str, float]:
    """Persona → mean similarity on val under its own adapter."""
    found: dict[str, list[float]] = {}
    for prediction in read_predictions(folder) if folder else ():
        found.setdefault(prediction.persona_id, []).append(prediction.similarity)
    return {persona: float(np.mean(values)) for persona, values in found.items()}


@dataclass
class _Shelf:
    """Merged adapters on disk; what is merged alike is merged once."""

    context: JobContext
    book: RecipeBook
    how: Merge
    made: dict[Mix, AdapterRef] = field(default_factory=dict)
    parameters: int = 0

    def __post_init__(self) -> None:
        self._load = lru_cache(maxsize=256)(partial(read_lora, self.context))

    def own(self, persona: str) -> Adapter:
        """The adapter of a persona's own that can be merged with others'."""
        return self._load(self.book[persona].adapters[-1])

    def merged(self, mix: Mix, label: str) -> AdapterRef:
        if mix in self.made:
            return self.made[mix]
        self.check(mix)
        adapters = [self.own(other) for other in mix.personas]
        how, seed = self.how, self.context.spec["seed"]
        adapter = merge(adapters, mix.weights, how.how, rank=how.rank, density=how.density, seed=seed)
        folder = self.context.folder / "adapters" / f"{len(self.made):04d}"
        save_peft(adapter, folder, self.context.spec["base"])
        self.parameters += adapter.parameters()
        name = f"{self.context.assignment.method}/{label}"
        self.made[mix] = AdapterRef(name, self.context.relative(folder), adapter.digest())
        return self.made[mix]

    def check(self, mix: Mix) -> None:
        """The recipes must differ in their last adapter only."""
        stacks = [self.book[other].adapters for other in mix.personas]
        if not all(stacks):
            raise LabError("there is no adapter to merge; name a method in merge.of that trains some.")
        if len({stack[:-1] for stack in stacks}) > 1:
            raise LabError("the adapters to merge stand on different ones; merge such that stand on one.")
