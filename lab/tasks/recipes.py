"""The job of a method that learns nothing: its recipe book, from the declaration and what it stands on."""

from __future__ import annotations

from dataclasses import replace

from lab.methods.profile import description_text, preferences
from lab.methods.recipe import Recipe, RecipeBook, read_book, write_book
from lab.tasks.context import JobContext
from lab.tasks.material import Material, material
from lab.tasks.messages import Done


def run(context: JobContext) -> Done:
    """Write a recipe for each persona."""
    given, under = material(context), book_under(context)
    book = {persona: with_prompt(context, given, persona, begun(context, under, persona)) for persona in given.personas}
    write_book(book, context.folder)
    return Done("", {"personas": len(book)})


def book_under(context: JobContext) -> RecipeBook:
    """The recipes of the method that this one stands on; empty if it stands on the plain base."""
    folder = context.input("under")
    return read_book(folder) if folder else {}


def begun(context: JobContext, under: RecipeBook, persona: str) -> Recipe:
    """What a persona's recipe adds to."""
    return under[persona] if under else Recipe(context.spec["base"], weights=context.spec.get("weights", ""))


def with_prompt(context: JobContext, given: Material, persona: str, recipe: Recipe) -> Recipe:
    """The recipe with what the method itself adds to the prompt."""
    prompt = context.spec.get("prompt")
    if prompt == "description":
        who = next(one for one in given.dataset.personas if one.persona_id == persona)
        recipe = replace(recipe, prompt=prompt, about=description_text(who))
    elif prompt == "preferences":
        recipe = replace(recipe, prompt=prompt, about=preferences(given.dialogues(persona, "train")))
    retrieve = context.spec.get("retrieve")
    return replace(recipe, retrieve=retrieve) if retrieve else recipe
