"""Two voices in one dialogue: who says what in which frame, and the messages it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from lab.data.generate.dice import Dice
from lab.data.generate.habits import Settings
from lab.data.generate.hand import lower_first, tidy, write
from lab.data.generate.person import Person
from lab.data.generate.scene import Scene
from lab.data.generate.tables import Frames
from lab.data.generate.voice import Voice, fill, fitting
from lab.data.generate.wording import Wording
from lab.data.types import Message

Words = Mapping[str, Callable[[], str]]
REASONS = ("after", "doing", "before", "who")
REMARKS = ("after", "doing", "who")
PARTING = 72
"""Thanks in a hundred that are followed by where the user is off to, and by a wish."""
TAG = "> "
"""Ends the tag of a frame: "pipe> No burst pipes this time." answers a user's frame of the same tag, and no other."""


class Talk:
    """Speaks for the user and for the assistant; keeps what was said in `messages`."""

    def __init__(self, person: Person, user: Voice, helper: Voice, dice: Dice) -> None:
        self.person = person
        self.user = user
        self.helper = helper
        self.dice = dice
        self.mine = Wording(person, "user", user)
        self.yours = Wording(person, "assistant", helper, mirrors=user)
        self.messages: list[Message] = []
        self.scene = Scene({}, {}, "")
        self.occasion: Mapping[str, str] = {}
        self._tag = ""
        self._reason = ""

    def begin(self, scene: Scene, occasion: Mapping[str, str]) -> None:
        """Start a new dialogue; `occasion` holds the slots of the routine it is about, if there is one."""
        self.messages, self.scene, self.occasion = [], scene, occasion

    def leave_occasion(self) -> None:
        """From here on the talk is of other things than the routine."""
        self.occasion = {}

    # -- the user --------------------------------------------------------------------------------------------------

    def ask(self, act: str, words: Words, opening: bool = False) -> str:
        """The user speaks. Returns the frame chosen, so that the caller knows what was named in it."""
        slots = self._slots(self.scene.mine, words) | {"bot": self._wake}
        frame = self.user.frame(fitting(self._frames(self.person.manner.user, self.person.accent.user, act), slots))
        self._tag, _, frame = frame.rpartition(TAG)
        core = fill(self.user.settle(frame), slots)
        self.messages.append(Message("user", write(self._around(core, act, opening, slots), self.person, self.dice)))
        return frame

    def _around(self, core: str, act: str, opening: bool, slots: Words) -> str:
        """The core of an utterance with a greeting, a reason, a lead and a tail, as often as the manner has them."""
        rates = self.person.manner.rates
        weight = 100 if opening else 45
        self._reason = ""
        parts = [tidy(core)]
        if act == "ask" and opening and self.dice.chance(rates["reason"]):
            parts.insert(self.dice.below(2), self._give_reason(slots))
        if act not in ("thanks", "praise", "mood") and self.dice.chance(rates["lead"] * weight // 100):
            parts[0] = self._before("lead", parts[0], slots)
        if opening and self.dice.chance(rates["greet"]):
            parts[0] = self._before("greet", parts[0], slots)
        if act not in ("thanks", "praise") and self.dice.chance(rates["tail"] * weight // 100):
            parts.append(self._small("tail", slots))
        if act == "thanks" and self.dice.chance(PARTING):
            parts.append(self._small("parting", slots))
        return " ".join(parts)

    def _give_reason(self, slots: Words) -> str:
        known = [reason for reason in REASONS if reason in slots]
        self._reason = self.user.choose(known) if known else ""
        return self._small(self._reason, slots) if known else ""

    def _before(self, kind: str, text: str, slots: Words) -> str:
        """The text with a greeting or a lead before it; after a comma it goes on in small letters."""
        lead = self._small(kind, slots)
        return f"{lead} {text if lead[-1] in '.!?' else lower_first(text)}"

    def _small(self, kind: str, slots: Words) -> str:
        frames = fitting(self.person.manner.user[kind], slots)
        return tidy(fill(self.user.settle(self.user.frame(frames)), slots))

    def _wake(self) -> str:
        name = self.person.wake_name
        return f"{name}, " if name and self.dice.chance(60) else ""

    # -- the assistant ---------------------------------------------------------------------------------------------

    def answer(self, act: str, words: Words, actions: Settings | None = None) -> None:
        """The assistant speaks; `actions` are the settings its words name."""
        manner, accent = self.person.manner, self.person.accent
        slots = self._slots(self.scene.yours, words) | {"addr": self._address}
        frames = fitting(self._frames(manner.assistant, accent.assistant, act), slots)
        tagged = [frame for frame in frames if self._tag and frame.startswith(self._tag + TAG)]
        frame = self.helper.frame(tagged or [frame for frame in frames if TAG not in frame])
        parts = [fill(self.helper.settle(frame.rpartition(TAG)[2]), slots)]
        if self.dice.chance({"thanks": PARTING, "praise": 25}.get(act, 0)):
            parts.append(self._aside("wish", slots))
        elif self._reason in REMARKS and act != "clarify" and self.dice.chance(45):
            parts.append(self._aside("re_" + self._reason, slots))
        elif act not in ("thanks", "clarify") and self.dice.chance(manner.rates["offer"]):
            parts.append(self._aside("offer", slots))
        self.messages.append(Message("assistant", tidy(" ".join(parts)), actions or None))

    def _aside(self, kind: str, slots: Words) -> str:
        frames = fitting(self.person.manner.assistant[kind], slots)
        return tidy(fill(self.helper.settle(self.helper.frame(frames)), slots))

    def _address(self) -> str:
        """How the assistant addresses the user, with its comma, now and then."""
        if not self.dice.chance(self.person.manner.rates["address"]):
            return ""
        name = self.helper.favourites(self.person.manner.address, 1)[0]
        return f", {fill(name, self._names())}" if name else ""

    # -- both ------------------------------------------------------------------------------------------------------

    def _names(self) -> dict[str, Callable[[], str]]:
        person = self.person
        return _constants(
            given=person.given,
            surname=person.surname,
            title=person.title,
            sir="madam" if person.she else "sir",
            maam="ma'am" if person.she else "sir",
            room=f"the {person.room}",
        )

    def _slots(self, scene: Mapping[str, str], words: Words) -> dict[str, Callable[[], str]]:
        return self._names() | _constants(**scene) | _constants(**self.occasion) | dict(words)

    def _frames(self, own: Frames, accent: Frames, act: str) -> Sequence[str]:
        """The manner's frames, and one that this person borrowed from a kindred manner."""
        return (*own[act], self.user.favourites(accent[act], 1)[0])


def _constants(**texts: str) -> dict[str, Callable[[], str]]:
    return {name: partial(str, text) for name, text in texts.items()}
