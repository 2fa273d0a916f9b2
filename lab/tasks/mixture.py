"""Learn a gate over another method's adapters: which experts answer a dialogue, from what the user says first.

The gate learns from val dialogues, as whatever chooses here does: on its own train dialogues each expert looks
better than it is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.errors import LabError
from lab.methods.recipe import AdapterRef, Gated, Recipe, RecipeBook, read_book, write_book
from lab.models.gate import Gate, GateConfig, save_gate
from lab.models.train import train_groups
from lab.models.training import GroupData, GroupResult, TrainSummary
from lab.tasks import warm
from lab.tasks.adapters import as_one, read_lora
from lab.tasks.context import JobContext
from lab.tasks.examples import Reader
from lab.tasks.gating import GATE_FILE
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.material import material
from lab.tasks.messages import Done
from lab.tasks.prompting import Prompter
from lab.tasks.resume import resumed
from lab.tasks.train_config import train_config
from lab.tasks.train_watch import Watcher

_GROUP = "gate"


def run(context: JobContext) -> Done:
    """Train the gate; the artifact holds it and `recipes.json`."""
    base, given = warm.base_model(context), material(context)
    book = read_book(context.needed("of"))
    experts, below = _experts(book)
    reader = Reader(base, given, Prompter(context, given), book, context.spec["training"]["max_length"], features=True)
    examples = reader.examples(given.personas, "val")
    if not examples:
        raise LabError("a gate is learned from val dialogues, but no persona here has one; change split.")
    assert examples[0].features is not None
    loras = [read_lora(context, expert) for expert in experts]
    group = GroupData(_GROUP, examples, under=as_one(context, below), experts=loras)
    results: list[GroupResult] = []

    def train(resume: Path | None) -> TrainSummary:
        results.clear()
        return train_groups(
            base.model,
            [group],
            GateConfig(len(examples[0].features)),  # type: ignore[arg-type]
            train_config(context),
            on_result=results.append,
            on_event=Watcher(context, [_GROUP]),
            should_stop=context.should_stop,
            checkpoint=context.folder / CHECKPOINT_FOLDER,
            resume=resume,
        )

    summary = resumed(context, train)
    gate = results[0].learned
    assert isinstance(gate, Gate)
    save_gate(gate, context.folder / GATE_FILE)
    gated = Gated(experts, context.relative(context.folder), gate.digest(), context.spec["top"])
    write_book({p: _with_gate(book, p, gated) for p in given.personas}, context.folder)
    context.log(f"a gate over {len(experts)} experts, from {len(examples)} val dialogues")
    return Done("", {"train_seconds": summary.seconds, "tokens": summary.tokens, "parameters": gate.parameters()})


def _experts(book: RecipeBook) -> tuple[tuple[AdapterRef, ...], tuple[AdapterRef, ...]]:
    """The distinct last adapters of the recipes, and what all of them stand on."""
    stacks = {recipe.adapters for recipe in book.values()}
    if () in stacks or any(recipe.gated for recipe in book.values()):
        raise LabError("a mixture needs adapters to weigh; name a method in mixture.of that trains some.")
    if len({stack[:-1] for stack in stacks}) > 1:
        raise LabError("the adapters to weigh stand on different ones; name a method whose adapters stand on one.")
    experts = tuple(dict.fromkeys(recipe.adapters[-1] for recipe in book.values()))
    if len(experts) < 2:
        raise LabError("a mixture needs two adapters or more; name a method in mixture.of that trains several.")
    return experts, next(iter(stacks))[:-1]


def _with_gate(book: RecipeBook, persona: str, gated: Gated) -> Recipe:
    recipe = book[persona]
    return replace(recipe, adapters=recipe.adapters[:-1], gated=gated)
