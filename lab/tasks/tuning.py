"""A sweep as more groups of one pass: which settings each tries, and which of them won."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from lab.models.lora import LoraConfig
from lab.models.training import GroupData

Setting = dict[str, Any]
"""One combination, such as {"learning_rate": 0.001, "rank": 4}."""


def settings(sweep: Mapping[str, Sequence[Any]]) -> list[Setting]:
    """Every combination; one empty one if nothing is swept."""
    return [dict(zip(sweep, values, strict=True)) for values in product(*sweep.values())]


def spread(group: GroupData, setting: Setting, lora: LoraConfig | None) -> GroupData:
    """The group as it trains under this setting; what it draws at random is the same under all of one seed."""
    if not setting:
        return group
    rank, pull = setting.get("rank"), setting.get("pull")
    return replace(
        group,
        name=label(group.name, setting),
        stream=group.name,
        learning_rate=setting.get("learning_rate"),
        seed=setting.get("seed"),
        lora=replace(lora, rank=rank, alpha=lora.scale * rank) if lora and rank else None,
        leash=group.leash if pull is None else replace(group.leash, pull=pull),
    )


def label(name: str, setting: Setting) -> str:
    """The name of a group under a setting."""
    return " ".join([name, *(f"{key}={value}" for key, value in setting.items())])


@dataclass(frozen=True)
class Tried:
    """A setting and how it did: the mean over groups of each one's best val loss."""

    setting: Setting
    val_loss: float

    @property
    def finite(self) -> float | None:
        """The val loss, or None for infinity, which JSON does not have."""
        return self.val_loss if math.isfinite(self.val_loss) else None


def judge(names: Sequence[str], tried: Iterable[Setting], val_loss: Mapping[str, float | None]) -> list[Tried]:
    """All settings, the best first; one under which a group has no val loss counts as infinitely bad."""

    def mean(setting: Setting) -> float:
        losses = [val_loss[label(name, setting)] for name in names]
        return math.fsum(math.inf if loss is None else loss for loss in losses) / len(losses)

    return sorted((Tried(setting, mean(setting)) for setting in tried), key=lambda one: one.val_loss)
