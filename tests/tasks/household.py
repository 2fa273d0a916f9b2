"""A lab with real data, artifacts, recipes and checkpoints, made by hand: what housekeeping is tried on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planned import claimed
from sqlmodel import SQLModel, select

from lab.data.generate import generate_folder
from lab.db import jobs
from lab.db.engine import connected, reading
from lab.db.jobs import Outcome
from lab.db.leases import Lease
from lab.db.studies import save_study
from lab.db.tables import Dataset, Job, RunMetric, Score, Study
from lab.methods.plan import PlannedJob
from lab.methods.recipe import AdapterRef, Recipe, write_book
from lab.settings import load_settings
from lab.tasks.clean import Found
from lab.tasks.deep import check_deeply
from lab.tasks.manifest import write_manifest
from lab.tasks.owner import check_owner
from lab.tasks.places import OWNER
from lab.tasks.submit import import_data


def root() -> Path:
    """The artifacts folder."""
    return load_settings().artifacts


def bring_in(folder: Path, seed: int = 0) -> Dataset:
    """A data set of two personas, in the lab's own copy."""
    generate_folder(folder, 2, 4, 3.2, seed)
    return import_data(str(folder))


def plan(key: str, data: Dataset, *parents: str, kind: str = "train") -> PlannedJob:
    """One job of a plan; its key is its name."""
    spec: dict[str, Any] = {"data": data.digest, "split": "val", "seed": 0}
    return PlannedJob(key, kind, "method", spec, parents, makes_book=kind == "train", serves=("method",))


def study(data: Dataset, *jobs_of_it: PlannedJob, name: str = "study", extends: str | None = None) -> list[int]:
    """A study of these jobs, in a lab that has its artifacts: so it is submitted."""
    check_owner()
    spec = {"dtype": "auto", "personas": None, "dialogues": None, "split": [0.6, 0.2, 0.2], "extends": extends}
    return save_study(Study(name=name, spec=spec, dataset=data.digest, base="base"), jobs_of_it, max_tries=2)


@dataclass(frozen=True)
class Attempt:
    """A claimed job and its folder."""

    lease: Lease

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.lease.job}/{self.lease.attempt}"

    @property
    def adapter(self) -> str:
        """Of its artifact."""
        return f"{self.name}/adapters/0000"

    @property
    def folder(self) -> Path:
        """Where it writes."""
        return root() / self.name

    def checkpoint(self, step: int) -> None:
        """Write a checkpoint and point to it."""
        place = self.folder / "checkpoint"
        place.mkdir(parents=True, exist_ok=True)
        part = place / "state.partial"
        part.write_text(str(step))
        part.rename(place / "state")
        assert jobs.checkpoint(self.lease, f"{self.name}/checkpoint", step)

    def finish(self, adapters: Sequence[str] = (), scores: Sequence[Score] = ()) -> None:
        """Commit an artifact: an adapter of its own, and a book that names it and `adapters`."""
        own = root() / self.adapter
        own.mkdir(parents=True)
        (own / "adapter_model.safetensors").write_bytes(b"weights" * 1000)
        names = [*adapters, self.adapter]
        write_book({"0": Recipe("base", tuple(AdapterRef(one, one, "f" * 64) for one in names))}, self.folder)
        outcome = Outcome(self.name, write_manifest(self.folder, {}), {"seconds": 1.0}, scores)
        assert jobs.succeed(self.lease, outcome)


def start() -> Attempt:
    """Claim the next job, and make its folder."""
    attempt = Attempt(claimed())
    attempt.folder.mkdir(parents=True)
    return attempt


def done(adapters: Sequence[str] = ()) -> Attempt:
    """The next job, done, its checkpoint left behind."""
    attempt = start()
    attempt.checkpoint(1)
    jobs.record(attempt.lease, logs=["a line"])
    attempt.finish(adapters)
    return attempt


def furnish(folder: Path) -> None:
    """1 done, 2 done on top of it, 3 running with a checkpoint, 4 ready, 5 blocked, 6 failed with a checkpoint."""
    data = bring_in(folder)
    kept = root() / "data" / "mine"
    shutil.copytree(root() / data.folder, kept)
    study(
        data,
        plan("base", data),
        plan("above", data, "base"),
        plan("running", data),
        plan("ready", data),
        plan("blocked", data, "ready"),
        plan("failed", data),
    )
    first = done()
    second = start()
    jobs.record(second.lease, [RunMetric(job=2, series="train", group="ä", step=1, value=0.1 + 0.2)], ["a «line»"])
    second.finish([first.adapter], [Score(job=2, persona_id="0", task_type="", metric="m", value=1 / 3, n=3)])
    start().checkpoint(7)
    ready = Attempt(claimed())
    failed = start()
    assert failed.lease.job == 6
    failed.checkpoint(3)
    jobs.fail(failed.lease, "error", for_good=True)
    jobs.hand_back(ready.lease, "waits")


def ids() -> list[int]:
    """All jobs."""
    with reading() as session:
        return sorted(job or 0 for job in session.exec(select(Job.id)))


def tree(folder: Path) -> dict[str, bytes]:
    """File → content, of all that is not the database's or the queue's."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(("lab.db", OWNER)))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def clear(artifacts: Path) -> None:
    """An empty lab again."""
    with connected(writing=True) as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())
    for path in artifacts.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def is_whole() -> bool:
    """What `lab doctor --deep` says."""
    assert check_deeply().violations == []
    return True


def counts(found: Found) -> dict[str, int]:
    """Kind → how many, where there are any."""
    return {what: portion.count for what, portion in found.portions.items() if portion.count}
