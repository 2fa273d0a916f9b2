"""Grouped training: adapters, soft prompts or prefixes of many groups, trained together over one frozen base.

Every group sees its own examples in its own order, with its own loss, clipping, schedule and step count, so what
it becomes does not depend on who else is in flight. One group is unified training, one per persona is
personalisation: the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.blend import BlendConfig
from lab.models.checkpoint import Checkpoint
from lab.models.frozen import Frozen
from lab.models.gate import GateConfig
from lab.models.heads import HeadsConfig
from lab.models.identity import run_digest
from lab.models.lora import GroupedLinear, LoraConfig, attach, clear
from lab.models.loss import Head
from lab.models.memory import tokens_at_once
from lab.models.packing import decoding
from lab.models.run import Run
from lab.models.trained_blend import TrainedBlend
from lab.models.trained_gate import TrainedGate
from lab.models.trained_heads import TrainedHeads
from lab.models.trained_lora import TrainedLora
from lab.models.trained_users import TrainedUsers, TrainedVector
from lab.models.trained_virtual import TrainedVirtual
from lab.models.training import GroupData, GroupResult, LearnedConfig, Leash, TrainConfig, TrainEvent, TrainSummary
from lab.models.users import UserConfig, VectorConfig
from lab.models.virtual import VirtualConfig
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

    The model is frozen, and left as the plain base. With `checkpoint` the run's state is kept in that folder; what
    `on_event` remembers is kept with it if it is a `Follower`. With `resume`, one of `checkpoint.states` (of the
    same data, settings and base model, else `LabError`), the run goes on as if it had never been interrupted;
    results that were ready by then are handed over again. When `should_stop` says so the state is written and
    `Stopped` is raised.
    """
    learned, config = learned or LoraConfig(), config or TrainConfig()
    with at_work(model, groups, learned, config) as waves:
        init_digest = waves.trained.start(None, config.seed).digest()
        if config.epochs == 0:
            return _untrained(waves, groups, on_result, init_digest)
        run = Run(
            waves=waves,
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
            run.restore(resume)
        run.until_done()
        return run.summary(init_digest)


@contextmanager
def at_work(
    model: PreTrainedModel, groups: Sequence[GroupData], learned: LearnedConfig, config: TrainConfig
) -> Iterator[Waves]:
    """What runs waves of these groups through the model, which is frozen, and left as the plain base."""
    _check(model, groups, learned)
    model.requires_grad_(False)
    trained = _trained(model, groups, learned, config)
    sites = _sites(model, groups, learned)
    head = Head.of(model)
    clear(sites)
    model.eval()  # type: ignore[no-untyped-call]
    try:
        with decoding(model, head) as decoder:
            frozen = Frozen([group.under for group in groups], sites)
            yield Waves(decoder, head, sites, trained, frozen, config.seed)
    finally:
        clear(sites)


def _untrained(
    waves: Waves, groups: Sequence[GroupData], on_result: Callable[[GroupResult], None], init_digest: str
) -> TrainSummary:
    """The groups as they begin."""
    for group in groups:
        start = waves.trained.start(group, waves.seed_of(group))
        on_result(GroupResult(group.name, start, 0, 0, None, None, stopped_early=False, tokens=0, seconds=0.0))
    return TrainSummary(len(groups), init_digest, waves.trained.size, 0, 0.0, 0.0, 0.0)


def _trained(
    model: PreTrainedModel, groups: Sequence[GroupData], learned: LearnedConfig, config: TrainConfig
) -> Trained:
    """What computes with the groups' parameters."""
    match learned:
        case LoraConfig():
            return TrainedLora(attach(model, learned.targets), learned, groups)
        case HeadsConfig():
            width = Head.of(model).weight.shape[1]
            return TrainedHeads(attach(model, learned.lora.targets), learned, groups, width)
        case VirtualConfig():
            return TrainedVirtual(model, learned, groups, config.seed)
        case UserConfig():
            return TrainedUsers(model, attach(model, learned.lora.targets), learned, groups)
        case VectorConfig():
            return TrainedVector(learned, model.device)
        case BlendConfig():
            return TrainedBlend(attach(model, _targets(groups)), learned, groups)
        case GateConfig():
            return TrainedGate(attach(model, _targets(groups)), learned, groups)


def _sites(model: PreTrainedModel, groups: Sequence[GroupData], learned: LearnedConfig) -> dict[str, GroupedLinear]:
    """Every layer that holds factors: what is trained, and what the groups stand on."""
    targets = set(_targets(groups))
    if isinstance(learned, LoraConfig):
        targets.update(learned.targets)
    elif isinstance(learned, HeadsConfig | UserConfig):
        targets.update(learned.lora.targets)
    return attach(model, sorted(targets))


def _targets(groups: Sequence[GroupData]) -> list[str]:
    """The layers of all adapters that are there already."""
    there = (adapter for group in groups for adapter in (group.under, *group.experts) if adapter)
    return sorted({target for adapter in there for target in adapter.config.targets})


def _check(model: PreTrainedModel, groups: Sequence[GroupData], learned: LearnedConfig) -> None:
    """Refuse what would only fail, or go wrong silently, deep inside the model."""
    if not groups:
        raise LabError("Nothing to train: there is no group.")
    names = [group.name for group in groups]
    if len(set(names)) < len(names):
        raise LabError(f"Two groups are called {max(names, key=names.count)!r}; give each its own name.")
    if not isinstance(learned, LoraConfig | HeadsConfig) and any(group.leash != Leash() for group in groups):
        raise LabError("Only a LoRA can be held near what it stands on.")
    config = model.config.get_text_config()
    longest = getattr(config, "max_position_embeddings", None)
    virtual = learned.tokens if isinstance(learned, VirtualConfig | UserConfig | VectorConfig) else 0
    for group in groups:
        if not group.train:
            raise LabError(f"Group {group.name!r} has no training example; leave it out.")
        for example in (*group.train, *group.val):
            where = f"Group {group.name!r}, example {example.key!r}"
            if longest is not None and len(example) + virtual > longest:
                beside = f" and {virtual} virtual ones" if virtual else ""
                raise LabError(f"{where}: {len(example)} tokens{beside}, but the base model reads {longest} at most.")
            if example.ids.min() < 0 or example.ids.max() >= config.vocab_size:
                raise LabError(f"{where}: a token id lies outside the base model's vocabulary.")
