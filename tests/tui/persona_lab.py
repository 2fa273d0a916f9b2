"""A study with clusters and a router to look at, their artifacts written as their jobs write them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import orjson
import tui_lab
from safetensors.numpy import save_file

from lab.db import jobs
from lab.db.engine import writing
from lab.db.queries import StudyRow, get_study
from lab.db.studies import save_study
from lab.db.tables import Job, Study
from lab.methods.behaviour import behaviour_features
from lab.methods.cluster import cluster, project
from lab.methods.plan import plan
from lab.methods.route import by_val
from lab.methods.spec import parse_study
from lab.report.study_data import data_of
from lab.settings import load_settings
from lab.tasks.submit import import_data

METHODS = ("unified", "persona", "cluster-behaviour", "cluster-kmeans", "chosen")
LIFT = {"unified": 0.8, "persona": 0.82, "cluster-behaviour": 0.84, "cluster-kmeans": 0.79, "chosen": 0.85}


def write_routines(folder: Path) -> Path:
    """The small data set, where Maya has routines and preferences."""
    tui_lab.write_data(folder)
    file = folder / "personas.jsonl"
    rows = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    rows[0] |= {
        "preferences": {"lights": {"color": "warm"}, "temperature": 22},
        "routines": [{"triggers": {"time_of_day": "evening"}, "actions": {"lights": {"brightness": 40}}}],
    }
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return folder


def queue(data: Path) -> StudyRow:
    """The jobs of a study with clusters by behaviour and a router between two methods."""
    own = {"about": "The better of two on val.", "parameters": "none", "route": {"among": ["unified", "persona"]}}
    content = {"name": "homes", "data": str(data), "base": "smollm2-135m", "methods": METHODS,
               "evaluate": ("val", "test"), "method": {"chosen": own}}  # fmt: skip
    spec = parse_study(content, "test")
    dataset = import_data(spec.data)
    row = Study(name=spec.name, spec=spec.model_dump(mode="json"), dataset=dataset.digest, base=spec.base)
    save_study(row, plan(spec, dataset.digest), max_tries=2)
    return get_study("homes")


@tui_lab.kept
def clustered(data: Path) -> StudyRow:
    """All of it done."""
    study = queue(write_routines(data))
    tui_lab.add_worker()
    tui_lab.LIFT.update(LIFT)
    while taken := jobs.claim("work", "gpu01:4242:0badcafe", "cuda:0"):
        with writing() as session:
            job = session.get_one(Job, taken.lease.job)
        folder = load_settings().artifacts / f"{taken.lease.job}/{taken.lease.attempt}"
        folder.mkdir(parents=True)
        if job.kind == "cluster":
            _write_clusters(study, folder, job.spec["cluster"]["by"])
        elif job.kind == "route":
            _write_route(folder)
        tui_lab.finish(taken.lease, job)
    for name in LIFT.keys() - {"unified", "persona"}:
        del tui_lab.LIFT[name]
    tui_lab.LIFT.update(unified=0.827, persona=0.741)
    return get_study("homes")


def _write_clusters(study: StudyRow, folder: Path, by: str) -> None:
    data, split = data_of(study)
    train = {one.persona_id: [row for row in data.of(one.persona_id) if row.dialogue_id in split.personas[
        one.persona_id].train] for one in data.personas}  # fmt: skip
    features = behaviour_features(train)
    found = cluster(features.personas, features.values, "kmeans", k=2)
    content = asdict(found) | {"by": by, "personas": features.personas}
    content |= {"map": project(features.values).tolist()}
    (folder / "clusters.json").write_bytes(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS))
    save_file({"vectors": features.values}, folder / "vectors.safetensors")


def _write_route(folder: Path) -> None:
    scores = [
        {persona: {(f"{n}", 1): lift + 0.001 * n for n in range(3)} for persona in tui_lab.PERSONAS}
        for lift in (LIFT["unified"], LIFT["persona"])
    ]
    routing = by_val(list(tui_lab.PERSONAS), ["unified", "persona"], scores)
    content = {"how": "val", "among": ["unified", "persona"], **asdict(routing)}
    (folder / "route.json").write_bytes(orjson.dumps(content))
