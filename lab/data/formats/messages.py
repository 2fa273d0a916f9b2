"""What both formats share: a dialogue's messages, their order, and time within a persona."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from lab.data.formats.record import EXAMPLES, Record, show
from lab.data.types import Actions, Message, Role

SCALARS = (str, int, float, bool)


def read_messages(record: Record, text_key: str, roles: tuple[str, ...]) -> tuple[Message, ...]:
    """The messages of one dialogue; `text_key` names the text of a message (`content`, or `text`)."""
    inner = record.list_of("messages")
    messages = tuple(_read_message(one, text_key, roles) for one in inner)
    if isinstance(record.data.get("messages"), list) and all(one.ok for one in inner):
        _check_order(record, [message.role for message in messages])
    return messages


def _read_message(record: Record, text_key: str, roles: tuple[str, ...]) -> Message:
    if not record.ok:
        return Message("user", "")
    role = record.want("role", str)
    if role is not None and role not in roles:
        record.fault(f"role is {show(role)}; use one of {', '.join(roles)}")
    content = record.text(text_key)
    if record.ok and not content.strip():
        record.fault(f"{text_key} is empty; write what was said or take the message out")
    return Message(cast(Role, role), content, _read_actions(record))


def _read_actions(record: Record) -> Actions | None:
    actions = record.maybe("actions", dict)
    if actions is None:
        return None
    if record.data.get("role") != "assistant":
        record.fault("actions stands on a message that is not the assistant's; only the assistant sets devices")
    for device, settings in actions.items():
        if not isinstance(settings, dict) or not all(isinstance(value, SCALARS) for value in settings.values()):
            record.fault(
                f"actions holds {show(settings)} for {show(device)}; give an object of plain values,"
                f" as in {EXAMPLES['actions']}"
            )
    record.free("actions")
    return actions


def _check_order(record: Record, roles: list[Role]) -> None:
    """An assistant message must answer a user message; system comes first, tool after the assistant."""
    if not roles:
        record.fault("messages is empty; a dialogue needs a user and an assistant message")
    elif "assistant" not in roles:
        record.fault("messages has no assistant message; there is nothing to learn from, take the dialogue out")
    elif "user" not in roles or "assistant" not in roles[roles.index("user") :]:
        record.fault("messages has no assistant message after a user message; check their order")
    if "system" in roles[1:]:
        record.fault(f"messages[{roles.index('system', 1)}] is a system message; it may only come first")
    if "tool" in roles and "assistant" not in roles[: roles.index("tool")]:
        record.fault(f"messages[{roles.index('tool')}] is a tool message before any assistant message")


def read_applied(record: Record, n_routines: int | None) -> tuple[int, ...] | None:
    """Which of the persona's routines a dialogue follows; None where the data do not say."""
    found = record.maybe("applied_routines", list)
    if found is None:
        return None
    # The published files do not say whether they count from 0 or from 1: both fit here.
    highest = 10_000 if n_routines is None else n_routines
    for index in found:
        if type(index) is not int or not 0 <= index <= highest:
            record.fault(f"applied_routines holds {show(index)}; give positions in the persona's {n_routines} routines")
            return None
    return tuple(found)


class Clock:
    """Sees a persona's dialogues in file order and faults the one that is older than the last."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def check(self, record: Record, persona_id: str, moment: datetime) -> None:
        """Fault a time that goes backwards within the persona."""
        last = self._last.setdefault(persona_id, moment)
        if moment < last:
            record.fault(
                f"started_at {moment.isoformat()} is before {last.isoformat()} of the dialogue above;"
                " sort each persona's dialogues by time"
            )
        self._last[persona_id] = max(last, moment)
