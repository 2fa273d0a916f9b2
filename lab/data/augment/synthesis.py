"""Synthesis: a new request in the persona's manner and the answer to it, after three of its train dialogues.

What is asked for is drawn from what the persona had set in its train dialogues, and told to the model with the
request and with the answer: a model that is free to wish for anything wishes for nothing that makes sense.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

import numpy as np

from lab.data.augment.accept import Refusal, answers, clean, flaw, normal
from lab.data.augment.make import Draw, Made, derived
from lab.data.augment.rewrite import Ask, tokens_for
from lab.data.augment.told import settings_of, told
from lab.data.augment.wish import Wish
from lab.data.types import Dialogue, Message
from lab.methods.profile import description_text
from lab.methods.prompt import Messages
from lab.metrics.actions import Action

_EXAMPLES = 3
_MOST = 2  # settings that a new request is about
_ECHO = 0.8  # share of words that an answer has in common with its request, from which it says nothing of its own


@dataclass(frozen=True)
class Exchange:
    """What a user says, the answer to it, and what it is about."""

    request: str
    reply: str
    wish: Wish


class _Shown:
    """What a persona's train dialogues show."""

    def __init__(self, own: Sequence[Dialogue]) -> None:
        self.exchanges = beginnings(own)
        self.settings = sorted({setting for one in own for m in one.messages for setting in settings_of(m)}, key=str)

    def wish(self, draw: Draw, seed: int) -> Wish:
        """What the source is about, with other values that the persona had set, as far as there are some."""
        rng = draw.rng(seed, draw.round, 1)
        like = self.exchanges[draw.source.dialogue_id].wish.settings
        kept = sorted(rng.permutation(len(like))[:_MOST].tolist())
        return Wish(tuple(self._other(like[place], rng) for place in kept))

    def _other(self, setting: Action, rng: np.random.Generator) -> Action:
        spot = (setting.device, setting.parameter)
        others = [one for one in self.settings if (one.device, one.parameter) == spot and one != setting]
        return others[rng.integers(len(others))] if others else setting


@dataclass(frozen=True)
class _Scene:
    """What one new dialogue is written after."""

    draw: Draw
    examples: dict[str, Exchange]  # dialogue → how it begins; the source last, nearest to what is asked for
    wish: Wish

    def wants_request(self) -> Messages:
        messages = [self._role("user")]
        for one in self.examples.values():
            messages += _said(_as("user", one.wish.order), one.request)
        return [*messages, _message("user", _as("user", self.wish.order))]

    def wants_reply(self, request: str) -> Messages:
        messages = [self._role("assistant")]
        for one in self.examples.values():
            messages += _said(_as("assistant", one.wish.report, one.request), one.reply)
        return [*messages, _message("user", _as("assistant", self.wish.report, request))]

    def _role(self, speaker: str) -> dict[str, str]:
        about = description_text(self.draw.persona)
        text = f"You are a writing assistant. You rewrite sentences as the {speaker} says them. {about}"
        return _message("system", text.strip())


def _as(speaker: str, sentence: str, to: str = "") -> str:
    told_to = f' to "{to}"' if to else ""
    if not sentence:
        return f"Write a sentence that the {speaker} says{told_to}."
    return f'Rewrite this sentence as the {speaker} says it{told_to}: "{sentence}"'


def _said(task: str, text: str) -> Messages:
    return [_message("user", task), _message("assistant", f'"{text}"')]


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@dataclass
class Synthesis:
    """Writes dialogues of one exchange."""

    ask: Ask
    seed: int
    name: str = "synthesis"
    _shown: dict[str, _Shown] = field(default_factory=dict)  # by persona

    def usable(self, own: Sequence[Dialogue]) -> list[Dialogue]:
        """Dialogues that show how the persona asks and is answered."""
        shown = beginnings(own)
        return [one for one in own if one.dialogue_id in shown]

    def propose(self, draws: Sequence[Draw]) -> list[Made | Refusal]:
        """A request for each draw, and an answer to each request that will do."""
        scenes = [self._scene(draw) for draw in draws]
        likes = [[one.request for one in scene.examples.values()] for scene in scenes]
        requests = self._written([scene.wants_request() for scene in scenes], likes)
        flaws = [
            request_flaw(request, like, scene.wish)
            for request, like, scene in zip(requests, likes, scenes, strict=True)
        ]
        asked = [place for place, refusal in enumerate(flaws) if refusal is None]
        prompts = [scenes[place].wants_reply(requests[place]) for place in asked]
        likes = [[one.reply for one in scenes[place].examples.values()] for place in asked]
        replies = dict(zip(asked, self._written(prompts, likes), strict=True))
        return [
            flaws[place] or self._made(scene, requests[place], replies[place]) for place, scene in enumerate(scenes)
        ]

    def _scene(self, draw: Draw) -> _Scene:
        who, source = draw.persona.persona_id, draw.source.dialogue_id
        if who not in self._shown:
            self._shown[who] = _Shown(draw.own)
        shown = self._shown[who]
        others = [name for name in shown.exchanges if name != source]
        order = draw.rng(self.seed, draw.round).permutation(len(others))
        picked = [*(others[i] for i in order[: _EXAMPLES - 1]), source]
        return _Scene(draw, {name: shown.exchanges[name] for name in picked}, shown.wish(draw, self.seed))

    def _written(self, prompts: list[Messages], likes: Sequence[Sequence[str]]) -> list[str]:
        """A text for each prompt, about as long as those it should be like."""
        most = tokens_for([text for like in likes for text in like])
        return [clean(text) for text in self.ask(prompts, most)] if prompts else []

    def _made(self, scene: _Scene, request: str, reply: str) -> Made | Refusal:
        like = [one.reply for one in scene.examples.values()]
        if (found := reply_flaw(reply, request, like, scene.wish)) is not None:
            return found
        messages = (Message("user", request), Message("assistant", reply))
        others = list(scene.examples)[:-1]
        return derived(scene.draw, self.name, others, messages=messages, task_type=None, applied_routines=None)


def beginnings(own: Sequence[Dialogue]) -> dict[str, Exchange]:
    """Dialogue → its first exchange: those in which something is set or, where that is the lesser part, all of them.

    In dialogues that are not about a home, what looks like a setting is a chance hit, and no wish.
    """
    found = {one.dialogue_id: exchange for one in own if (exchange := first_exchange(one))}
    setting = {name: exchange for name, exchange in found.items() if exchange.wish.settings}
    if 2 * len(setting) > len(found):
        return setting
    return {name: replace(exchange, wish=Wish()) for name, exchange in found.items()}


def first_exchange(dialogue: Dialogue) -> Exchange | None:
    """What the user says first and the answer to it, if that is how the dialogue begins."""
    spoken = [message for message in dialogue.messages if message.role != "system"][:2]
    if [message.role for message in spoken] != ["user", "assistant"]:
        return None
    request, reply = spoken
    return Exchange(request.content, reply.content, Wish(tuple(settings_of(reply))))


def request_flaw(request: str, like: Sequence[str], wish: Wish) -> Refusal | None:
    """Why a request is none that this user would make for this wish; None if it will do.

    It tells all of the wish: what a user leaves out is for the situation to say, and the wish does not come from it.
    """
    if (found := flaw(request, like)) is not None:
        return found
    if normal(request) == normal(wish.order):
        return Refusal.UNCHANGED
    if answers(request, *like):
        return Refusal.ANSWER
    asked = told(request)
    if wish.settings and (asked.devices != wish.devices or {*asked.numbers, *asked.values} != wish.values):
        return Refusal.OTHER_MEANING
    return None


def reply_flaw(reply: str, request: str, like: Sequence[str], wish: Wish) -> Refusal | None:
    """Why an answer does not fit its request and the wish behind it; None if it does."""
    if (found := flaw(reply, like)) is not None:
        return found
    if normal(reply) == normal(wish.report) or _echoes(reply, request):
        return Refusal.UNCHANGED
    done, asked = told(reply), told(request)
    devices, values = (wish.devices, wish.values) if wish.settings else (asked.devices, {*asked.numbers})
    if done.devices != devices or {*done.numbers, *done.values} != values:
        return Refusal.OTHER_MEANING
    return None


def _echoes(reply: str, request: str) -> bool:
    """Whether an answer repeats its request."""
    return SequenceMatcher(None, normal(reply).split(), normal(request).split()).ratio() > _ECHO
