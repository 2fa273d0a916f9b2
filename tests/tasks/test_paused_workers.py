"""`lab pause`: real workers take no more work until `lab resume`; chat goes on."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import orjson
import pytest
from fleet import Fleet, at_step, drill, eventually, submit, wait_for
from lab_command import lab
from planned import states

from lab.cli.run import _watch_lines
from lab.db.queries import get_study
from lab.db.studies import add_chat
from lab.tasks import pausing, queue


def test_a_paused_queue_ends_the_job_at_hand_and_begins_no_other(database: str, ships: Fleet):
    ships.start()
    ids = submit(drill("at hand", steps=10, pause=0.05), drill("next"), drill("after"))
    eventually(at_step(ids[0], 2))
    assert "the queue is paused" in lab("pause")
    wait_for(ids[:1])
    time.sleep(1.5)  # longer than a sweep, whose wake-ups would be heard by now
    assert states(ids) == ["SUCCEEDED", "READY", "READY"]
    assert "paused" in lab("status")
    assert orjson.loads(lab("status", "--json"))["paused"] is True
    assert "the queue goes on" in lab("resume")
    wait_for(ids)
    assert states(ids) == ["SUCCEEDED"] * 3


def test_a_pause_outlives_the_workers_and_holds_those_that_come(lab_home: Path, ships: Fleet):
    lab("pause")
    ids = submit(drill("waits"))
    ships.start()
    time.sleep(1.5)
    assert states(ids) == ["READY"]
    assert orjson.loads(lab("resume", "--json")) == {"paused": False, "changed": True}
    wait_for(ids)
    assert "was not paused" in lab("resume")


def test_chat_goes_on_while_work_is_paused(lab_home: Path, ships: Fleet):
    ships.start()
    lab("pause")
    (work,) = submit(drill("waits"))
    answer = add_chat({"messages": [{"role": "user", "content": "a bit warmer please"}]}, "method")
    queue.wake(queue.CHAT, [answer])
    wait_for([answer])
    assert states([work, answer]) == ["READY", "SUCCEEDED"]
    lab("resume")
    wait_for([work])


def test_who_watches_a_study_is_told_why_nothing_starts(
    lab_home: Path, ships: Fleet, capsys: pytest.CaptureFixture[str]
):
    ships.start()
    lab("pause")
    submit(drill("waits"))
    resumes = threading.Timer(1.0, pausing.resume)
    resumes.start()
    _watch_lines(get_study(), quiet=False)
    resumes.join()
    said = capsys.readouterr().out
    assert said.count("the queue is paused: `lab resume` ends that, and the jobs go on.") == 1
    assert "SUCCEEDED" in said
