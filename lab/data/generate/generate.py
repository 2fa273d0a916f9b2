"""The generator: personas with habits, and their dialogues over the months, from one seed."""

from __future__ import annotations

from collections.abc import Callable

from lab.data.formats.edgewise import dialogue_name, persona_name
from lab.data.generate.dice import Dice
from lab.data.generate.habits import make_habits
from lab.data.generate.person import describe, make_person
from lab.data.generate.plan import MAX_TURNS, plan_sessions
from lab.data.generate.play import Play
from lab.data.generate.scene import make_scene
from lab.data.generate.talk import Talk
from lab.data.generate.timeline import Place
from lab.data.generate.voice import Voice
from lab.data.generate.wishes import Wishes
from lab.data.types import Dataset, Dialogue, Persona
from lab.errors import LabError

MAX_PERSONAS = 10_000
MAX_DIALOGUES = 1_000


def generate(
    personas: int = 200,
    dialogues: int = 50,
    turns: float = 3.2,
    seed: int = 0,
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> Dataset:
    """Make a data set: `personas` people, `dialogues` each, `turns` turns (user and assistant) on average.

    The same numbers give the same data set on every machine; a persona is the same whatever the number of
    personas. `tell` hears how many personas are made before each is begun, and may raise to stop. Raises `LabError`
    for numbers out of range.
    """
    _check("personas", personas, 1, MAX_PERSONAS)
    _check("dialogues", dialogues, 1, MAX_DIALOGUES)
    _check("turns", turns, 1, MAX_TURNS)
    _check("seed", seed, 0, 2**63 - 1)
    made = []
    for index in range(personas):
        tell(index)
        made.append(_make(seed, index, dialogues, turns))
    return Dataset(tuple(persona for persona, _ in made), tuple(d for _, spoken in made for d in spoken))


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise LabError(f"{name} is {value}; give a number from {low:g} to {high:,.0f}")


def _make(seed: int, index: int, n: int, turns: float) -> tuple[Persona, list[Dialogue]]:
    """One persona and its dialogues, from draws of its own."""
    person = make_person(seed, index)
    persona_id = persona_name(index)
    place = Place(person.city)
    habits = make_habits(person, Dice(seed, "habits", index), *place.spring())
    sessions = plan_sessions(habits, place, n, turns, Dice(seed, "sessions", index))
    dice = Dice(seed, "talk", index)
    talk = Talk(person, Voice(f"{seed}/{index}/user", dice), Voice(f"{seed}/{index}/assistant", dice), dice)
    spoken: list[Dialogue] = []
    for session in sessions:
        triggers = habits.routines[session.routine].triggers if session.routine is not None else {}
        scene = make_scene(person, session, triggers, dice)
        wishes = Wishes(person.taste, habits, session, scene.weather_key, dice)
        spoken.append(
            Dialogue(
                dialogue_id=dialogue_name(persona_id, session.index),
                persona_id=persona_id,
                started_at=session.started_at,
                context=session.meta,
                messages=Play(person, session, wishes, talk, scene, dice).perform(),
                task_type=session.task_type,
                applied_routines=() if session.routine is None else (session.routine,),
            )
        )
    routines = tuple(routine.record() for routine in habits.routines)
    name = f"{person.given} {person.surname}"
    return Persona(persona_id, describe(person), name, habits.preferences, routines), spoken
