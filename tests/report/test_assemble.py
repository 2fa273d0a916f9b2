"""All evidence on a study that was really carried out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from planned import own_lab
from real_study import CONTENT, METHODS, carried_out, write_inputs

from lab.db.lineage import origins
from lab.db.migrate import migrate
from lab.db.queries import get_study
from lab.errors import LabError
from lab.methods.extend import stored
from lab.methods.recipe import read_book, write_book
from lab.metrics.statistics import compare
from lab.report.assemble import evidence_of, study_digest
from lab.report.evidence import Evidence
from lab.report.leakage import leakage
from lab.report.predictions import read_predictions, write_predictions
from lab.report.results import persona_scores
from lab.report.series import curve_of, curves_with
from lab.settings import load_settings
from lab.tasks.submit import submit


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, inputs: dict[str, Any]) -> Iterator[Path]:
    """A lab in which the study is over."""
    with own_lab(tmp_path_factory.mktemp("lab")) as artifacts:
        migrate()
        carried_out(CONTENT | inputs)
        yield artifacts


@pytest.fixture(scope="module")
def found(lab: Path) -> Evidence:
    return evidence_of(get_study("small"))


def test_every_method_is_there_in_the_order_of_the_study(found: Evidence) -> None:
    assert [one.name for one in found.methods] == METHODS
    assert (found.n_personas, found.seeds, found.split, found.metric) == (3, (0, 1), "test", "embedding_similarity")
    assert {name: set(scores) for name, scores in found.scores.items()} == {
        name: set(found.scores["unified"]) for name in METHODS
    }


def test_a_method_is_compared_with_unified_over_personas_its_seeds_averaged(found: Evidence) -> None:
    one = found.method("persona")
    assert one is not None
    assert one.versus is not None
    alone = compare(found.scores["persona"], found.scores["unified"])
    assert one.versus.comparison.difference == pytest.approx(alone.difference)
    assert one.versus.comparison.n == 3
    assert one.versus.seeds is not None
    assert [seed for seed, _ in one.versus.seeds.means] == [0, 1]
    assert one.seeds is not None
    assert len(one.criteria) == 4
    for name, scores in persona_scores(get_study("small"), "test").items():
        assert found.scores[name] == pytest.approx(scores)
    unified = found.method("unified")
    assert unified is not None
    assert (unified.versus, unified.criteria) == (None, ())


def test_any_two_methods_and_every_task_type_are_compared(found: Evidence) -> None:
    assert len(found.pairs) == 10
    assert found.task_types
    assert {one.method for kind in found.task_types for one in kind.versus} == {*METHODS} - {"unified"}


def test_controls_are_known_by_what_they_do_and_stand_beside_what_they_control(found: Evidence) -> None:
    assert [one.name for one in found.methods if one.is_control] == ["swapped-persona"]
    rows = {one.method: one for one in found.controls}
    assert set(rows) == {"persona", "recent", "chosen"}
    assert rows["persona"].control == "swapped-persona"
    assert rows["persona"].personal is not None
    assert rows["persona"].left is not None
    assert rows["recent"].control == ""
    assert found.ceiling is not None
    assert "swapped-persona" not in found.ceiling.among


def test_the_ledger_tells_what_each_method_cost_alone(found: Evidence) -> None:
    rows = {one.method: one for one in found.ledger}
    assert list(rows) == METHODS
    assert rows["persona"].parameters is not None
    assert rows["unified"].parameters is not None
    assert rows["persona"].parameters == 3 * rows["unified"].parameters
    assert (rows["recent"].train_seconds, rows["recent"].stands_on) == (None, ("unified",))
    for row in rows.values():
        assert row.job_seconds > 0
        assert row.seconds_per_answer is not None
    assert rows["unified"].tokens is not None
    assert 0 <= (rows["unified"].padding or 0) < 1


def test_reading_it_was_one_look_and_no_method_came_after(found: Evidence) -> None:
    assert found.looks.says == (
        f"Test was read once, for the first time on {found.looks.own[0].at:%Y-%m-%d}. All methods were chosen before."
    )
    assert found.looks.own[0].by == "lab report"


def test_a_small_study_says_that_it_is_small(found: Evidence) -> None:
    assert found.notes == ("with only 3 personas intervals and p values mean little; take 10 or more",)


# ---------------------------------------------------------------- leakage


def test_a_sound_study_proves_that_nothing_leaked(found: Evidence) -> None:
    assert found.leakage.sound, found.leakage.checks
    says = {check.name: check.says for check in found.leakage.checks}
    assert "3 personas (9 train, 3 val, 3 test dialogues)" in says["time"]
    assert "10 test evaluations" in says["test predictions"]
    assert says["choices"].startswith("2 of ")
    assert "2 of controls" in says["recipes"]
    assert found.leakage.repeated is not None
    assert 0 <= found.leakage.repeated <= 1
    assert "tests/tasks/test_leakage.py" in found.leakage.beyond


def faults() -> dict[str, tuple[str, ...]]:
    study = get_study("small")
    return {check.name: check.found for check in leakage(study, stored(study.spec)).checks if check.found}


def artifact(kind: str, method: str, **spec: object) -> Path:
    """Where the first such job left what it made."""
    job = next(
        job
        for job in origins(get_study("small").id)
        if (job.kind, job.method) == (kind, method) and spec.items() <= job.spec.items()
    )
    return load_settings().artifacts / job.artifact


def test_a_prediction_of_another_split_is_found(lab: Path) -> None:
    folder = artifact("evaluate", "persona", split="test")
    rows = read_predictions(folder)
    val = read_predictions(artifact("evaluate", "persona", split="val"))
    try:
        write_predictions(folder, [val[0], *rows])
        assert f"dialogue {val[0].dialogue_id} is not of test" in faults()["test predictions"][0]
    finally:
        write_predictions(folder, rows)


def test_a_persona_that_is_shown_the_dialogues_of_another_is_found(lab: Path) -> None:
    folder = artifact("recipes", "recent")
    book = read_book(folder)
    one, other, *_ = book
    try:
        write_book(book | {one: replace(book[one], history=other)}, folder)
        assert faults() == {"recipes": (f"recent: persona {one} is served with the dialogues of {other}",)}
    finally:
        write_book(book, folder)


def test_predictions_that_are_gone_prove_nothing(lab: Path) -> None:
    file = artifact("evaluate", "unified", split="test") / "predictions.jsonl"
    content = file.read_bytes()
    try:
        file.unlink()
        assert "the predictions are not there" in faults()["test predictions"][0]
    finally:
        file.write_bytes(content)


# ---------------------------------------------------------------- looks, curves


def test_what_is_added_after_test_was_read_is_marked_in_results_and_evidence(
    lab: Path, found: Evidence, inputs: dict[str, Any]
) -> None:
    submit(None, CONTENT | inputs | {"methods": [*METHODS, "prompt-description"]})
    carried_out(CONTENT | inputs | {"methods": [*METHODS, "prompt-description"]})
    try:
        later = evidence_of(get_study("small"))
        assert [one.name for one in later.methods if one.after_test] == ["prompt-description"]
        assert [one.name for one in later.table.methods if one.after_test] == ["prompt-description"]
        assert "Test was read 2 times" in later.looks.says
        assert "1 method was added or changed after that (prompt-description)" in later.looks.says
        assert later.looks.own[1].added == ("prompt-description",)
        assert len({look.plan for look in later.looks.own}) == 2
    finally:
        submit(None, CONTENT | inputs)
    assert evidence_of(get_study("small")).looks.after_test == ()


def test_studies_of_more_dialogues_make_a_learning_curve(lab: Path, found: Evidence, inputs: dict[str, Any]) -> None:
    assert curves_with(get_study("small")) == (), "one study is no curve"
    few = {"name": "few", "dialogues": 4, "seeds": [0], "methods": ["unified", "persona"]}
    carried_out(CONTENT | inputs | few)
    (curve,) = curves_with(get_study("small"))
    assert (curve.over, curve.studies) == ("dialogues", ("few", "small"))
    assert [one.method for one in curve.curves] == ["unified", "persona"]
    assert [point.x for point in curve.curves[1].points] == [4.0, 5.0]
    assert curve.curves[1].difference_trend is not None
    assert curve == curve_of([get_study("few"), get_study("small")], "dialogues")
    assert evidence_of(get_study("few")).looks.own[0].by == "lab report", "its point was read for the curve"
    other = carried_out(CONTENT | inputs | few | {"name": "other", "max_new_tokens": 2})
    with pytest.raises(LabError, match="'small' and 'other' differ in more than dialogues"):
        curve_of([get_study("small"), other], "dialogues")


def test_the_digest_of_a_study_is_of_what_decides_its_numbers(inputs: dict[str, Any], found: Evidence) -> None:
    spec = stored(get_study("small").spec)
    assert found.study_digest == study_digest(spec) == study_digest(spec.model_copy(update={"name": "renamed"}))
    assert study_digest(spec) != study_digest(spec.model_copy(update={"max_new_tokens": 9}))


def test_a_study_without_scores_says_so(lab: Path, inputs: dict[str, Any]) -> None:
    study, _ = submit(None, CONTENT | inputs | {"name": "new", "seeds": [7]})
    with pytest.raises(LabError, match="study 'new' has no test scores: 0 of"):
        evidence_of(study)


def test_evidence_is_plain_data(found: Evidence) -> None:
    assert orjson.loads(orjson.dumps(found))["study"] == "small"
