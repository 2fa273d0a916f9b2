"""What a supervisor and its executor say to each other: one JSON object a line, nothing pickled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from lab.safe import LONGEST_LINE, one_line, sentence

Count = Annotated[int, Field(ge=0, lt=2**31)]
"""What an integer column of every database holds."""

_LONGEST_LOG = 20_000  # characters of one line of a log


@dataclass(frozen=True, slots=True)
class Assignment:
    """Supervisor → executor: do this job. All folders but `root` are relative to it."""

    job: int
    attempt: int
    kind: str
    method: str
    spec: dict[str, Any]
    root: str  # the artifacts folder
    folder: str  # where this attempt writes
    cache: str  # offline weights
    device: str
    dtype: str
    checkpoint: str | None
    checkpoint_seconds: float
    dataset: str | None  # folder of the data set, if the job has one
    parents: dict[str, str]  # parent job's key → its artifact folder
    manifests: dict[str, str] = field(default_factory=dict)  # parent job's key → sha256 of that artifact's manifest


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the job is; fields that are None stay as they were."""

    progress: float | None = None
    step: Count | None = None
    total_steps: Count | None = None
    loss: float | None = None
    val_loss: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """Curve points: (series, group, step, value). JSON has no NaN and no infinity: such a value arrives as None."""

    points: Sequence[tuple[str, str, Count, float | None]]


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the job's log."""

    text: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint lies in `folder`; with `back` it is an earlier one, "" is none: the last is of no use."""

    folder: str
    step: Count
    back: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A chat answer so far."""

    text: str
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """The job is finished and its manifest written; scores are (persona, task type, metric, value, n).

    A value that is not finite arrives as None.
    """

    manifest: str
    result: dict[str, Any]
    scores: Sequence[tuple[str, str, str, float | None, Count]] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ended with an error; `for_good` when trying again cannot help."""

    error: str
    for_good: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job stopped because it was told to."""


Event = Progress | Metrics | Log | Checkpoint | Answer | Done | Failed | Stopped
_EVENTS: dict[str, TypeAdapter[Event]] = {
    kind.__name__: TypeAdapter(kind) for kind in (Progress, Metrics, Log, Checkpoint, Answer, Done, Failed, Stopped)
}


def encode_event(event: Event) -> bytes:
    """One line; what JSON or a database cannot hold, such as half a character in a library's error, is replaced."""
    fields = {"event": type(event).__name__, **asdict(event)}
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return orjson.dumps(_sound(fields), option=orjson.OPT_APPEND_NEWLINE)


def _sound(value: Any) -> Any:
    """The same in what JSON has: texts that are UTF-8, numbers of 64 bits, keys that are texts."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {str(_sound(key)): _sound(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sound(inner) for inner in value]
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return _sound(str(value))


def decode_event(line: bytes) -> Event:
    """The event of one line. A NUL in a text becomes U+FFFD: PostgreSQL keeps no NUL. What is endless is cut.

    Raises:
        ValueError: it is not one.
    """
    try:
        fields = orjson.loads(line.replace(rb"\u0000", rb"\ufffd"))
        return _bounded(_EVENTS[fields.pop("event")].validate_python(fields))
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(f"not an executor event: {line[:80]!r}") from error


def _bounded(event: Event) -> Event:
    """The event with texts that a row and a screen have room for: a library's error may quote a whole data set."""
    match event:
        case Log(text=text) if len(text) > _LONGEST_LOG:
            return Log(f"{text[: _LONGEST_LOG // 2]} … {text[-_LONGEST_LOG // 2 :]}")
        case Failed(error=error) if len(error) > LONGEST_LINE:
            return replace(event, error=sentence(error))
        case Progress(note=str(note)) if len(note) > LONGEST_LINE:
            return replace(event, note=one_line(note))
    return event


def encode_assignment(assignment: Assignment) -> bytes:
    """One line."""
    return orjson.dumps({"run": asdict(assignment)}, option=orjson.OPT_APPEND_NEWLINE)


def encode_tidy(job: int, attempt: int) -> bytes:
    """One line: this attempt is the committed one, what else the job left may go."""
    return orjson.dumps({"tidy": [job, attempt]}, option=orjson.OPT_APPEND_NEWLINE)


STOP = b'{"stop": true}\n'  # finish the step, write a checkpoint, say Stopped
KEPT = b'{"kept": true}\n'  # the database points to the checkpoint that was named
