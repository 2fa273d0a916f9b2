"""The control that serves every persona as another one: recipe and history are the other's."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.data.store import keep
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.errors import LabError
from lab.methods.plan import plan
from lab.methods.recipe import AdapterRef, Recipe, RecipeBook, read_book, write_book
from lab.methods.spec import parse_study
from lab.settings import load_settings
from lab.tasks import recipes
from lab.tasks.context import JobContext
from lab.tasks.material import material
from lab.tasks.messages import Assignment
from lab.tasks.prompting import Prompter

PERSONAS, DIALOGUES = 5, 10  # of which 6 train, 2 val, 2 test
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
RETRIEVE = {"k": 3, "by": "similarity", "show": "examples"}


def homes(n: int = PERSONAS) -> Dataset:
    """Every dialogue has a word of its own, so what is shown can be told by it."""

    def dialogue(persona: int, number: int) -> Dialogue:
        said = (
            Message("user", f"warmer please q{persona}x{number}w"),
            Message("assistant", "Setting it to 22 degrees."),
        )
        return Dialogue(f"{persona}-{number}", f"p{persona}", START + timedelta(days=number), {}, said)

    personas = tuple(Persona(f"p{number}") for number in range(n))
    return Dataset(personas, tuple(dialogue(p, number) for p in range(n) for number in range(DIALOGUES)))


def own_recipes(n: int = PERSONAS) -> RecipeBook:
    return {
        f"p{number}": Recipe(
            "tiny", (AdapterRef(f"persona/p{number}", f"1/1/{number}", f"{number}"),), retrieve=RETRIEVE
        )
        for number in range(n)
    }


def served(home: Path, seed: int, book: RecipeBook, dataset: Dataset) -> tuple[JobContext, RecipeBook]:
    """What the planned job of `swapped-persona` writes over a book of recipes."""
    keep(dataset, home / "datasets", "d" * 16, replace=True)
    (home / "1").mkdir(exist_ok=True)
    (home / "2").mkdir(exist_ok=True)
    write_book(book, home / "1")
    content = {"name": "s", "data": "d", "base": "tiny", "methods": ["swapped-persona"], "seeds": [seed]}
    job = next(job for job in plan(parse_study(content, "s.toml"), "d" * 64) if job.kind == "recipes")
    assignment = Assignment(
        2, 1, job.kind, job.method, job.spec, str(home), "2", str(load_settings().cache), "cpu", "float32", None, 1e9,
        f"datasets/{'d' * 16}", {job.spec["inputs"]["under"]: "1"},
    )  # fmt: skip
    context = JobContext(assignment, lambda _: None, threading.Event())
    recipes.run(context)
    return context, read_book(home / "2")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**63 - 1))
def test_nobody_keeps_its_own_recipe_and_every_recipe_serves_somebody(tmp_path: Path, seed: int):
    own = own_recipes()
    _, swapped = served(tmp_path, seed, own, homes())
    assert swapped.keys() == own.keys()
    assert all(swapped[persona].adapters != own[persona].adapters for persona in own)
    assert {recipe.adapters for recipe in swapped.values()} == {recipe.adapters for recipe in own.values()}
    for recipe in swapped.values():
        assert recipe == replace(own[recipe.history], history=recipe.history), "the other's, whole"
    assert served(tmp_path, seed, own, homes())[1] == swapped, "the seed alone decides"


def test_another_seed_swaps_otherwise(tmp_path: Path):
    assert len({str(served(tmp_path, seed, own_recipes(), homes())[1]) for seed in range(8)}) > 1


def test_what_is_retrieved_is_the_others_history_older_than_the_query(tmp_path: Path):
    context, swapped = served(tmp_path, 0, own_recipes(), homes())
    given = material(context)
    prompter = Prompter(context, given)
    for persona, recipe in swapped.items():
        for dialogue in given.dialogues(persona, "test"):
            system = prompter.dialogue(recipe, dialogue)[0]["content"]
            shown = {(f"p{p}", int(number)) for p, number in re.findall(r"\bq(\d)x(\d)w\b", system)}
            assert len(shown) == RETRIEVE["k"]
            assert {who for who, _ in shown} == {recipe.history} != {persona}
            assert all(number < 6 for _, number in shown), "train dialogues only"


def test_a_history_that_is_not_the_recipes_own_persona_stays_with_the_recipe(tmp_path: Path):
    own = {p: replace(recipe, history=f"from {p}") for p, recipe in own_recipes().items()}
    _, swapped = served(tmp_path, 0, own, homes())
    assert {recipe.history for recipe in swapped.values()} == {f"from {p}" for p in own}
    assert all(swapped[p].history != f"from {p}" for p in own)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**63 - 1), clusters=st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_nobody_is_served_with_what_serves_it_anyway(tmp_path: Path, seed: int, clusters: list[int]):
    """Members of a cluster share an adapter: to be served as another of them would be no control."""
    shared = {
        f"p{number}": Recipe("tiny", (AdapterRef(f"cluster {one}", f"1/1/{one}", str(one)),))
        for number, one in enumerate(clusters)
    }
    _, swapped = served(tmp_path, seed, shared, homes(len(clusters)))
    assert swapped.keys() == shared.keys()
    alike = len(set(clusters)) == 1  # then the control is the method itself
    assert all((swapped[persona].adapters == shared[persona].adapters) is alike for persona in shared)
    if 2 * max(map(clusters.count, clusters)) <= len(clusters):
        assert len({recipe.history for recipe in swapped.values()}) == len(clusters), "everybody's serves once"


def test_a_single_persona_cannot_be_another(tmp_path: Path):
    with pytest.raises(LabError, match="a single persona cannot be served as another one"):
        served(tmp_path, 0, own_recipes(1), homes(1))
