"""`lab clean`: what may go goes, what somebody needs stays."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from household import bring_in, counts, done, ids, is_whole, plan, root, start, study
from planned import job, state, states
from sqlmodel import select

from lab.db import jobs, leftovers
from lab.db.engine import reading, writing
from lab.db.reuse import forget
from lab.db.studies import add_chat
from lab.db.tables import Job, JobLog, RunMetric, Score, Worker, now
from lab.errors import LabError
from lab.settings import load_settings
from lab.store.artifacts import artifacts
from lab.tasks.clean import clean, survey
from lab.tasks.manifest import verify_manifest
from lab.tasks.submit import import_data

pytestmark = pytest.mark.usefixtures("database")


def went(study: str | None = None) -> dict[str, int]:
    """What a clean removed; what it said before was the same."""
    before = survey(study)
    after = clean(study)
    assert (counts(before), before.bytes) == (counts(after), after.bytes)
    assert is_whole()
    assert counts(survey()) == {}, "a second clean has nothing left to do"
    return counts(after)


# ---------------------------------------------------------------- what stays


def test_a_lab_in_use_has_nothing_to_clean(data):
    study(data, plan("a", data), plan("b", data, "a"), plan("c", data))
    assert went() == {}
    start().checkpoint(3)
    assert went() == {}, "nothing of a job that runs"


def test_data_kept_by_name_stays(data, tmp_path):
    kept = root() / "data" / "mine"
    kept.mkdir(parents=True)
    (kept / "dialogues.jsonl").write_text("")
    assert went() == {"data sets": 1}
    assert (kept / "dialogues.jsonl").exists()


def test_a_job_stays_as_long_as_a_study_names_it_or_what_stands_on_it(data):
    shared, old = study(data, plan("shared", data), plan("old", data), name="first")
    done(), done()
    _, below = study(data, plan("shared", data), plan("below", data, "shared"), name="second")
    done()
    (other,) = study(data, plan("other", data), name="first")  # submitted anew under its name
    assert went() == {"jobs": 1, "checkpoints": 2}
    assert ids() == [shared, below, other]
    assert not (root() / str(old)).exists()


def test_what_a_study_gave_to_its_newcomers_stays(data):
    study(data, plan("older", data), name="demo")
    adapter = done().adapter
    theirs = replace(plan("older", data), serves=())  # as `plan_extension` has it
    study(data, theirs, plan("own", data, "older"), name="demo+anna", extends="demo")
    done([adapter])
    with pytest.raises(LabError, match=r"study 'demo\+anna' extends 'demo'; give that one up first."):
        clean("demo")
    study(data, plan("another", data), name="demo")
    assert "jobs" not in went()
    assert (root() / adapter).is_dir()


def test_a_checkpoint_that_a_job_can_go_on_from_stays(data):
    study(data, plan("stopped", data), plan("failed", data))
    stopped = start()
    stopped.checkpoint(5)
    jobs.hand_back(stopped.lease, "stopped")
    again = start()  # goes on from it, and crashes before a checkpoint of its own
    assert again.lease.job == stopped.lease.job
    jobs.lose(again.lease)
    last = start()
    jobs.fail(last.lease, "error", for_good=True)
    assert went() == {"attempts": 2}
    assert (stopped.folder / "checkpoint" / "state").read_text() == "5"
    assert not again.folder.exists()


# ---------------------------------------------------------------- what goes


def test_the_checkpoint_and_the_other_attempts_of_a_job_that_succeeded_go(data):
    (a,) = study(data, plan("a", data))
    first = start()
    first.checkpoint(1)
    jobs.lose(first.lease)
    second = done()
    assert survey().bytes == 2
    assert went() == {"checkpoints": 1, "attempts": 1}
    assert [path.name for path in (root() / str(a)).iterdir()] == ["2"]
    verify_manifest(second.folder, job(a).manifest or "")


def test_a_job_that_no_study_names_goes_with_all_that_is_said_of_it(data):
    old, below = study(data, plan("old", data), plan("below", data, "old", kind="evaluate"))
    attempt = start()
    jobs.record(attempt.lease, [RunMetric(job=old, series="train", group="", step=1, value=1.0)], ["a line"])
    attempt.finish(scores=[Score(job=old, persona_id="0", task_type="", metric="m", value=1.0, n=1)])
    done()
    study(data, plan("new", data))
    assert went()["jobs"] == 2
    with reading() as session:
        for table in (RunMetric, JobLog, Score):
            assert session.exec(select(table)).all() == []
    assert ids() == [below + 1]
    assert not (root() / str(old)).exists()


def test_a_machine_too_slow_for_one_transaction_a_second_is_cleaned_all_the_same(data, monkeypatch):
    monkeypatch.setattr(leftovers, "_LONGEST_SECONDS", -1.0)
    monkeypatch.setattr(leftovers, "_AT_ONCE", 1)
    study(data, plan("a", data), plan("b", data), plan("c", data), name="old")
    for _ in range(3):
        done()
    study(data, plan("new", data), name="new")
    assert went("old")["jobs"] == 3


def test_what_was_cleaned_away_is_computed_anew_under_a_number_of_its_own(data):
    (old,) = study(data, plan("a", data))
    done()
    assert went("study") == {"jobs": 1, "data sets": 1}
    data = import_data(data.source)
    (new,) = study(data, plan("a", data))
    assert new == old + 1, "a number is given out once: an attempt of the old job may still believe that it runs"
    assert state(new) == "READY"
    assert went() == {}, "what held the number went unseen"


def test_a_lost_artifact_goes_when_its_study_was_run_again(data):
    (old,) = study(data, plan("a", data))
    done()
    (root() / f"{old}/1/recipes.json").unlink()
    forget(old)
    study(data, plan("a", data))
    assert went()["jobs"] == 1
    assert not (root() / str(old)).exists()


def test_a_study_given_up_stops_what_only_it_needs(data):
    shared, mine, waiting = study(data, plan("shared", data), plan("mine", data), plan("waiting", data))
    study(data, plan("shared", data), name="other")
    done()
    running = start()
    assert counts(survey("study")) == {"jobs": 1, "checkpoints": 1}
    clean("study")
    assert ids() == [shared, mine, waiting], "the newest row holds its number"
    assert states([shared, mine]) == ["SUCCEEDED", "RUNNING"]
    assert job(mine).cancel_requested
    assert running.folder.exists(), "nothing of a job that runs is touched"
    assert is_whole()
    assert jobs.cancelled(running.lease)
    assert went() == {"jobs": 1}


def test_a_study_that_is_not_there_is_told(data):
    for do in (survey, clean):
        with pytest.raises(LabError, match=r"there is no study 'nobody'; `lab status` lists them\."):
            do("nobody")


def test_data_that_no_study_uses_goes_and_can_be_brought_in_again(data, tmp_path):
    study(data, plan("a", data))
    other = bring_in(tmp_path / "others", seed=1)
    assert went() == {"data sets": 1}
    assert not (root() / other.folder).exists()
    again = bring_in(tmp_path / "others", seed=1)
    assert (again.digest, again.folder) == (other.digest, other.folder)
    study(again, plan("b", again), name="second")
    assert went() == {}


def test_a_study_whose_data_were_cleaned_away_meanwhile_is_refused(data):
    clean()
    with pytest.raises(LabError, match="its data set was cleaned away meanwhile; submit the study again"):
        study(data, plan("a", data))
    assert ids() == []


def test_answers_go_when_they_are_old_but_not_the_book_that_one_is_still_to_read(data, monkeypatch):
    (a,) = study(data, plan("a", data))
    book = done().name
    old, young, waiting = (add_chat({"book": book, "data": data.digest}, "method") for _ in range(3))
    for age in (old, young):
        found = jobs.claim("chat", "worker", "cpu")
        assert found
        assert found.lease.job == age
        jobs.reply(found.lease, "Good evening.", {})
        jobs.succeed(found.lease, jobs.Outcome("", "", {}))
    with writing() as session:
        session.get_one(Job, old).finished_at = now() - timedelta(days=31)
    assert went() == {"answers": 1, "checkpoints": 1}
    assert went("study") == {}, "the waiting answer reads its book"
    assert ids() == [a, young, waiting]


def test_rows_of_workers_go_when_they_are_long_gone_and_own_nothing(data):
    study(data, plan("a", data))
    start()

    def worker(name: str, state: str, days: int) -> Worker:
        seen = now() - timedelta(days=days)
        return Worker(
            id=name, host="h", machine="m", pid=1, pid_started=0, devices=[], version="1", state=state, seen_at=seen
        )

    with writing() as session:
        session.add_all(
            [worker("worker", "gone", 99), worker("a", "gone", 31), worker("b", "gone", 1), worker("c", "alive", 99)]
        )
    assert went() == {"workers": 1}
    with reading() as session:
        assert set(session.exec(select(Worker.id))) == {"worker", "b", "c"}


def test_how_long_they_are_kept_is_a_setting(data, monkeypatch):
    monkeypatch.setenv("LAB_KEEP_DAYS", "0")
    load_settings.cache_clear()
    add_chat({}, "method")
    jobs.cancel(1)
    study(data, plan("a", data))
    assert went() == {"answers": 1}


# ---------------------------------------------------------------- what others left


def test_folders_of_another_database_are_left_alone_and_told(data):
    study(data, plan("a", data))
    done()
    stranger = root() / "2" / "1"
    stranger.mkdir(parents=True)
    found = survey()
    assert found.foreign == ["2"]
    clean()
    assert stranger.exists()


def test_with_an_empty_database_nothing_of_a_job_is_removed(database, tmp_path):
    (root() / "1" / "1").mkdir(parents=True)
    with pytest.raises(LabError, match="has folders of jobs, but the database has no job: they are another database's"):
        clean()
    assert (root() / "1" / "1").exists()


def test_links_are_not_followed(data, tmp_path):
    (a,) = study(data, plan("a", data))
    done()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (root() / str(a) / "0").symlink_to(precious)
    (root() / str(a) / "1" / "checkpoint" / "link").symlink_to(precious)
    (root() / "datasets" / "link").symlink_to(precious)
    clean()
    assert (precious / "file").read_text() == "mine"


def test_what_somebody_began_to_write_goes_when_it_is_a_day_old(data):
    study(data, plan("a", data))
    old, fresh = root() / ".restore-0ld_1234", root() / "datasets" / ".fresh-12345678"
    for path in (old, fresh):
        path.mkdir()
    os.utime(old, (0, 0))
    assert went() == {"half-written": 1}
    assert fresh.exists()


def test_a_folder_that_is_also_somebody_elses_keeps_what_no_lab_has_written(data):
    """LAB_ARTIFACTS may be somebody's home or project by mistake: of an unset variable in a script, say."""
    study(data, plan("a", data))
    names = (".git", ".ssh", ".venv", ".config-of-mine", "datasets/mine", "datasets/.hidden", "data/.git", "src")
    theirs = [root() / name for name in names]
    for path in theirs:
        path.mkdir(parents=True)
        (path / "precious").write_text("mine")
        os.utime(path, (0, 0))
    assert went() == {}
    assert all((path / "precious").is_file() for path in theirs)


def test_the_store_that_machines_share_is_cleaned_by_the_same_rule(database, tmp_path, monkeypatch):
    store = tmp_path / "store"
    store.mkdir()
    monkeypatch.setenv("LAB_ARTIFACTS_URL", str(store))
    load_settings.cache_clear()
    data, other = bring_in(tmp_path / "people"), bring_in(tmp_path / "others", seed=1)
    _, kept = study(data, plan("old", data), plan("kept", data))
    for attempt in (done(), done()):
        artifacts().publish(attempt.name)
    for row in (data, other):
        artifacts().publish(row.folder)
    (store / "2" / "1" / "checkpoint").mkdir()
    (store / "2" / "1" / "checkpoint" / "000001.json").write_text("{}")
    study(data, plan("kept", data))
    assert went() == {"jobs": 1, "checkpoints": 2, "data sets": 1}
    assert sorted(path.name for path in store.iterdir()) == [str(kept), "datasets", "lab-id"]
    assert sorted(path.name for path in (store / "2" / "1").iterdir()) == ["adapters", "manifest.json", "recipes.json"]
    assert [path.name for path in (store / "datasets").iterdir()] == [Path(data.folder).name]
    shutil.rmtree(root() / str(kept))
    assert is_whole(), "it is in the store"
