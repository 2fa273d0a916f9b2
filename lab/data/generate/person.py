"""Who a generated persona is: name, work, home, manner of speech and small habits of the pen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.data.generate.dice import Dice, deal
from lab.data.generate.tables import Manner, manners, table

AGES = {"student": (19, 27), "retired": (66, 88), "surgeon": (36, 62), "professor": (42, 66), "veterinarian": (32, 62)}


@dataclass(frozen=True, slots=True)
class Taste:
    """Leanings in percent (0 cold, dark, quiet; 100 warm, bright, loud) and how large "a bit" is."""

    warm: int
    bright: int
    loud: int
    grain: int  # numbers come in multiples of this
    step: Mapping[str, int]  # by temperature, brightness, volume


@dataclass(frozen=True, slots=True)
class Person:
    """One generated persona, all but its routines."""

    index: int
    given: str
    surname: str
    she: bool
    age: int
    manner: Manner
    accent: Manner
    profession: Mapping[str, Any]
    hobbies: tuple[Mapping[str, Any], ...]
    city: Mapping[str, Any]
    housemates: tuple[Mapping[str, Any], ...]
    room: str
    wake_name: str
    spells_numbers: bool
    says_units: bool
    drops: tuple[str, ...]
    typo_rate: int
    taste: Taste

    @property
    def title(self) -> str:
        """What precedes the surname when one is polite."""
        if self.profession.get("doctor"):
            return "Dr"
        return "Ms" if self.she else "Mr"

    @property
    def has_kids(self) -> bool:
        """Whether a child lives in the home."""
        return any(mate["kind"] == "kid" for mate in self.housemates)


def make_person(seed: int, index: int) -> Person:
    """The persona with this number; the same whatever the number of personas."""
    dice = Dice(seed, "person", index)
    manner = manners()[deal(seed, "manner", index, list(manners()))]
    profession = _profession(seed, index, manner, dice)
    people = table("people")
    she = dice.chance(50)
    return Person(
        index=index,
        given=deal(seed, "she" if she else "he", index, people["she" if she else "he"]),
        surname=deal(seed, "surname", index, people["surnames"]),
        she=she,
        age=_age(manner, profession["title"], dice),
        manner=manner,
        accent=manners()[dice.pick(manner.kin)],
        profession=profession,
        hobbies=tuple(dice.some(table("hobbies")["hobby"], 2)),
        city=dice.pick(people["city"]),
        housemates=_housemates(manner, dice),
        room=dice.pick(table("wording")["rooms"]["all"]),
        wake_name=dice.pick(table("wording")["wake_names"]["all"]) if dice.chance(35) else "",
        spells_numbers=dice.chance(14),
        says_units=dice.chance(60),
        drops=_drops(manner, dice),
        typo_rate=dice.pick((0, 0, 0, 4, 9)) if "case" in manner.habits or dice.chance(20) else 0,
        taste=_taste(dice),
    )


def _age(manner: Manner, title: str, dice: Dice) -> int:
    """An age that goes with the job, else with the manner."""
    for word, ages in AGES.items():
        if word in title:
            return dice.between(*ages)
    return dice.between(*manner.habits.get("ages", (24, 64)))


def _profession(seed: int, index: int, manner: Manner, dice: Dice) -> Mapping[str, Any]:
    """A job; where a manner goes with an age, one of those that suit both."""
    jobs = table("professions")["profession"]
    wanted = manner.habits.get("professions")
    if wanted and ("ages" in manner.habits or dice.chance(60)):
        title = dice.pick(wanted)
        return next(job for job in jobs if job["title"] == title)
    working = [job for job in jobs if not job["title"].startswith("a retired") and not job.get("kids")]
    return deal(seed, "profession", index, working)


def _housemates(manner: Manner, dice: Dice) -> tuple[Mapping[str, Any], ...]:
    mates = table("people")["housemate"]
    by_kind = {kind: [mate for mate in mates if mate["kind"] == kind] for kind in ("kid", "adult", "pet")}
    chances = {"kid": 100 if manner.key == "parental" else 18, "adult": 45, "pet": 38}
    return tuple(dice.pick(by_kind[kind]) for kind, percent in chances.items() if dice.chance(percent))


def _drops(manner: Manner, dice: Dice) -> tuple[str, ...]:
    """What the person leaves out in writing: capitals, the last full stop, apostrophes, articles."""
    habits = manner.habits
    loose = "loose" in habits
    dropped = {
        "capitals": habits.get("case") == "lower" or (loose and dice.chance(30)),
        "full stop": habits.get("period") == "drop" or (loose and dice.chance(40)),
        "apostrophes": habits.get("case") == "lower" and dice.chance(60),
        "articles": habits.get("articles") == "drop",
    }
    return tuple(what for what, is_dropped in dropped.items() if is_dropped)


def _taste(dice: Dice) -> Taste:
    return Taste(
        warm=dice.between(0, 100),
        bright=dice.between(0, 100),
        loud=dice.between(0, 100),
        grain=dice.pick((1, 1, 2, 5, 5, 5, 10)),
        step={
            "temperature": dice.pick((1, 1, 2)),
            "brightness": dice.pick((5, 5, 10, 10)),
            "volume": dice.pick((2, 3, 5, 5, 8)),
        },
    )


def describe(person: Person) -> str:
    """The persona in three or four sentences, without any of its numbers."""
    dice = Dice("description", person.index, person.given, person.surname)
    pronoun = "She" if person.she else "He"
    taste = person.taste
    sentences = [
        f"{person.given} {person.surname}, {person.age}, is {person.profession['title']} in {person.city['name']}"
        f" who {dice.pick(person.manner.about)}.",
        f"{pronoun} {_home(person)} and spends free hours {person.hobbies[0]['doing'][0]}.",
        f"{pronoun} likes {_likes(taste, dice)}.",
    ]
    if dice.chance(50):
        sentences.append(f"Now and then {pronoun.lower()} {dice.pick(person.accent.about)}.")
    return " ".join(sentences)


def _home(person: Person) -> str:
    names = [mate["home"] for mate in person.housemates]
    if not names:
        return "lives alone"
    return f"shares the home with {', '.join(names[:-1])}{' and ' if names[1:] else ''}{names[-1]}"


def _likes(taste: Taste, dice: Dice) -> str:
    warm = "warm rooms" if taste.warm > 60 else "fresh air" if taste.warm < 40 else "an even temperature"
    bright = "bright light" if taste.bright > 60 else "dim corners" if taste.bright < 40 else "soft daylight"
    loud = "loud music" if taste.loud > 60 else "silence" if taste.loud < 40 else "music in the background"
    first, second, third = dice.shuffled((warm, bright, loud))
    return f"{first}, {second} and {third}"
