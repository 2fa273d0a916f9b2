"""Serve newcomers with what the personas of an older study share: everybody's adapters, or those of a cluster."""

from __future__ import annotations

from dataclasses import replace

from lab.methods.recipe import Recipe, read_book, write_book
from lab.tasks.cluster import with_newcomers
from lab.tasks.context import JobContext
from lab.tasks.material import Material, material
from lab.tasks.messages import Done
from lab.tasks.recipes import begun, book_under, with_prompt


def run(context: JobContext) -> Done:
    """Write a recipe for each newcomer: its own prompt and history, the adapters of those that it is like."""
    given, under = material(context), book_under(context)
    book = {}
    for persona, other in alike(context, given).items():
        recipe = with_prompt(context, given, persona, begun(context, under, persona))
        book[persona] = replace(recipe, adapters=other.adapters, gated=other.gated)
    write_book(book, context.folder)
    return Done("", {"personas": len(book)})


def alike(context: JobContext, given: Material) -> dict[str, Recipe]:
    """Newcomer → the recipe of a persona that it shares adapters with: anybody, or one of the nearest cluster.

    The whole stack is that one's: who shares an adapter shares what it stands on.
    """
    older, folder = read_book(context.needed("of")), context.input("clusters")
    if folder is None:
        anybody = next(iter(older.values()))
        return dict.fromkeys(given.personas, anybody)
    found = {}
    for persona, clusters in with_newcomers(context, given, folder).items():
        first, *_ = clusters.members()[clusters.clustering.labels[persona]]  # newcomers stand last
        found[persona] = older[first]
    return found
