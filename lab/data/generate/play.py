"""One dialogue as it unfolds: an opening request, then corrections, second thoughts, questions and thanks."""

from __future__ import annotations

from collections.abc import Callable

from lab.data.generate.dice import Dice
from lab.data.generate.habits import KIND, Settings
from lab.data.generate.person import Person
from lab.data.generate.plan import Session
from lab.data.generate.scene import Scene
from lab.data.generate.talk import Talk, Words
from lab.data.generate.voice import needs
from lab.data.generate.wishes import COMFORT, Spot, Wishes, clamp, numbers, span
from lab.data.types import Message, Value

DEVICE_SLOTS = {"do", "want", "ing", "list"}
FOLLOW_UPS = {"adjust": 27, "add": 18, "fix": 22, "query": 8, "later": 9, "drop": 6, "back": 14, "praise": 6}
"""How often each act comes up where it makes sense."""
ONCE = ("query", "later", "drop", "back", "praise")
ADJUSTABLE: tuple[Spot, ...] = (
    ("ac", "temperature"),
    ("lights", "brightness"),
    ("tv", "volume"),
    ("speaker", "volume"),
)


class Play:
    """Plays one session to its end."""

    def __init__(self, person: Person, session: Session, wishes: Wishes, talk: Talk, scene: Scene, dice: Dice) -> None:
        self.person = person
        self.session = session
        self.wishes = wishes
        self.talk = talk
        self.dice = dice
        self.home: Settings = {}  # what has been set in this dialogue
        self.before: tuple[Spot, Value] | None = None  # the last change and the value it replaced
        self.explicit: Spot | None = None  # the number the user just gave in so many words
        self.settled: list[Spot] = []  # numbers changed enough
        self.done: list[str] = []
        routine = wishes.routine
        occasion = {"occ": routine.name, "occing": dice.pick(routine.occasion["doing"])} if routine else {}
        talk.begin(scene, occasion)

    def perform(self) -> tuple[Message, ...]:
        """All its messages, a user's and an assistant's a turn."""
        left = self.session.turns - self._open()
        if self.session.announced is not None:
            self._announce(self.session.announced)
            left -= 1
        closing = left > 0 and self.dice.chance(self.person.manner.rates["thanks"])
        for _ in range(left - closing):
            self._follow_up()
        if closing:
            self.talk.ask("thanks", {})
            self.talk.answer("thanks", {})
        return tuple(self.talk.messages)

    # -- the opening -----------------------------------------------------------------------------------------------

    def _open(self) -> int:
        """The first request and its answer; returns the turns it took."""
        act = self._opening_act()
        if act == "ask" and self._may_clarify():
            return self._clarify()
        said = self.wishes.request(act)
        spots = numbers(said)
        if act == "ask" and len(said) == 1 and spots and self.dice.chance(22):
            return self._self_correct(said, self.dice.pick(spots))
        frame = self.talk.ask(act, self._asking(said), opening=True)
        named = bool(needs(frame) & DEVICE_SLOTS)
        answer = {d: self.wishes.complete(d, s) for d, s in said.items()} if named else self.wishes.whole(said)
        self.explicit = spots[-1] if named and spots else None
        left_open = any(answer[device] != settings for device, settings in said.items())
        self._set(answer, "usual" if act == "ask" and left_open and self.dice.chance(60) else act)
        return 1

    def _opening_act(self) -> str:
        task = self.session.task_type
        if task == "context-dependent":
            return "context"
        if task == "personality-heavy":
            return "mood"
        whole_routine = task == "multi-device" and self.wishes.routine is not None and self.dice.chance(60)
        return "usual" if whole_routine else "ask"

    def _may_clarify(self) -> bool:
        plain = self.wishes.routine is None and self.session.task_type == "simple" and self.session.turns > 1
        return plain and self.dice.chance(18)

    def _clarify(self) -> int:
        """The user leaves the number out, the assistant asks for it."""
        device = self.dice.pick(("ac", "lights", "speaker"))
        name, usual = next(iter(self.wishes.resolve(device).items()))
        value = self.wishes.near(device, name, usual)
        self.talk.ask("ask", self._asking({device: {}}), opening=True)
        self.talk.answer("clarify", {"howmuch": lambda: self.talk.yours.asked(name)})
        self.talk.ask("answer", {"val": lambda: self.talk.mine.lead(name, device, value)})
        self.explicit = (device, name)
        self._set({device: {name: value}}, "ask")
        return 2

    def _self_correct(self, said: Settings, slip: Spot) -> int:
        """The user gets a number wrong and mends it in the same breath."""
        device, name = slip
        right = said[device][name]
        wrong = {device: said[device] | {name: self.wishes.other(device, name, right)}}
        mine = self.talk.mine
        words: Words = {
            "wrong": lambda: mine.listing(wrong),
            "wrongdo": lambda: mine.deed(wrong, "do"),
            "wrongwant": lambda: mine.wish(wrong),
            "val": lambda: mine.lead(name, device, right),
        }
        self.talk.ask("selfcorrect", words, opening=True)
        self.explicit = slip
        self._set({device: self.wishes.complete(device, said[device])}, "ask")
        return 1

    # -- going on --------------------------------------------------------------------------------------------------

    def _follow_up(self) -> None:
        """One more turn: an act that makes sense now, and not the same twice running."""
        acts = self._possible()
        act = list(acts)[self.dice.weighted([FOLLOW_UPS[name] for name in acts])]
        if act not in ("fix", "add"):
            self.explicit = None
        acts[act]()
        self.done.append(act)

    def _possible(self) -> dict[str, Callable[[], None]]:
        last = self.done[-1] if self.done else ""
        adjustable = bool(self._adjustable())
        possible = {
            "adjust": adjustable and last != "adjust",
            "add": bool(self._missing()),
            "fix": self.explicit is not None and last != "fix",
            "query": bool(self.home),
            "later": adjustable,
            "drop": len(self.home) > 1 and not self.done,
            "back": self.before is not None and last in ("adjust", "fix"),
            "praise": last != "praise",
        }
        fresh = [name for name, sensible in possible.items() if sensible and not (name in ONCE and name in self.done)]
        return {name: getattr(self, f"_{name}") for name in fresh or ["praise"]}

    def _adjustable(self) -> list[Spot]:
        """Numbers that can still be more or less."""
        return [(d, n) for d, n in ADJUSTABLE if n in self.home.get(d, {}) and (d, n) not in self.settled]

    def _missing(self) -> list[str]:
        return [device for device in COMFORT if device not in self.home]

    def _adjust(self) -> None:
        """ "A bit warmer": by as much as this person means by it."""
        device, name = self.dice.pick(self._adjustable())
        old = self.home[device][name]
        assert isinstance(old, int)
        step = self.person.taste.step[KIND[name]]
        bounds = span(device, name)
        up = old - step not in bounds or (old + step in bounds and self.dice.chance(50))
        mine = self.talk.mine
        words: dict[str, Callable[[], str]] = {"domore": lambda: mine.more(device, name, up, deed=True)}
        if sum(name in settings for settings in self.home.values()) == 1:  # else "louder" could be either
            words["more"] = lambda: mine.more(device, name, up, deed=False)
        self.talk.ask("adjust", words)
        self._change(device, name, clamp(device, name, old + step if up else old - step), "adjust", up)

    def _fix(self) -> None:
        """The user misspoke: another number for what they just named."""
        assert self.explicit is not None
        device, name = self.explicit
        old = self.home[device][name]
        value = self.wishes.other(device, name, old)
        mine = self.talk.mine
        self.talk.ask("fix", {"val": lambda: mine.lead(name, device, value), "old": lambda: mine.value(name, old)})
        self._change(device, name, value, "fix", None)

    def _back(self) -> None:
        """The value before the last change was better after all."""
        assert self.before is not None
        (device, name), value = self.before
        self.talk.ask("back", {"val": lambda: self.talk.mine.lead(name, device, value)})
        self._change(device, name, value, "adjust", None)

    def _change(self, device: str, name: str, value: Value, act: str, up: bool | None) -> None:
        """One number becomes another; `up` lets the assistant say which way."""
        self.before = ((device, name), self.home[device][name])
        self.settled.append((device, name))
        yours = self.talk.yours
        words = self._telling({device: {name: value}}) | {"val": lambda: yours.lead(name, device, value)}
        if up is not None and isinstance(value, int) and self.dice.chance(60):
            words["did"] = lambda: yours.move_phrase(device, name, value, up, "did")
        self.talk.answer(act, words, {device: {name: value}})
        self.home[device][name] = value

    def _add(self) -> None:
        """One more device, its settings mostly left open."""
        device = self.dice.pick(self._missing())
        said: Settings = {device: self.wishes.whim(device) if self.dice.chance(30) else {}}
        self.talk.ask("add", self._asking(said))
        spots = numbers(said)
        self.explicit = spots[-1] if spots else None
        if device not in self.wishes.right:
            self.talk.leave_occasion()
        self._set({device: self.wishes.complete(device, said[device])}, "ask" if said[device] else "usual")

    def _query(self) -> None:
        """What is it set to? The answer says all that was set of it."""
        device = self.dice.pick(list(self.home))
        mine = self.talk.mine
        self.talk.ask("query", {"dev": lambda: mine.the(device), "isdev": lambda: mine.is_the(device)})
        told: Settings = {device: dict(self.home[device])}
        self.talk.answer("query", self._telling(told), told)

    def _later(self) -> None:
        """A change for a little later."""
        device, name = self.dice.pick(self._adjustable())
        value = self.wishes.other(device, name, self.home[device][name])
        planned: Settings = {device: {name: value}}
        delay = self.talk.user.choose(self.talk.mine.table["delays"]["all"])
        self.talk.ask("later", self._asking(planned) | {"delay": lambda: delay})
        self.talk.answer("later", self._telling(planned) | {"delay": lambda: delay}, planned)
        self.home[device][name] = value
        self.settled.append((device, name))
        self.before = None

    def _drop(self) -> None:
        """One of the devices shall be left alone after all."""
        device = self.dice.pick(list(self.home))
        self.talk.ask("drop", {"dev": lambda: self.talk.mine.the(device)})
        self.talk.answer("drop", {"dev": lambda: self.talk.yours.the(device)})
        del self.home[device]
        self.before = None

    def _praise(self) -> None:
        device = self.dice.pick(list(self.home))
        self.talk.ask("praise", {"dev": lambda: self.talk.mine.the(device)})
        self.talk.answer("praise", {})

    def _announce(self, change: Settings) -> None:
        """A lasting change of mind: this routine is different from now on."""
        device, settings = next(iter(change.items()))
        name, value = next(iter(settings.items()))
        mine, yours = self.talk.mine, self.talk.yours
        words = self._asking(change) | {"dev": lambda: mine.the(device)}
        self.talk.ask("standing", words | {"val": lambda: mine.lead(name, device, value)})
        self.talk.answer("standing", self._telling(change) | {"val": lambda: yours.lead(name, device, value)}, change)
        self.home.setdefault(device, {})[name] = value
        self.settled.append((device, name))
        self.before = self.explicit = None

    # -- words -----------------------------------------------------------------------------------------------------

    def _asking(self, said: Settings) -> dict[str, Callable[[], str]]:
        mine = self.talk.mine
        return {
            "do": lambda: mine.deed(said, "do"),
            "ing": lambda: mine.deed(said, "ing"),
            "want": lambda: mine.wish(said),
            "list": lambda: mine.listing(said),
        }

    def _telling(self, actions: Settings) -> dict[str, Callable[[], str]]:
        yours = self.talk.yours
        return {
            "do": lambda: yours.deed(actions, "do"),
            "did": lambda: yours.deed(actions, "did"),
            "ing": lambda: yours.deed(actions, "ing"),
            "want": lambda: yours.wish(actions),
            "state": lambda: yours.state(actions),
            "list": lambda: yours.listing(actions),
        }

    def _set(self, actions: Settings, act: str) -> None:
        """The assistant sets devices and says so, in an order of its own."""
        ordered = {device: actions[device] for device in self.dice.shuffled(list(actions))}
        self.talk.answer(act, self._telling(ordered), ordered)
        for device, settings in actions.items():
            self.home[device] = self.home.get(device, {}) | settings
        self.before = None
