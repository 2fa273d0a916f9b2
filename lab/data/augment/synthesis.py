"""Synthesis: a new request in the persona's manner and the answer to it, after three of its train dialogues."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from lab.data.augment.accept import Refusal, answers, clean, flaw, normal
from lab.data.augment.make import Draw, Made, derived
from lab.data.augment.rewrite import Ask, tokens_for
from lab.data.augment.told import told, written
from lab.data.types import Dialogue, Message
from lab.methods.profile import description_text
from lab.methods.prompt import Messages, to_messages
from lab.metrics.actions import Action, devices_mentioned, parse_actions

_EXAMPLES = 3
_NAMES = {"ac": "the heating and cooling", "tv": "the TV", "lights": "the lights", "speaker": "the music"}
_ANYTHING = "anything"


Exchange = tuple[str, str]
"""What the user says, and the answer to it."""


class _Shown:
    """What a persona's train dialogues show."""

    def __init__(self, own: Sequence[Dialogue]) -> None:
        found = [(one, exchange) for one in own if (exchange := first_exchange(one))]
        self.exchanges = {one.dialogue_id: exchange for one, exchange in found}
        self.topics = sorted({topic_of(request) for request, _ in self.exchanges.values()})
        said = (message.content for one in own for message in one.messages if message.role == "assistant")
        self.settings = {action for text in said for action in parse_actions(text)}


@dataclass(frozen=True)
class _Scene:
    """What one new dialogue is written after."""

    draw: Draw
    examples: dict[str, Exchange]  # dialogue → how it begins; the source last, nearest to what is asked for
    topic: str  # what the new request is about
    known: set[Action]  # what the persona ever had set

    @property
    def exchanges(self) -> list[Exchange]:
        return list(self.examples.values())

    def wants_request(self) -> Messages:
        about = description_text(self.draw.persona)
        system = f"You are the user of an assistant at home and say what you want of it. {about}".strip()
        messages = [{"role": "system", "content": system}]
        for request, _ in self.exchanges:
            messages += [_ask_for(topic_of(request)), {"role": "assistant", "content": request}]
        return [*messages, _ask_for(self.topic)]

    def wants_answer(self, request: str) -> Messages:
        turns = [
            {"role": role, "content": text}
            for exchange in self.exchanges
            for role, text in zip(("user", "assistant"), exchange, strict=True)
        ]
        turns.append({"role": "user", "content": request})
        return to_messages(self.draw.source.context, turns, description_text(self.draw.persona))


def _ask_for(topic: str) -> dict[str, str]:
    return {"role": "user", "content": f"Say something about {topic}."}


@dataclass
class Synthesis:
    """Writes dialogues of one exchange."""

    ask: Ask
    seed: int
    name: str = "synthesis"
    _shown: dict[str, _Shown] = field(default_factory=dict)  # by persona

    def usable(self, own: Sequence[Dialogue]) -> list[Dialogue]:
        """Dialogues that show how the persona asks and is answered."""
        return [dialogue for dialogue in own if first_exchange(dialogue)]

    def propose(self, draws: Sequence[Draw]) -> list[Made | Refusal]:
        """A request for each draw, and an answer to each request that will do."""
        scenes = [self._scene(draw) for draw in draws]
        requests = self._written([scene.wants_request() for scene in scenes], scenes, 0)
        flaws = [request_flaw(request, scene.exchanges) for request, scene in zip(requests, scenes, strict=True)]
        asked = [place for place, refusal in enumerate(flaws) if refusal is None]
        prompts = [scenes[place].wants_answer(requests[place]) for place in asked]
        replies = dict(zip(asked, self._written(prompts, [scenes[place] for place in asked], 1), strict=True))
        return [
            flaws[place] or _made(scene, requests[place], replies[place], self.name)
            for place, scene in enumerate(scenes)
        ]

    def _scene(self, draw: Draw) -> _Scene:
        who, source = draw.persona.persona_id, draw.source.dialogue_id
        if who not in self._shown:
            self._shown[who] = _Shown(draw.own)
        shown = self._shown[who]
        rng = draw.rng(self.seed, draw.round)
        others = [name for name in shown.exchanges if name != source]
        picked = [*(others[i] for i in rng.permutation(len(others))[: _EXAMPLES - 1]), source]
        topic = shown.topics[rng.integers(len(shown.topics))]
        return _Scene(draw, {name: shown.exchanges[name] for name in picked}, topic, shown.settings)

    def _written(self, prompts: list[Messages], scenes: Sequence[_Scene], side: int) -> list[str]:
        """Texts like the examples' requests (side 0) or answers (1)."""
        likes = [exchange[side] for scene in scenes for exchange in scene.exchanges]
        return [clean(text) for text in self.ask(prompts, tokens_for(likes))] if prompts else []


def first_exchange(dialogue: Dialogue) -> Exchange | None:
    """What the user says first and the answer to it, if that is how the dialogue begins."""
    spoken = [message for message in dialogue.messages if message.role != "system"][:2]
    return (spoken[0].content, spoken[1].content) if [m.role for m in spoken] == ["user", "assistant"] else None


def topic_of(request: str) -> str:
    """The devices that a request is about, in words."""
    return " and ".join(_NAMES.get(name, name) for name in sorted(devices_mentioned(request))) or _ANYTHING


def request_flaw(request: str, examples: Sequence[Exchange]) -> Refusal | None:
    """Why a request is none that this user would make; None if it will do."""
    if (found := flaw(request, max(len(said.split()) for said, _ in examples))) is not None:
        return found
    if answers(request) and not any(answers(said) for said, _ in examples):
        return Refusal.ANSWER
    if all(devices_mentioned(said) for said, _ in examples) and not devices_mentioned(request):
        return Refusal.OTHER_MEANING
    return None


def reply_flaw(request: str, reply: str, longest: int, known: Set[Action]) -> Refusal | None:
    """Why an answer does not fit its request; None if it does.

    It must be about the same devices, leave out no number, and set nothing that neither the request asks for nor
    the persona ever had set.
    """
    if (found := flaw(reply, longest)) is not None:
        return found
    if normal(reply) == normal(request):
        return Refusal.UNCHANGED
    asked, done = told(request), told(reply)
    said = {*asked.numbers, *asked.values, "on"}
    invented = {action for action in parse_actions(reply) if written(action.value) not in said} - known
    if asked.devices != done.devices or not set(asked.numbers) <= set(done.numbers) or invented:
        return Refusal.OTHER_MEANING
    return None


def _made(scene: _Scene, request: str, reply: str, name: str) -> Made | Refusal:
    longest = max(len(answer.split()) for _, answer in scene.exchanges)
    if (found := reply_flaw(request, reply, longest, scene.known)) is not None:
        return found
    others = list(scene.examples)[:-1]
    messages = (Message("user", request), Message("assistant", reply))
    return derived(scene.draw, name, others, messages=messages, task_type=None, applied_routines=None)
