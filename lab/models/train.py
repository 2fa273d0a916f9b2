"""Grouped training: the adapters of many groups, trained together over one frozen base.

Every group sees its own examples in its own order, with its own loss, clipping, schedule and step count, so what
it becomes does not depend on who else is in flight. One group is unified training, one per persona is
personalisation: the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.checkpoint import Checkpoint
from lab.models.frozen import Frozen
from lab.models.identity import run_digest
from lab.models.layout import Layout, initial_adapter
from lab.models.lora import LoraConfig, attach, clear
from lab.models.loss import Head
from lab.models.memory import tokens_at_once
from lab.models.packing import decoding
from lab.models.run import Run
from lab.models.training import GroupData, GroupResult, TrainConfig, TrainEvent, TrainSummary
from lab.models.waves import Waves


def train_groups(
    model: PreTrainedModel,
    groups: Sequence[GroupData],
    lora: LoraConfig | None = None,
    config: TrainConfig | None = None,
    *,
    on_result: Callable[[GroupResult], None],
    on_event: Callable[[TrainEvent], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoint: Path | None = None,
    resume: Path | None = None,
) -> TrainSummary:
    """Train one adapter per group; each group's result goes to `on_result` once, as soon as it is ready.

    The model is frozen, and left as the plain base. With `checkpoint` the run's state is kept in that folder.
    With `resume` it goes on from the state in that folder (of the same data, settings and base model, else
    `LabError`) as if it had never been interrupted; results that were ready by then are handed over again.
    When `should_stop` says so the state is written and `Stopped` is raised.
    """
    lora, config = lora or LoraConfig(), config or TrainConfig()
    _check(model, groups)
    under = [group.under for group in groups]
    targets = {target for adapter in under if adapter for target in adapter.config.targets}
    trained = attach(model, lora.targets)
    sites = attach(model, sorted(targets.union(lora.targets)))
    layout = Layout(trained, lora.rank)
    initial = initial_adapter(trained, lora, config.seed)
    head = Head.of(model)
    clear(sites)
    model.eval()  # type: ignore[no-untyped-call]
    try:
        with decoding(model, head) as decoder:
            run = Run(
                waves=Waves(decoder, head, sites, layout, Frozen(under, sites), lora, config.seed),
                groups=groups,
                config=config,
                initial=layout.row(initial).to(model.device),
                budget=math.inf if config.in_flight else tokens_at_once(model),
                digest=run_digest(model, groups, lora, config),
                on_result=on_result,
                on_event=on_event,
                should_stop=should_stop,
                checkpoint=Checkpoint(checkpoint) if checkpoint else None,
            )
            if resume is not None:
                run.restore(Checkpoint(resume))
            run.until_done()
    finally:
        clear(sites)
    return run.summary(initial.digest())


def _check(model: PreTrainedModel, groups: Sequence[GroupData]) -> None:
    """Refuse what would only fail, or go wrong silently, deep inside the model."""
    if not groups:
        raise LabError("Nothing to train: there is no group.")
    names = [group.name for group in groups]
    if len(set(names)) < len(names):
        raise LabError(f"Two groups are called {max(names, key=names.count)!r}; give each its own name.")
    config = model.config.get_text_config()
    longest = getattr(config, "max_position_embeddings", None)
    for group in groups:
        if not group.train:
            raise LabError(f"Group {group.name!r} has no training example; leave it out.")
        for example in (*group.train, *group.val):
            where = f"Group {group.name!r}, example {example.key!r}"
            if longest is not None and len(example) > longest:
                raise LabError(f"{where}: {len(example)} tokens, but the base model reads {longest} at most.")
            if example.ids.min() < 0 or example.ids.max() >= config.vocab_size:
                raise LabError(f"{where}: a token id lies outside the base model's vocabulary.")
