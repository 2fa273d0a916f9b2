"""Jobs of every kind that keeps checkpoints, killed anywhere and gone on with, leave the same bytes as if never killed.

A kill is an exception that nobody catches, raised where the job tells its supervisor of something: what it had not
written by then is lost. What real signals do to real executors is in test_exact_resume.
"""

from __future__ import annotations

import contextlib
import importlib
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from exact import ragged
from left_behind import left_behind
from tiny_model import save_base

from lab.data.store import keep
from lab.data.types import digest
from lab.methods.extend import plan_extension
from lab.methods.plan import PlannedJob, plan
from lab.methods.spec import parse_study
from lab.models.atomic import newest_first, number_of
from lab.models.checkpoint import states
from lab.settings import load_settings
from lab.tasks import evaluate
from lab.tasks.base_identity import fingerprint
from lab.tasks.context import JobContext
from lab.tasks.executor import KINDS
from lab.tasks.messages import Assignment, Checkpoint, Done, Event, Log, Metrics

CLUSTERS = {"by": "behaviour", "k": 2}
OWN = {
    "likely": {"share": "cluster", "parameters": "lora", "cluster": CLUSTERS},
    "mixed": {"parameters": "none", "mixture": {"of": "likely"}, "training": {"learning_rate": 1e-2, "epochs": 4}},
    "merged": {
        "parameters": "none",
        "cluster": CLUSTERS,
        "merge": {"of": "persona", "nearest": 2, "weights": "learned"},
    },
    "begun": {
        "share": "persona",
        "parameters": "lora",
        "meta": {"how": "fomaml", "rounds": 8, "personas": 2, "steps": 2},
    },
    "users": {"share": "cluster", "parameters": "user-embedding", "cluster": CLUSTERS, "tokens": 2},
}
METHODS = ("persona", "likely", "mixed", "merged", "begun", "users")
WHO = {
    "train": "persona",
    "evaluate": "persona",
    "mixture": "mixed",
    "merge": "merged",
    "meta": "begun",
    "fit": "users",
}
OLD, NEW = ragged(4), ragged(3, seed=11, prefix="new")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Attempt:
    """One attempt at a job, and what it told."""

    folder: Path
    events: list[Event] = field(default_factory=list)
    done: Done | None = None

    def log(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Log))


@dataclass
class Bench:
    """Runs planned jobs in this process; their pointers to checkpoints are kept as the database keeps them."""

    root: Path
    jobs: dict[str, PlannedJob]
    there: dict[str, str] = field(default_factory=dict)  # key → folder
    n: int = 0
    wholes: dict[str, Attempt] = field(default_factory=dict)  # by key

    def never_killed(self, job: PlannedJob) -> Attempt:
        """The job from beginning to end, done once for all tests."""
        if job.key not in self.wholes:
            self.wholes[job.key] = self.whole(job)
        return self.wholes[job.key]

    def whole(self, job: PlannedJob) -> Attempt:
        """All that the job needs, and the job, from beginning to end."""
        for parent in job.parents:
            self.never_killed(self.jobs[parent])
        self.n += 1
        attempt = self.attempt(job, self.n, 1, None)
        self.there[job.key] = f"{self.n}/1"
        return attempt

    def killed(self, job: PlannedJob, kills: list[Callable[[Event], bool]]) -> list[Attempt]:
        """Attempts at the job, of which each but the last is killed when the next of `kills` says so of an event."""
        self.n += 1
        attempts: list[Attempt] = []
        for number, kill in enumerate([*kills, lambda _: False], start=1):
            attempts.append(self.attempt(job, self.n, number, pointer(attempts), kill))
        return attempts

    def attempt(
        self,
        job: PlannedJob,
        number: int,
        attempt: int,
        checkpoint: str | None,
        kill: Callable[[Event], bool] = lambda _: False,
    ) -> Attempt:
        """One attempt."""
        folder = f"{number}/{attempt}"
        found = Attempt(self.root / folder)
        found.folder.mkdir(parents=True)
        spec: dict[str, Any] = orjson.loads(orjson.dumps(job.spec))  # as it comes out of the database
        parents = {key: self.there[key] for key in job.parents}
        assignment = Assignment(
            number, attempt, job.kind, job.method, spec, str(self.root), folder, str(load_settings().cache), "cpu",
            "float32", checkpoint, 0.0, f"datasets/{job.spec['data'][:16]}", parents,
        )  # fmt: skip

        def hear(event: Event) -> None:
            if kill(event):
                raise Killed
            found.events.append(event)

        with contextlib.suppress(Killed):
            found.done = importlib.import_module(KINDS[job.kind]).run(JobContext(assignment, hear, threading.Event()))
        return found


def pointer(attempts: list[Attempt]) -> str | None:
    """The checkpoint that the job's row names after these attempts (`lab.db.jobs.checkpoint` and `fall_back`)."""
    folder, step = "", 0
    for event in (event for attempt in attempts for event in attempt.events if isinstance(event, Checkpoint)):
        if event.back or event.step >= step:
            folder, step = event.folder, event.step
    return folder or None


def curves(attempts: list[Attempt]) -> dict[tuple[str, str, int], float | None]:
    """The points that the database holds after these attempts."""
    told = (event for attempt in attempts for event in attempt.events if isinstance(event, Metrics))
    return {(series, group, step): value for event in told for series, group, step, value in event.points}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("artifacts")
    torch.set_num_threads(1)
    save_base(root / "tiny")
    for data in (OLD, NEW):
        keep(data, root / "datasets", digest(data)[:16])
    content = {"name": "old", "data": "any", "base": str(root / "tiny"), "dtype": "float32", "method": OWN}
    training = {"epochs": 4, "batch_size": 2, "max_length": 200, "learning_rate": 5e-3, "patience": 1}
    more = {"training": training, "max_new_tokens": 6, "evaluate": ["val"], "methods": list(METHODS)}
    study = parse_study(content | more, "old.toml")
    newcomers = study.model_copy(update={"name": "new", "extends": "old", "methods": ("users",)})
    weights = fingerprint(study.base)
    jobs = [
        *plan(study, digest(OLD), weights),
        *plan_extension(newcomers, digest(NEW), study, digest(OLD), weights),
    ]
    return Bench(root, {job.key: job for job in jobs})


def find(bench: Bench, kind: str) -> PlannedJob:
    """The job of this kind that is killed."""
    return next(job for job in bench.jobs.values() if (job.kind, job.method) == (kind, WHO[kind]) and job.serves)


def at(number: int) -> Callable[[Event], bool]:
    """Kills at the event of this number."""
    left = iter(range(number))
    return lambda _: next(left, None) is None


def after(checkpoints: int) -> Callable[[Event], bool]:
    """Kills at whatever is told next after so many checkpoints; how much else is told depends on the clock."""
    seen = 0

    def kill(event: Event) -> bool:
        nonlocal seen
        if seen == checkpoints:
            return True
        seen += isinstance(event, Checkpoint)
        return False

    return kill


@pytest.mark.parametrize("kind", WHO)
def test_killed_three_times_anywhere_it_leaves_the_same_bytes(bench: Bench, kind: str) -> None:
    whole = bench.never_killed(job := find(bench, kind))
    assert whole.done is not None
    draw = random.Random(kind)
    checkpoints = sum(isinstance(event, Checkpoint) for event in whole.events)
    assert checkpoints >= 5
    first = draw.randrange(3, checkpoints)  # so that there is one to go on from, and one to come
    later = [draw.randrange(2, max(5, checkpoints - first)) for _ in range(2)]
    attempts = bench.killed(job, [after(first), *map(at, later)])
    assert [attempt.done is None for attempt in attempts] == [True, True, True, False]
    assert "goes on from step" in attempts[-1].log()
    assert left_behind(attempts[-1].folder) == left_behind(whole.folder)
    assert sorted(attempts[-1].done.scores) == sorted(whole.done.scores)
    assert curves(attempts) == curves([whole])


@pytest.mark.parametrize("kind", WHO)
@pytest.mark.parametrize("torn", [1, 9])
def test_a_checkpoint_that_a_power_cut_took_gives_way_to_the_one_before_or_to_none(
    bench: Bench, kind: str, torn: int
) -> None:
    """Of the newest checkpoints `torn` are empty files."""
    whole, job = bench.never_killed(find(bench, kind)), find(bench, kind)
    told = sum(isinstance(event, Checkpoint) for event in whole.events)
    left = iter(range(told // 3))
    killed = bench.killed(job, [lambda event: isinstance(event, Checkpoint) and next(left, None) is None])
    folder = killed[0].folder
    kept = [path for sub in (folder / "checkpoint", *sorted(folder.glob("checkpoint/0*"))) for path in states(sub)]
    kept += newest_first(folder / "checkpoint", "answers", ".json")
    assert len(kept) >= 2
    for path in kept[:torn]:
        path.write_bytes(b"")
    again = bench.attempt(job, bench.n, 3, pointer(killed[:1]))
    assert ("the checkpoint before it is tried" in again.log()) or torn > 1
    assert left_behind(again.folder) == left_behind(whole.folder)
    back = [event for event in again.events if isinstance(event, Checkpoint) and event.back]
    assert back[-1].step == (number_of(kept[1]) if torn == 1 else 0)
    assert next(event for event in again.events if isinstance(event, Checkpoint)).back


@pytest.mark.parametrize("kind", WHO)
def test_a_checkpoint_in_a_form_that_nobody_reads_gives_way_to_what_this_attempt_keeps(bench: Bench, kind: str) -> None:
    """Else the row would name it, for the number of its step, until the job is over: each attempt would start anew."""
    whole, job = bench.never_killed(find(bench, kind)), find(bench, kind)
    told = sum(isinstance(event, Checkpoint) for event in whole.events)
    left = iter(range(told // 2))
    killed = bench.killed(job, [lambda event: isinstance(event, Checkpoint) and next(left, None) is None])
    for path in (path for path in (killed[0].folder / "checkpoint").rglob("*") if path.is_file()):
        path.rename(path.with_name(path.name.replace("-", "_")))
    again = bench.attempt(job, bench.n, 3, pointer(killed[:1]))
    assert "no checkpoint is here; the work starts anew" in again.log()
    assert next(event for event in again.events if isinstance(event, Checkpoint)).back
    assert (pointer([killed[0], again]) or "").startswith(f"{bench.n}/3/")
    assert left_behind(again.folder) == left_behind(whole.folder)


def test_answers_that_were_given_are_not_asked_for_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = evaluate.generate

    def counting(server: Any, rows: Any, *others: Any, **options: Any) -> Any:
        asked.append(len(rows))
        return real(server, rows, *others, **options)

    monkeypatch.setattr(evaluate, "generate", counting)
    job = find(bench, "evaluate")
    bench.killed(job, [lambda event: isinstance(event, Checkpoint) and event.step == 5])
    assert asked[1] == asked[0] - 5, "the fifth was kept before it was told"
