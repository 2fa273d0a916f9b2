"""The same dialogue in another situation that its persona was in, where the answer is the same there.

The other situation is that of another train dialogue as a whole: its values fit each other, no snow in the heat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.data.augment.accept import Refusal
from lab.data.augment.make import Draw, Made, derived
from lab.data.augment.told import settings_of, told, written
from lab.data.types import Dialogue

_STEM = 4  # letters of a value by which it is heard in a text: "rainy" in "it rains"


@dataclass(frozen=True)
class Context:
    """Varies a dialogue's context."""

    seed: int
    name: str = "context"

    def usable(self, own: Sequence[Dialogue]) -> list[Dialogue]:
        """Dialogues with a context that does not show in the answer."""
        return [dialogue for dialogue in own if dialogue.context and not depends_on_context(dialogue)]

    def propose(self, draws: Sequence[Draw]) -> list[Made | Refusal]:
        """The source in the situation of another of the persona's train dialogues."""
        return [self._vary(draw) for draw in draws]

    def _vary(self, draw: Draw) -> Made | Refusal:
        others = [(varied(draw.source, other), other.dialogue_id) for other in draw.own]
        others = [(context, name) for context, name in others if context != draw.source.context]
        if draw.round >= len(others):
            return Refusal.UNCHANGED
        context, name = others[draw.rng(self.seed).permutation(len(others))[draw.round]]
        return derived(draw, self.name, [name], context=context)


def varied(dialogue: Dialogue, other: Dialogue) -> dict[str, Any]:
    """The dialogue's context with the other's values, but for what is spoken of in the dialogue."""
    text = " ".join(message.content for message in dialogue.messages).casefold()
    return {
        key: value if _heard(value, text) else other.context.get(key, value) for key, value in dialogue.context.items()
    }


def _heard(value: Any, text: str) -> bool:
    return any(word[:_STEM] in text for word in str(value).casefold().replace("_", " ").split())


def depends_on_context(dialogue: Dialogue) -> bool:
    """Whether the answers may be other ones in another situation.

    They are where the data say so, where a routine is applied, and where the assistant sets what the user has not
    said: it knew that from the situation. What it has set before it may change ("a bit warmer"). Where the data say
    nothing and nothing is set, there is no knowing.
    """
    if dialogue.task_type == "context-dependent" or dialogue.applied_routines:
        return True
    unlabelled = dialogue.task_type is None and dialogue.applied_routines is None
    if unlabelled and not any(settings_of(message) for message in dialogue.messages):
        return True
    said: set[str] = set()
    done: set[tuple[str, str]] = set()
    for message in dialogue.messages:
        if message.role == "user":
            heard = told(message.content)
            said |= {*heard.devices, *heard.values, *heard.numbers}
            continue
        for one in settings_of(message):
            switch = isinstance(one.value, bool) or one.parameter == "power"
            if (one.device, one.parameter) not in done and (one.device if switch else written(one.value)) not in said:
                return True
            done.add((one.device, one.parameter))
    return False
