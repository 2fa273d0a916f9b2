"""Conversations as files: JSON that is read again, Markdown for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

from lab.errors import LabError
from lab.safe import one_line, safe
from lab.tui.chat.conversation import Answer, Conversation, Round
from lab.tui.chat.home import made
from lab.tui.format import tables

FORMAT = "persona-lab chat 1"


@dataclass(frozen=True)
class Saved:
    """A conversation with what was chosen around it."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: str
    saved_at: datetime
    base: str
    methods: list[str]  # from left to right
    context: dict[str, Any]  # of what would have been said next
    conversation: Conversation


_SAVED = TypeAdapter(Saved)


def to_json(saved: Saved) -> bytes:
    """As a file; `from_json` gives the same again."""
    return orjson.dumps(asdict(saved), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_json(content: bytes, name: str) -> Saved:
    """Read a file.

    Raises:
        LabError: it is no conversation, one of another version, or one that was not over.
    """
    try:
        saved = _SAVED.validate_python(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise LabError(f"{name}: this is not JSON ({error}); choose another file.") from None
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise LabError(f"{name}: this is no conversation of this lab ({what}); choose another file.") from None
    if saved.format != FORMAT:
        raise LabError(f"{name}: its format is {saved.format!r}, this version reads {FORMAT!r}; use a newer one.")
    for one in saved.conversation.rounds:
        roles = [message.get("role") for message in one.said]
        if one.writing or one.secret or "user" not in roles or any("content" not in message for message in one.said):
            raise LabError(f"{name}: a round in it is not complete; choose another file.")
    return saved


# ---------------------------------------------------------------- for people


def to_markdown(saved: Saved) -> str:
    """The conversation to be read, each answer with the weights that gave it."""
    conversation = saved.conversation
    lines = [f"# {_plain(conversation.persona)} in {_plain(conversation.study)}", ""]
    lines += [
        f"{' · '.join(map(_plain, saved.methods))}, on {_plain(saved.base)}; saved {saved.saved_at:%Y-%m-%d %H:%M}"
    ]
    if conversation.replay is not None:
        replay = conversation.replay
        lines += ["", f"Replay of the {replay.part} dialogue {_plain(replay.dialogue_id)}, with the true history."]
    for number, one in enumerate(conversation.rounds, 1):
        lines += ["", f"## {number}", "", *_quoted(one.question), "", *_situation(one)]
        if one.reference is not None:
            lines += ["**reference**", "", *_quoted(one.reference), ""]
        for method, answer in one.answers.items():
            lines += _answer(one, method, answer)
    return "\n".join(lines).rstrip() + "\n"


def _situation(one: Round) -> list[str]:
    known = ", ".join(f"{_plain(key)}={_plain(value)}" for key, value in one.context.items())
    return [f"*{known}*", ""] if known else []


def _answer(one: Round, method: str, answer: Answer) -> list[str]:
    verdict = {method: " (picked)", "": " (tie)"}.get(one.picked or "", "") if one.picked is not None else ""
    lines = [f"**{_plain(method)}**{verdict}", "", *_quoted(answer.text or "(nothing)"), ""]
    if not answer.given:
        lines += [f"- {_plain(answer.error or answer.state)}"]
    settings = [f"{device} {parameter} {value}" for (device, parameter), value in made(answer.info).items()]
    lines += [f"- sets {', '.join(settings)}"] if settings else []
    lines += [f"- weights: {words}" for words in [_weights(answer.info)] if words]
    lines += [f"- retrieved {_plain(told.get('dialogue'))}" for told in tables(answer.info, "retrieved")]
    return [*lines, ""]


def _weights(info: dict[str, Any]) -> str:
    """With whole digests: this is the record."""
    parts = [_named(info.get("base"), info.get("base_digest"))] if "base" in info else []
    parts += [_named(one.get("name"), one.get("digest")) for one in tables(info, "adapters")]
    return " + ".join(parts)


def _named(name: object, digest: object) -> str:
    return f"{_plain(name)}@{_plain(digest)}" if digest else _plain(name)


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in safe(text).splitlines() or [""]]


def _plain(text: object) -> str:
    return one_line(str(text))
