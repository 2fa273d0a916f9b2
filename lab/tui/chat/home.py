"""The home as a conversation leaves it: the settings that its answers made, carried over the turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.safe import one_line
from lab.tui.chat.conversation import Conversation, Round
from lab.tui.format import tables
from lab.tui.marks import shown
from lab.tui.text import Line, Span, wrap_spans

_DEVICE_CELLS = 9
_CHANGED = "●"

Settings = dict[tuple[str, str], str]
"""(device, parameter) → value, as words."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter of a device."""

    device: str
    parameter: str
    value: str
    changed: bool  # by the last answer
    right: bool | None = None  # as the reference has it, where there is one
    missing: bool = False  # the reference sets it, the last answer does not


def home_of(conversation: Conversation, method: str) -> list[Setting]:
    """The settings after the method's last answer, by device; of a replayed dialogue the history is the true one."""
    own = [one for one in conversation.rounds if method in one.answers]
    if not own:
        return []
    last = own[-1]
    before: Settings = {}
    for one in conversation.rounds[: conversation.rounds.index(last)]:
        if one.reference is not None:
            before |= _said(one.reference)
        elif last.reference is None and one in own:
            before |= made(one.answers[method].info)
    now = made(last.answers[method].info)
    wanted = _wanted(last, method)
    found = [_setting(spot, value, before, now, wanted) for spot, value in (before | now).items()]
    if wanted is not None:
        left_out = {spot: value for spot, value in wanted.items() if spot not in now}
        found = [one for one in found if (one.device, one.parameter) not in left_out]
        found += [Setting(*spot, value, changed=False, right=False, missing=True) for spot, value in left_out.items()]
    return sorted(found, key=lambda one: (one.device, one.parameter))


def _wanted(last: Round, method: str) -> Settings | None:
    """What the reference sets, once the answer is complete."""
    if last.reference is None or not last.answers[method].given:
        return None
    return _said(last.reference)


def _setting(spot: tuple[str, str], value: str, before: Settings, now: Settings, wanted: Settings | None) -> Setting:
    right = None if wanted is None or spot not in now else wanted.get(spot) == value
    return Setting(*spot, value, changed=spot in now and before.get(spot) != value, right=right)


def made(info: dict[str, Any]) -> Settings:
    """The settings that a worker read from an answer."""
    return {
        (_word(action.get("device")), _word(action.get("parameter"))): one_line(shown(action.get("value")), 40)
        for action in tables(info, "actions")
    }


def _said(text: str) -> Settings:
    """The settings that words of the data make."""
    from lab.metrics.actions import parse_actions

    return {(action.device, _word(action.parameter)): shown(action.value) for action in parse_actions(text)}


def _word(name: object) -> str:
    return one_line(str(name).replace("_", " "), 20)


def home_lines(settings: list[Setting], cells: int) -> list[Line]:
    """A line for each device, `lights   ●brightness 40 · color warm`; what the last answer changed is marked."""
    devices: dict[str, list[Span]] = {}
    for one in settings:
        spans = devices.setdefault(one.device, [])
        spans += [(" · ", "faint")] if spans else []
        spans += _spans(one)
    lines: list[Line] = []
    for device, spans in devices.items():
        rows = wrap_spans(spans, cells - _DEVICE_CELLS)
        lines += [
            ((f"{device if number == 0 else '':<{_DEVICE_CELLS}.{_DEVICE_CELLS - 1}}", "second"), *row)
            for number, row in enumerate(rows)
        ]
    return lines


def _spans(one: Setting) -> list[Span]:
    if one.missing:
        return [(f"{one.parameter} not set, {one.value}", "bad")]
    tone = {None: "strong" if one.changed else "dim", True: "good", False: "bad"}[one.right]
    mark: list[Span] = [(_CHANGED, "accent")] if one.changed else []
    return [*mark, (f"{one.parameter} {one.value}", tone)]
