"""Every study, the workers, what asks for attention and what happened last. Test scores are never read here."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from lab.db import queries, workers
from lab.db.glance import Event, Pace, broken, events, pace
from lab.db.looks import would_be_look
from lab.db.queries import StudyRow
from lab.db.scores import means
from lab.db.tables import TERMINAL, State
from lab.db.workers import Busy
from lab.settings import load_settings
from lab.tui.feeds.rest import Rest
from lab.tui.feeds.status import Status
from lab.tui.format import duration

_REFERENCE = "unified"
_METRIC = "embedding_similarity"
_EVENTS = 40
_ENOUGH_DISK = 2 << 30  # bytes: a base model and a study's adapters
_LEAST_SECONDS = 1.0  # between two readings
_SPOKEN_OF = 3  # studies of one fault


@dataclass(frozen=True, slots=True)
class Best:
    """The method with the highest mean on val, controls and routes left out."""

    method: str
    mean: float
    difference: float | None  # from unified; None where unified has no scores, or is the best itself


@dataclass(frozen=True, slots=True)
class StudyLine:
    """One study."""

    row: StudyRow
    eta: float | None = None  # seconds; None: not known
    best: Best | None = None

    @property
    def succeeded(self) -> bool:
        """Whether all its jobs have ended well."""
        return bool(self.row.n_jobs) and self.row.done == self.row.n_jobs


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One worker, and what it has at hand."""

    name: str  # host:pid
    devices: tuple[str, ...]
    state: str
    silence: float  # seconds, by our clock
    silent: bool
    jobs: tuple[Busy, ...]


@dataclass(frozen=True, slots=True)
class Attention:
    """What somebody should do something about."""

    tone: str  # bad | warn | good
    what: str
    how: str  # to mend it


@dataclass(frozen=True, slots=True)
class OverviewView:
    """What there is to show."""

    studies: tuple[StudyLine, ...] = ()
    workers: tuple[WorkerLine, ...] = ()
    attention: tuple[Attention, ...] = ()
    events: tuple[Event, ...] = ()
    has_data: bool = False


@dataclass
class OverviewFeed:
    """Reads after a rest; what a study's scores say, only when its jobs have gone on."""

    monotonic: Callable[[], float] = time.monotonic
    _rest: Rest = field(init=False)
    _view: OverviewView = field(default_factory=OverviewView)
    _best: dict[int, tuple[object, Best | None]] = field(default_factory=dict)  # study → (counts, best)

    def __post_init__(self) -> None:
        self._rest = Rest(self.monotonic, least=_LEAST_SECONDS)

    def read(self, status: Status) -> OverviewView:
        """The present view; the same object as before between two readings."""
        if self._rest.over:
            with self._rest.after():
                self._view = self._read(status)
        return self._view

    def _read(self, status: Status) -> OverviewView:
        at_work = tuple(_workers(status))
        lanes = sum(len(worker.devices) for worker in at_work if not worker.silent) if not status.paused else 0
        studies = tuple(self._line(row, lanes) for row in queries.list_studies())
        return OverviewView(
            studies,
            at_work,
            (*_failures(studies), *_machines(at_work), *_unseen(studies)),
            tuple(events(_EVENTS)),
            bool(studies) or has_data(),
        )

    def _line(self, row: StudyRow, lanes: int) -> StudyLine:
        ended = sum(row.counts.get(state, 0) for state in TERMINAL)
        eta = seconds_left(pace(row.id), lanes) if lanes and ended < row.n_jobs else None
        return StudyLine(row, eta, self._best_of(row))

    def _best_of(self, row: StudyRow) -> Best | None:
        done = row.counts.get(State.SUCCEEDED, 0)
        known = self._best.get(row.id)
        if known is None or known[0] != done:
            known = self._best[row.id] = (done, _best(row) if done else None)
        return known[1]


def has_data() -> bool:
    """Whether a data set was brought in."""
    root = load_settings().artifacts
    return any(folder.is_dir() and any(folder.iterdir()) for folder in (root / "data", root / "datasets"))


def seconds_left(found: Pace, lanes: int) -> float | None:
    """How long a study will take on so many devices; None while one of its kinds of job has not been seen yet."""
    left: list[float] = []
    for one in found.running:
        took = found.seconds.get(one.kind)
        if one.eta_seconds is None and took is None:
            return None
        left.append(one.eta_seconds if one.eta_seconds is not None else (took or 0.0) * (1 - one.progress))
    for kind, number in found.waiting.items():
        if kind not in found.seconds:
            return None
        left += [found.seconds[kind]] * number
    return max(max(left, default=0.0), sum(left) / lanes)


# ---------------------------------------------------------------- the best method so far


def _best(row: StudyRow) -> Best | None:
    from lab.metrics.paired import shared_seeds

    by_seed = means(row.id, "val", _METRIC)
    if not by_seed:
        return None
    seeds = shared_seeds(by_seed.values())
    found = {method: fmean(one[seed] for seed in seeds or one) for method, one in by_seed.items()}
    own = {method: mean for method, mean in found.items() if method in _candidates(row, found)}
    if not own:
        return None
    method = max(own, key=lambda name: own[name])
    unified = found.get(_REFERENCE)
    difference = None if unified is None or method == _REFERENCE else own[method] - unified
    return Best(method, own[method], difference)


def _candidates(row: StudyRow, among: Mapping[str, float]) -> set[str]:
    """The methods whose val score says something of them: not controls, nor what was fitted to val."""
    from lab.methods.extend import stored
    from lab.methods.fitted import fitted_to_val
    from lab.report.controls import is_control

    declared = stored(row.spec).declared()
    return {
        name for name in among if name in declared and not (is_control(declared[name]) or fitted_to_val(declared, name))
    }


# ---------------------------------------------------------------- workers


def _workers(status: Status) -> Iterator[WorkerLine]:
    busy, patience = workers.busy(), load_settings().lease_seconds
    for row in queries.list_workers():
        silence = status.silence.get(row.id, 0.0)
        name = row.id.rpartition(":")[0] or row.id
        jobs = tuple(busy.get(row.id, ()))
        yield WorkerLine(name, tuple(row.devices), row.state, silence, silence >= patience, jobs)


# ---------------------------------------------------------------- what asks for attention


def _failures(studies: tuple[StudyLine, ...]) -> Iterator[Attention]:
    failed = [study for study in studies if study.row.failed]
    for study in failed[:_SPOKEN_OF]:
        last = broken(study.row.id)
        if last is not None:
            more = f" (and {study.row.failed - 1} more)" if study.row.failed > 1 else ""
            what = f"{study.row.name}: job {last.job} {last.kind} {last.method} is {last.state}{more}: {last.error}"
            yield Attention("bad", what, "e: go there")
    if failed[_SPOKEN_OF:]:
        yield Attention("bad", f"{len(failed) - _SPOKEN_OF} older studies have failed jobs", "below")


def _machines(at_work: tuple[WorkerLine, ...]) -> Iterator[Attention]:
    for worker in at_work:
        if worker.silent:
            what = f"worker {worker.name} has been silent for {duration(worker.silence)}; its jobs go to others"
            yield Attention("warn", what, "6: look at it")
    folder = load_settings().artifacts
    free = shutil.disk_usage(folder).free
    if free < _ENOUGH_DISK:
        yield Attention("bad", f"only {free >> 20} MiB are free in {folder}", "lab clean, or other artifacts")


def _unseen(studies: tuple[StudyLine, ...]) -> Iterator[Attention]:
    done = [one for one in studies if one.succeeded and "test" in one.row.spec.get("evaluate", ())]
    for study in [one for one in done if would_be_look(one.row.id)][:_SPOKEN_OF]:
        yield Attention("good", f"{study.row.name} is done, and nobody has looked at its results", "enter, or 3")
