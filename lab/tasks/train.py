"""Train a method's adapters, all groups in one pass, and write its recipe book."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.data.types import Dialogue
from lab.errors import LabError
from lab.methods.declare import Lora, Training
from lab.methods.recipe import AdapterRef, RecipeBook
from lab.models.base import BaseModel
from lab.models.batching import Example
from lab.models.chat_template import encode_dialogue
from lab.models.checkpoint import StaleCheckpointError
from lab.models.lora import Adapter, LoraConfig, concatenate, named_targets
from lab.models.peft_format import load_peft
from lab.models.train import train_groups
from lab.models.training import GroupData, LearnedConfig, Stopped, TrainConfig, TrainSummary
from lab.models.virtual import VirtualConfig
from lab.tasks import warm
from lab.tasks.cluster import read_clusters
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.material import Material, material
from lab.tasks.messages import Done, Progress
from lab.tasks.prompting import Prompter
from lab.tasks.recipes import begun, book_under, with_prompt
from lab.tasks.train_shelf import EVERYONE, Shelf
from lab.tasks.train_watch import Watcher
from lab.tasks.tuning import label, settings, spread


def run(context: JobContext) -> Done:
    """Train; the artifact holds `adapters/NNNN/` in PEFT's format and `recipes.json`."""
    spec = context.spec
    base = warm.base_model(context)
    given = material(context)
    members = _members(context, given)
    under = book_under(context)
    recipes = {p: with_prompt(context, given, p, begun(context, under, p)) for p in given.personas}
    reader = _Reader(
        base, given, Prompter(context, given), recipes, min(spec["training"]["max_length"], base.context_length)
    )
    context.progress(Progress(note="reading dialogues"))
    learned, sweep = _learned(base, spec), spec.get("sweep", {})
    own = [
        GroupData(
            name,
            reader.examples(personas, "train"),
            reader.examples(personas, "val"),
            under=_under(context, under, personas),
        )
        for name, personas in members.items()
    ]
    lora = learned if isinstance(learned, LoraConfig) else None
    groups = [spread(group, setting, lora) for setting in settings(sweep) for group in own]
    shelf = Shelf(context, base.name, [group.name for group in groups])

    def train(resume: Path | None) -> TrainSummary:
        return train_groups(
            base.model,
            groups,
            learned,
            _config(context),
            on_event=Watcher(context, [group.name for group in groups]),
            should_stop=context.should_stop,
            checkpoint=context.folder / CHECKPOINT_FOLDER,
            resume=resume,
            on_result=shelf.put,
        )

    try:
        try:
            summary = train(context.resume)
        except StaleCheckpointError as error:  # of another number format, say, or damaged: nothing else is lost by it
            context.log(f"the training starts anew: {error}")
            summary = train(None)
    except Stopped:
        raise JobStopped from None
    shelf.check(context.log)
    tried = shelf.choose(list(members), [group.name for group in own if group.val], sweep) if sweep else []
    if tried:
        context.progress(Progress(val_loss=tried[0].val_loss))  # of what is kept, not of all that was tried
    parameters = shelf.write_book(members, tried[0].setting if tried else {}, recipes)
    for one in tried:
        context.log(f"{label('mean val loss', one.setting)}: {one.val_loss:.4f}")
    context.log(
        f"trained {summary.groups} group(s) on {summary.tokens:,} tokens in {summary.seconds:.1f} s, "
        f"{summary.tokens_per_second:,.0f} tokens/s, padding {summary.padding:.1%}"
    )
    return Done(
        "",
        {
            "train_seconds": summary.seconds,
            "tokens": summary.tokens,
            "tokens_per_second": summary.tokens_per_second,
            "padding": summary.padding,
            "parameters": parameters,
            "groups": summary.groups,
            "initial_digest": summary.init_digest,
            "sweep": [asdict(one) | {"val_loss": one.finite} for one in tried],
        },
    )


# ---------------------------------------------------------------- what goes in


def _members(context: JobContext, given: Material) -> dict[str, list[str]]:
    """Group → its personas."""
    share = context.spec["share"]
    if share == "everyone":
        return {EVERYONE: given.personas}
    if share == "cluster":
        found = read_clusters(context.needed("clusters")).members()
        return {f"cluster {number}": personas for number, personas in found.items()}
    return {persona: [persona] for persona in given.personas}


@dataclass(frozen=True)
class _Reader:
    """Dialogues as the model sees them in training: with the prompts that their personas are served with."""

    base: BaseModel
    given: Material
    prompter: Prompter
    recipes: RecipeBook
    length: int  # tokens; longer dialogues lose their oldest messages

    def examples(self, personas: list[str], part: str) -> list[Example]:
        """A group's own personas' dialogues of train, or of val to choose the best step by."""
        dialogues = [dialogue for persona in personas for dialogue in self.given.dialogues(persona, part)]
        return [self._example(dialogue, training=part == "train") for dialogue in dialogues]

    def _example(self, dialogue: Dialogue, *, training: bool) -> Example:
        messages = self.prompter.dialogue(self.recipes[dialogue.persona_id], dialogue, training=training)
        tokens = encode_dialogue(self.base.tokenizer, messages, self.length)
        return Example(np.asarray(tokens.ids), np.asarray(tokens.supervised), dialogue.dialogue_id)


def _learned(base: BaseModel, spec: dict[str, Any]) -> LearnedConfig:
    if spec["parameters"] != "lora":
        return VirtualConfig(spec["parameters"], spec["tokens"])
    lora = Lora(**spec["lora"])
    return LoraConfig(lora.rank, lora.alpha, lora.dropout, named_targets(base.model, lora.targets))


def _config(context: JobContext) -> TrainConfig:
    training = Training(**context.spec["training"])
    return TrainConfig(
        epochs=training.epochs,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        warmup_ratio=training.warmup_ratio,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        seed=context.spec["seed"],
        patience=training.patience,
        checkpoint_seconds=context.assignment.checkpoint_seconds,
    )


def _under(context: JobContext, book: RecipeBook, personas: list[str]) -> Adapter | None:
    """What the group's personas are served by already, as one adapter; it must be the same for all of them."""
    if not book:
        return None
    stacks = {book[persona].adapters for persona in personas}
    if len(stacks) > 1:
        raise LabError("the personas of a group stand on different adapters; let each have a group of its own.")
    (stack,) = stacks
    adapters = [_lora(context, reference) for reference in stack]
    if len(adapters) < 2:
        return adapters[0] if adapters else None
    return concatenate(adapters, [reference.weight for reference in stack])


def _lora(context: JobContext, reference: AdapterRef) -> Adapter:
    adapter = load_peft(context.root / reference.folder)
    if not isinstance(adapter, Adapter):
        raise LabError(f"nothing can be trained on top of {reference.name}: only LoRA adapters can lie beneath.")
    return adapter
