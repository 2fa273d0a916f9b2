"""What a report says of looks at test, and of what was chosen after them."""

from __future__ import annotations

import pytest
from planned import DATA, claimed

from lab.cli.results import print_results
from lab.db import jobs
from lab.db.jobs import Outcome
from lab.db.looks import looks
from lab.db.queries import get_study
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Score, Study
from lab.methods.plan import PlannedJob
from lab.methods.spec import parse_study
from lab.report.looks import Looks, looks_at
from lab.report.results import as_json, persona_scores, results


@pytest.fixture(autouse=True)
def lab(lab_home):
    """An empty lab."""


def evaluation(key: str, method: str, split: str = "test") -> PlannedJob:
    return PlannedJob(key, "evaluate", method, {"data": DATA, "split": split, "seed": 0}, serves=(method,))


def finish(*values: float) -> None:
    """The next evaluation, with these scores."""
    lease = claimed()
    scores = [
        Score(job=lease.job, persona_id=f"p{n}", task_type="", metric="embedding_similarity", value=value, n=3)
        for n, value in enumerate(values)
    ]
    assert jobs.succeed(lease, Outcome(f"{lease.job}/1", "f" * 64, {"seconds_per_answer": 0.1}, scores))


def now() -> Looks:
    return looks_at(get_study("study"))


def study(*methods: str, name: str = "study", split: str = "test") -> None:
    """A study of these methods, whose evaluations are planned."""
    save_dataset(Dataset(digest=DATA, name="data", source="here", folder="datasets/data", n_personas=2, n_dialogues=6))
    jobs_ = [evaluation(f"{method} {split}", method, split) for method in methods]
    spec = parse_study({"name": name, "data": "data", "base": "base", "methods": list(methods)}, "s.toml")
    save_study(Study(name=name, spec=spec.model_dump(mode="json"), dataset=DATA, base="base"), jobs_, max_tries=2)


def test_before_anybody_reads_it_test_has_not_been_read():
    study("unified", "hybrid")
    finish(0.7, 0.8)
    assert now().says == "Test has not been read."


def test_results_of_a_study_that_runs_are_one_look_however_often_they_are_read():
    study("unified", "hybrid")
    assert results(get_study()).looks is not None
    assert now().own == (), "there was nothing to read yet"
    finish(0.7, 0.8)
    results(get_study(), by="lab results")
    finish(0.75, 0.85)
    persona_scores(get_study(), "test", by="Results screen")
    table = results(get_study(), by="lab results")
    assert [look.by for look in now().own] == ["lab results"]
    assert table.looks is not None
    assert table.looks.says.endswith("All methods were chosen before.")


def test_val_may_be_read_as_often_as_one_likes():
    study("unified", split="val")
    finish(0.7, 0.8)
    assert results(get_study(), "val").looks is None
    assert now().own == ()
    assert as_json(results(get_study(), "val"))["test_looks"] is None


def test_methods_added_or_changed_afterwards_are_exploratory_and_said_to_be(capsys: pytest.CaptureFixture[str]):
    study("unified", "hybrid")
    finish(0.7, 0.8)
    finish(0.75, 0.85)
    results(get_study())
    study("unified", "hybrid", "retrieval")
    finish(0.9, 0.95)
    told = as_json(results(get_study()))
    assert {one["name"]: one["after_test"] for one in told["methods"]} == {
        "unified": False, "hybrid": False, "retrieval": True,
    }  # fmt: skip
    assert told["test_looks"]["after_test"] == ["retrieval"]
    assert len(told["test_looks"]["looks"]) == 2
    print_results(get_study(), "test", json=False, by="lab results")
    said = " ".join(capsys.readouterr().out.split())
    assert "retrieval (after test)" in said
    assert "Test was read 2 times" in said
    assert "1 method was added or changed after that (retrieval): its p values are exploratory" in said


def test_other_studies_that_read_test_of_the_same_data_before_are_named():
    study("unified", name="earlier")
    finish(0.7, 0.8)
    results(get_study("earlier"))
    study("unified")
    assert now().says == "Test has not been read. Test of these data had been read before, in other studies (earlier)."
    results(get_study("study"))
    assert [look.study for look in now().others] == ["earlier"]
    assert looks_at(get_study("earlier")).others == (), "the later one was later"
    assert len(looks(DATA)) == 2


def test_the_studys_own_looks_are_not_forgotten_when_it_is_planned_anew():
    study("unified", "hybrid")
    finish(0.7, 0.8)
    finish(0.75, 0.85)
    results(get_study())
    study("unified")
    study("unified", "persona")
    assert now().after_test == ("persona",)
