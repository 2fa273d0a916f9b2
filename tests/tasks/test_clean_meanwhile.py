"""`lab clean` that is broken off, or runs while others clean, submit and work: nothing that is needed is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fleet import drill, fleet, submit, wait_for
from household import Attempt, bring_in, counts, done, is_whole, plan, root, study
from planned import states
from sqlmodel import select

from lab.db import jobs, leftovers
from lab.db.engine import reading, writing
from lab.db.tables import Job, Study
from lab.settings import load_settings
from lab.tasks import places
from lab.tasks.clean import clean, survey

pytestmark = pytest.mark.usefixtures("database")


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
def crash_after(monkeypatch) -> Callable[[int], None]:
    """Ends the next clean after so many steps: transactions that write, and folders hidden or removed."""

    def prepare(steps: int) -> None:
        left = iter(range(steps))

        def step(real):
            def one(*arguments, **options):
                if next(left, None) is None:
                    raise Crash
                return real(*arguments, **options)

            return one

        monkeypatch.setattr(leftovers, "writing", step(writing))
        monkeypatch.setattr(places.Here, "remove", step(places.Here.remove))
        monkeypatch.setattr(places.Here, "hide", step(places.Here.hide))

    return prepare


@pytest.mark.parametrize("steps", range(10))
def test_a_crash_at_any_step_leaves_a_whole_lab_and_the_next_clean_finishes(
    data, tmp_path, crash_after, steps, monkeypatch
):
    gone = bring_in(tmp_path / "others", seed=1)
    study(data, plan("a", data), plan("b", data, "a"), name="kept")
    study(gone, plan("x", gone), plan("y", gone, "x"), plan("z", gone), name="given-up")
    for _ in range(4):
        done()
    crash_after(steps)
    with contextlib.suppress(Crash):
        clean("given-up")
    monkeypatch.undo()
    load_settings.cache_clear()
    assert is_whole()
    with reading() as session:
        names = session.exec(select(Study.name)).all()
    clean("given-up" if "given-up" in names else None)
    assert is_whole()
    assert counts(survey()) == {}
    assert sorted(path.name for path in root().iterdir() if path.name.isdecimal()) == ["1", "2"]
    assert len(list((root() / "datasets").iterdir())) == 1


def test_two_cleans_at_once_do_the_work_of_one(data, tmp_path):
    study(data, *(plan(f"job-{n}", data) for n in range(12)))
    for _ in range(12):
        done()
    study(data, plan("new", data))
    with ThreadPoolExecutor(2) as pool:
        found = [one.result() for one in [pool.submit(clean), pool.submit(clean)]]
    assert sum(one.portions["jobs"].count for one in found) == 12
    assert is_whole()
    assert counts(survey()) == {}
    assert not [path for path in root().iterdir() if path.name.isdecimal()]


def test_a_study_submitted_again_and_again_while_others_clean_loses_nothing(data):
    one, other = [plan("a", data), plan("b", data, "a")], [plan("c", data)]
    study(data, *one)  # a data set that no study is on may go: who submits one then is told to do so again
    with ThreadPoolExecutor(1) as pool:
        for n in range(12):
            cleaning = pool.submit(clean)
            study(data, *(one if n % 2 else other))
            while (claim := jobs.claim("work", "worker", "cpu")) is not None:
                Attempt(claim.lease).finish()
            cleaning.result()
            assert is_whole()
    clean()
    with reading() as session:
        rows = session.exec(select(Job.key, Job.state).where(Job.kind != "chat").order_by(Job.id)).all()
    assert rows == [("a", "SUCCEEDED"), ("b", "SUCCEEDED")]


def test_a_worker_clears_up_after_each_of_its_jobs(database):
    with fleet() as ships:
        ships.start()
        first, second = submit(drill("a", steps=3), drill("b", "a", fault="crash", at=3, attempts=1))
        wait_for([first, second])
        last = submit(drill("c"), study="other")  # the executor clears up before it does the next
        wait_for(last)
    assert states([first, second]) == ["SUCCEEDED", "SUCCEEDED"]
    assert not list(root().glob("[12]/*/checkpoint"))
    assert [path.name for path in (root() / str(second)).iterdir()] == ["2"]
