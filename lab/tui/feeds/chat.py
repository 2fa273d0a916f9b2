"""Who there is to chat with and which methods are ready; a question and its growing answer; dialogues to replay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lab.data.split import Part
from lab.data.types import Dialogue
from lab.db import jobs, queries
from lab.db.looks import planned_on_test, would_be_look
from lab.db.picks import PickRow, Shown, add_pick, picks
from lab.db.queries import MethodBook, Reply, StudyRow
from lab.errors import LabError
from lab.methods.spec import catalog
from lab.metrics.preference import Choice, Preference, preferences
from lab.report.looks import TEST, looked
from lab.report.people import Person, held_out, known_contexts, people
from lab.tasks import queue
from lab.tui.chat.conversation import Messages, Replay, Turn

_SCREEN = "Chat screen"


@dataclass(frozen=True, slots=True)
class Ready:
    """A method whose recipe book is ready."""

    method: str
    about: str
    seed: int | None = None  # that answers, of a study of several


@dataclass(frozen=True, slots=True)
class ChatView:
    """What there is to choose from."""

    study: StudyRow | None
    people: tuple[Person, ...] = ()
    ready: tuple[Ready, ...] = ()
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of the context: key → values in the data


@dataclass
class ChatFeed:
    """Reads personas and data anew only when another method is ready."""

    _of: tuple[object, ...] = ()
    _view: ChatView = field(default_factory=lambda: ChatView(None))

    def read(self, study: StudyRow | None) -> ChatView:
        """The personas and the ready methods of a study."""
        if study is None:
            return ChatView(None)
        books = queries.books(study.id)
        if (study.id, study.name, books) != self._of:
            self._view = _view(study, books)
            self._of = (study.id, study.name, books)
        return replace(self._view, study=study)


def _view(study: StudyRow, books: Sequence[MethodBook]) -> ChatView:
    if not books:
        return ChatView(study)
    own = study.spec.get("method", {})
    known = catalog()

    def about(name: str) -> str:
        return known[name].about if name in known else str(own.get(name, {}).get("about", ""))

    ready = tuple(Ready(one.method, about(one.method), one.seed if one.of_seeds(study) else None) for one in books)
    return ChatView(study, tuple(people(study)), ready, known_contexts(study))


# ---------------------------------------------------------------- answers


def ask(
    study: StudyRow, method: str, persona: str, messages: Messages, context: dict[str, Any], at: datetime | None
) -> int:
    """Queue the question; the id of its job."""
    return queue.ask(study, method, persona, messages, context, at)


def answers(asked: Iterable[int]) -> dict[int, Reply]:
    """The answers of these jobs so far."""
    return {job: queries.get_reply(job) for job in asked}


def stop(asked: Iterable[int]) -> str:
    """Stop answers while they are written."""
    for job in asked:
        jobs.cancel(job)
    return "stopped"


# ---------------------------------------------------------------- held-out dialogues


def replays(study: StudyRow, persona: str, part: Part) -> list[Replay]:
    """The persona's dialogues of val or test, newest first; to read test's is a look, which is noted.

    Raises:
        LabError: the study plans no evaluation on test, so that a look at it could not be counted.
    """
    if part == TEST:
        if not planned_on_test(study.id):
            raise LabError(
                f"study '{study.name}' evaluates nothing on test, so a look could not be counted; replay val"
            )
        looked(study, part, by=_SCREEN)
    found = [_replay(dialogue, part) for dialogue in held_out(study, persona, part)]
    return [one for one in reversed(found) if one.turns]


def would_look(study: StudyRow) -> bool:
    """Whether replaying a test dialogue now would be noted as another look."""
    return would_be_look(study.id)


def _replay(dialogue: Dialogue, part: Part) -> Replay:
    turns: list[Turn] = []
    said: list[tuple[str, str]] = []
    for message in dialogue.messages:
        if message.role == "assistant" and any(role == "user" for role, _ in said):
            turns.append(Turn(tuple(said), message.content))
            said = []
        else:  # a greeting of the assistant's is no answer
            said.append((message.role, message.content))
    return Replay(dialogue.dialogue_id, part, dialogue.started_at, dict(dialogue.context), tuple(turns))


# ---------------------------------------------------------------- picks


def pick(study: StudyRow, persona: str, round_id: str, shown: Mapping[str, tuple[str, ...]], picked: str) -> str:
    """Keep what was picked in a blind round; `shown` has the digests of each method, from left to right."""
    add_pick(study, persona, round_id, [Shown(*one) for one in shown.items()], picked)
    return f"{picked} was picked" if picked else "a tie"


def preference(study: StudyRow) -> tuple[list[Preference], list[PickRow]]:
    """How the methods fared in the study's blind rounds, and these."""
    found = picks(study.name)
    return preferences([Choice(tuple(one.method for one in row.shown), row.picked) for row in found]), found
