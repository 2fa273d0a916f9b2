"""What screens and commands read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from planned import DATA, claimed, planned, submit, succeed

from lab.db import jobs, queries, scores
from lab.db.job_table import JobTable
from lab.db.jobs import Outcome
from lab.db.studies import add_chat, save_dataset, save_study
from lab.db.tables import Dataset, RunMetric, Score, Study
from lab.errors import LabError


@pytest.fixture(autouse=True)
def lab(database):
    """Every query is asked of both databases."""


def test_jobs_are_listed_newest_first_with_what_they_wait_for_and_without_chat():
    a, b, c = submit(planned("a"), planned("b", "a"), planned("c", "a", "b"))
    add_chat({}, "method")
    assert [(row.id, row.waits_for) for row in queries.list_jobs()] == [(c, (a, b)), (b, (a,)), (a, ())]
    succeed(claimed())
    assert [row.waits_for for row in queries.list_jobs(limit=2)] == [(b,), ()]


def test_the_jobs_of_one_study():
    one = submit(planned("a"), planned("b"), study="one")
    submit(planned("b"), planned("c"), study="two")
    assert {row.id for row in queries.list_jobs(queries.get_study("one").id)} == set(one)


def test_a_moment_is_in_utc():
    submit(planned("a"))
    created = queries.list_jobs()[0].created_at
    assert created.tzinfo is UTC
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)


def test_the_detail_of_a_job_names_its_family():
    a, b, c = submit(planned("a"), planned("b", "a"), planned("c", "b"))
    detail = queries.get_job(b)
    assert (detail.key, detail.parents, detail.children, detail.row.waits_for) == ("b", (a,), (c,), (a,))
    with pytest.raises(LabError, match=r"there is no job 99; `lab jobs` lists them"):
        queries.get_job(99)


def test_curves_and_logs_are_read_on_from_where_one_was():
    (a,) = submit(planned("a"))
    lease = claimed()
    points = [
        RunMetric(job=a, series=series, group=group, step=step, value=step / 10)
        for series in ("train", "val")
        for group in ("", "maya", "otto")
        for step in (3, 1, 2)
    ]
    jobs.record(lease, points, ["one", "two", "three"])
    assert queries.curve(a, "val", "otto") == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert queries.curve(a, "train", after=2) == [(3, 0.3)]
    assert queries.curve_groups(a) == ["maya", "otto"]
    lines = queries.job_log(a, last=2)
    assert [line.text for line in lines] == ["two", "three"]
    assert queries.job_log(a, after=lines[-1].id) == []


def test_a_study_counts_its_jobs_once_each_however_many_methods_they_serve():
    submit(planned("a"), planned("b", "a"))
    succeed(claimed())
    row = queries.get_study()
    assert (row.n_jobs, row.counts) == (2, {"SUCCEEDED": 1, "READY": 1})
    assert [study.name for study in queries.list_studies()] == ["study"]
    with pytest.raises(LabError, match="there is no study named 'x'"):
        queries.get_study("x")


def test_a_study_keeps_the_name_of_its_data_when_they_are_brought_in_under_another_name():
    save_dataset(Dataset(digest=DATA, name="first", source="first", folder="f", n_personas=1, n_dialogues=3))
    save_study(Study(name="s", spec={"data": "kept/first"}, dataset=DATA, base="b"), [planned("a")], max_tries=1)
    save_dataset(Dataset(digest=DATA, name="second", source="second", folder="f", n_personas=1, n_dialogues=3))
    assert queries.get_study("s").dataset_name == "first"


def test_books_and_scores_come_from_what_has_succeeded():
    spec = {"seed": 7, "split": "test"}
    submit(planned("a"), planned("b", "a", kind="evaluate", spec=spec))
    assert queries.books(1) == []
    succeed(claimed())
    assert [(book.method, book.artifact) for book in queries.books(1)] == [("method", "1/1")]
    lease = claimed()
    score = Score(job=lease.job, persona_id="maya", task_type="", metric="device_f1", value=0.5, n=4)
    jobs.succeed(lease, Outcome("2/1", "f" * 64, {"seconds_per_answer": 0.25}, [score]))
    (row,) = scores.scores(1, "test")
    assert (row.method, row.persona_id, row.metric, row.value, row.n, row.seed) == (
        ("method", "maya", "device_f1", 0.5, 4, 7)
    )  # fmt: skip
    assert scores.scores(1, "val") == []
    assert scores.evaluations(1, "test") == {"method": "2/1"}


def test_a_chat_answer_is_read_while_it_grows():
    answer = add_chat({}, "method")
    lease = jobs.claim("chat", "worker", "cpu").lease
    assert queries.get_reply(answer).text == ""
    jobs.reply(lease, "Setting", {"digest": "abc"})
    reply = queries.get_reply(answer)
    assert (reply.state, reply.text, reply.info) == ("RUNNING", "Setting", {"digest": "abc"})


def test_a_table_where_nothing_moved_is_the_list_that_was_read_before():
    one, _ = submit(planned("a"), planned("b"))
    table = JobTable()
    before = table.read()
    assert table.read() is before
    jobs.cancel(one)
    after = table.read()
    assert after is not before
    assert after == queries.list_jobs()
    assert table.read() is after


def test_a_study_that_takes_as_many_other_jobs_instead_is_seen():
    a, b, c, d = submit(planned("a"), planned("b"), planned("c"), planned("d"), study="one")
    assert a + d == b + c
    submit(planned("a"), planned("d"), study="two")
    table = JobTable()
    table.read()
    submit(planned("b"), planned("c"), study="two")
    assert {row.id for row in table.read() if "two" in row.studies} == {b, c}


def test_a_job_that_is_again_in_the_state_it_was_in_is_read_anew():
    parent, _ = submit(planned("a"), planned("b", "a"))
    jobs.hand_back(claimed(), "stopped")
    table = JobTable()
    table.read()
    jobs.cancel(parent)
    jobs.retry(parent)
    assert table.read() == queries.list_jobs()
    assert [row.note for row in table.read()] == ["", ""]
    jobs.cancel(parent)
    skipped = {row.id: row.finished_at for row in table.read()}
    jobs.retry(parent)
    jobs.cancel(parent)
    assert table.read() == queries.list_jobs()
    assert all(row.finished_at > skipped[row.id] for row in table.read())


def test_of_several_seeds_the_lowest_that_is_trained_is_taken_and_told():
    two, one = (planned(f"seed {seed}", spec={"data": DATA, "seed": seed}) for seed in (2, 1))
    submit(two, one)
    study = queries.get_study("study")
    for told in (", seed 2 of 1, 2", ", seed 1 of 1, 2"):
        succeed(claimed())
        (book,) = queries.books(study.id)
        assert book.of_seeds(replace(study, spec={"seeds": [1, 2]})) == told
        assert book.of_seeds(study) == ""
