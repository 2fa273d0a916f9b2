"""A whole study through the real command, queue, worker, database and model: what a user does first."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import psutil
import pytest
from safetensors.numpy import load_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STUDY = """
data = "people"
base = "smollm2-135m"
methods = ["base", "unified", "persona"]
evaluate = ["test"]
max_new_tokens = 24

[training]
epochs = 2
batch_size = 2
learning_rate = 5e-3
"""


@pytest.fixture(scope="module")
def study(shell):
    """Two generated personas, three methods, run to the end once for all tests of this module."""
    shell.ok("data", "generate", "people", "--personas", "2", "--dialogues", "8", "--seed", "3")
    (shell.folder / "small.toml").write_text(STUDY)
    queued = orjson.loads(shell.ok("run", "small.toml", "--json"))
    assert queued["study"] == "small"
    assert len(queued["jobs"]) == 6  # a recipe book and an evaluation for each method
    shell.ok("wait", "small", "--json")
    return shell


def jobs(shell) -> dict[tuple[str, str], dict]:
    return {(job["kind"], job["method"]): job for job in orjson.loads(shell.ok("jobs", "small", "--json"))}


def results(shell) -> dict[str, dict]:
    table = orjson.loads(shell.ok("results", "small", "--split", "test", "--json"))
    assert table["split"] == "test"
    assert table["base"] == "smollm2-135m"
    return {method["name"]: method for method in table["methods"]}


def test_every_job_succeeds_and_says_how_far_it_came(study):
    found = jobs(study)
    assert {job["state"] for job in found.values()} == {"SUCCEEDED"}
    assert found["train", "unified"]["loss"] > 0
    assert found["train", "persona"]["val_loss"] > 0


def test_results_have_the_documented_shape_in_the_order_of_the_study(study):
    table = results(study)
    assert list(table) == ["base", "unified", "persona"]
    for name, method in table.items():
        assert method["n_personas"] == 2
        similarity = method["metrics"]["embedding_similarity"]
        assert -1 <= similarity["low"] <= similarity["mean"] <= similarity["high"] <= 1
        if name != "unified":
            assert {"difference", "low", "high", "p", "improved", "worst"} <= set(method["vs_unified"])
    assert table["unified"]["vs_unified"] is None


def test_training_helps(study):
    """By likelihood: what two personas' few answers are like is chance."""
    base, unified = (results(study)[name]["metrics"]["token_nll"]["mean"] for name in ("base", "unified"))
    assert unified < base


def test_each_persona_has_weights_of_its_own(study):
    artifacts = study.folder / "artifacts"
    book = {}
    for method in ("unified", "persona"):
        job = jobs(study)["train", method]
        book[method] = orjson.loads((artifacts / f"{job['id']}/{job['attempt']}/recipes.json").read_bytes())
    first, second = book["persona"].values()
    assert first["adapters"][0]["digest"] != second["adapters"][0]["digest"]
    assert len({recipe["adapters"][0]["digest"] for recipe in book["unified"].values()}) == 1
    weights = load_file(artifacts / first["adapters"][0]["folder"] / "adapter_model.safetensors")
    assert all(name.startswith("base_model.model.") for name in weights)


def test_the_same_study_again_computes_nothing(study):
    queued = orjson.loads(study.ok("run", "small.toml", "--json"))
    before = {job["id"]: job["attempt"] for job in jobs(study).values()}
    assert set(queued["jobs"]) == set(before)
    study.ok("wait", "small", "--json")
    assert {job["id"]: job["attempt"] for job in jobs(study).values()} == before


def test_chat_names_the_weights_that_answered(study):
    answers = {}
    personas = [row["persona_id"] for row in _personas(study)]
    for persona in personas:
        arguments = ("chat", "small", "--method", "persona", "--persona", persona, "-m", "Lights, please.", "--json")
        answers[persona] = orjson.loads(study.ok(*arguments))
        assert answers[persona]["text"]
    digests = [answer["adapters"][0]["digest"] for answer in answers.values()]
    assert len(set(digests)) == 2
    assert answers[personas[0]]["first_token_seconds"] > 0


@pytest.mark.parametrize(
    "arguments",
    [("jobs",), ("logs", "1"), ("results",), ("status",), ("up",), ("data", "show", "people", "-n", "1")],
)
def test_what_prints_data_prints_json(study, arguments):
    orjson.loads(study.ok(*arguments, "--json"))


def test_doctor_prints_json_too(study):
    found = orjson.loads(study.ok("doctor", "--json", LAB_BASE="smollm2-135m"))
    assert {name for name, check in found.items() if check["ok"]} == set(found)


def test_chat_refuses_who_is_not_there(study):
    assert "persona 'nobody'" in study.refused("chat", "small", "--persona", "nobody", "-m", "Hi")
    assert "no recipe for method 'merge'" in study.refused("chat", "small", "--method", "merge", "-m", "Hi")


def test_a_worker_killed_in_the_middle_of_training_loses_nothing(study):
    """SIGKILL the worker and its executor while it trains; the next worker goes on by itself."""
    (study.folder / "longer.toml").write_text(STUDY.replace("epochs = 2", "epochs = 4"))
    study.ok("run", "longer.toml", "--methods", "unified", "--dialogues", "5", "--json", LAB_CHECKPOINT_SECONDS="0.1")
    _until(lambda: any(job["step"] for job in _jobs_of(study, "longer")))
    (worker,) = orjson.loads(study.ok("status", "--json"))["workers"]
    supervisor = psutil.Process(int(worker["id"].split(":")[1]))
    for process in (supervisor, *supervisor.children(recursive=True)):
        process.kill()
    study.ok("up")
    study.ok("wait", "longer", "--json")
    (trained,) = (job for job in _jobs_of(study, "longer") if job["kind"] == "train")
    assert trained["state"] == "SUCCEEDED"
    assert trained["attempt"] == 2


def _jobs_of(shell, name: str) -> list[dict]:
    return orjson.loads(shell.ok("jobs", name, "--json"))


def _until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def _personas(shell) -> list[dict]:
    folder: Path = next((shell.folder / "artifacts" / "datasets").iterdir())
    return [orjson.loads(line) for line in (folder / "personas.jsonl").read_bytes().splitlines()]
