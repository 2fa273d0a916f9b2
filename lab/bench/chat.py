"""`lab bench chat`: how soon an answer begins, how fast it goes on, and what a change of persona costs.

Each chat is an opening from the held-out dialogues and a second turn. Warm: the second turn after the first,
under the same adapter. Cold: the same prompt, of which nothing was read before; so begins a persona that has
not spoken in this chat yet. Switch: both of two personas know the opening; the second turn right after the other
persona spoke, less the same right after the persona itself did.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import peft

from lab.bench.machine import describe
from lab.bench.material import Material
from lab.bench.measure import synchronise
from lab.bench.peft_serve import load_adapters, one_by_one
from lab.bench.serving import random_adapters, resident_with, rows_of
from lab.models.answer import request_of
from lab.models.kv_cache import Pasts
from lab.models.resident import Resident
from lab.models.serve import Row, stream

_CHATS = 8  # in a repeat
_NEXT = {"role": "user", "content": "A little less, please. And what about the lights?"}

Times = defaultdict[str, list[float]]  # what → a number per chat


def bench_chat(material: Material) -> dict[str, Any]:
    """Hold the same chats through `stream` and through `peft`, in turn; returns all measured, as JSON values."""
    settings, machine = material.settings, describe(material.base)
    adapters = random_adapters(material)
    talking, ids = resident_with(material, adapters)
    endless, _ = resident_with(material, adapters, endless=True)
    wrapped = load_adapters(material.plain, adapters)
    chats = list(dict(rows_of(material, ids)).items())[:_CHATS]  # one of each persona
    others = [dataclasses.replace(row, adapters=other.adapters) for (_, row), (_, other) in _neighbours(chats)]
    ours, theirs = Times(list), Times(list)
    for repeat in range(-1, settings.repeats):
        if repeat == 0:  # the first time warmed up
            ours.clear()
            theirs.clear()
        for (persona, row), other in list(zip(chats, others, strict=True))[: 1 if repeat < 0 else None]:
            second = _chat(talking, endless, row, settings.new_tokens, ours)
            _switch(talking, row, other, second, ours)
            _chat_in_peft(wrapped, persona, talking, second, settings.new_tokens, theirs)
    return {
        "bench": "chat",
        "machine": machine,
        "settings": dataclasses.asdict(settings) | {"chats": len(chats), "resident": len(adapters)},
        "sides": {"stream": _told(ours), "peft": _told(theirs)},
    }


def _neighbours(chats: Sequence[tuple[str, Row]]) -> list[tuple[tuple[str, Row], tuple[str, Row]]]:
    """Each chat with the next one's; the last with the first."""
    return list(zip(chats, [*chats[1:], chats[0]], strict=True))


def _chat(talking: Resident, endless: Resident, row: Row, new_tokens: int, times: Times) -> Row:
    """An opening and its second turn, warm and cold; returns the second turn."""
    _forget(talking)
    answer, _ = _timed(talking, row, new_tokens)
    second = Row([*row.messages, {"role": "assistant", "content": answer}, _NEXT], row.adapters)
    _, warm = _timed(talking, second, 1)
    _forget(endless)
    _, cold = _timed(endless, second, 1)
    _forget(endless)
    _, whole = _timed(endless, second, new_tokens)
    times["first_warm_ms"].append(1000 * warm)
    times["first_cold_ms"].append(1000 * cold)
    times["tokens_per_second"].append((new_tokens - 1) / (whole - cold))
    return second


def _switch(resident: Resident, row: Row, other: Row, second: Row, times: Times) -> None:
    """The second turn when the persona itself has spoken last, and when another has."""
    milliseconds = []
    for before in ((other, row), (row, other)):
        _forget(resident)
        for opening in before:
            _timed(resident, opening, 1)
        milliseconds.append(1000 * _timed(resident, second, 1)[1])
    times["switch_ms"].append(milliseconds[1] - milliseconds[0])


def _forget(resident: Resident) -> None:
    resident.pasts = Pasts()


def _timed(resident: Resident, row: Row, new_tokens: int) -> tuple[str, float]:
    """The answer and the seconds it took."""
    began = time.perf_counter()
    text = "".join(stream(resident, row, new_tokens))
    return text, time.perf_counter() - began


def _chat_in_peft(
    model: peft.PeftModel, persona: str, resident: Resident, second: Row, new_tokens: int, times: Times
) -> None:
    """The second turn by `generate`, which keeps nothing from the first."""
    began = time.perf_counter()
    model.set_adapter(persona)
    synchronise(model.device)
    times["switch_ms"].append(1000 * (time.perf_counter() - began))
    seconds = []
    for wanted in (1, new_tokens):
        began = time.perf_counter()
        one_by_one(model, [persona], [request_of(resident, second, new_tokens)], wanted)
        seconds.append(time.perf_counter() - began)
    first, whole = seconds
    times["first_warm_ms"].append(1000 * first)  # it is all the same to it
    times["first_cold_ms"].append(1000 * first)
    times["tokens_per_second"].append((new_tokens - 1) / (whole - first))


def _told(times: Times) -> dict[str, Any]:
    medians = {name: statistics.median(values) for name, values in times.items()}
    return medians | {"each": dict(times)}
