"""`lab drain`: a worker ends the jobs at hand, claims no more and leaves; `lab workers` shows it."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import orjson
from fleet import FAST, Fleet, at_step, diary, drill, eventually, submit, wait_for
from lab_command import lab, refused
from planned import job, own_lab, state, states

from lab.db.migrate import migrate
from lab.db.queries import list_workers
from lab.db.tables import Worker
from lab.db.workers import drained, register
from lab.tasks.identity import VERSION, machine_identity
from lab.tasks.local import ensure_running, local_workers, shut_down


def ended(worker: subprocess.Popen[str]) -> int:
    return worker.wait(15)


def test_a_drained_worker_ends_its_job_leaves_the_others_and_goes(database: str, ships: Fleet):
    worker = ships.start()
    ids = submit(drill("at hand", steps=15, pause=0.1), drill("next"))
    eventually(at_step(ids[0], 2))
    assert f"leaves after job {ids[0]} (drill method, " in lab("drain")
    assert ended(worker) == 0
    assert states(ids) == ["SUCCEEDED", "READY"]
    assert job(ids[0]).attempt == 1, "it was not broken off"
    assert [step for _, step in diary(ids[0])] == list(range(1, 16))
    assert list_workers() == []
    assert len(drained(machine_identity())) == 1
    ships.start()
    wait_for(ids)
    assert drained(machine_identity()) == [], "it has a successor"


def test_a_worker_that_stays_after_all_claims_again(lab_home: Path, ships: Fleet):
    worker = ships.start()
    ids = submit(drill("at hand", steps=15, pause=0.1), drill("next"))
    eventually(at_step(ids[0], 2))
    lab("drain")
    eventually(lambda: list_workers()[0].state == "draining")
    assert "stays" in lab("drain", "--undo")
    wait_for(ids)
    assert states(ids) == ["SUCCEEDED", "SUCCEEDED"]
    assert worker.poll() is None
    assert refused("drain", "--undo") == "none of these workers is about to leave; `lab workers` lists them."


def test_waiting_for_a_drain_ends_when_the_worker_has_left(lab_home: Path, ships: Fleet):
    worker = ships.start()
    ids = submit(drill("at hand", steps=10, pause=0.1))
    eventually(at_step(ids[0], 1))
    (named,) = list_workers()
    assert orjson.loads(lab("drain", named.host, "--wait", "--json")) == {"drain": [named.id]}
    assert state(ids[0]) == "SUCCEEDED"
    assert ended(worker) == 0


def test_what_a_drained_worker_leaves_another_one_takes(postgres_lab: Path, ships: Fleet):
    first = ships.start(LAB_DEVICES='["one"]')
    ids = submit(*(drill(f"job {n}", steps=4, pause=0.1) for n in range(6)))
    eventually(at_step(ids[0], 1))
    (row,) = list_workers()
    ships.start(LAB_DEVICES='["two"]')
    lab("drain", row.id)
    assert ended(first) == 0
    wait_for(ids)
    assert set(states(ids)) == {"SUCCEEDED"}
    assert {job(one).attempt for one in ids} == {1}
    assert [worker.devices for worker in list_workers()] == [["two"]]


def test_told_to_stop_while_it_drains_it_writes_a_checkpoint_and_goes_at_once(lab_home: Path, ships: Fleet):
    worker = ships.start()
    ids = submit(drill("long", steps=200, pause=0.1, checkpoint_every=1000))
    eventually(at_step(ids[0], 3))
    lab("drain")
    eventually(lambda: list_workers()[0].state == "draining")
    worker.send_signal(signal.SIGTERM)
    assert ended(worker) == 0
    assert (state(ids[0]), job(ids[0]).checkpoint_step > 2, job(ids[0]).crashes) == ("READY", True, 0)
    assert drained(machine_identity()) == [], "it was stopped, not drained"


def test_workers_are_listed_with_what_they_do(lab_home: Path, ships: Fleet):
    assert "no worker is alive" in lab("workers")
    ships.start()
    ids = submit(drill("at hand", steps=15, pause=0.1))
    eventually(at_step(ids[0], 2))
    (told,) = orjson.loads(lab("workers", "--json"))
    assert (told["devices"], told["state"], told["version"]) == (["cpu"], "alive", VERSION)
    assert (told["jobs"][0]["job"], told["jobs"][0]["kind"], told["jobs"][0]["device"]) == (ids[0], "drill", "cpu")
    assert told["seen_seconds"] < 5
    assert f"{ids[0]} drill method" in lab("workers")
    wait_for(ids)


def test_workers_of_the_same_host_and_process_id_are_told_apart(lab_home: Path):
    migrate()
    for name, host in (("node:1:aaaa", "node"), ("node:1:bbbb", "node"), ("desk:1:cccc", "desk")):
        register(Worker(id=name, host=host, machine=name, pid=1, pid_started=0.0, devices=["cpu"], version=VERSION))
    told = lab("workers")
    assert ("node:1:aaaa" in told, "node:1:bbbb" in told) == (True, True)
    assert ("desk:1" in told, "desk:1:cccc" in told) == (True, False)
    assert "node:1:aaaa" not in lab("drain", "node:1:bbbb")


def test_who_is_not_there_cannot_be_drained(lab_home: Path):
    assert refused("drain", "gpu7") == "there is no worker and no host 'gpu7'; `lab workers` lists them."
    assert refused("drain").startswith("no worker runs on this machine; ")


def test_a_drained_worker_of_this_machine_comes_back_for_work_and_not_because_somebody_looks(tmp_path: Path):
    with own_lab(tmp_path, **FAST):
        try:
            assert ensure_running() is True
            lab("drain", "--wait")
            assert ensure_running(wanted=False) is False, "opening the screen starts nothing behind one's back"
            assert local_workers() == []
            assert ensure_running() is True
            lab("drain")
            eventually(lambda: not local_workers() or local_workers()[0].state == "draining")
            ensure_running()
            assert [worker.state for worker in local_workers()] == ["alive"], "whether it was still there or not"
        finally:
            shut_down()
