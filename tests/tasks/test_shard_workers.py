"""A study on two real workers, with a shard's executor killed: the weights and answers of one device."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet import FAST, Fleet, all_is_well, eventually, fleet, wait_for
from planned import all_jobs, forget_settings, own_lab
from test_submit import write_data
from tiny_model import save_base

from lab.db.migrate import migrate
from lab.db.queries import get_study, list_jobs, list_workers
from lab.db.scores import evaluations, scores
from lab.methods.recipe import read_book
from lab.report.predictions import read_predictions
from lab.settings import load_settings
from lab.tasks.submit import submit
from lab.tasks.sweep import ring

Found = tuple[dict[str, list[str]], list[str], dict[tuple[str, str], float]]
MANY = 300.0  # seconds, for executors that load torch on a busy machine


def outcome() -> Found:
    """Persona → digests of its adapters; all answers; (persona, metric) → score."""
    root, study = load_settings().artifacts, get_study()
    (book,) = (job for job in all_jobs() if job.spec.get("joins", job.kind) == "train" and "shard" not in job.spec)
    recipes = read_book(root / str(book.artifact))
    adapters = {persona: [one.digest for one in recipe.adapters] for persona, recipe in recipes.items()}
    answers = [one.prediction for one in read_predictions(root / evaluations(study.id, "test")["persona"])]
    found = scores(study.id, "test")
    assert len({(row.persona_id, row.metric) for row in found}) == len(found), "nobody is scored twice"
    return adapters, answers, {(row.persona_id, row.metric): row.value for row in found}


def study(home: Path) -> list[int]:
    """Sixteen personas with an adapter each, on a tiny base."""
    content = {
        "name": "demo",
        "data": str(home / "homes"),
        "base": str(home / "tiny"),
        "dtype": "float32",
        "evaluate": ["test"],
    }
    training = {"epochs": 6, "batch_size": 2, "max_length": 64}
    _, ids = submit(None, content | {"methods": ["persona"], "max_new_tokens": 4, "training": training})
    ring()
    return ids


@pytest.mark.timeout(900)
def test_two_workers_make_of_shards_what_one_makes_alone(tmp_path: Path):
    save_base(tmp_path / "tiny")
    write_data(tmp_path / "homes", personas=16)
    settings = FAST | {"LAB_CHECKPOINT_SECONDS": "0.01", "OMP_NUM_THREADS": "1"}
    with own_lab(tmp_path / "one", **settings), fleet() as ships:
        migrate()
        ships.start()
        ids = study(tmp_path)
        wait_for(ids, seconds=MANY)
        assert [job.kind for job in all_jobs()] == ["train", "evaluate"]
        alone = outcome()
    with own_lab(tmp_path / "two", **settings), fleet() as ships:
        migrate()
        for device in ("cpu", "cpu:0"):
            ships.start(LAB_DEVICES=f'["{device}"]')
        assert sorted(device for worker in list_workers() for device in worker.devices) == ["cpu", "cpu:0"]
        ids = study(tmp_path)
        _kill_a_trainer(ships, ids[:2])
        wait_for(ids, seconds=MANY)
        forget_settings()
        assert [(job.kind, job.part, str(job.state)) for job in reversed(list_jobs())] == [
            ("train", "1/2", "SUCCEEDED"),
            ("train", "2/2", "SUCCEEDED"),
            ("join", "", "SUCCEEDED"),
            ("evaluate", "1/2", "SUCCEEDED"),
            ("evaluate", "2/2", "SUCCEEDED"),
            ("join", "", "SUCCEEDED"),
        ]
        together = outcome()
        all_is_well()
    assert together[:2] == alone[:2]
    assert together[2] == pytest.approx(alone[2], abs=1e-5)


def _kill_a_trainer(ships: Fleet, shards: list[int]) -> None:
    """SIGKILL the executor of a shard that trains."""

    def trains() -> bool:
        return any(job.id in shards and job.step for job in all_jobs())

    eventually(trains, "a shard that trains", MANY)
    ships.executors()[0].kill()
