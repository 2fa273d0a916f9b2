"""Every method of the catalogue, and a method of one's own, through queue, worker and database on a tiny base."""

from __future__ import annotations

import orjson
import pytest
from tiny_model import save_base

from lab.methods.spec import catalog

pytestmark = pytest.mark.timeout(600)

STUDY = """
data = "people"
base = "tiny"
methods = [{methods}]
max_new_tokens = 8

[training]
epochs = 2
max_length = 128

[method.mine]
about = "An adapter each, of the rank, rate and seed that do best on val."
share = "persona"
parameters = "lora"
on = "unified"
sweep = {{ learning_rate = [1e-5, 5e-3], rank = [2, 4], seed = [0, 1] }}
"""


@pytest.fixture(scope="module")
def study(shell):
    """Eight generated personas under all methods, run to the end once for all tests of this module."""
    shell.ok("data", "generate", "people", "--personas", "8", "--dialogues", "8", "--seed", "3")
    save_base(shell.folder / "tiny")
    methods = ", ".join(f'"{name}"' for name in [*catalog(), "mine"])
    (shell.folder / "all.toml").write_text(STUDY.format(methods=methods))
    shell.ok("run", "all.toml")
    shell.ok("wait", "all", "--json")
    return shell


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
    table = orjson.loads(study.ok("results", "all", "--json"))
    assert [method["name"] for method in table["methods"]] == [*catalog(), "mine"]
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


@pytest.mark.parametrize("method", ["soft-prompt-persona", "prefix-persona", "mine"])
def test_every_method_can_be_chatted_with(study, method):
    persona = min(book(study, method))
    answer = orjson.loads(study.ok("chat", "all", "--method", method, "--persona", persona, "-m", "Hi", "--json"))
    assert [adapter["name"] for adapter in answer["adapters"]] == ["unified", f"{method}/{persona}"]
