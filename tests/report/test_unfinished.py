"""A study that is half done: what is missing is said, and methods are compared in what both have."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from planned import DATA, claimed
from typer.testing import CliRunner

from lab.cli.app import app
from lab.db import jobs
from lab.db.jobs import Outcome
from lab.db.queries import StudyRow, get_study
from lab.db.scores import means
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Score, Study
from lab.methods.plan import PlannedJob
from lab.methods.spec import parse_study
from lab.report.results import as_json, persona_scores, results
from lab.report.unfinished import no_scores, unfinished
from lab.tui.feeds.results import ResultsFeed, Wanted

METHODS = ("unified", "persona", "hybrid")
PERSONAS = 12
LUCK = 0.1  # of the second seed, for all methods alike
GAIN = 0.05  # of persona, in every seed


@pytest.fixture(autouse=True)
def study(lab_home: Path) -> StudyRow:
    """Three methods in two seeds: unified has scores of both, persona of the first, hybrid of none."""
    plan = [
        PlannedJob(f"{method} {seed}", "evaluate", method, {"seed": seed, "split": "test"}, (), False, (method,))
        for seed in (0, 1)
        for method in METHODS
    ]
    (lab_home / "d").mkdir()
    (lab_home / "d" / "personas.jsonl").write_text('{"persona_id": "p0", "description": "curt"}\n')
    save_dataset(Dataset(digest=DATA, name="d", source="here", folder="d", n_personas=PERSONAS, n_dialogues=36))
    content = parse_study({"name": "half", "data": "d", "base": "base", "methods": METHODS}, "test").model_dump(
        mode="json"
    )
    save_study(Study(name="half", spec=content, dataset=DATA, base="base"), plan, max_tries=1)
    _evaluate(0.6)
    _evaluate(0.6 + GAIN)
    jobs.fail(claimed(), "out of memory", for_good=True)
    _evaluate(0.6 + LUCK)
    return get_study("half")


def _evaluate(mean: float) -> None:
    lease = claimed()
    scores = [
        Score(job=lease.job, persona_id=f"p{n}", task_type="", metric="embedding_similarity", value=value, n=9)
        for n in range(PERSONAS)
        for value in [mean + n / 100]
    ]
    jobs.succeed(lease, Outcome(f"{lease.job}/1", "f" * 64, {"seconds_per_answer": 0.5}, scores))


def test_what_has_no_scores_is_named_by_method_and_seed(study: StudyRow) -> None:
    left = unfinished(study, "test")
    assert left is not None
    assert left.missing == {"persona": [1], "hybrid": [0, 1]}
    assert left.says == (
        "not final: 1 of 3 methods has no test scores (hybrid); persona lacks seed 1: methods are compared in the "
        "seeds that both have; 3 of 6 jobs are done, 2 waiting, 1 failed"
    )
    assert unfinished(study, "val") is None  # nothing of it is planned
    assert no_scores(study, "val") == (
        "study 'half' has no val scores: 3 of 6 jobs are done, 2 waiting, 1 failed; `lab jobs half` shows why."
    )


def test_a_lucky_seed_that_one_method_lacks_does_not_count_for_the_other(study: StudyRow) -> None:
    versus = {one.name: one.vs_unified for one in results(study).methods}["persona"]
    assert versus is not None
    assert versus.difference == pytest.approx(GAIN)
    assert versus.improved == 1
    for row in ResultsFeed().read(Wanted(study, "test", "persona")).personas:
        assert row.difference == pytest.approx(GAIN)


def test_methods_are_ranked_in_the_seeds_that_all_have(study: StudyRow) -> None:
    scores = persona_scores(study, "test")
    assert scores["unified"]["p3"] == pytest.approx(0.63)
    assert scores["persona"]["p3"] == pytest.approx(0.63 + GAIN)
    assert means(study.id, "test", "embedding_similarity")["unified"] == pytest.approx({0: 0.655, 1: 0.655 + LUCK})


def test_lab_results_says_it_above_its_table_and_as_data(study: StudyRow) -> None:
    said = " ".join(CliRunner().invoke(app, ["results", "--split", "test"]).output.split())
    assert said.index("not final: 1 of 3 methods") < said.index("embedding similarity")
    told = orjson.loads(CliRunner().invoke(app, ["results", "--split", "test", "--json"]).output)["unfinished"]
    assert told["missing"] == {"persona": [1], "hybrid": [0, 1]}


def test_of_a_study_that_is_over_nothing_is_missing(study: StudyRow) -> None:
    save_study(
        Study(name="half", spec=study.spec, dataset=DATA, base="base"),
        [PlannedJob("unified 0", "evaluate", "unified", {"seed": 0, "split": "test"}, (), False, ("unified",))],
        max_tries=1,
    )
    assert as_json(results(get_study("half")))["unfinished"] is None
