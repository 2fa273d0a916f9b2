"""What the screens read, without a screen."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from sqlmodel import update

from lab.db import jobs, queries
from lab.db.engine import writing
from lab.db.tables import Worker
from lab.tui.feeds import chat
from lab.tui.feeds.job import JobFeed
from lab.tui.feeds.jobs import JobsFeed
from lab.tui.feeds.log import LogTail
from lab.tui.feeds.rest import Rest
from lab.tui.feeds.results import ResultsFeed, Wanted
from lab.tui.feeds.status import StatusFeed

pytestmark = pytest.mark.usefixtures("artifacts")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def _beat() -> None:
    with writing() as session:
        session.execute(update(Worker).values(beat=Worker.beat + 1))


def test_a_worker_whose_counter_stands_still_for_a_lease_is_silent_and_alive_again_when_it_moves() -> None:
    tui_lab.add_worker()
    clock = Clock()
    feed = StatusFeed(monotonic=clock)
    assert feed.read(None).workers == 1
    clock.now += 29
    assert feed.read(None).workers == 1
    clock.now += 2
    assert (feed.read(None).workers, feed.read(None).silent) == (0, 1)
    _beat()
    assert (feed.read(None).workers, feed.read(None).silent) == (1, 0)


def test_the_status_is_of_the_named_study_or_the_newest(data: Path) -> None:
    tui_lab.queue_study(data, "first")
    tui_lab.queue_study(data, "second", ("base",))
    feed = StatusFeed()
    newest, named = feed.read(None), feed.read("first")
    assert newest.study is not None
    assert named.study is not None
    assert (newest.study.name, named.study.name) == ("second", "first")
    assert named.queue == queries.queue_length("work") > 0


def test_a_rest_is_four_times_as_long_as_the_reading_and_never_shorter_than_its_least() -> None:
    clock = Clock()
    rest = Rest(clock, least=1.0)
    for took, until in ((0.5, 2.0), (0.1, 1.0)):
        assert rest.over
        with rest.after():
            clock.now += took
        clock.now += until - 0.01
        assert not rest.over
        clock.now += 0.02


def test_the_table_is_read_again_only_after_it_had_its_rest(data: Path) -> None:
    tui_lab.queue_study(data)
    clock = Clock()
    feed = JobsFeed(monotonic=clock)
    before = feed.read(None).jobs
    jobs.cancel(1)
    feed._table_rest._until = clock.now + 1
    assert feed.read(None).jobs is before
    feed.hurry()
    assert {job.state for job in feed.read(None).jobs if job.id == 1} == {"CANCELLED"}


def test_the_selected_job_comes_with_its_curves_its_log_and_its_detail(data: Path) -> None:
    lease = tui_lab.busy(data)
    feed = JobsFeed()
    view = feed.read(lease.job).job
    assert view is not None
    assert view.detail.row.id == lease.job
    assert (len(view.train), len(view.val)) == (186, 9)
    assert view.log[-1].text == "checkpoint 186"
    group = feed.read(lease.job, "otto").job
    assert group is not None
    assert group.train[0][1] == pytest.approx(view.train[0][1] + 0.6)
    assert group.val == []


def test_a_curve_is_read_once_a_second_and_then_whole_because_means_change_at_old_steps(data: Path) -> None:
    lease = tui_lab.busy(data)
    clock = Clock()
    feed = JobFeed(monotonic=clock)
    first = feed.read(lease.job, "").train
    tui_lab.run_job(lease, steps=3, total=300)
    with writing() as session:
        session.exec(update(tui_lab.RunMetric).values(value=9.0))  # type: ignore[call-overload]
    assert feed.read(lease.job, "").train is first
    clock.now += 1.1
    assert {value for _, value in feed.read(lease.job, "").train} == {9.0}


def test_a_log_is_read_line_by_line_and_starts_anew_for_another_job(data: Path) -> None:
    tui_lab.queue_study(data)
    first, _ = tui_lab.claim()
    second, _ = tui_lab.claim()
    tail = LogTail()
    jobs.record(first, [], ["one"])
    known = tail.read(first.job)
    assert tail.read(first.job) is known
    jobs.record(first, [], ["two"])
    assert [line.text for line in tail.read(first.job)] == ["one", "two"]
    assert tail.read(second.job) == []


def test_results_are_computed_again_only_when_a_job_has_ended(data: Path) -> None:
    study = tui_lab.queue_study(data, methods=("base", "unified"))
    tui_lab.add_worker()
    feed = ResultsFeed()
    empty = feed.read(Wanted(queries.get_study(), "test"))
    assert feed.read(Wanted(queries.get_study(), "test")) is empty
    assert empty.table is not None
    assert empty.table.methods == []
    tui_lab.finish_all()
    full = feed.read(Wanted(queries.get_study(study.name), "test"))
    assert full.table is not None
    assert [method.name for method in full.table.methods] == ["base", "unified"]
    assert full.board is not None
    base, unified = (row.evidence.summary.worst.value for row in full.board.methods)
    assert unified > base


def test_the_personas_of_a_method_come_by_their_gain_against_unified(data: Path) -> None:
    study = tui_lab.done(data)
    rows = ResultsFeed().read(Wanted(study, "test", "hybrid")).personas
    gains = [row.difference for row in rows]
    assert None not in gains
    assert gains == sorted(gains, reverse=True)  # type: ignore[type-var]
    assert {row.name for row in rows} == {name for name, _ in tui_lab.PERSONAS.values()}
    alone = ResultsFeed().read(Wanted(study, "test", "unified")).personas
    assert all(row.unified is None for row in alone)


def test_the_turns_of_a_persona_put_the_method_beside_unified(data: Path) -> None:
    study = tui_lab.done(data)
    turns = ResultsFeed().read(Wanted(study, "test", "hybrid", "maya")).turns
    assert [turn.dialogue_id for turn in turns] == ["maya-07", "maya-08", "maya-09"]
    assert [answer.method for answer in turns[0].answers] == ["unified", "hybrid"]
    assert [turn.number for turn in turns] == [1, 1, 1]
    assert turns[0].said == (("user", "A bit warmer in here"),)
    assert {(action.device, action.value) for action in turns[0].actions} == {("ac", 19)}


def test_one_can_chat_with_the_methods_that_are_trained(data: Path) -> None:
    tui_lab.busy(data)
    feed = chat.ChatFeed()
    view = feed.read(queries.get_study())
    assert [one.method for one in view.ready] == ["base", "unified"]
    assert view.people[0].name == "Maya"
    assert view.people[0].context["weather"] == "rainy"
    assert view.known["weather"] == ("rainy",)
    assert feed.read(queries.get_study()).people is view.people, "read once"
    assert feed.read(None).people == ()
