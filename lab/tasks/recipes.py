"""The job of a method that learns nothing: its recipe book, straight from the declaration."""

from __future__ import annotations

from lab.methods.recipe import Recipe, write_book
from lab.tasks.context import JobContext
from lab.tasks.material import material
from lab.tasks.messages import Done


def run(context: JobContext) -> Done:
    """Write one plain recipe for each persona."""
    recipe = Recipe(context.spec["base"], weights=context.spec.get("weights", ""))
    write_book(dict.fromkeys(material(context).personas, recipe), context.folder)
    return Done("", {"personas": len(material(context).personas)})
