"""Choose one of several methods for each persona, from val scores alone; its recipe is taken as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from lab.errors import LabError
from lab.methods.behaviour import behaviour_features
from lab.methods.declare import Route
from lab.methods.recipe import read_book, write_book
from lab.methods.route import Population, Routing, Turn, at_random, by_classifier, by_val
from lab.report.predictions import read_predictions
from lab.tasks.context import JobContext
from lab.tasks.material import Material, material
from lab.tasks.messages import Done

ROUTE_FILE = "route.json"


def run(context: JobContext) -> Done:
    """Route; the artifact holds `recipes.json`, and in `route.json` every choice with what it was made from."""
    given, route = material(context), Route(**context.spec["route"])
    books = {name: read_book(context.needed(f"book {number}")) for number, name in enumerate(route.among)}
    routing = _routed(context, given, route)
    write_book({one: books[choice.method][one] for one, choice in routing.choices.items()}, context.folder)
    option = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    content = {"how": route.how, "among": route.among, **asdict(routing)}
    (context.folder / ROUTE_FILE).write_bytes(orjson.dumps(content, option=option))
    chosen = Counter(choice.method for choice in routing.choices.values())
    _tell(context, route, routing, chosen)
    population = {name: asdict(one) for name, one in routing.population.items()}
    return Done("", {"chosen": {name: chosen[name] for name in route.among}, "population": population})


def _routed(context: JobContext, given: Material, route: Route) -> Routing:
    personas, seed = given.personas, context.spec["seed"]
    if route.how == "random":
        return at_random(personas, route.among, seed)
    scores = [_val_scores(context.needed(f"scores {number}"), given) for number in range(len(route.among))]
    if route.how == "val":
        return by_val(personas, route.among, scores)
    return by_classifier(personas, route.among, scores, _features(given), seed)


def _val_scores(folder: Path, given: Material) -> dict[str, dict[Turn, float]]:
    """Persona → turn → similarity.

    Raises:
        LabError: a dialogue is not one of the persona's val dialogues.
    """
    val = {persona: set(parts.val) for persona, parts in given.split.personas.items()}
    found: dict[str, dict[Turn, float]] = {}
    for one in read_predictions(folder):
        if one.dialogue_id not in val.get(one.persona_id, ()):
            raise LabError(
                f"{folder}: dialogue {one.dialogue_id} of persona {one.persona_id} is not of its val dialogues, and "
                "nothing else may choose; evaluate the methods of the route on val."
            )
        found.setdefault(one.persona_id, {})[one.dialogue_id, one.turn] = one.similarity
    return found


def _features(given: Material) -> NDArray[np.float64]:
    """What is known of each persona before val, [n, d]: its behaviour, style included, and how much it talks."""
    train = {persona: given.dialogues(persona, "train") for persona in given.personas}
    amount = np.array([len(dialogues) for dialogues in train.values()], dtype=np.float64)
    amount = (amount - amount.mean()) / (amount.std() or 1.0)  # counts as much as a family of behaviour features
    return np.column_stack([behaviour_features(train).values, amount])


def _tell(context: JobContext, route: Route, routing: Routing, chosen: Mapping[str, int]) -> None:
    """In the log: what each candidate gains on val, and who got which."""
    default, *candidates = route.among
    for name, one in routing.population.items():
        context.log(f"{name} {_gain(one)} over {default} on val")
    unjudged = sum(not choice.gains for choice in routing.choices.values())
    if routing.note:
        context.log(routing.note)
    elif unjudged and route.how != "random":
        context.log(f"without val dialogues that all were asked, so with {default}: {unjudged} persona(s)")
    counts = [(name, chosen[name]) for name in (*candidates, default) if chosen[name]]
    (first, most), *others = counts
    of = f"{most} of {len(routing.choices)} personas"
    context.log(", ".join([f"{first} for {of}", *(f"{name} for {n}" for name, n in others)]))


def _gain(one: Population) -> str:
    """`+0.0120 (±0.0200 between personas; their traits explain 12%)`."""
    explained = "" if one.explained is None else f"; their traits explain {max(one.explained, 0.0):.0%}"
    return f"{one.gain:+.4f} (±{one.spread:.4f} between personas{explained})"
