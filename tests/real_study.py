"""A small study that is really carried out, job by job in this process, on a tiny model."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import torch
from planned import claim
from tiny_model import save_base

from lab.data.generate import generate_folder
from lab.db import jobs
from lab.db.jobs import Claim, Outcome
from lab.db.queries import StudyRow
from lab.db.tables import Score
from lab.settings import load_settings
from lab.tasks.context import JobContext
from lab.tasks.executor import KINDS
from lab.tasks.manifest import write_manifest
from lab.tasks.messages import Assignment
from lab.tasks.submit import submit

METHODS = ["unified", "persona", "recent", "chosen", "swapped-persona"]
CONTENT: dict[str, Any] = {
    "name": "small",
    "methods": METHODS,
    "seeds": [0, 1],
    "evaluate": ["test"],
    "max_new_tokens": 3,
    "dtype": "float32",
    "training": {"epochs": 1, "learning_rate": 5e-3, "max_length": 256},
    "method": {
        "recent": {"parameters": "none", "on": "unified", "retrieve": {"k": 1, "by": "recency"}},
        "chosen": {"parameters": "none", "route": {"how": "val", "among": ["unified", "persona"]}},
    },
}


def write_inputs(folder: Path, personas: int = 3, dialogues: int = 5) -> dict[str, Any]:
    """Generated data and a tiny base in `folder`; what a study says of them."""
    generate_folder(folder / "people", personas, dialogues, 3.2, 7)
    save_base(folder / "tiny")
    return {"data": str(folder / "people"), "base": str(folder / "tiny")}


def carried_out(content: dict[str, Any]) -> StudyRow:
    """The study, planned and queued as `lab run` does it and every job of it done."""
    torch.set_num_threads(1)
    study, _ = submit(None, content)
    while taken := claim():
        _do(taken)
    return study


def _do(taken: Claim) -> None:
    lease, settings = taken.lease, load_settings()
    name = f"{lease.job}/{lease.attempt}"
    folder = settings.artifacts / name
    folder.mkdir(parents=True)
    assignment = Assignment(
        lease.job, lease.attempt, taken.kind, taken.method, taken.spec, str(settings.artifacts), name,
        str(settings.cache), "cpu", "float32", None, 1e9, taken.dataset, taken.parents, taken.manifests,
    )  # fmt: skip
    done = importlib.import_module(KINDS[taken.kind]).run(JobContext(assignment, lambda _: None, threading.Event()))
    scores = [
        Score(job=lease.job, persona_id=persona, task_type=kind, metric=metric, value=value, n=n)
        for persona, kind, metric, value, n in done.scores
    ]
    assert jobs.succeed(lease, Outcome(name, write_manifest(folder, {}), done.result, scores))
