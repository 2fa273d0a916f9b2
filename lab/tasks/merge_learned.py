"""Weights of merges that are learned: what fits a persona's val dialogues best (LoraHub, Huang et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lab.methods.recipe import RecipeBook
from lab.models.blend import Blend, BlendConfig
from lab.models.lora import Adapter
from lab.models.train import train_groups
from lab.models.training import GroupData, GroupResult
from lab.tasks import warm
from lab.tasks.adapters import as_one
from lab.tasks.context import JobContext
from lab.tasks.examples import Reader
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.material import material
from lab.tasks.prompting import Prompter
from lab.tasks.resume import resumed
from lab.tasks.train_config import train_config
from lab.tasks.train_watch import Watcher


def learn_weights(
    context: JobContext, book: RecipeBook, picked: Mapping[str, tuple[str, ...]], load: Callable[[str], Adapter]
) -> dict[str, tuple[float, ...]]:
    """Persona → a weight for each of the personas picked for it; none for a persona without a val dialogue.

    `load` gives a persona's own adapter. Weights begin equal, and need not add up to 1.
    """
    base, given = warm.base_model(context), material(context)
    reader = Reader(base, given, Prompter(context, given), book, context.spec["training"]["max_length"])
    groups = []
    for persona, others in picked.items():
        if examples := reader.examples([persona], "val"):
            below = as_one(context, book[persona].adapters[:-1])
            groups.append(GroupData(persona, examples, under=below, experts=[load(other) for other in others]))
    found: dict[str, tuple[float, ...]] = {}

    def keep(result: GroupResult) -> None:
        assert isinstance(result.learned, Blend)
        found[result.name] = tuple(result.learned.weights.tolist())

    def learn(resume: Path | None) -> None:
        found.clear()
        train_groups(
            base.model,
            groups,
            BlendConfig(),
            train_config(context),
            on_result=keep,
            on_event=Watcher(context, [group.name for group in groups]),
            should_stop=context.should_stop,
            checkpoint=context.folder / CHECKPOINT_FOLDER,
            resume=resume,
        )

    if groups:
        resumed(context, learn)
    return found
