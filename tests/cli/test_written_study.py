"""The methods whose text a model has to write, through queue, worker and database, on a base that can write it."""

from __future__ import annotations

import orjson
import pytest
from parrot import PERSONAS, homes, save_parrot

from lab.data.store import keep
from lab.methods.spec import catalog

pytestmark = pytest.mark.timeout(600)

STUDY = """
data = "people"
base = "parrot"
methods = [{methods}]
evaluate = ["test"]
max_new_tokens = 8
split = [0.6, 0.2, 0.2]

[training]
epochs = 1

[method.augmented-persona]
share = "persona"
parameters = "lora"
augment = {{ how = ["paraphrase", "context", "back-translation", "synthesis"], to = 7 }}

[method.augmented-unified]
share = "everyone"
parameters = "lora"
augment = {{ how = "paraphrase", to = 7 }}
"""
WRITTEN = [name for name in catalog() if name.startswith("augmented")]


@pytest.fixture(scope="module")
def study(shell):
    keep(homes(), shell.folder, "people")
    save_parrot(shell.folder / "parrot")
    methods = ", ".join(f'"{name}"' for name in ("unified", "augmented-persona", "augmented-unified"))
    (shell.folder / "written.toml").write_text(STUDY.format(methods=methods))
    shell.ok("run", "written.toml")
    shell.ok("wait", "written", "--json")
    return shell


def test_every_method_that_writes_runs_and_stands_in_the_table(study):
    table = orjson.loads(study.ok("results", "written", "--split", "test", "--json"))
    assert {method["name"]: method["n_personas"] for method in table["methods"]} == dict.fromkeys(
        ["unified", *WRITTEN], PERSONAS
    )


@pytest.mark.parametrize("method", WRITTEN)
def test_each_can_be_chosen_in_chat_and_answers_with_what_it_learned(study, method):
    answer = orjson.loads(study.ok("chat", "written", "--method", method, "--persona", "p0", "-m", "Hi", "--json"))
    learned = method if method == "augmented-unified" else f"{method}/p0"
    assert [adapter["name"] for adapter in answer["adapters"]] == [learned]


def test_each_trained_on_more_dialogues_than_there_were(study):
    jobs = [job for job in orjson.loads(study.ok("jobs", "written", "--json")) if job["kind"] == "augment"]
    made = [study.ok("logs", str(job["id"])) for job in jobs]
    assert len(made) == 4, "paraphrases are written once for both methods that read them"
    assert all("dialogues" in log for log in made)
