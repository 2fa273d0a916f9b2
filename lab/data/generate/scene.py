"""What can be talked of in one dialogue besides devices: the weather, the day behind, who else is at home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.data.generate.dice import Dice
from lab.data.generate.person import Person
from lab.data.generate.plan import Session
from lab.data.generate.tables import table

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Slots that put nothing into a frame but let it be said in such weather only.
GATES = {"if_cold": ("very cold", "cold", "snowy"), "if_hot": ("hot", "warm", "sunny"), "if_wet": ("rainy", "snowy")}


@dataclass(frozen=True, slots=True)
class Scene:
    """Texts for slots, by slot; `mine` are the user's and `yours` the assistant's, who says "your daughter"."""

    mine: Mapping[str, str]
    yours: Mapping[str, str]
    weather_key: str  # the context value the weather talk is about


def make_scene(person: Person, session: Session, triggers: Mapping[str, str], dice: Dice) -> Scene:
    """Pick this dialogue's small talk so that it suits the hour, the day and the weather."""
    shared = _work_and_leisure(person, session, dice) | {"tod": _greeting_time(session)}
    shared["later_day"] = dice.pick(_later(session))
    key = weather_key(session.meta, triggers, dice)
    found = table("weather")
    entry = found["temp"].get(key) or found["weather"][key]
    shared |= {"wx": dice.pick(entry["clause"]), "wxn": dice.pick(entry["noun"])}
    shared |= {gate: "" for gate, keys in GATES.items() if key in keys}
    mine, yours = dict(shared), dict(shared)
    if person.housemates:
        mate = dice.pick(person.housemates)
        state = _state(mate, session.meta["time_of_day"], dice)
        mine |= {"who": mate["me"], "whois": f"{mate['me']} {state}"}
        yours |= {"who": mate["you"], "whois": f"{mate['you']} {state}"}
    return Scene(mine, yours, key)


def weather_key(meta: Mapping[str, str], triggers: Mapping[str, str], dice: Dice) -> str:
    """The context value that is talked of: the one a routine waits for, else the more remarkable one."""
    for key in ("outdoor_temp", "weather"):
        if key in triggers and triggers[key] != "mild":
            return triggers[key]
    temperature = meta["outdoor_temp"]
    if temperature in ("very cold", "hot") or (temperature != "mild" and dice.chance(50)):
        return temperature
    return meta["weather"]


def _work_and_leisure(person: Person, session: Session, dice: Dice) -> dict[str, str]:
    """What the user has behind them, before them and in hand; nothing is in hand while a routine goes on."""
    weekend = session.meta["day_of_week"] == "weekend"
    time = session.meta["time_of_day"]
    working = dice.chance(25 if weekend else 70)
    job, hobby, anybody = person.profession, dice.pick(person.hobbies), table("hobbies")["anybody"]
    after = anybody["morning"] if time == "morning" else job["after"] if working else [hobby["after"]]
    before = job["before"] if working or time == "morning" else anybody["ahead"]
    found = {"after": dice.pick(after)}
    if time != "afternoon":
        found["before"] = dice.pick(before)
    if session.routine is None:
        found["doing"] = dice.pick(job["doing"] if working else hobby["doing"])
    return found


def _greeting_time(session: Session) -> str:
    """The time of day as one greets by it: nobody arrives with "good night"."""
    time = session.meta["time_of_day"]
    return "evening" if time == "night" else time


def _later(session: Session) -> tuple[str, ...]:
    """When they may meet again."""
    part = {"morning": "this afternoon", "afternoon": "this evening"}.get(
        session.meta["time_of_day"], "tomorrow morning"
    )
    return (
        "tomorrow",
        part,
        DAYS[(session.started_at.weekday() + 2) % 7],
        DAYS[(session.started_at.weekday() + 3) % 7],
    )


def _state(mate: Mapping[str, object], time: str, dice: Dice) -> str:
    part = {"morning": "morning", "night": "late"}.get(time, "day")
    be, have = ("are", "have") if mate.get("plural") else ("is", "has")
    state: str = dice.pick(table("people")["states"][mate["kind"]][part])
    return state.replace("{be}", be).replace("{have}", have)
