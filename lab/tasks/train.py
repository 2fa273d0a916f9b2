"""Train a method's adapters, all groups in one pass, and write its recipe book."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lab.errors import LabError
from lab.methods.declare import Lora, Training
from lab.methods.recipe import RecipeBook, read_book
from lab.models.base import BaseModel
from lab.models.batching import Example
from lab.models.chat_template import encode_dialogue
from lab.models.checkpoint import StaleCheckpointError
from lab.models.lora import Adapter, LoraConfig, named_targets
from lab.models.peft_format import load_peft
from lab.models.train import train_groups
from lab.models.training import GroupData, LearnedConfig, Stopped, TrainConfig, TrainSummary
from lab.models.virtual import VirtualConfig
from lab.tasks import warm
from lab.tasks.cluster import read_clusters
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.material import Material, chat_messages, material
from lab.tasks.messages import Done, Progress
from lab.tasks.train_shelf import EVERYONE, Shelf
from lab.tasks.train_watch import Watcher
from lab.tasks.tuning import label, settings, spread


def run(context: JobContext) -> Done:
    """Train; the artifact holds `adapters/NNNN/` in PEFT's format and `recipes.json`."""
    spec = context.spec
    base = warm.base_model(context)
    given = material(context)
    members = _members(context, given)
    under = _frozen_book(context)
    context.progress(Progress(note="reading dialogues"))
    training, learned, sweep = Training(**spec["training"]), _learned(base, spec), spec.get("sweep", {})
    own = [
        _group(base, given, name, personas, training, _under(context, under, personas))
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
    parameters = shelf.write_book(members, tried[0].setting if tried else {}, under)
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
            "sweep": [asdict(one) for one in tried],
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


def _group(
    base: BaseModel, given: Material, name: str, personas: list[str], training: Training, under: Adapter | None
) -> GroupData:
    """A group's own personas' train dialogues, and their val dialogues to choose the best step by."""

    def examples(part: str) -> list[Example]:
        length = min(training.max_length, base.context_length)
        dialogues = [dialogue for persona in personas for dialogue in given.dialogues(persona, part)]
        encoded = ((d.dialogue_id, encode_dialogue(base.tokenizer, chat_messages(d), length)) for d in dialogues)
        return [Example(np.asarray(tokens.ids), np.asarray(tokens.supervised), key) for key, tokens in encoded]

    return GroupData(name, examples("train"), examples("val"), under=under)


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


def _frozen_book(context: JobContext) -> RecipeBook:
    folder = context.input("under")
    return read_book(folder) if folder else {}


def _under(context: JobContext, book: RecipeBook, personas: list[str]) -> Adapter | None:
    """What the group's personas are served by already; it must be the same for all of them."""
    if not book:
        return None
    stacks = {book[persona].adapters for persona in personas}
    if len(stacks) > 1 or len(next(iter(stacks))) > 1:
        raise LabError("training on top of a method needs one frozen adapter for all personas of a group.")
    for reference in stacks.pop():
        adapter = load_peft(context.root / reference.folder)
        if not isinstance(adapter, Adapter):
            raise LabError(f"nothing can be trained on top of {reference.name}: only a LoRA adapter can lie beneath.")
        return adapter
    return None
