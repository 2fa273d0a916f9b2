"""Newcomers to a study, from what is said to queued jobs: what the study trained is read and never trained for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import all_jobs, claimed, succeed_on_disk
from test_submit import write_data

from lab.db.invariants import check_invariants
from lab.db.queries import books, get_study, list_jobs
from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks.submit import prepare, queue, submit

NEW = {"name": "demo+anna", "extends": "demo", "data": "anna"}


@pytest.fixture
def demo(lab_home: Path) -> list[int]:
    """A study of two personas; the ids of its jobs, none of which has run."""
    write_data(lab_home.parent / "homes")
    write_data(lab_home.parent / "anna", personas=1)
    said = {
        "name": "demo",
        "data": "homes",
        "base": "tiny",
        "methods": ["base", "unified", "hybrid"],
        "evaluate": ["test"],
    }
    return submit(None, said)[1]


def run_all() -> None:
    """Every job of it succeeds and leaves an artifact."""
    for _ in range(6):
        assert succeed_on_disk(claimed())


def add(persona_id: str = "anna", **said: object) -> list[int]:
    return queue(prepare(None, NEW | said, persona_id))[1]


def test_newcomers_get_jobs_of_their_own_that_wait_for_nothing_of_the_study(demo):
    run_all()
    jobs = add()
    assert [(job.kind, job.method, str(job.state)) for job in all_jobs()[len(demo) :]] == [
        ("recipes", "base", "READY"),
        ("evaluate", "base", "BLOCKED"),
        ("adopt", "unified", "READY"),
        ("evaluate", "unified", "BLOCKED"),
        ("train", "hybrid", "BLOCKED"),
        ("evaluate", "hybrid", "BLOCKED"),
    ]
    assert jobs == [job.id for job in all_jobs()[len(demo) :]]
    assert check_invariants() == []


def test_the_jobs_of_either_study_are_its_own(demo):
    run_all()
    jobs = add()
    new, old = get_study("demo+anna"), get_study("demo")
    assert sorted(job.id for job in list_jobs(new.id)) == jobs
    assert sorted(job.id for job in list_jobs(old.id)) == demo
    assert books(new.id) == [], "what the study serves its personas with is no recipe for newcomers"


def test_a_study_that_is_not_over_has_nothing_to_share_yet(demo):
    with pytest.raises(LabError) as error:
        add()
    assert str(error.value) == (
        "study 'demo+anna': 'demo', which it extends, has no finished train of unified; wait for it with "
        "`lab wait demo`, or run that study again."
    )
    assert len(all_jobs()) == len(demo)


def test_what_the_study_lost_is_not_trained_anew_for_newcomers(demo):
    run_all()
    train = next(job for job in all_jobs() if (job.kind, job.method) == ("train", "unified"))
    (load_settings().artifacts / (train.artifact or "") / "result").write_text("something else")
    with pytest.raises(LabError, match="has no finished train of unified"):
        add()
    assert [job.key for job in all_jobs()].count(train.key) == 1
    assert len(all_jobs()) == len(demo)


def test_what_needs_nothing_of_the_study_runs_at_any_time(demo):
    jobs = add(methods=["base"])
    assert [job.kind for job in all_jobs() if job.id in jobs] == ["recipes", "evaluate"]


def test_a_persona_of_the_study_is_no_newcomer(demo):
    with pytest.raises(LabError, match="persona 'p0' is in study 'demo' already"):
        prepare(None, NEW)
    with pytest.raises(LabError, match="persona 'p1' is in study 'demo' already"):
        prepare(None, NEW, "p1")


def test_the_ids_of_dialogues_follow_that_of_their_persona(demo):
    found = prepare(None, NEW | {"methods": ["base"]}, "anna").data
    assert [persona.persona_id for persona in found.personas] == ["anna"]
    assert {dialogue.persona_id for dialogue in found.dialogues} == {"anna"}
    assert len({dialogue.dialogue_id for dialogue in found.dialogues}) == 6


@pytest.mark.parametrize("persona_id", ["", "a/b", ".a", "a\nb", "\x1b[2J", "x" * 201])
def test_what_is_no_id_is_refused(demo, persona_id):
    with pytest.raises(LabError, match=r"persona id .*: use 1 to 200 characters, no slash"):
        prepare(None, NEW, persona_id)


def test_a_study_file_may_extend_another_study(demo, lab_home):
    folder = write_data(lab_home.parent / "others")
    for name in ("personas.jsonl", "dialogues.jsonl"):
        (folder / name).write_text((folder / name).read_text().replace('"p0"', '"q0"').replace('"p1"', '"q1"'))
    file = lab_home.parent / "late.toml"
    file.write_text('extends = "demo"\ndata = "others"\nmethods = ["base"]\n')
    study, jobs = submit(file, {})
    assert (study.name, study.spec["extends"], study.base) == ("late", "demo", "tiny")
    assert len(jobs) == 2
