"""The job of a method that learns nothing: its recipe book, from the declaration and what it stands on."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

import numpy as np

from lab.errors import LabError
from lab.methods.profile import description_text, preferences
from lab.methods.recipe import Recipe, RecipeBook, read_book, write_book
from lab.tasks.context import JobContext
from lab.tasks.material import Material, material
from lab.tasks.messages import Done


def run(context: JobContext) -> Done:
    """Write a recipe for each persona."""
    given, under = material(context), book_under(context)
    if context.spec.get("swap"):
        others = context.input("others")
        swapped = _among_others(read_book(others), given.personas, context.spec["seed"]) if others else None
        under = swapped or _swapped(under, given.personas, context.spec["seed"])
    if instead := context.spec.get("instead"):
        context.log(f"too little is known of a newcomer to choose by: served with {instead}, which stays in doubt")
    book = {persona: with_prompt(context, given, persona, begun(context, under, persona)) for persona in given.personas}
    write_book(book, context.folder)
    return Done("", {"personas": len(book)})


def _swapped(book: RecipeBook, personas: list[str], seed: int) -> RecipeBook:
    """Every persona with the recipe of one who is served otherwise, its history included, in an order drawn.

    Raises:
        LabError: there is no other persona.
    """
    if len(personas) < 2:
        raise LabError("a single persona cannot be served as another one; take two personas or more.")
    order = [personas[i] for i in np.random.default_rng(seed).permutation(len(personas))]
    others = _served_otherwise(order, {persona: _what_serves(book, persona) for persona in order})
    return {persona: replace(book[other], history=book[other].history or other) for persona, other in others}


def _what_serves(book: RecipeBook, persona: str) -> str:
    """What tells a persona's recipe from others': members of a cluster have the same adapter, whatever its file."""
    recipe = book[persona]
    adapters = [replace(adapter, name="", folder="") for adapter in recipe.adapters]
    history = (recipe.history or persona) if recipe.retrieve else ""
    return repr((adapters, recipe.gated, recipe.about, history, recipe.endpoint))


def _served_otherwise(order: list[str], what: dict[str, str]) -> list[tuple[str, str]]:
    """Each persona and another one whom something else serves.

    Those who are served alike stand together, the largest group first, and everybody takes from as many places on as
    that group has: nobody's own group reaches so far. Unless it is more than half of all: then the others' are shared.
    If it is all of them, the control is the method itself, and its verdict in a report says so.
    """
    groups = [[persona for persona in order if what[persona] == one] for one in dict.fromkeys(what.values())]
    if len(groups) == 1:
        return list(zip(order, order[1:] + order[:1], strict=True))
    groups.sort(key=len, reverse=True)
    row, most = [persona for group in groups for persona in group], len(groups[0])
    if 2 * most <= len(row):
        return list(zip(row, row[most:] + row[:most], strict=True))
    largest, rest = row[:most], row[most:]
    return [*zip(largest, cycle(rest), strict=False), *zip(rest, largest, strict=False)]


def _among_others(book: RecipeBook, personas: list[str], seed: int) -> RecipeBook:
    """Every newcomer with the recipe of somebody who was there before, drawn.

    Raises:
        LabError: that one's own dialogues belong to its recipe, which are not among the newcomers'.
    """
    drawn = np.random.default_rng(seed).choice(sorted(book), len(personas))
    swapped = {persona: book[str(other)] for persona, other in zip(personas, drawn, strict=True)}
    if any(recipe.retrieve for recipe in swapped.values()):
        raise LabError(
            "a newcomer cannot be served with the history of a persona of another data set; leave this method out."
        )
    return swapped


def book_under(context: JobContext) -> RecipeBook:
    """The recipes of the method that this one stands on; empty if it stands on the plain base."""
    folder = context.input("under")
    return read_book(folder) if folder else {}


def begun(context: JobContext, under: RecipeBook, persona: str) -> Recipe:
    """What a persona's recipe adds to."""
    return under[persona] if under else Recipe(context.spec["base"], weights=context.spec.get("weights", ""))


def with_prompt(context: JobContext, given: Material, persona: str, recipe: Recipe) -> Recipe:
    """The recipe with what the method itself adds to the prompt, and with the model elsewhere that it asks."""
    prompt = context.spec.get("prompt")
    if prompt == "description":
        who = next(one for one in given.dataset.personas if one.persona_id == persona)
        recipe = replace(recipe, prompt=prompt, about=description_text(who))
    elif prompt == "preferences":
        recipe = replace(recipe, prompt=prompt, about=preferences(given.dialogues(persona, "train")))
    added = {name: context.spec[name] for name in ("retrieve", "endpoint") if name in context.spec}
    return replace(recipe, **added)
