"""Jobs and the store: done means published, out of reach means waiting, and another machine goes on."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from planned import forget_settings, own_lab
from stores import compute

from lab.store.artifacts import artifacts_in
from lab.store.checkpoints import publish_checkpoint
from lab.tasks import context as context_module
from lab.tasks import executor
from lab.tasks.context import JobContext
from lab.tasks.messages import Assignment, Checkpoint, Done, Event, Failed, Log, Progress, Stopped, decode_event


@pytest.fixture
def lab(store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lab with this store, where jobs of the kind `counting` may run; gives a folder for machines."""
    monkeypatch.setitem(executor.KINDS, "counting", "counting")
    monkeypatch.setattr(context_module, "_STORE_SECONDS", 0.1)
    with own_lab(tmp_path / "lab", LAB_ARTIFACTS_URL=store.url, LAB_STORE_SECONDS="30"):
        yield tmp_path


def assignment(root: Path, **changes: object) -> Assignment:
    root.mkdir(exist_ok=True)
    job = Assignment(
        job=13,
        attempt=2,
        kind="counting",
        method="",
        spec={"inputs": {"of": "parent"}},
        root=str(root),
        folder="13/2",
        cache="",
        device="cpu",
        dtype="auto",
        checkpoint=None,
        checkpoint_seconds=60,
        dataset=None,
        parents={"parent": "12/1"},
    )
    return replace(job, **changes)  # type: ignore[arg-type]


def carried_out(job: Assignment, stop_after: float | None = None) -> list[Event]:
    """What an executor says of it."""
    said = io.BytesIO()
    one = executor.Executor(io.BytesIO(), said)
    if stop_after is not None:
        threading.Timer(stop_after, one._stop.set).start()
    one._do(job)
    return [decode_event(line) for line in said.getvalue().splitlines()]


def published_parent(lab: Path) -> None:
    other = artifacts_in(lab / "other")
    other.root.mkdir()
    compute(other, "12/1")
    other.publish("12/1")


def test_a_job_that_is_done_is_in_the_store_with_what_it_read_from_there(lab, store):
    published_parent(lab)
    *_, done = carried_out(assignment(lab / "one"))
    assert isinstance(done, Done)
    assert "13/2/manifest.json" in store.files()
    assert (store.folder / "13/2/answer").read_text() == "{} from 0"


def test_another_machine_goes_on_from_the_checkpoint_in_the_store(lab):
    published_parent(lab)
    lost = artifacts_in(lab / "lost")
    (lost.root / "13/1/checkpoint").mkdir(parents=True)
    (lost.root / "13/1/checkpoint/step").write_text("41")
    publish_checkpoint(lost, "13/1/checkpoint")
    *_, done = carried_out(assignment(lab / "one", checkpoint="13/1/checkpoint"))
    assert isinstance(done, Done)
    assert done.result == {"begun": 41}


@pytest.mark.parametrize("checkpoint", ["13/1/checkpoint", "", None])
def test_without_a_checkpoint_a_job_begins_anew(lab, checkpoint):
    published_parent(lab)
    *_, done = carried_out(assignment(lab / "one", checkpoint=checkpoint))
    assert isinstance(done, Done)
    assert done.result == {"begun": 0}


def test_a_parent_that_was_tampered_with_fails_the_job_for_good_and_names_the_file(lab, store):
    published_parent(lab)
    store.put("12/1/recipes.json", b"[]")
    *_, failed = carried_out(assignment(lab / "one"))
    assert isinstance(failed, Failed)
    assert failed.for_good
    assert "12/1/recipes.json: not what was committed" in failed.error


def test_every_file_of_a_checkpoint_that_is_sent_is_a_sign_of_life(lab):
    events: list[Event] = []
    context = JobContext(assignment(lab / "one"), events.append, threading.Event())
    folder = context.folder / "checkpoint"
    folder.mkdir(parents=True)
    for name in "ab":
        (folder / name).write_text(name)
    context.note("step 7")
    context.checkpoint(folder, 7)
    notes = [event.note for event in events if isinstance(event, Progress)]
    assert notes == ["step 7", *["sends its checkpoint to the store"] * 2, "step 7"]
    events.clear()
    context.checkpoint(folder, 8)
    assert events == [Checkpoint("13/2/checkpoint", 8)], "nothing is sent twice"


@pytest.fixture
def away(sftp, lab, request):
    """The server, which is not there for as long as a test likes."""
    if request.node.callspec.params["store"] != "sftp":
        pytest.skip("a folder does not come and go")
    published_parent(lab)
    sftp.stop()
    running = threading.Event()

    def back() -> None:
        if not running.is_set():
            running.set()
            sftp.start()

    yield back
    back()


def test_a_job_waits_for_a_store_out_of_reach_says_so_and_goes_on(lab, away):
    threading.Timer(0.5, away).start()
    *events, done = carried_out(assignment(lab / "one"))
    assert isinstance(done, Done)
    notes = [event.note or "" for event in events if isinstance(event, Progress)]
    assert any(note.startswith("waits: artifacts_url sftp://lab:***@") for note in notes)


def test_a_job_that_waited_too_long_may_be_tried_again(lab, away, monkeypatch):
    monkeypatch.setenv("LAB_STORE_SECONDS", "0.2")
    forget_settings()
    *_, failed = carried_out(assignment(lab / "one"))
    assert isinstance(failed, Failed)
    assert not failed.for_good
    assert "the store cannot be used" in failed.error


def test_a_job_that_waits_stops_when_it_is_told_to(lab, away):
    *_, stopped = carried_out(assignment(lab / "one"), stop_after=0.3)
    assert isinstance(stopped, Stopped)


def test_a_checkpoint_is_named_when_it_is_in_the_store_and_not_before(lab, away):
    events: list[Event] = []
    context = JobContext(assignment(lab / "one"), events.append, threading.Event())
    folder = context.folder / "checkpoint"
    folder.mkdir(parents=True)
    (folder / "step").write_text("1")
    context.checkpoint(folder, 1)
    told = [event for event in events if not isinstance(event, Progress)]
    assert [type(event) for event in told] == [Log], "the work goes on; the row still names the one before"
    away()
    context.checkpoint(folder, 2)
    assert [event for event in events if isinstance(event, Checkpoint)] == [Checkpoint("13/2/checkpoint", 2)]


def test_an_attempts_own_files_need_no_store(lab, away):
    context = JobContext(assignment(lab / "one"), lambda _: None, threading.Event())
    assert context.fetched("13/2/adapters/0000") == lab / "one/13/2/adapters/0000"
