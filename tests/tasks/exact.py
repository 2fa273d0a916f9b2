"""What exact resume is tried on: personas of unequal histories, and all that a job left, in a form to compare."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import psutil
from fleet import Fleet, eventually, has_ended, wait_for
from left_behind import left_behind
from planned import job as row
from planned import state
from tiny_model import save_base

from lab.data.generate import generate
from lab.data.store import keep
from lab.data.types import Dataset as Dialogues
from lab.data.types import digest
from lab.db.queries import curve, curve_groups
from lab.db.studies import save_dataset, save_study
from lab.db.tables import TERMINAL, Dataset, State, Study
from lab.methods.plan import PlannedJob, plan
from lab.methods.spec import parse_study
from lab.models.checkpoint import states
from lab.tasks.manifest import CHECKPOINT_FOLDER, MANIFEST_FILE
from lab.tasks.sweep import ring

PATIENCE = 120.0  # seconds for one training, on a busy machine


def ragged(n: int, seed: int = 5, prefix: str = "p") -> Dialogues:
    """Generated personas of whom each has one dialogue less than the one before."""
    data = generate(n, 5 + n, seed=seed)
    people, dialogues = [], []
    for number, persona in enumerate(data.personas):
        name = f"{prefix}{number}"
        people.append(replace(persona, persona_id=name))
        mine = data.of(persona.persona_id)[: 5 + n - number]
        dialogues += [replace(one, persona_id=name, dialogue_id=f"{prefix}{one.dialogue_id}") for one in mine]
    return Dialogues(tuple(people), tuple(dialogues))


# ---------------------------------------------------------------- a training that is really killed

CHECKPOINT_SECONDS = 0.2
SETTINGS = {"LAB_CHECKPOINT_SECONDS": str(CHECKPOINT_SECONDS), "OMP_NUM_THREADS": "1"}
TRAINING = {"epochs": 24, "batch_size": 2, "max_length": 256, "learning_rate": 2e-2, "patience": 3}
PERSONAS = 5
STARTING = 0.2  # the first share of the moments is for a model that is being loaded, the rest for what it learns
WRITES = ("checkpoint/*.partial", "manifest.json*", "adapters/0002/*", "checkpoint/finished/*")

Moment = float | str
"""When to kill: at a share of the way from submission to result, or as soon as there is such a file."""


@dataclass(frozen=True)
class Outcome:
    """What a training left: its files' digests, its curves, and what its row says of them."""

    files: dict[str, str]
    curves: dict[tuple[str, str], list[tuple[int, float]]]
    row: tuple[object, ...]


@dataclass(frozen=True)
class Kill:
    """One kill, and what came of it."""

    job: int
    what: str  # worker | executor
    moment: Moment
    seconds: float  # into the attempt
    stage: str  # how far the attempt was: starting | training | writing
    redone: float | None  # seconds since its last checkpoint, of an attempt that was training
    attempts: int
    outcome: Outcome


def moments(n: int, seed: int) -> list[Moment]:
    """So many moments, spread over all that an attempt does; each third is that of a certain write."""
    draw = random.Random(seed)
    found: list[Moment] = [(number + draw.random()) / n for number in range(n)]
    for number in range(2, n, 3):
        found[number] = WRITES[number // 3 % len(WRITES)]
    draw.shuffle(found)
    return found


class Trainings:
    """The same training again and again, each time as a job of its own, through real workers."""

    def __init__(self, root: Path, ships: Fleet) -> None:
        self._root, self._ships, self._n = root, ships, 0
        self._data, self._spec = _prepared(root)
        self._worker = ships.start(**SETTINGS)
        began = time.monotonic()
        job = self._submit()
        wait_for([job], State.SUCCEEDED, seconds=PATIENCE)
        self._seconds = time.monotonic() - began
        self.never_killed = self._outcome(job)

    def killed(
        self, what: str, moment: Moment, *, cold: bool = False, harm: Callable[[Path], None] = lambda _: None
    ) -> Kill:
        """Train once more, and kill the executor or its worker at this moment; do `harm` to its checkpoint's folder."""
        if cold:
            self._kill_executors()
        began = time.monotonic()
        job = self._submit()
        attempt = self._root / f"{job}/1"
        self._wait_until(moment, job)
        seconds, at = time.monotonic() - began, time.time()
        self._kill(what)
        stage, redone = _stage(attempt), None
        saved = states(attempt / CHECKPOINT_FOLDER)
        if stage == "training" and saved:
            redone = max(0.0, at - saved[0].stat().st_mtime)
        harm(attempt / CHECKPOINT_FOLDER)
        if what == "worker":
            self._worker = self._ships.start(**SETTINGS)
        wait_for([job], seconds=PATIENCE)
        assert state(job) == State.SUCCEEDED
        return Kill(job, what, moment, seconds, stage, redone, row(job).attempt, self._outcome(job))

    def _wait_until(self, moment: Moment, job: int) -> None:
        attempt = self._root / f"{job}/1"
        if isinstance(moment, str):
            while not any(attempt.glob(moment)) and state(job) not in TERMINAL:
                time.sleep(0.001)
        elif moment < STARTING:
            time.sleep(moment * self._seconds)
        else:
            share = (moment - STARTING) / (1 - STARTING)
            eventually(lambda: state(job) in TERMINAL or row(job).progress >= share, seconds=PATIENCE)
            time.sleep(moment * 1000 % 1 / 2)  # or it would always be the moment after a write

    def _submit(self) -> int:
        self._n += 1
        job = PlannedJob(f"training {self._n}", "train", "persona", self._spec, (), True, ("persona",))
        study = Study(name=f"study {self._n}", spec={}, dataset=self._data, base="tiny")
        (found,) = save_study(study, [job], max_tries=2)
        ring()
        return found

    def _kill(self, what: str) -> None:
        if what == "executor":
            self._kill_executors()
        else:
            self._worker.kill()
            self._worker.wait()

    def _kill_executors(self) -> None:
        executors = self._ships.executors()
        for executor in executors:
            with contextlib.suppress(psutil.NoSuchProcess):
                executor.kill()
        eventually(lambda: all(map(has_ended, executors)))
        time.sleep(0.2)  # the last of their threads

    def _outcome(self, job: int) -> Outcome:
        found = row(job)
        groups = ["", *curve_groups(job)]
        curves = {(series, group): curve(job, series, group) for series in ("train", "val") for group in groups}
        result = {name: found.result[name] for name in ("tokens", "parameters", "groups", "initial_digest")}
        told = (found.loss, found.val_loss, found.progress, orjson.dumps(result))
        return Outcome(left_behind(self._root / found.artifact), curves, told)


def _prepared(root: Path) -> tuple[str, dict[str, Any]]:
    """The digest of the data, and the spec of a training on them."""
    data = ragged(PERSONAS)
    name = digest(data)
    save_base(root / "tiny")
    folder = keep(data, root / "datasets", name[:16]).relative_to(root).as_posix()
    save_dataset(
        Dataset(
            digest=name, name="d", source="here", folder=folder, n_personas=PERSONAS, n_dialogues=len(data.dialogues)
        )
    )
    content = {"name": "s", "data": "any", "base": str(root / "tiny"), "dtype": "float32", "training": TRAINING}
    (spec,) = (
        job.spec for job in plan(parse_study(content | {"methods": ["persona"]}, "s.toml"), name) if job.kind == "train"
    )
    return name, spec


def _stage(attempt: Path) -> str:
    """How far an attempt was, by what it left."""
    if not (attempt / CHECKPOINT_FOLDER).exists():
        return "starting"
    if any(attempt.glob(f"{MANIFEST_FILE}*")) or (attempt / "recipes.json").exists():
        return "writing"
    return "training"
