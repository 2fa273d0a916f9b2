"""Wake-ups: one small JSON message, garbage and silence survived."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import orjson
import psutil
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from planned import claimed, forget_settings, own_lab, planned, submit, succeed

from lab.db import jobs
from lab.errors import LabError
from lab.tasks import embedded, queue
from lab.tasks.queue import JobQueue, ask, check_redis


@pytest.fixture
def server(lab_home) -> Iterator[redis.Redis]:
    embedded.start()
    yield redis.Redis.from_url(embedded.url())
    forget_settings()  # a test may have changed them
    embedded.stop()


def test_a_server_that_does_not_answer_is_ended_before_another_is_started(server):
    frozen = psutil.Process(server.info("server")["process_id"])
    frozen.suspend()
    embedded.start()
    assert embedded.is_running()
    assert not frozen.is_running() or frozen.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("left", [b"", b"\0\0 \0", b"abc 123", b"\xff", b"-1 5", b"1 2 3"])
def test_garbage_in_place_of_its_number_ends_nobody_and_stops_nobody(lab_home, left):
    (embedded.runtime_folder() / "queue.pid").write_bytes(left)
    assert not embedded.stop()


def test_a_message_is_the_id_of_a_job_and_nothing_else(server):
    queue.wake(queue.WORK, [17])
    (message,) = server.lrange(JobQueue(queue.WORK).storage.queue_key, 0, -1)
    assert orjson.loads(message) == {"job": 17}


def test_a_message_wakes_whoever_listens(server):
    woken: list[int] = []
    listener = JobQueue(queue.WORK, lambda: woken.append(1))
    queue.wake(queue.WORK, [1, 2])
    queue.wake(queue.CHAT, [3])
    for _ in range(2):
        listener.execute(listener.dequeue())
    assert woken == [1, 1]
    assert listener.dequeue() is None, "chat has a queue of its own"


@given(st.binary(max_size=50))
def test_what_is_no_message_is_refused_and_never_unpickled(garbage):
    listener = JobQueue.__new__(JobQueue)  # no Redis is needed to read bytes
    try:
        message = orjson.loads(garbage)
    except orjson.JSONDecodeError:
        message = None
    if not (isinstance(message, dict) and isinstance(message.get("job"), int)):
        with pytest.raises(ValueError, match=r"."):
            JobQueue.deserialize_task(listener, garbage)


def test_garbage_is_dropped_without_a_pause(server):
    listener = JobQueue(queue.WORK)
    for _ in range(50):
        server.lpush(listener.storage.queue_key, b"\x80\x04 garbage")
    queue.wake(queue.WORK, [1])
    began = time.monotonic()
    found = [listener.dequeue() for _ in range(51)]
    assert next(task for task in found if task is not None).kwargs == {"job": 1}
    assert time.monotonic() - began < 2


def test_two_labs_on_one_redis_do_not_hear_each_other(server, tmp_path):
    url = embedded.url()
    for name in ("one", "another"):
        with own_lab(tmp_path / name, LAB_REDIS_URL=url):
            assert queue.waiting_messages(queue.WORK) == 0
            queue.wake(queue.WORK, [1])
            assert queue.waiting_messages(queue.WORK) == 1


def test_while_the_queue_is_out_of_reach_every_second_is_a_wake_up(lab_home):
    listener = JobQueue(queue.WORK)
    assert listener.dequeue() is not None
    embedded.start()
    try:
        assert listener.dequeue() is None, "it is heard again at once"
    finally:
        embedded.stop()


def test_a_server_that_accepts_and_says_nothing_is_out_of_reach(lab_home, monkeypatch):
    monkeypatch.setattr(queue, "_SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(queue, "_READ_TIMEOUT", 0)
    silent = embedded.socket_path()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(silent))
        deaf.listen()
        began = time.monotonic()
        assert JobQueue(queue.WORK).dequeue() is not None
        assert time.monotonic() - began < 3
        with pytest.raises(LabError, match="does not answer"):
            check_redis()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://ada:s3cret@127.0.0.1:1/0", "redis://127.0.0.1:1"),
        ("redis://:s3cret@127.0.0.1:1/0?no_such_option=1", "redis://127.0.0.1:1"),
        ("unix:///nowhere/queue.sock", "unix:///nowhere/queue.sock"),
    ],
)
def test_a_redis_that_does_not_answer_is_one_sentence_without_the_password(lab_home, monkeypatch, url, shown):
    monkeypatch.setenv("LAB_REDIS_URL", url)
    forget_settings()
    with pytest.raises(LabError) as caught:
        check_redis()
    said = str(caught.value)
    assert said.startswith(f"redis at {shown} does not answer (")
    assert "s3cret" not in said
    assert "\n" not in said


def test_a_question_is_queued_under_the_recipe_book_it_is_for(server):
    submit(planned("a"))
    with pytest.raises(LabError, match="no recipe for method 'method'; none is ready yet"):
        ask("study", "method", "maya", [], {})
    succeed(claimed())
    with pytest.raises(LabError, match="no recipe for method 'mehod'; ready are: method"):
        ask("study", "mehod", "maya", [], {})
    answer = ask("study", "method", "maya", [{"role": "user", "content": "warmer"}], {"weather": "snowy"})
    found = jobs.claim(queue.CHAT, "worker", "cpu")
    assert (found.lease.job, found.spec["book"], found.spec["persona"]) == (answer, "1/1", "maya")
    assert queue.waiting_messages(queue.CHAT) == 1


# ---------------------------------------------------------------- the embedded server


def test_the_embedded_server_is_private_starts_once_and_stops_once(lab_home):
    assert not embedded.is_running()
    starts = [threading.Thread(target=embedded.start) for _ in range(3)]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join()
    assert embedded.is_running()
    socket = embedded.socket_path()
    assert socket.is_relative_to(lab_home)
    assert (socket.stat().st_mode & 0o777, socket.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert embedded.stop() is True
    assert embedded.stop() is False


def test_a_path_too_long_for_a_socket_is_replaced_by_a_short_private_one(lab_home, monkeypatch):
    monkeypatch.setenv("LAB_ARTIFACTS", str(lab_home / ("deep" * 30)))
    forget_settings()
    folder = embedded.runtime_folder()
    try:
        assert len(str(embedded.socket_path())) < 100
        assert folder.stat().st_mode & 0o777 == 0o700
        assert embedded.runtime_folder() == folder
        embedded.start()
        embedded.stop()
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def test_a_runtime_folder_that_is_a_link_is_refused(lab_home, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (lab_home / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabError, match="belongs to somebody else"):
        embedded.runtime_folder()


def test_a_server_that_cannot_start_says_where_to_look(lab_home):
    embedded.socket_path().mkdir()
    with pytest.raises(LabError, match=r"the embedded queue server did not start; .*queue\.log says why"):
        embedded.start()
