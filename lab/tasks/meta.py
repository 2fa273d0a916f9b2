"""Learn where a method's adapters start, over all of its groups."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from lab.methods.declare import Meta
from lab.models.lora import LoraConfig
from lab.models.meta import MetaConfig, MetaEvent, MetaResult, learn_start
from lab.models.peft_format import save_peft
from lab.tasks import warm
from lab.tasks.context import JobContext
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.messages import Done, Progress
from lab.tasks.meta_start import START
from lab.tasks.resume import resumed
from lab.tasks.train_config import train_config
from lab.tasks.train_groups import GroupsOf


def run(context: JobContext) -> Done:
    """Learn the start; the artifact holds it as `start/` in PEFT's format."""
    base = warm.base_model(context)
    groups_of = GroupsOf(context, base)
    groups, lora = groups_of.all(), groups_of.learned()
    assert isinstance(lora, LoraConfig), "the declaration allows no other"
    how = Meta(**context.spec["meta"])
    settings = MetaConfig(how.how, how.rounds, how.personas, how.steps, how.rate)
    folder = context.folder / CHECKPOINT_FOLDER

    def tell(event: MetaEvent) -> None:
        points = [("train", "", event.round, event.after)]
        points += [] if event.val_loss is None else [("val", "", event.round, event.val_loss)]
        context.metrics(points)
        context.checkpoint(folder, event.round)
        context.progress(
            Progress(
                progress=event.round / event.rounds,
                step=event.round,
                total_steps=event.rounds,
                loss=event.after,
                val_loss=event.val_loss,
            )
        )

    def learn(resume: Path | None) -> MetaResult:
        return learn_start(
            base.model,
            groups,
            lora,
            train_config(context),
            settings,
            on_event=tell,
            on_wave=lambda: context.progress(Progress()),
            should_stop=context.should_stop,
            checkpoint=folder,
            resume=resume,
        )

    found = resumed(context, learn)
    save_peft(found.start, context.folder / START, base.name)
    context.log(f"the start is that of round {found.best_round} of {how.rounds}")
    learned = {"best_round": found.best_round, "val_loss": found.val_loss, "tokens": found.tokens}
    return Done("", asdict(settings) | learned | {"train_seconds": found.seconds})
