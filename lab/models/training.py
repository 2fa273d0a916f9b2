"""What goes into grouped training and what comes out of it, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from lab.errors import LabError
from lab.models.batching import Example
from lab.models.blend import Blend, BlendConfig
from lab.models.gate import Gate, GateConfig
from lab.models.heads import HeadsConfig
from lab.models.lora import Adapter, LoraConfig
from lab.models.users import UserConfig, UserTokens, VectorConfig
from lab.models.virtual import VirtualConfig, VirtualTokens

Servable = Adapter | VirtualTokens
Learned = Servable | Blend | Gate | UserTokens
LearnedConfig = LoraConfig | HeadsConfig | VirtualConfig | UserConfig | VectorConfig | BlendConfig | GateConfig
EventKind = Literal["step", "val", "finished", "checkpoint", "shrunk"]


class Stopped(Exception):  # noqa: N818  (nothing went wrong)
    """Training was asked to stop and did; the checkpoint, where there is one, is written."""


@dataclass(frozen=True)
class TrainConfig:
    """Hyperparameters of one group, as published. All but the last three decide the result."""

    epochs: int = 3
    batch_size: int = 4
    learning_rate: float = 5e-4
    warmup_ratio: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    seed: int = 0
    eval_every: int | None = None  # steps; None: at the end of each epoch
    patience: int | None = None  # evaluations without a better val loss before a group stops; None: never
    in_flight: int | None = None  # groups that share a forward pass; None: what fits into memory
    checkpoint_steps: int | None = None  # a checkpoint every so many waves, beside the one by time
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise LabError(f"Training: epochs must be 0 or more; got {self.epochs}.")
        positive = ("batch_size", "eval_every", "patience", "in_flight", "checkpoint_steps")
        for name in positive:
            if (value := getattr(self, name)) is not None and value < 1:
                raise LabError(f"Training: {name} must be at least 1; got {value}.")
        if self.learning_rate <= 0 or self.max_grad_norm <= 0 or not 0 <= self.warmup_ratio <= 1:
            raise LabError("Training: learning_rate and max_grad_norm must be > 0, warmup_ratio in [0, 1].")


@dataclass(frozen=True)
class Leash:
    """What holds a group near what it stands on, beside the NLL of its own supervised tokens."""

    pull: float = 0.0  # λ of λ·‖ΔW‖²: the squares of all that it changes, over all layers
    distil: float = 0.0  # weight of KL(what it stands on ‖ it), mean over its supervised tokens

    def __post_init__(self) -> None:
        if self.pull < 0 or self.distil < 0:
            raise LabError(f"What holds a group must be 0 or more; got pull {self.pull}, distil {self.distil}.")


@dataclass(frozen=True, eq=False)
class GroupData:
    """One group: its examples, what it is trained on top of (`under` stays frozen), and settings of its own.

    Groups of a sweep have one `stream`: whatever is drawn at random is then the same for all of them.
    """

    name: str
    train: Sequence[Example]
    val: Sequence[Example] = ()
    learning_rate: float | None = None
    under: Adapter | None = None
    lora: LoraConfig | None = None  # another rank or alpha than the run's
    start: Adapter | None = None  # what it begins with; None: the start of all groups of the run
    leash: Leash = Leash()
    experts: Sequence[Adapter] = ()  # the adapters that a blend or a gate weighs
    seed: int | None = None
    stream: str | None = None  # names its random draws; None: its name


@dataclass(frozen=True)
class TrainEvent:
    """Something happened to a group, or (`checkpoint`, and `shrunk` for want of memory) to the run as a whole."""

    kind: EventKind
    group: str | None
    step: int  # the group's own, or the run's waves
    total_steps: int
    fraction: float  # of the whole run, by tokens
    tokens_per_second: float  # training, padding not counted, since the run began
    padding: float  # share of the computed tokens
    train_loss: float | None = None
    val_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    wave_tokens: int | None = None  # what a wave holds at most from now on


@runtime_checkable
class Follower(Protocol):
    """Who hears a run's events and remembers some: what it remembers is kept with the run's state, as JSON values."""

    def __call__(self, event: TrainEvent, /) -> None:
        """Take note of an event."""

    def memory(self) -> Any:
        """What it remembers, as the state is written."""

    def remember(self, memory: Any, /) -> None:
        """The run goes on from a state that was written when the follower remembered this."""


@dataclass(frozen=True, eq=False)
class GroupResult:
    """One trained group. What it learned is the best on val, or the last where there is no val."""

    name: str
    learned: Learned
    steps: int
    best_step: int
    val_loss: float | None
    train_loss: float | None  # mean over the last epoch's steps; None: there was none
    stopped_early: bool
    tokens: int  # trained on
    seconds: float  # its share, by tokens, of the waves it was in


@dataclass(frozen=True)
class TrainSummary:
    """Cost of the whole run, and the digest of what the groups started from (those without settings of their own)."""

    groups: int
    init_digest: str
    parameters: int  # per group
    tokens: int
    seconds: float
    tokens_per_second: float
    padding: float
