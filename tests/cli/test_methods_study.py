"""Every method of the catalogue, and a method of one's own, through queue, worker and database on a tiny base."""

from __future__ import annotations

import re

import orjson
import pytest
from openai_server import serving
from tiny_model import save_base

from lab.methods.spec import catalog

pytestmark = pytest.mark.timeout(600)

STUDY = """
data = "people"
base = "tiny"
methods = [{methods}]
evaluate = ["test"]
max_new_tokens = 4
split = [0.8, 0.1, 0.1]

[training]
epochs = 1
max_length = 128

[method.mine]
about = "An adapter each, of the rank, rate and seed that do best on val."
share = "persona"
parameters = "lora"
on = "unified"
sweep = {{ learning_rate = [1e-5, 5e-3], rank = [2, 4], seed = [0, 1] }}

[method.meta]
share = "persona"
parameters = "lora"
meta = {{ how = ["reptile", "fomaml"], rounds = 2, steps = 2 }}

[method.augmented-persona-context]
share = "persona"
parameters = "lora"
augment = {{ how = "context", to = 12 }}

[method.endpoint]
parameters = "none"
prompt = "description"
endpoint = {{ url = "{url}", model = "tiny" }}
"""
# What a random model writes is refused: that such a job fails with a sentence is shown in tests/tasks.
WRITTEN = re.compile(r"paraphrase|back-translation|synthesis|augmented-unified")
METHODS = [*(name for name in catalog() if not WRITTEN.search(name)), "mine"]


@pytest.fixture(scope="module")
def study(shell):
    """Eight generated personas under all methods, run to the end once for all tests of this module."""
    shell.ok("data", "generate", "people", "--personas", "8", "--dialogues", "13", "--seed", "3")
    save_base(shell.folder / "tiny")
    methods = ", ".join(f'"{name}"' for name in METHODS)
    with serving(shell.folder / "tiny") as server:
        (shell.folder / "all.toml").write_text(STUDY.format(methods=methods, url=server.url))
        shell.ok("run", "all.toml")
        shell.ok("wait", "all", "--json")
        yield shell


def job(shell, method: str) -> dict:
    """The training job of a method, as `lab jobs --json` tells it."""
    jobs = orjson.loads(shell.ok("jobs", "all", "--json"))
    return next(job for job in jobs if (job["kind"], job["method"]) == ("train", method))


def book(shell, method: str) -> dict:
    found = job(shell, method)
    return orjson.loads((shell.folder / f"artifacts/{found['id']}/{found['attempt']}/recipes.json").read_bytes())


def config(shell, adapter: dict) -> dict:
    """What stock PEFT reads first."""
    return orjson.loads((shell.folder / "artifacts" / adapter["folder"] / "adapter_config.json").read_bytes())


def test_every_method_runs_and_stands_in_the_table(study):
    table = orjson.loads(study.ok("results", "all", "--split", "test", "--json"))
    assert [method["name"] for method in table["methods"]] == METHODS
    assert {method["n_personas"] for method in table["methods"]} == {8}


@pytest.mark.parametrize("method", ["hybrid", "soft-prompt-persona", "prefix-persona"])
def test_what_is_learned_on_top_is_each_personas_own_on_the_frozen_unified(study, method):
    recipes = book(study, method)
    (unified,) = {recipe["adapters"][0]["digest"] for recipe in book(study, "unified").values()}
    assert [recipe["adapters"][0]["digest"] for recipe in recipes.values()] == [unified] * 8
    assert len({recipe["adapters"][1]["digest"] for recipe in recipes.values()}) == 8
    shape = {"r": 8} if method == "hybrid" else {"num_virtual_tokens": 10}
    assert all(shape.items() <= config(study, recipe["adapters"][1]).items() for recipe in recipes.values())


def test_a_sweep_tries_every_combination_in_one_pass_and_keeps_what_was_best_on_val(study):
    log = study.ok("logs", str(job(study, "mine")["id"]))
    tried = [line for line in log.splitlines() if "mean val loss" in line]
    assert len(tried) == 2 * 2 * 2
    losses = [float(line.rsplit(":", 1)[1]) for line in tried]
    assert losses == sorted(losses)
    assert "learning_rate=0.005" in tried[0]  # the other is too small to learn anything
    rank = int(tried[0].split("rank=")[1].split()[0])
    assert "64 group(s)" in log
    own = [recipe["adapters"][1] for recipe in book(study, "mine").values()]
    assert {config(study, adapter)["r"] for adapter in own} == {rank}
    folder = study.folder / "artifacts" / own[0]["folder"]
    assert len(list(folder.parent.iterdir())) == 8, "the adapters that lost are gone"


def served_by(study, method: str, persona: str) -> list[str]:
    """The names of the adapters that answer in a chat."""
    answer = orjson.loads(study.ok("chat", "all", "--method", method, "--persona", persona, "-m", "Hi", "--json"))
    return [adapter["name"] for adapter in answer["adapters"]]


def test_a_method_of_any_kind_can_be_chatted_with(study):
    persona = min(book(study, "mine"))
    for method in ("soft-prompt-persona", "prefix-persona", "mine"):
        assert served_by(study, method, persona) == ["unified", f"{method}/{persona}"]
    assert served_by(study, "user-embedding", persona) == ["user-embedding", f"user-embedding/{persona}"]
    assert served_by(study, "meta-fomaml", persona) == [f"meta-fomaml/{persona}"]
    assert served_by(study, "merge-learned", persona) == [f"merge-learned/{persona}"]
    (expert,) = served_by(study, "mixture-hard", persona)
    assert expert.startswith("cluster-kmeans/cluster ")
    assert set(served_by(study, "mixture-soft", persona)) > {expert}
    assert served_by(study, "swapped-persona", persona) != [f"persona/{persona}"]
    assert served_by(study, "endpoint", persona) == []


def test_a_constrained_method_tries_every_pull_and_rank_and_keeps_the_best_on_val(study):
    log = study.ok("logs", str(job(study, "constrained")["id"]))
    assert len([line for line in log.splitlines() if "mean val loss" in line]) == 4 * 3


def test_untrained_soft_prompts_are_the_same_for_everybody_and_cost_no_training(study):
    found = book(study, "untrained-soft-prompt")
    assert len({recipe["adapters"][-1]["digest"] for recipe in found.values()}) == 1
    assert "on 0 tokens" in study.ok("logs", str(job(study, "untrained-soft-prompt")["id"]))
