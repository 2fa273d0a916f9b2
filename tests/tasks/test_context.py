"""What a running job says of itself while it goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lab.store.remote import StoreError
from lab.tasks import context as job_context
from lab.tasks.context import JobContext
from lab.tasks.messages import Assignment, Event, Progress


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def context(lab_home: Path, told: list[Event]) -> JobContext:
    """A job that is under way."""
    assignment = Assignment(
        1, 1, "augment", "m", {}, str(lab_home), "1/1", str(lab_home / "cache"), "cpu", "float32", None, 60.0, "", {}
    )
    return JobContext(assignment, told.append, threading.Event())


def notes(told: list[Event]) -> list[str | None]:
    return [event.note for event in told if isinstance(event, Progress)]


def test_after_a_delay_it_says_again_what_it_does(context: JobContext, told: list[Event]) -> None:
    with context.noting("loading"):
        pass
    context.note("writing")
    with context.noting("loading"):
        pass
    assert notes(told) == ["loading", "", "writing", "loading", "writing"]


def test_when_the_store_is_there_again_nothing_is_waited_for(
    context: JobContext, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_context, "_STORE_SECONDS", 0.01)
    left = iter([StoreError("out of reach"), StoreError("out of reach")])

    def work() -> str:
        if (error := next(left, None)) is not None:
            raise error
        return "there"

    context.note("writing")
    assert context.patiently(work) == "there"
    assert notes(told) == ["writing", "waits: out of reach", "waits: out of reach", "writing"]


def test_a_note_stays_while_only_numbers_are_told(context: JobContext, told: list[Event]) -> None:
    context.note("writing")
    context.progress(Progress(val_loss=2.0))
    with context.noting("loading"):
        pass
    assert notes(told) == ["writing", None, "loading", "writing"]
