"""When a persona talks to the house and why: dates, contexts, routines, task types and lengths."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.data.devices import CONTEXT
from lab.data.generate.dice import Dice, quotas
from lab.data.generate.habits import Habits, Routine, Settings, drift
from lab.data.generate.timeline import START, Place, allows, context_at, moment_at, next_day

TASK_TYPES = ("simple", "multi-device", "context-dependent", "personality-heavy")
TASK_SHARES = (40, 35, 15, 10)
ROUTINE_SHARE = (75, 25)
MAX_TURNS = 8.0


@dataclass(slots=True)
class Session:
    """One dialogue before a word of it is said.

    `announced` is the lasting change of mind that the user will speak of in it.
    """

    index: int
    started_at: datetime
    meta: dict[str, str]
    routine: int | None
    task_type: str
    turns: int
    announced: Settings | None = None


def plan_sessions(habits: Habits, place: Place, n: int, mean_turns: float, dice: Dice) -> list[Session]:
    """n sessions in the order of time, the drift of the routines already decided (and noted in them)."""
    kinds = quotas(dice, n, ROUTINE_SHARE)
    types = quotas(dice, n, TASK_SHARES)
    lengths = _lengths(n, mean_turns, dice)
    favourites = dice.shuffled(range(len(habits.routines)))
    day = START + timedelta(days=dice.between(0, 20))
    sessions: list[Session] = []
    for index in range(n):
        routine = (
            _pick_routine(habits.routines, favourites, place, day, types[index], dice) if kinds[index] == 0 else None
        )
        moment, meta = (
            _routine_moment(habits.routines[routine], place, day, dice)
            if routine is not None
            else _free_moment(habits.routines, place, day, dice)
        )
        sessions.append(Session(index, moment, meta, routine, TASK_TYPES[types[index]], lengths[index]))
        day = moment.replace(hour=0, minute=0, second=0) + timedelta(days=dice.between(1, 5))
    _decide_drift(habits, sessions, dice)
    return sessions


def _lengths(n: int, mean: float, dice: Dice) -> list[int]:
    """Turns of each dialogue: one, and then a coin for each of a few more, so that they average `mean`."""
    coins = -int(-(mean - 1) * 25 // 11)
    heads = round(1000 * (mean - 1) / coins) if coins else 0
    tilt = dice.between(-60, 60)
    return [1 + sum(dice.below(1000) < heads + tilt for _ in range(coins)) for _ in range(n)]


def _pick_routine(
    routines: tuple[Routine, ...], favourites: list[int], place: Place, day: datetime, task: int, dice: Dice
) -> int:
    """A routine the season allows; one that waits for weather where the task depends on it."""
    possible = [i for i in favourites if allows(place, day, routines[i].triggers)]
    if TASK_TYPES[task] == "context-dependent":
        waiting = [i for i in possible if {"weather", "outdoor_temp"} & routines[i].triggers.keys()]
        possible = waiting or possible
    return possible[dice.weighted([5, 4, 3, 2, 2][: len(possible)])]


def _routine_moment(routine: Routine, place: Place, day: datetime, dice: Dice) -> tuple[datetime, dict[str, str]]:
    """A moment of the routine; the season may have turned when its day comes, so that comes last."""
    wanted = routine.triggers.get("day_of_week") or dice.pick(("weekday", "weekday", "weekend"))
    time = routine.triggers["time_of_day"]
    moment = moment_at(next_day(day, wanted), time, dice)
    return moment, context_at(place, moment, time, routine.triggers, dice)


def _free_moment(
    routines: tuple[Routine, ...], place: Place, day: datetime, dice: Dice
) -> tuple[datetime, dict[str, str]]:
    """A moment in which no routine holds. Routines never take every pair of time and day, so there is one."""
    while True:
        time = dice.pick(CONTEXT["time_of_day"])
        wanted = dice.pick(("weekday", "weekday", "weekend"))
        moment = moment_at(next_day(day, wanted), time, dice)
        meta = context_at(place, moment, time, {}, dice)
        if not any(routine.matches(meta) for routine in routines):
            return moment, meta


def _decide_drift(habits: Habits, sessions: list[Session], dice: Dice) -> None:
    """One or two routines change for good between a fifth and two thirds of the time."""
    first, last = len(sessions) // 5, len(sessions) * 2 // 3
    for number in dice.some(range(len(habits.routines)), dice.pick((0, 1, 1, 1, 2, 2))):
        routine = habits.routines[number]
        chances = [s for s in sessions[first:last] if s.routine == number and s.turns > 1]
        change = drift(routine, len(sessions), dice)
        if chances and change is not None:
            session = dice.pick(chances)
            session.announced = change
            routine.changes.append((session.index + 1, change))
