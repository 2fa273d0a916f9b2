"""One training run: which groups advance, when they are judged, when they are done, what is kept."""

from __future__ import annotations

import dataclasses
import functools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.batching import Course, Example, choose_wave
from lab.models.checkpoint import Checkpoint, load
from lab.models.lora import LoraConfig
from lab.models.memory import is_out_of_memory
from lab.models.optimiser import clip, scheduled
from lab.models.slots import Progress, Slots
from lab.models.training import (
    EventKind,
    Follower,
    GroupData,
    GroupResult,
    Learned,
    Stopped,
    TrainConfig,
    TrainEvent,
    TrainSummary,
)
from lab.models.waves import Item, Waves, stream


@dataclass
class Meter:
    """What training has cost so far; evaluation is not counted."""

    waves: int = 0
    tokens: int = 0
    computed: int = 0  # tokens and padding
    seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Real tokens trained on per second."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def padding(self) -> float:
        """Share of padding in what was computed."""
        return 1 - self.tokens / self.computed if self.computed else 0.0


@dataclass(eq=False)
class Run:
    """The state of a run between two waves, and what moves it on."""

    waves: Waves
    groups: Sequence[GroupData]
    config: TrainConfig
    device: torch.device
    budget: float  # tokens of a wave
    digest: str
    on_result: Callable[[GroupResult], None]
    on_event: Callable[[TrainEvent], None]
    should_stop: Callable[[], bool]
    checkpoint: Checkpoint | None
    meter: Meter = field(default_factory=Meter)

    def __post_init__(self) -> None:
        self._courses = [self._course(group) for group in self.groups]
        self._sizes = [sum(len(example) for example in group.train) for group in self.groups]
        self._finished: list[int] = []
        self._next = 0  # the first group that has not had a slot yet
        self._starts: dict[tuple[int, LoraConfig | None, int], Tensor] = {}
        self._tried: list[int] = []  # tokens of each item of the last wave
        self.slots = Slots(self._capacity(), self.waves.trained.size, self.device)

    def _course(self, group: GroupData) -> Course:
        lengths = [len(example) for example in group.train]
        seed = self.waves.seed_of(group)
        return Course(lengths, self.config.batch_size, self.config.epochs, seed, stream(group))

    def _start(self, place: int) -> Tensor:
        """What the group at `place` begins with, [P] on the device; the same for all that have the same settings."""
        group = self.groups[place]
        key = (self.waves.seed_of(group), group.lora, id(group.start))
        if key not in self._starts:
            trained = self.waves.trained
            self._starts[key] = trained.row(trained.start(group, key[0])).to(self.device)
        return self._starts[key]

    def _capacity(self) -> int:
        """Slots: as many groups as typically share a wave."""
        typical = statistics.median(
            size / c.steps_per_epoch for size, c in zip(self._sizes, self._courses, strict=True)
        )
        return min(self.config.in_flight or math.ceil(self.budget / typical), len(self.groups))

    def until_done(self) -> None:
        """Advance until every group is finished, or save and raise `Stopped` between two waves."""
        self._settle()
        saved_at, saved_waves = time.monotonic(), self.meter.waves
        while self.slots.live():
            self._stop_if_asked()
            self._within_memory(self._advance)
            self._settle()
            steps = self.config.checkpoint_steps
            due = steps is not None and self.meter.waves - saved_waves >= steps
            if due or time.monotonic() - saved_at >= self.config.checkpoint_seconds:
                self._save()
                saved_at, saved_waves = time.monotonic(), self.meter.waves
        self._save()

    def summary(self, init_digest: str) -> TrainSummary:
        """Cost of the run."""
        meter = self.meter
        cost = (meter.tokens, meter.seconds, meter.tokens_per_second, meter.padding)
        return TrainSummary(len(self.groups), init_digest, self.waves.trained.size, *cost)

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            self._save()
            raise Stopped("Training was stopped.")

    def _within_memory(self, work: Callable[[], None]) -> None:
        """Do `work` that runs waves; where memory is short begin it again with smaller ones."""
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._shrink()  # not above: the exception still held the wave's tensors

    def _shrink(self) -> None:
        """Halve the waves, and keep to it."""
        if len(self._tried) == 1:
            raise LabError(
                f"A batch of one group ({self._tried[0]} tokens) does not fit into the free memory of {self.device}; "
                "lower batch_size or max_length, or free some memory."
            )
        self.budget = sum(self._tried) // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._tell("shrunk", None, wave_tokens=int(self.budget))

    # One wave

    def _advance(self) -> None:
        """One step of the groups furthest behind."""
        live = self.slots.live()
        sizes = [self._courses[p.place].tokens(p.step) for _, p in live]
        done = [p.step / self._courses[p.place].total_steps for _, p in live]
        chosen = [live[i] for i in choose_wave(sizes, done, self.budget)]
        self._step(chosen)

    def _settle(self) -> None:
        """Whatever is due after a step: evaluations, ends, and beginnings in the slots that became free."""
        due = [(slot, p) for slot, p in self.slots.live() if self._is_due(p)]
        self._within_memory(lambda: self._evaluate(due))
        for slot, progress in self.slots.live():
            if self._is_done(progress):
                self._finish(slot, progress)
        while self._next < len(self.groups) and None in self.slots.progress:
            self.slots.start(self._next, self._start(self._next))
            self._next += 1

    def _step(self, chosen: Sequence[tuple[int, Progress]]) -> None:
        began = time.perf_counter()
        slots, progresses = zip(*chosen, strict=True)
        items = [self._item(p, self._batch(p), p.step) for p in progresses]
        self._tried = [item.tokens for item in items]
        theta = self.slots.theta[torch.tensor(slots, device=self.device)]
        losses, grad, wave = self.waves.gradients(theta, items)
        norms = clip(grad, self.config.max_grad_norm).tolist()
        rates = [self._rate(p) for p in progresses]
        self.slots.update(slots, grad, rates, [p.step + 1 for p in progresses], self.config.weight_decay)
        seconds = time.perf_counter() - began
        self.meter.waves += 1
        self.meter.tokens += sum(wave.tokens)
        self.meter.computed += wave.size
        self.meter.seconds += seconds
        for progress, loss, tokens in zip(progresses, losses.tolist(), wave.tokens, strict=True):
            if progress.step % self._courses[progress.place].steps_per_epoch == 0:
                progress.losses.clear()
            progress.losses.append(loss)
            progress.step += 1
            progress.tokens += tokens
            progress.seconds += seconds * tokens / sum(wave.tokens)
        for progress, rate, norm in zip(progresses, rates, norms, strict=True):
            loss = progress.losses[-1]
            self._tell("step", progress, train_loss=loss, learning_rate=rate, grad_norm=norm)

    def _item(self, progress: Progress, examples: Sequence[Example], step: int = 0) -> Item:
        return Item(self.groups[progress.place], examples, self.waves.frozen.places[progress.place], step)

    def _batch(self, progress: Progress) -> list[Example]:
        train = self.groups[progress.place].train
        return [train[i] for i in self._courses[progress.place].batch(progress.step)]

    def _rate(self, progress: Progress) -> float:
        peak = self.groups[progress.place].learning_rate or self.config.learning_rate
        total = self._courses[progress.place].total_steps
        return scheduled(peak, progress.step, total, self.config.warmup_ratio)

    # Evaluation

    def _is_due(self, progress: Progress) -> bool:
        if progress.step == progress.judged or not self.groups[progress.place].val:
            return False
        course = self._courses[progress.place]
        every = self.config.eval_every or course.steps_per_epoch
        return progress.step % every == 0 or progress.step == course.total_steps

    def _evaluate(self, judged: Sequence[tuple[int, Progress]]) -> None:
        """Val loss of these groups; keep a snapshot of each that is at its best."""
        sums = dict.fromkeys((slot for slot, _ in judged), 0.0)
        for pieces in self._val_waves(judged):
            self._stop_if_asked()  # evaluated anew on resuming
            self._tried = [item.tokens for _, item in pieces]
            slots = [slot for slot, _ in pieces]
            theta = self.slots.theta[torch.tensor(slots, device=self.device)]
            losses, _ = self.waves.losses(theta, [item for _, item in pieces])
            for slot, loss in zip(slots, losses.tolist(), strict=True):
                sums[slot] += loss
        for slot, progress in judged:
            val = self.groups[progress.place].val
            loss = sums[slot] / sum(int(example.supervised[1:].sum()) for example in val)
            progress.judged = progress.step
            progress.worse += 1
            if math.isfinite(loss) and (progress.best_loss is None or loss < progress.best_loss):
                progress.best_loss, progress.best_step, progress.worse = loss, progress.step, 0
                self.slots.best[slot] = self.slots.theta[slot]
            self._tell("val", progress, val_loss=loss)

    def _val_waves(self, judged: Sequence[tuple[int, Progress]]) -> Iterator[list[tuple[int, Item]]]:
        """The val examples of these groups, a batch of one group an item, as many as fit into a wave."""
        size = self.config.batch_size
        wave: list[tuple[int, Item]] = []
        room = self.budget
        for slot, progress in judged:
            val = self.groups[progress.place].val
            for start in range(0, len(val), size):
                item = self._item(progress, val[start : start + size])
                if wave and (item.tokens > room or len(wave) == len(self.slots.progress)):
                    yield wave
                    wave, room = [], self.budget
                wave.append((slot, item))
                room -= item.tokens
        if wave:
            yield wave

    # The end of a group

    def _is_done(self, progress: Progress) -> bool:
        return progress.step == self._courses[progress.place].total_steps or self._stops_early(progress)

    def _stops_early(self, progress: Progress) -> bool:
        return self.config.patience is not None and progress.worse >= self.config.patience

    def _finish(self, slot: int, progress: Progress) -> None:
        group = self.groups[progress.place]
        rows = self.slots.best if group.val else self.slots.theta
        result = GroupResult(
            name=group.name,
            learned=self._learned(progress.place, rows[slot]),
            steps=progress.step,
            best_step=progress.best_step if group.val else progress.step,
            val_loss=progress.best_loss,
            train_loss=statistics.fmean(progress.losses),
            stopped_early=progress.step < self._courses[progress.place].total_steps,
            tokens=progress.tokens,
            seconds=progress.seconds,
        )
        if self.checkpoint:
            self.checkpoint.save_result(progress.place, result, rows[slot])
        self.slots.progress[slot] = None
        self._finished.append(progress.place)
        self.on_result(result)
        self._tell("finished", progress, train_loss=result.train_loss, val_loss=result.val_loss)

    def _learned(self, place: int, row: Tensor) -> Learned:
        return self.waves.trained.learned(row, self.groups[place])

    # What is told and kept

    def _fraction(self) -> float:
        done = sum(self._sizes[place] for place in self._finished)
        going = sum(self._sizes[p.place] * p.step / self._courses[p.place].total_steps for _, p in self.slots.live())
        return (done + going) / sum(self._sizes)

    def _tell(self, kind: EventKind, progress: Progress | None, **values: Any) -> None:
        if progress is None:
            group, step, total = None, self.meter.waves, sum(course.total_steps for course in self._courses)
        else:
            group, step = self.groups[progress.place].name, progress.step
            total = self._courses[progress.place].total_steps
        event = TrainEvent(kind, group, step, total, self._fraction(), self.meter.tokens_per_second, self.meter.padding)
        self.on_event(dataclasses.replace(event, **values))

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        progress, rows = self.slots.state()
        state: dict[str, Any] = {
            "next": self._next,
            "finished": self._finished,
            "slots": progress,
            "meter": dataclasses.asdict(self.meter),
            "budget": None if math.isinf(self.budget) else self.budget,
            "memory": self.on_event.memory() if isinstance(self.on_event, Follower) else None,
        }
        self.checkpoint.save(self.meter.waves, self.digest, state, rows)
        self._tell("checkpoint", None)

    def restore(self, path: Path) -> None:
        """Go on from the state in this file; hand over the results that were ready by then."""
        state, rows = load(path, self.digest)
        earlier = Checkpoint(path.parent)
        self._next, self._finished = state["next"], state["finished"]
        self.meter = Meter(**state["meter"])
        self.budget = min(self.budget, state["budget"] or math.inf)  # it may have been too much already
        # As many as before, however much memory is free by now: other waves would add up in another order.
        capacity = max(len(state["slots"]), self.config.in_flight or 0)
        self.slots = Slots(capacity, self.waves.trained.size, self.device)
        self.slots.restore(state["slots"], rows)
        if isinstance(self.on_event, Follower) and state["memory"] is not None:
            self.on_event.remember(state["memory"])
        for place in self._finished:
            result = earlier.load_result(place, functools.partial(self._learned, place))
            if self.checkpoint and self.checkpoint.folder != earlier.folder:
                self.checkpoint.save_result(place, result, self.waves.trained.row(result.learned))
            self.on_result(result)
