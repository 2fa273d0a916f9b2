"""Shards on a tiny base: together they are the training, or the evaluation, that one device would have done."""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from tiny_model import save_base

from lab.data.generate import generate
from lab.data.store import keep
from lab.data.types import digest
from lab.errors import LabError
from lab.methods.plan import PlannedJob, plan
from lab.methods.recipe import read_book
from lab.methods.shard import shard, shard_role
from lab.methods.spec import parse_study
from lab.models.peft_format import load_peft
from lab.report.predictions import read_predictions
from lab.settings import load_settings
from lab.tasks.base_identity import fingerprint
from lab.tasks.context import JobContext
from lab.tasks.executor import KINDS
from lab.tasks.messages import Assignment, Done, Event, Log

DATA = generate(5, 6, seed=3)
OWN = {
    "own": {"share": "persona", "parameters": "lora"},
    "prefixed": {"share": "persona", "parameters": "prefix", "tokens": 2},
    "soft": {"share": "persona", "parameters": "soft-prompt", "tokens": 2, "on": "unified"},
    "asked": {"share": "persona", "parameters": "lora", "on": "unified", "multitask": {"devices": 0.5}},
}


@dataclass
class Lab:
    """Runs planned jobs in this process, one after the other; key → artifact folder and what the job ended with."""

    root: Path
    there: dict[str, str] = field(default_factory=dict)
    done: dict[str, Done] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def do(self, job: PlannedJob) -> Done:
        """Run one job, unless it has run."""
        if job.key not in self.done:
            folder = f"{len(self.there) + 1}/1"
            (self.root / folder).mkdir(parents=True)
            spec: dict[str, Any] = orjson.loads(orjson.dumps(job.spec))  # as it comes out of the database
            parents = {key: self.there[key] for key in job.parents}
            dataset, cache = f"datasets/{job.spec['data'][:16]}", str(load_settings().cache)
            assignment = Assignment(
                1, 1, job.kind, job.method, spec, str(self.root), folder, cache, "cpu", "float32", None, 60.0, dataset,
                parents,
            )  # fmt: skip
            context = JobContext(assignment, self._hear, threading.Event())
            self.done[job.key] = importlib.import_module(KINDS[job.kind]).run(context)
            self.there[job.key] = folder
        return self.done[job.key]

    def _hear(self, event: Event) -> None:
        self.log += [event.text] if isinstance(event, Log) else []

    def folder(self, job: PlannedJob) -> Path:
        return self.root / self.there[job.key]


def study(root: Path, *methods: str, **training: Any) -> list[PlannedJob]:
    content = {
        "name": "demo",
        "data": "any",
        "base": str(root / "tiny"),
        "dtype": "float32",
        "method": OWN,
        "evaluate": ["test"],
    }
    usual = {"epochs": 2, "batch_size": 2, "max_length": 256, "learning_rate": 2e-3}
    content |= {"methods": list(methods), "training": usual | training, "max_new_tokens": 6}
    return plan(parse_study(content, "demo.toml"), digest(DATA), fingerprint(str(root / "tiny")))


def in_two(jobs: list[PlannedJob]) -> list[PlannedJob]:
    """The same plan with all that can be split in two, however small it is."""
    return shard(jobs, 1, len(DATA.personas), {job.key: 2 for job in jobs})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("artifacts")
    save_base(root / "tiny")
    keep(DATA, root / "datasets", digest(DATA)[:16])
    return root


@pytest.fixture(scope="module")
def whole(root: Path) -> Lab:
    return Lab(root)


@pytest.fixture(scope="module")
def split(root: Path) -> Lab:
    lab = Lab(root / "split")
    keep(DATA, lab.root / "datasets", digest(DATA)[:16])
    return lab


def both(whole: Lab, split: Lab, method: str) -> tuple[PlannedJob, PlannedJob]:
    """The training of a method, in one piece and joined, after both have run."""
    jobs = [job for job in study(whole.root, method) if job.kind != "evaluate"]
    for job in jobs:
        whole.do(job)
    for job in (shards := in_two(jobs)):
        split.do(job)
    return jobs[-1], shards[-1]


@pytest.mark.parametrize("method", list(OWN))
def test_shards_learn_what_the_whole_learns(whole: Lab, split: Lab, method: str):
    alone, join = both(whole, split, method)
    assert (alone.key, join.kind) == (join.key, "join")
    one, two = read_book(whole.folder(alone)), read_book(split.folder(join))
    assert list(one) == list(two) == [persona.persona_id for persona in DATA.personas]
    for persona, recipe in one.items():
        assert replace(recipe, adapters=()) == replace(two[persona], adapters=())
        for a, b in zip(recipe.adapters, two[persona].adapters, strict=True):
            assert a.name == b.name
            left, right = load_peft(whole.root / a.folder), load_peft(split.root / b.folder)
            assert right.digest() == b.digest, "the recipe names what lies there"
            for x, y in zip(_weights(left), _weights(right), strict=True):
                torch.testing.assert_close(x, y, atol=1e-5, rtol=0)


def _weights(learned: Any) -> list[torch.Tensor]:
    if hasattr(learned, "vectors"):
        return [learned.vectors]
    return [weights for site in sorted(learned.a) for weights in (learned.a[site], learned.b[site])]


def test_a_joined_training_says_what_all_of_it_cost(whole: Lab, split: Lab):
    alone, join = both(whole, split, "own")
    one, two = whole.done[alone.key].result, split.done[join.key].result
    assert set(one) == set(two)
    for name in ("tokens", "parameters", "groups", "initial_digest", "sweep"):
        assert one[name] == two[name], name
    seconds = sum(split.done[key].result["train_seconds"] for key in join.parents)
    assert two["train_seconds"] == pytest.approx(seconds)
    assert two["tokens_per_second"] == pytest.approx(two["tokens"] / seconds)
    assert 0 <= two["padding"] < 1


def test_an_evaluation_in_shards_answers_and_scores_as_the_whole_does(whole: Lab, split: Lab):
    jobs = study(whole.root, "own")
    for job in jobs:
        whole.do(job)
    for job in (shards := in_two(jobs)):
        split.do(job)
    alone, join = jobs[-1], shards[-1]
    one, two = read_predictions(whole.folder(alone)), read_predictions(split.folder(join))
    assert len(one) == len(two) > 5
    for a, b in zip(one, two, strict=True):
        assert (a.persona_id, a.dialogue_id, a.turn, a.prediction) == (
            b.persona_id,
            b.dialogue_id,
            b.turn,
            b.prediction,
        )
        assert (a.similarity, a.nll) == pytest.approx((b.similarity, b.nll), abs=1e-4)
    left, right = whole.done[alone.key], split.done[join.key]
    assert [score[:3] for score in left.scores] == [score[:3] for score in right.scores]
    assert [score[3] for score in left.scores] == pytest.approx([score[3] for score in right.scores], abs=1e-4)
    assert [score[4] for score in left.scores] == [score[4] for score in right.scores]
    assert (left.result["turns"], left.result["personas"]) == (right.result["turns"], right.result["personas"])
    assert set(left.result) == set(right.result)
    for key in join.parents:
        assert not split.done[key].scores, "a persona is scored once"
    assert right.result["answer_seconds"] == sum(split.done[key].result["answer_seconds"] for key in join.parents)


def _rewrite(lab: Lab, shard_key: str, **changes: Any) -> None:
    file = lab.root / lab.there[shard_key] / "shard.json"
    file.write_bytes(orjson.dumps(orjson.loads(file.read_bytes()) | changes))


@pytest.fixture
def joined(root: Path, split: Lab, tmp_path: Path) -> tuple[Lab, PlannedJob]:
    """A lab where two shards have run, and the join that is to come; what a test changes is a copy."""
    jobs = in_two(study(root, "own"))[:3]
    for job in jobs[:2]:
        split.do(job)
    lab = Lab(tmp_path)
    for job in jobs[:2]:
        lab.there[job.key] = f"{job.key[:8]}/1"
        (tmp_path / lab.there[job.key]).mkdir(parents=True)
        for name in ("shard.json", "recipes.json"):
            (tmp_path / lab.there[job.key] / name).write_bytes((split.folder(job) / name).read_bytes())
    return lab, jobs[2]


def test_shards_that_began_with_different_weights_are_not_joined(joined: tuple[Lab, PlannedJob]):
    lab, join = joined
    _rewrite(lab, join.spec["inputs"][shard_role(1)], initial_digest="other")
    with pytest.raises(LabError, match="did not begin with the same weights"):
        lab.do(join)


def test_a_training_has_diverged_only_if_all_of_its_shards_have(joined: tuple[Lab, PlannedJob]):
    lab, join = joined
    _rewrite(lab, join.spec["inputs"][shard_role(0)], diverged=2)
    lab.do(join)
    lab.done.clear()
    _rewrite(lab, join.spec["inputs"][shard_role(1)], diverged=3)
    with pytest.raises(LabError, match="the training diverged"):
        lab.do(join)


def test_a_damaged_shard_is_one_sentence(joined: tuple[Lab, PlannedJob]):
    lab, join = joined
    (lab.root / lab.there[join.parents[0]] / "shard.json").write_text("{")
    with pytest.raises(LabError, match=r"shard\.json: cannot be read"):
        lab.do(join)
