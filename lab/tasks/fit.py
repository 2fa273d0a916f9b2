"""Fit newcomers' vectors to a user embedding that an older study trained: its LoRA and projector stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.methods.recipe import AdapterRef, Recipe
from lab.models.base import BaseModel
from lab.models.train import train_groups
from lab.models.training import GroupData, TrainSummary
from lab.models.users import VectorConfig, load_users
from lab.tasks import warm
from lab.tasks.adapters import as_one
from lab.tasks.adopt import alike
from lab.tasks.context import JobContext
from lab.tasks.examples import Reader
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.material import material
from lab.tasks.messages import Done
from lab.tasks.prompting import Prompter
from lab.tasks.recipes import begun, book_under, with_prompt
from lab.tasks.resume import resumed
from lab.tasks.train_config import train_config
from lab.tasks.train_shelf import USERS_FILE, Shelf
from lab.tasks.train_watch import Watcher

Stack = tuple[AdapterRef, ...]


def run(context: JobContext) -> Done:
    """Fit; the artifact holds a soft prompt for each newcomer in PEFT's format, and `recipes.json`."""
    base, given, under = warm.base_model(context), material(context), book_under(context)
    recipes: dict[str, Recipe] = {}
    for persona, other in alike(context, given).items():
        own = with_prompt(context, given, persona, begun(context, under, persona))
        recipes[persona] = replace(own, adapters=other.adapters[:-1])  # the last is that one's own soft prompt
    reader = Reader(base, given, Prompter(context, given), recipes, context.spec["training"]["max_length"])
    shelf = Shelf(context, base.name, given.personas)
    runs: list[TrainSummary] = []
    waves = 0
    for number, (stack, personas) in enumerate(_by_stack(recipes)):
        summary, waves = _Run(context, base, reader, number, stack, personas).fit(shelf, waves)
        runs.append(summary)
    shelf.check(context.log)
    parameters = shelf.write_book({persona: [persona] for persona in recipes}, {}, recipes)
    seconds, tokens = sum(one.seconds for one in runs), sum(one.tokens for one in runs)
    context.log(f"fitted the vectors of {len(recipes)} newcomer(s) on {tokens:,} tokens in {seconds:.1f} s")
    return Done("", {"train_seconds": seconds, "tokens": tokens, "parameters": parameters, "groups": len(recipes)})


def _by_stack(recipes: dict[str, Recipe]) -> Iterator[tuple[Stack, list[str]]]:
    """Newcomers who share adapters, and so a projector."""
    for stack in dict.fromkeys(recipe.adapters for recipe in recipes.values()):
        yield stack, [persona for persona, recipe in recipes.items() if recipe.adapters == stack]


@dataclass(frozen=True)
class _Run:
    """Newcomers who are fitted to one projector; each is a group."""

    context: JobContext
    base: BaseModel
    reader: Reader
    number: int
    stack: Stack
    personas: Sequence[str]

    def fit(self, shelf: Shelf, begun: int) -> tuple[TrainSummary, int]:
        """Fit, from the mean of the vectors that are there; returns how many waves there were, counted from `begun`."""
        context, below = self.context, as_one(self.context, self.stack)
        projector, vectors = load_users(context.fetched(f"{self.stack[-1].folder}/{USERS_FILE}"))
        fitted = VectorConfig(projector, vectors.mean(dim=0))
        reader = replace(self.reader, virtual=fitted.tokens)
        groups = [
            GroupData(p, reader.examples([p], "train"), reader.examples([p], "val"), under=below) for p in self.personas
        ]

        part = f"{self.number:04d}"

        def train(resume: Path | None) -> tuple[TrainSummary, int]:
            watcher = Watcher(context, list(self.personas), begun)
            summary = train_groups(
                self.base.model,
                groups,
                fitted,
                train_config(context),
                on_result=shelf.put,
                on_event=watcher,
                should_stop=context.should_stop,
                checkpoint=context.folder / CHECKPOINT_FOLDER / part,
                resume=resume,
            )
            return summary, watcher.waves

        return resumed(context, train, part, begun)
