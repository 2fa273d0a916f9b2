"""Train a method's adapters, all groups in one pass, and write its recipe book."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from lab.models.lora import LoraConfig
from lab.models.train import train_groups
from lab.models.training import TrainSummary
from lab.tasks import warm
from lab.tasks.context import JobContext
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.messages import Done, Progress
from lab.tasks.resume import resumed
from lab.tasks.shards import keep_result
from lab.tasks.train_config import train_config
from lab.tasks.train_groups import GroupsOf
from lab.tasks.train_shelf import Shelf
from lab.tasks.train_watch import Watcher
from lab.tasks.tuning import label, settings, spread


def run(context: JobContext) -> Done:
    """Train; the artifact holds `adapters/NNNN/` in PEFT's format and `recipes.json`."""
    spec = context.spec
    base = warm.base_model(context)
    groups_of = GroupsOf(context, base)
    own, learned, sweep = groups_of.all(), groups_of.learned(), spec.get("sweep", {})
    lora = learned if isinstance(learned, LoraConfig) else getattr(learned, "lora", None)
    groups = [spread(group, setting, lora) for setting in settings(sweep) for group in own]
    shelf = Shelf(context, base.name, [group.name for group in groups])

    def train(resume: Path | None) -> TrainSummary:
        return train_groups(
            base.model,
            groups,
            learned,
            train_config(context),
            on_event=Watcher(context, [group.name for group in groups]),
            should_stop=context.should_stop,
            checkpoint=context.folder / CHECKPOINT_FOLDER,
            resume=resume,
            on_result=shelf.put,
        )

    summary = resumed(context, train)
    if "shard" in spec:
        shelf.tell(context.log)  # whether anything was learned is seen when all shards are there
    else:
        shelf.check(context.log)
    tried = shelf.choose(list(groups_of.members), [group.name for group in own if group.val], sweep) if sweep else []
    if tried:
        context.progress(Progress(val_loss=tried[0].val_loss))  # of what is kept, not of all that was tried
    parameters = shelf.write_book(groups_of.members, tried[0].setting if tried else {}, groups_of.recipes)
    for one in tried:
        context.log(f"{label('mean val loss', one.setting)}: {one.val_loss:.4f}")
    context.log(
        f"trained {summary.groups} group(s) on {summary.tokens:,} tokens in {summary.seconds:.1f} s, "
        f"{summary.tokens_per_second:,.0f} tokens/s, padding {summary.padding:.1%}"
    )
    result = {
        "train_seconds": summary.seconds,
        "tokens": summary.tokens,
        "tokens_per_second": summary.tokens_per_second,
        "padding": summary.padding,
        "parameters": parameters,
        "groups": summary.groups,
        "initial_digest": summary.init_digest,
        "sweep": [asdict(one) | {"val_loss": one.finite} for one in tried],
    }
    keep_result(context, result | {"diverged": shelf.diverged})
    return Done("", result)
