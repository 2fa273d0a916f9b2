"""Where adapters start: a start from which a few steps on one group's data go far, learned over all groups.

Reptile (Nichol et al. 2018, algorithm 2, batched) and first-order MAML (Finn et al. 2017, section 5.2). In each
round some groups take a few steps from the start, all of them side by side; then the start moves: towards where
they came (Reptile), or against the gradient of their next batch taken where they came (first-order MAML).
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.batching import Course
from lab.models.checkpoint import Checkpoint, load
from lab.models.identity import run_digest
from lab.models.lora import Adapter, LoraConfig
from lab.models.memory import is_out_of_memory, tokens_at_once
from lab.models.optimiser import adamw, clip
from lab.models.train import at_work
from lab.models.training import GroupData, Stopped, TrainConfig
from lab.models.waves import Item, Waves


@dataclass(frozen=True)
class MetaConfig:
    """How the start is learned. The groups' own steps are AdamW's, at `TrainConfig`'s rate, without a schedule."""

    how: Literal["reptile", "fomaml"] = "reptile"
    rounds: int = 40
    groups: int = 8  # drawn for each round
    steps: int = 5  # of each group within a round
    rate: float | None = None  # None: 0.5 of the way for Reptile, which shrinks to 0; Adam's 1e-3 for first-order MAML

    def __post_init__(self) -> None:
        if min(self.rounds, self.groups, self.steps) < 1:
            raise LabError("Meta-learning needs at least one round, one group in it and one step of each.")


@dataclass(frozen=True)
class MetaEvent:
    """A round is done: mean NLL of the groups' first step (from the start) and of their last."""

    round: int
    rounds: int
    before: float
    after: float
    val_loss: float | None  # after the same steps, on val; in the rounds that are judged


@dataclass(frozen=True, eq=False)
class MetaResult:
    """The start that was best on val after a few steps, or the last where there is no val."""

    start: Adapter
    best_round: int
    val_loss: float | None
    tokens: int
    seconds: float  # of all rounds, whichever attempt they were of


def learn_start(
    model: PreTrainedModel,
    groups: Sequence[GroupData],
    lora: LoraConfig,
    config: TrainConfig,
    meta: MetaConfig,
    *,
    on_event: Callable[[MetaEvent], None] = lambda _: None,
    on_wave: Callable[[], None] = lambda: None,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoint: Path | None = None,
    resume: Path | None = None,
) -> MetaResult:
    """Learn where the groups' adapters start.

    A round is a pure function of the start, its number and the seed, so a run that goes on from `resume`, one of
    `checkpoint.states`, is as if it had never stopped; a state is written to `checkpoint` after each round. Raises
    `Stopped` when `should_stop` says so. A round may take minutes: `on_wave` hears of every wave in it.
    """
    kept = Checkpoint(checkpoint) if checkpoint else None
    with at_work(model, groups, lora, config) as waves:
        digest = f"{run_digest(model, groups, lora, config)} {asdict(meta)}"

        def go_on() -> None:
            on_wave()
            if should_stop():
                raise Stopped("Meta-learning was stopped.")

        learner = _Learner(waves, groups, config, meta, tokens_at_once(model), go_on)

        def save() -> None:
            if kept:
                kept.save(learner.round, digest, *learner.state())

        if resume is not None:
            learner.restore(*load(resume, digest))
            save()  # where the events that are told again say that it is
            for event in learner.told:
                on_event(event)
        while learner.round < meta.rounds:
            began = time.perf_counter()
            event = learner.advance()
            learner.seconds += time.perf_counter() - began
            save()
            on_event(event)
        return learner.result()


class _Learner:
    """The start [P], the moments of its own optimiser, and the best start so far."""

    _JUDGED = 10  # times that the start is judged on val

    def __init__(
        self,
        waves: Waves,
        groups: Sequence[GroupData],
        config: TrainConfig,
        meta: MetaConfig,
        budget: float,
        go_on: Callable[[], None],
    ) -> None:
        self._waves, self._groups, self._config, self._meta = waves, groups, config, meta
        self._go_on = go_on  # before each wave; a round that it ends leaves the start as it was
        self._budget = budget  # tokens of a wave
        self._courses = [
            Course([len(e) for e in group.train], config.batch_size, 1, config.seed, f"meta/{group.name}")
            for group in groups
        ]
        self.start = waves.trained.row(waves.trained.start(None, config.seed)).to(waves.head.weight.device)
        self.first, self.second = torch.zeros_like(self.start), torch.zeros_like(self.start)
        self.best = self.start.clone()
        self.best_round, self.best_loss = 0, math.inf
        self.round, self.tokens, self.seconds = 0, 0, 0.0
        self.told: list[MetaEvent] = []  # of the last rounds: who heard of them may not have passed it on

    def advance(self) -> MetaEvent:
        """One round; where memory is short it is begun again with fewer groups side by side."""
        while True:
            try:
                direction, before, after = self._learn(self._drawn(self.round, self._meta.groups))
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._shrink()  # not above: the exception still held the wave's tensors
        self._move(direction)
        self.round += 1
        every = max(1, self._meta.rounds // self._JUDGED)
        due = self.round % every == 0 or self.round == self._meta.rounds
        event = MetaEvent(self.round, self._meta.rounds, before, after, self._judge() if due else None)
        self.told = [*self.told[-1:], event]
        return event

    def _learn(self, places: Sequence[int]) -> tuple[Tensor, float, float]:
        """Against what the start should move, [P], and the mean NLL of the groups' first and last step."""
        direction = torch.zeros_like(self.start)
        before, after = 0.0, 0.0
        begin = self.round * (self._meta.steps + 1)
        for part in self._parts(places):
            theta, first, last = self._adapt(part, begin)
            if self._meta.how == "reptile":
                direction += (self.start - theta).sum(0)
            else:
                direction += self._gradient(theta, part, begin + self._meta.steps)[0].sum(0)
            before, after = before + first, after + last
        return direction / len(places), before / len(places), after / len(places)

    def _adapt(self, places: Sequence[int], begin: int) -> tuple[Tensor, float, float]:
        """The parameters [G, P] of these groups a few steps from the start; their NLL at the first and last step."""
        theta = self.start.repeat(len(places), 1)
        first, second = torch.zeros_like(theta), torch.zeros_like(theta)
        losses = []
        rates = [self._config.learning_rate] * len(places)
        for step in range(self._meta.steps):
            grad, loss = self._gradient(theta, places, begin + step)
            steps = [step + 1] * len(places)
            adamw(theta, first, second, grad, steps=steps, rates=rates, weight_decay=self._config.weight_decay)
            losses.append(loss)
        return theta, losses[0], losses[-1]

    def _gradient(self, theta: Tensor, places: Sequence[int], step: int) -> tuple[Tensor, float]:
        """Each group's clipped gradient [G, P] on its batch of this step, and their summed mean NLL."""
        self._go_on()
        items = [self._item(place, step) for place in places]
        losses, grad, wave = self._waves.gradients(theta, items)
        clip(grad, self._config.max_grad_norm)
        self.tokens += sum(wave.tokens)
        return grad, float(losses.sum())

    def _item(self, place: int, step: int) -> Item:
        group, indices = self._groups[place], self._courses[place].batch(step)
        return Item(group, [group.train[i] for i in indices], self._waves.frozen.places[place], step)

    def _move(self, direction: Tensor) -> None:
        if self._meta.how == "reptile":
            left = 1 - self.round / self._meta.rounds
            self.start -= (self._meta.rate or 0.5) * left * direction
        else:
            rows = [row[None] for row in (self.start, self.first, self.second, direction)]
            adamw(*rows, steps=[self.round + 1], rates=[self._meta.rate or 1e-3], weight_decay=0.0)

    def _judge(self) -> float | None:
        """Mean val NLL per token after the same few steps, of some groups that are always the same."""
        places = [place for place in self._drawn(0, 2 * self._meta.groups) if self._groups[place].val]
        if not places:
            self.best, self.best_round = self.start.clone(), self.round
            return None
        losses = []
        for part in self._parts(places):
            theta, _, _ = self._adapt(part, 0)
            losses += [self._val_loss(row, place) for row, place in zip(theta, part, strict=True)]
        loss = statistics.fmean(losses)
        if loss < self.best_loss:
            self.best, self.best_round, self.best_loss = self.start.clone(), self.round, loss
        return loss

    def _val_loss(self, row: Tensor, place: int) -> float:
        group, size = self._groups[place], self._config.batch_size
        summed, tokens = 0.0, 0.0
        for begin in range(0, len(group.val), size):
            self._go_on()
            item = Item(group, group.val[begin : begin + size], self._waves.frozen.places[place])
            losses, wave = self._waves.losses(row[None], [item])
            summed, tokens = summed + float(losses.sum()), tokens + float(wave.counts.sum())
        return summed / tokens

    def _drawn(self, round_: int, n: int) -> list[int]:
        generator = np.random.default_rng([self._config.seed, round_])
        return sorted(generator.choice(len(self._groups), min(n, len(self._groups)), replace=False).tolist())

    def _parts(self, places: Sequence[int]) -> Iterator[Sequence[int]]:
        """The groups in parts that fit into a wave."""
        largest = max(self._courses[place].tokens(0) for place in places)
        n = max(1, int(self._budget // largest))
        return (places[begin : begin + n] for begin in range(0, len(places), n))

    def _shrink(self) -> None:
        largest = max(self._courses[place].tokens(0) for place in range(len(self._groups)))
        if self._budget < 2 * largest:
            raise LabError("A batch of one group does not fit into the free memory; lower batch_size or max_length.")
        self._budget /= 2
        if self.start.is_cuda:
            torch.cuda.empty_cache()

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """All that the rounds to come depend on."""
        best = None if math.isinf(self.best_loss) else self.best_loss
        state: dict[str, Any] = {"round": self.round, "tokens": self.tokens, "seconds": self.seconds, "best_loss": best}
        state |= {"best_round": self.best_round, "budget": self._budget, "told": [asdict(event) for event in self.told]}
        rows = {name: getattr(self, name) for name in ("start", "first", "second", "best")}
        return state, rows

    def restore(self, state: dict[str, Any], rows: dict[str, Tensor]) -> None:
        """Take up what `state` gave."""
        self.round, self.tokens, self.best_round = state["round"], state["tokens"], state["best_round"]
        self.seconds = state.get("seconds", 0.0)  # which older states do not tell
        self.best_loss = math.inf if state["best_loss"] is None else state["best_loss"]
        self._budget = min(self._budget, state["budget"])  # it may have been too much already
        self.told = [MetaEvent(**event) for event in state["told"]]
        for name, row in rows.items():
            getattr(self, name).copy_(row)

    def result(self) -> MetaResult:
        """The best start."""
        start = self._waves.trained.learned(self.best, self._groups[0])
        assert isinstance(start, Adapter)
        loss = None if math.isinf(self.best_loss) else self.best_loss
        return MetaResult(start, self.best_round, loss, self.tokens, self.seconds)
