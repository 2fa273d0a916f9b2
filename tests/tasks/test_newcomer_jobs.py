"""The jobs that serve newcomers, on a tiny base: whose adapters they get, what they are merged with, what is fitted."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from tiny_model import save_base

from lab.data.generate import generate
from lab.data.store import keep
from lab.data.types import Dataset, digest
from lab.errors import LabError
from lab.methods.extend import plan_extension
from lab.methods.plan import PlannedJob, plan
from lab.methods.recipe import RecipeBook, read_book
from lab.methods.spec import Study, parse_study
from lab.models.peft_format import load_peft
from lab.models.users import load_users
from lab.settings import load_settings
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.executor import KINDS
from lab.tasks.messages import Assignment, Checkpoint, Event, Log

BEHAVIOUR = {"by": "behaviour", "k": 2}
OWN = {
    "likes": {"share": "cluster", "parameters": "lora", "cluster": BEHAVIOUR, "prompt": "preferences"},
    "by-text": {"share": "cluster", "parameters": "lora", "cluster": {"k": 2}},
    "merged": {"parameters": "none", "cluster": BEHAVIOUR, "merge": {"of": "persona", "nearest": 3}},
    "drawn": {"parameters": "none", "cluster": BEHAVIOUR, "merge": {"of": "persona", "nearest": 3, "choose": "random"}},
    "users": {"share": "cluster", "parameters": "user-embedding", "cluster": BEHAVIOUR, "tokens": 2},
    "shown": {"parameters": "none", "on": "persona", "retrieve": {"k": 1, "by": "recency"}},
    "swapped": {"parameters": "none", "on": "shown", "swap": True},
}


def people(n: int, seed: int, prefix: str) -> Dataset:
    """Generated personas with ids of their own."""
    dataset = generate(n, 6, seed=seed)
    ids = {persona.persona_id: f"{prefix}{number}" for number, persona in enumerate(dataset.personas)}
    return Dataset(
        tuple(replace(persona, persona_id=ids[persona.persona_id]) for persona in dataset.personas),
        tuple(
            replace(one, persona_id=ids[one.persona_id], dialogue_id=f"{prefix}{one.dialogue_id}")
            for one in dataset.dialogues
        ),
    )


@dataclass
class Lab:
    """Runs planned jobs in this process, one after the other; key → artifact folder."""

    root: Path
    there: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def study(self, methods: tuple[str, ...], data: Dataset) -> Study:
        """A study of these methods; its data are kept."""
        keep(data, self.root / "datasets", digest(data)[:16])
        content = {
            "name": "demo",
            "data": "any",
            "base": str(self.root / "tiny"),
            "dtype": "float32",
            "method": OWN,
            "evaluate": ["test"],
        }
        content |= {"training": {"epochs": 3, "batch_size": 2, "max_length": 400, "learning_rate": 2e-3}}
        return parse_study(content | {"methods": list(methods)}, "demo.toml")

    def train(self, study: Study, data: Dataset) -> None:
        """Everything of a study but its evaluations."""
        for job in plan(study, digest(data)):
            if job.kind != "evaluate":
                self.do(job)

    def add(self, study: Study, older: Dataset, newcomers: Dataset, method: str) -> RecipeBook:
        """The newcomers' recipes under a method of the study."""
        keep(newcomers, self.root / "datasets", digest(newcomers)[:16])
        asked = study.model_copy(update={"methods": (method,)})
        found = ""
        for job in plan_extension(asked, digest(newcomers), study, digest(older)):
            if job.kind != "evaluate":
                assert job.serves or job.key in self.there, "nothing of the study is missing"
                found = self.there.get(job.key) or self.do(job)
        return read_book(self.root / found)

    def do(self, job: PlannedJob, *, checkpoint: str | None = None, stop: Callable[[Event], bool] | None = None) -> str:
        """Run one job; with `stop`, until that says so. Gives its artifact folder."""
        folder = f"{len(list(self.root.glob('*/1'))) + 1}/1"
        (self.root / folder).mkdir(parents=True)
        spec: dict[str, Any] = orjson.loads(orjson.dumps(job.spec))  # as it comes out of the database
        parents = {key: self.there[key] for key in job.parents}
        dataset = f"datasets/{job.spec['data'][:16]}"
        cache = str(load_settings().cache)
        assignment = Assignment(
            1, 1, job.kind, job.method, spec, str(self.root), folder, cache, "cpu", "float32", checkpoint, 0.0, dataset,
            parents,
        )  # fmt: skip
        stopping = threading.Event()

        def hear(event: Event) -> None:
            self.log += [event.text] if isinstance(event, Log) else []
            if stop is not None and stop(event):
                stopping.set()

        importlib.import_module(KINDS[job.kind]).run(JobContext(assignment, hear, stopping))
        self.there[job.key] = folder
        return folder


OLD = people(6, 3, "old")
NEW = people(2, 11, "new")


def alone(number: int) -> Dataset:
    """One of the newcomers."""
    persona = NEW.personas[number]
    return Dataset((persona,), NEW.of(persona.persona_id))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A study of six personas that is over."""
    torch.set_num_threads(1)
    lab = Lab(tmp_path_factory.mktemp("artifacts"))
    save_base(lab.root / "tiny")
    lab.train(lab.study(tuple(OWN), OLD), OLD)
    return lab


def added(lab: Lab, method: str, newcomers: Dataset = NEW) -> RecipeBook:
    return lab.add(lab.study(tuple(OWN), OLD), OLD, newcomers, method)


def theirs(lab: Lab, method: str) -> RecipeBook:
    study = lab.study((method,), OLD)
    job = next(job for job in plan(study, digest(OLD)) if method in job.serves and job.makes_book)
    return read_book(lab.root / lab.there[job.key])


# ---------------------------------------------------------------- adopt


def test_adapters_are_the_clusters_and_words_are_the_newcomers(lab):
    older, new = theirs(lab, "likes"), added(lab, "likes")
    assert {recipe.adapters for recipe in new.values()} <= {recipe.adapters for recipe in older.values()}
    assert {recipe.about for recipe in new.values()}.isdisjoint(recipe.about for recipe in older.values())
    assert {recipe.prompt for recipe in new.values()} == {"preferences"}
    assert any(line.startswith("new0 is nearest to cluster ") for line in lab.log)


@pytest.mark.parametrize("method", ["likes", "merged", "drawn", "users"])
def test_what_a_newcomer_gets_does_not_depend_on_who_comes_with_it(lab, method):
    together = added(lab, method)
    for number, persona in enumerate(("new0", "new1")):
        (recipe,) = added(lab, method, alone(number)).values()
        assert [one.digest for one in recipe.adapters] == [one.digest for one in together[persona].adapters]


def test_who_is_described_like_somebody_gets_that_ones_cluster(lab):
    older = theirs(lab, "by-text")
    assert len({recipe.adapters for recipe in older.values()}) == 2
    for like in OLD.personas:
        described = replace(NEW.personas[0], description=like.description)
        (recipe,) = added(lab, "by-text", replace(alone(0), personas=(described,))).values()
        assert recipe.adapters == older[like.persona_id].adapters


def test_who_has_no_description_has_no_place_among_clusters_of_descriptions(lab):
    silent = replace(NEW, personas=(NEW.personas[0], replace(NEW.personas[1], description="")))
    with pytest.raises(LabError, match="persona new1 has no description, by which its cluster is found; add one"):
        added(lab, "by-text", silent)


def test_clusters_that_did_not_keep_how_behaviour_was_measured_say_so(lab):
    found = lab.root / lab.there[clusters(lab)] / "clusters.json"
    kept = found.read_bytes()
    content = orjson.loads(kept)
    del content["scaling"]
    found.write_bytes(orjson.dumps(content))
    try:
        with pytest.raises(LabError, match="these clusters are from an earlier version of the lab"):
            added(lab, "likes", people(1, 21, "late"))
    finally:
        found.write_bytes(kept)


def clusters(lab: Lab) -> str:
    """The key of the study's clusters by behaviour."""
    return next(job.key for job in plan(lab.study(("likes",), OLD), digest(OLD)) if job.kind == "cluster")


# ---------------------------------------------------------------- merge


def test_a_newcomer_is_merged_with_the_most_similar_of_its_cluster(lab):
    new = added(lab, "merged")
    assert list(new) == ["new0", "new1"]
    for recipe in new.values():
        (merged,) = recipe.adapters
        adapter = load_peft(lab.root / merged.folder)
        assert adapter.config.rank == 3 * 8, "its own and two others, added up exactly"


# ---------------------------------------------------------------- fit


def test_only_a_vector_is_fitted_to_the_projector_of_the_cluster(lab):
    older = theirs(lab, "users")
    for persona, recipe in added(lab, "users").items():
        *shared, prompt = recipe.adapters
        (alike,) = {one.adapters[:-1] for one in older.values() if one.adapters[:-1] == tuple(shared)}
        projector, vectors = load_users(lab.root / alike[-1].folder / "users.safetensors")
        own, fitted = load_users(lab.root / prompt.folder / ".." / "users.safetensors")
        assert torch.equal(own.weights, projector.weights)
        assert torch.equal(own.bias, projector.bias)
        assert (fitted.shape, prompt.name) == ((1, vectors.shape[1]), f"users/{persona}")
        moved = (fitted[0] - vectors.mean(dim=0)).abs()
        assert 0.01 < moved.max() < 5
        assert torch.allclose(load_peft(lab.root / prompt.folder).vectors, own.prompts(fitted)[0])


def test_a_fit_that_was_stopped_goes_on_as_if_it_never_was(lab):
    whole = [recipe.adapters[-1].digest for recipe in added(lab, "users").values()]
    study = lab.study(("users",), OLD)
    (fit,) = [job for job in plan_extension(study, digest(NEW), study, digest(OLD)) if job.kind == "fit"]
    steps: list[Event] = []

    def third(event: Event) -> bool:
        steps.extend([event] if isinstance(event, Checkpoint) else [])
        return len(steps) == 3

    with pytest.raises(JobStopped):
        lab.do(fit, stop=third)
    checkpoint = steps[-1].folder  # type: ignore[union-attr]
    book = read_book(lab.root / lab.do(fit, checkpoint=checkpoint))
    assert [recipe.adapters[-1].digest for recipe in book.values()] == whole


# ---------------------------------------------------------------- controls


def test_nobody_is_served_with_the_history_of_somebody_in_other_data(lab):
    with pytest.raises(LabError, match="a newcomer cannot be served with the history of a persona of another data set"):
        added(lab, "swapped")
