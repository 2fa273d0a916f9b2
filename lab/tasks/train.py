"""Train a method's adapters, all groups in one pass, and write its recipe book."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import numpy as np

from lab.errors import LabError
from lab.methods.recipe import AdapterRef, Recipe, RecipeBook, read_book, write_book
from lab.methods.spec import Lora, Training
from lab.models.base import BaseModel
from lab.models.batching import Example
from lab.models.chat_template import encode_dialogue
from lab.models.lora import Adapter, LoraConfig
from lab.models.peft_format import load_peft, save_peft
from lab.models.train import train_groups
from lab.models.training import GroupData, GroupResult, Stopped, TrainConfig, TrainEvent
from lab.tasks import warm
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.material import Material, chat_messages, material
from lab.tasks.messages import Done, Progress

EVERYONE = "everyone"


def run(context: JobContext) -> Done:
    """Train; the artifact holds `adapters/NNNN/` in PEFT's format and `recipes.json`."""
    spec = context.spec
    base = warm.base_model(context)
    given = material(context)
    members = _members(given, spec["share"])
    under = _frozen_book(context)
    context.progress(Progress(note="reading dialogues"))
    groups = [
        _group(base, given, name, personas, Training(**spec["training"]), _under(context, under, personas))
        for name, personas in members.items()
    ]
    results: dict[str, GroupResult] = {}
    watcher = _Watcher(context, [group.name for group in groups])
    try:
        summary = train_groups(
            base.model,
            groups,
            _lora(Lora(**spec["lora"])),
            _config(context),
            on_event=watcher,
            should_stop=context.should_stop,
            checkpoint=context.folder / "checkpoint",
            resume=context.resume,
            on_result=lambda result: results.update({result.name: result}),
        )
    except Stopped:
        raise JobStopped from None
    _write(context, base, members, under, results)
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
            "parameters": summary.parameters * summary.groups,
            "groups": summary.groups,
            "initial_a": summary.init_digest,
        },
    )


# ---------------------------------------------------------------- what goes in


def _members(given: Material, share: str) -> dict[str, list[str]]:
    """Group → its personas."""
    if share == "everyone":
        return {EVERYONE: given.personas}
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


def _lora(lora: Lora) -> LoraConfig:
    return LoraConfig(lora.rank, lora.alpha, lora.dropout, lora.targets)


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
    return read_book(context.parent()) if context.assignment.parents else {}


def _under(context: JobContext, book: RecipeBook, personas: list[str]) -> Adapter | None:
    """What the group's personas are served by already; it must be the same for all of them."""
    if not book:
        return None
    stacks = {book[persona].adapters for persona in personas}
    if len(stacks) > 1 or len(next(iter(stacks))) > 1:
        raise LabError("training on top of a method needs one frozen adapter for all personas of a group.")
    return next((load_peft(context.root / adapter.folder) for adapter in stacks.pop()), None)


# ---------------------------------------------------------------- what comes out


class _Watcher:
    """Turns training events into progress, curves and log lines."""

    def __init__(self, context: JobContext, groups: list[str]) -> None:
        self._context = context
        self._several = len(groups) > 1
        self._latest: dict[str, dict[str, float]] = {"train": {}, "val": {}}
        self._seen: dict[tuple[str, int], list[float]] = defaultdict(list)

    def __call__(self, event: TrainEvent) -> None:
        if event.kind == "checkpoint":
            self._context.checkpoint(self._context.folder / "checkpoint", event.step)
            return
        assert event.group is not None
        if event.train_loss is not None:
            self._point("train", event.group, event.step, event.train_loss)
        if event.val_loss is not None:
            self._point("val", event.group, event.step, event.val_loss)
        note = f"{event.tokens_per_second:,.0f} tokens/s, padding {event.padding:.1%}"
        self._context.progress(
            Progress(
                progress=event.fraction,
                step=event.step,
                total_steps=event.total_steps,
                loss=self._mean("train"),
                val_loss=self._mean("val"),
                note=note if event.kind == "val" else None,
            )
        )

    def _point(self, series: str, group: str, step: int, value: float) -> None:
        """A group's own point, and the mean over the groups that have been at this step so far."""
        self._latest[series][group] = value
        seen = self._seen[series, step]
        seen.append(value)
        points = [(series, "", step, math.fsum(seen) / len(seen))]
        if self._several:
            points.append((series, group, step, value))
        self._context.metrics(points)

    def _mean(self, series: str) -> float | None:
        values = self._latest[series].values()
        return math.fsum(values) / len(values) if values else None


def _write(
    context: JobContext,
    base: BaseModel,
    members: dict[str, list[str]],
    under: RecipeBook,
    results: dict[str, GroupResult],
) -> None:
    """Save every adapter (numbered: a persona's id may not do as a folder's name) and the recipe book."""
    book: RecipeBook = {}
    for number, (name, personas) in enumerate(members.items()):
        adapter = results[name].adapter
        folder: Path = context.folder / "adapters" / f"{number:04d}"
        save_peft(adapter, folder, base.name)
        label = context.assignment.method if name == EVERYONE else f"{context.assignment.method}/{name}"
        reference = AdapterRef(label, context.relative(folder), adapter.digest())
        for persona in personas:
            below = under[persona].adapters if under else ()
            book[persona] = Recipe(context.spec["base"], (*below, reference))
    write_book(book, context.folder)
