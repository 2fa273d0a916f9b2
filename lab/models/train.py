"""Grouped training: adapters, soft prompts or prefixes of many groups, trained together over one frozen base.

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
from lab.models.lora import GroupedLinear, LoraConfig, attach, clear
from lab.models.loss import Head
from lab.models.memory import tokens_at_once
from lab.models.packing import decoding
from lab.models.run import Run
from lab.models.trained_lora import TrainedLora
from lab.models.trained_virtual import TrainedVirtual
from lab.models.training import GroupData, GroupResult, LearnedConfig, TrainConfig, TrainEvent, TrainSummary
from lab.models.waves import Trained, Waves


def train_groups(
    model: PreTrainedModel,
    groups: Sequence[GroupData],
    learned: LearnedConfig | None = None,
    config: TrainConfig | None = None,
    *,
    on_result: Callable[[GroupResult], None],
    on_event: Callable[[TrainEvent], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoint: Path | None = None,
    resume: Path | None = None,
) -> TrainSummary:
    """Train what `learned` says for each group; its result goes to `on_result` once, as soon as it is ready.

    The model is frozen, and left as the plain base. With `checkpoint` the run's state is kept in that folder.
    With `resume` it goes on from the state in that folder (of the same data, settings and base model, else
    `LabError`) as if it had never been interrupted; results that were ready by then are handed over again.
    When `should_stop` says so the state is written and `Stopped` is raised.
    """
    learned, config = learned or LoraConfig(), config or TrainConfig()
    _check(model, groups)
    trained = _trained(model, groups, learned, config.seed)
    sites = _sites(model, groups, learned)
    head = Head.of(model)
    clear(sites)
    model.eval()  # type: ignore[no-untyped-call]
    try:
        with decoding(model, head) as decoder:
            frozen = Frozen([group.under for group in groups], sites)
            run = Run(
                waves=Waves(decoder, head, sites, trained, frozen, config.seed),
                groups=groups,
                config=config,
                device=model.device,
                budget=math.inf if config.in_flight else tokens_at_once(model),
                digest=run_digest(model, groups, learned, config),
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
    return run.summary(trained.start(None, config.seed).digest())


def _trained(model: PreTrainedModel, groups: Sequence[GroupData], learned: LearnedConfig, seed: int) -> Trained:
    if isinstance(learned, LoraConfig):
        return TrainedLora(attach(model, learned.targets), learned, groups)
    return TrainedVirtual(model, learned, groups, seed)


def _sites(model: PreTrainedModel, groups: Sequence[GroupData], learned: LearnedConfig) -> dict[str, GroupedLinear]:
    """Every layer that holds factors: what is trained, and what the groups stand on."""
    targets = {target for group in groups if group.under for target in group.under.config.targets}
    if isinstance(learned, LoraConfig):
        targets.update(learned.targets)
    model.requires_grad_(False)
    return attach(model, sorted(targets))


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
