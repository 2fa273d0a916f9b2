"""The job of a method that learns nothing: its recipe book, from the declaration and what it stands on."""

from __future__ import annotations

from dataclasses import replace

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
    """Every persona with another one's recipe, its history included: one cycle through all, in an order drawn.

    Raises:
        LabError: there is no other persona.
    """
    if len(personas) < 2:
        raise LabError("a single persona cannot be served as another one; take two personas or more.")
    order = [personas[i] for i in np.random.default_rng(seed).permutation(len(personas))]
    others = zip(order, [*order[1:], order[0]], strict=True)
    return {persona: replace(book[other], history=book[other].history or other) for persona, other in others}


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
