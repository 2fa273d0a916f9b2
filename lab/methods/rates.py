"""How fast jobs go: from what earlier jobs took, else from a documented guess.

A job's time is its core, which grows with its work (training on tokens, answering turns), and what comes beside:
loading, reading, scoring, saving. The core is told by the jobs that are most like it: those of the same base and
device and, among them, of the same method; then of the same base; then any. What is known of another base or device
is scaled by the number of weights and by how fast such devices are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lab.methods.work import UNITS

Basis = Literal["measured", "scaled", "guess"]
"""Known of this base and device; of another one; or of no job that ran here."""

GUESSES = {
    # Seconds of a unit on two CPU cores with SmolLM2-135M: see docs/benchmarks.
    "train": 1 / 400,
    "meta": 1 / 400,
    "mixture": 1 / 400,
    "fit": 1 / 400,
    "evaluate": 0.6,
    "merge learned": 5.0,
    "augment": 2.0,
    # Of these the base model has no part.
    "merge": 0.5,
    "recipes": 0.02,
    "adopt": 0.1,
    "cluster": 5.0,
    "route": 2.0,
    "join": 1.0,
}
_BY_MODEL = ("train", "meta", "mixture", "fit", "evaluate", "merge learned", "augment")
_GUESSED_WEIGHTS = 135e6
_START = 2.0  # seconds of a job beside its work, as a guess: reading, scoring, and now and then loading the base
_SPEED = {"cpu": 1.0, "mps": 5.0, "cuda": 50.0}  # of devices, about
_CORE = dict.fromkeys(("train", "mixture", "fit"), "train_seconds") | {
    "evaluate": "answer_seconds",
    "augment": "seconds",
}


class Ran(Protocol):
    """A job that succeeded."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def spec(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def result(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def seconds(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Place:
    """Where jobs will run: the base model, its number of weights if known, and the kind of device."""

    base: str
    weights: float | None
    device: str


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds of a unit, and what a job takes beside: so much, or so much for each unit where that is less."""

    unit: float
    beside: float
    beside_unit: float
    basis: Basis
    own: bool = False  # known of the very method, and so of what it shows of the user

    def seconds(self, amount: float, longer: float = 1.0) -> float:
        """Of a job with so much to do, whose method has so many times as much to read as others."""
        times = 1.0 if self.own else longer
        return times * (self.unit * amount + min(self.beside, self.beside_unit * amount))


@dataclass(frozen=True, slots=True)
class _Sample:
    method: str
    base: str
    device: str
    amount: float
    core: float  # seconds
    beside: float


class Rates:
    """The rates of every kind of work at one place."""

    def __init__(self, ran: Iterable[Ran], place: Place, weights: Mapping[str, float]) -> None:
        """`weights` has the number of weights of base models, as far as they are known."""
        self._place, self._weights = place, weights
        self._samples: dict[str, list[_Sample]] = {}
        for one in ran:
            if (sample := _sample(one)) is not None:
                self._samples.setdefault(sort_of(one.kind, one.spec), []).append(sample)

    def of(self, kind: str, spec: Mapping[str, Any], method: str) -> Rate:
        """For a job of this kind, spec and method."""
        sort = sort_of(kind, spec)
        samples = self._samples.get(sort, [])
        alike, basis = self._most_alike(samples, sort)
        if not alike:
            guess = GUESSES.get(sort, GUESSES.get(kind, 1.0))
            start = _START if sort.startswith(_BY_MODEL) else 0.0
            return Rate(guess * self._slowness(sort, None, "cpu"), start, start, "guess")
        own = [sample for sample in alike if sample.method == method]
        return Rate(
            self._typical(own or alike, sort, lambda sample: sample.core / sample.amount),
            self._typical(alike, sort, lambda sample: sample.beside),
            self._typical(alike, sort, lambda sample: sample.beside / sample.amount),
            basis,
            own=bool(own),
        )

    def _most_alike(self, samples: Sequence[_Sample], sort: str) -> tuple[list[_Sample], Basis]:
        for fits in self._tiers(sort):
            if found := [sample for sample in samples if fits(sample)]:
                same = all(self._same_place(sample, sort) for sample in found)
                return found, "measured" if same else "scaled"
        return [], "guess"

    def _tiers(self, sort: str) -> Iterator[Callable[[_Sample], bool]]:
        yield lambda sample: self._same_place(sample, sort)
        yield lambda sample: sample.base == self._place.base
        yield lambda _: True

    def _same_place(self, sample: _Sample, sort: str) -> bool:
        same_base = sample.base == self._place.base or not sort.startswith(_BY_MODEL)
        return same_base and sample.device == self._place.device

    def _typical(self, samples: Sequence[_Sample], sort: str, value: Callable[[_Sample], float]) -> float:
        """The median over units of work, so that large jobs count for more and a cold start for little."""
        scaled = sorted(
            (value(sample) * self._slowness(sort, sample.base, sample.device), sample.amount) for sample in samples
        )
        half = sum(amount for _, amount in scaled) / 2
        for seconds, amount in scaled:
            half -= amount
            if half <= 0:
                return seconds
        return scaled[-1][0]

    def _slowness(self, sort: str, base: str | None, device: str) -> float:
        """How much longer the same takes here than with that base on that device; None: what guesses are for."""
        if not sort.startswith(_BY_MODEL):
            return 1.0
        there = _GUESSED_WEIGHTS if base is None else self._weights.get(base)
        sizes = self._place.weights / there if self._place.weights and there else 1.0
        return sizes * _SPEED.get(device, 1.0) / _SPEED.get(self._place.device, 1.0)


def sort_of(kind: str, spec: Mapping[str, Any]) -> str:
    """What is measured together: kinds, but merges and augmentations by what they do."""
    if kind == "merge":
        return "merge learned" if spec["merge"]["weights"] == "learned" else f"merge {spec['merge']['how']}"
    return f"augment {spec['augment']['how']}" if kind == "augment" else kind


def kind_of_device(device: str) -> str:
    """`cuda` of `cuda:1`."""
    return device.partition(":")[0]


def _sample(ran: Ran) -> _Sample | None:
    amount = ran.result.get(UNITS[ran.kind]) if ran.kind in UNITS else 1
    if not amount:
        return None
    core = min(ran.result.get(_CORE.get(ran.kind, ""), ran.seconds), ran.seconds)
    base = ran.spec.get("base", "")
    return _Sample(ran.method, base, kind_of_device(ran.device), amount, core, ran.seconds - core)
