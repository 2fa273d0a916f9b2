"""Studies that ask a model elsewhere, through queue, worker and database: to the end, and when it dies midway."""

from __future__ import annotations

import time

import orjson
import pytest
from openai_server import NAME, serving
from tiny_model import save_base

pytestmark = pytest.mark.timeout(300)

KEY = "sk-tiny-5f1c0ffee"
STUDY = """
data = "people"
base = "tiny"
methods = ["base", "twin", "told", "recalling"]
evaluate = ["test"]
max_new_tokens = 8
dtype = "float32"

[method.twin]
parameters = "none"
endpoint = {{ url = "{url}", model = "{model}", key = "TINY_KEY", timeout = 20 }}

[method.told]
parameters = "none"
endpoint = {{ url = "{url}", model = "{model}", key = "TINY_KEY", timeout = 20 }}
prompt = "description"

[method.recalling]
parameters = "none"
on = "told"
retrieve = {{ k = 2 }}
"""


@pytest.fixture(scope="module")
def server(shell):
    """Serves the very base model of the studies, to who shows the key."""
    shell.ok("data", "generate", "people", "--personas", "3", "--dialogues", "10", "--seed", "3")
    save_base(shell.folder / "tiny")
    with serving(shell.folder / "tiny") as running:
        running.key = KEY
        yield running


@pytest.fixture(scope="module")
def study(shell, server):
    """The base model here and there, run to the end once for all tests of this module."""
    (shell.folder / "both.toml").write_text(STUDY.format(url=server.url, model=NAME))
    shell.ok("run", "both.toml", TINY_KEY=KEY)  # starts the worker, which has the key from here
    shell.ok("wait", "both", "--json")
    return shell


def jobs(shell, study: str) -> list[dict]:
    found: list[dict] = orjson.loads(shell.ok("jobs", study, "--json"))
    return found


def until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def evaluation(shell, study: str) -> dict:
    return next(job for job in jobs(shell, study) if job["kind"] == "evaluate")


def metrics(shell, study: str) -> dict[str, dict]:
    table = orjson.loads(shell.ok("results", study, "--split", "test", "--json"))
    return {method["name"]: method["metrics"] for method in table["methods"]}


def test_the_same_model_behind_an_endpoint_scores_the_same_as_here(study):
    table = metrics(study, "both")
    assert list(table) == ["base", "twin", "told", "recalling"]
    here, there = table["base"], table["twin"]
    assert there["embedding_similarity"]["mean"] == pytest.approx(here["embedding_similarity"]["mean"])
    assert here.keys() - there.keys() == {"token_nll", "token_nll_macro"}, "it does not say how likely words are"
    assert table["told"]["embedding_similarity"] != there["embedding_similarity"]


def test_the_table_leaves_the_cell_of_what_is_not_known_empty(study):
    lines = study.ok("results", "both", "--split", "test").splitlines()
    head = next(number for number, line in enumerate(lines) if "NLL" in line)
    place = lines[head].index("NLL")
    cells = {
        line.split()[0]: line[place : place + 3].strip() for line in lines[head + 1 : head + 6] if line[:1].isalpha()
    }
    assert cells["base"][0].isdigit()
    assert {cells["twin"], cells["told"], cells["recalling"]} == {"–"}


def test_a_chat_names_the_model_that_answered(study, server):
    answer = orjson.loads(study.ok("chat", "both", "--method", "told", "-m", "Hi", "--json"))
    assert answer["endpoint"] == {"url": server.url, "model": NAME}
    said = study.ok("chat", "both", "--method", "told", "-m", "Hi")
    assert f"{NAME} at {server.url}" in said
    assert "the base alone" not in said


def test_when_it_dies_midway_only_what_needs_it_fails_and_goes_on_later(study, server):
    choice = '\n[method.best]\nparameters = "none"\nroute = { among = ["base", "twin"] }\n'
    (study.folder / "dying.toml").write_text(STUDY.format(url=server.url, model=NAME) + choice)
    server.lives = 3
    study.ok("run", "dying.toml", "--methods", "unified,best", "--dialogues", "9")
    assert "cannot be reached" in study.refused("wait", "dying")
    states = {(job["kind"], job["method"]): job for job in jobs(study, "dying")}
    failed = states.pop(("evaluate", "twin"))
    assert failed["state"] == "FAILED"
    assert failed["error"].startswith(f"{NAME} at {server.url} cannot be reached (")
    assert {key for key, job in states.items() if job["state"] == "SKIPPED"} == {
        ("route", "best"),
        ("evaluate", "best"),
    }
    assert {job["state"] for key, job in states.items() if key[1] != "best"} == {"SUCCEEDED"}

    server.lives = None
    server.asked.clear()
    study.ok("retry", str(failed["id"]))
    study.ok("wait", "dying", "--json")
    assert len(server.asked) >= failed["total_steps"] - 3


def test_stopped_midway_it_goes_on_with_what_is_missing(study, server):
    (study.folder / "stopped.toml").write_text(STUDY.format(url=server.url, model=NAME))
    server.delay, server.swift, server.given = 60, 1, 0  # all but one wait for the worker's end
    study.ok("run", "stopped.toml", "--methods", "twin", "--dialogues", "8")
    until(lambda: server.given)
    study.ok("down")
    job = evaluation(study, "stopped")
    assert job["state"] == "READY"

    server.delay = 0
    server.asked.clear()
    study.ok("up", TINY_KEY=KEY)
    study.ok("wait", "stopped", "--json")
    assert 0 < len(server.asked) < job["total_steps"], "what was answered is not asked again"


def test_the_key_is_in_no_file_of_the_lab(study):
    files = [path for path in (study.folder / "artifacts").rglob("*") if path.is_file()]
    assert any(path.name == "lab.db" for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
