"""A new persona after the study, through queue, worker and database on a tiny base: fitted alone, all else is left."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import orjson
import pytest
from tiny_model import save_base

from lab.data.formats.chat import write_chat
from lab.data.load import load
from lab.data.rename import renamed
from lab.data.types import Dataset

pytestmark = pytest.mark.timeout(600)

METHODS = [
    "base",
    "prompt-preferences",
    "unified",
    "persona",
    "hybrid",
    "cluster-kmeans",
    "cluster-behaviour",
    "cluster+delta",
    "merge-sparse",
    "merge-weighted",
    "retrieval-k1",
    "user-embedding",
    "mixture-soft",
    "meta-reptile",
    "swapped-persona",
]
STUDY = """
data = "people"
base = "tiny"
methods = [{methods}]
evaluate = ["test"]
max_new_tokens = 4

[training]
epochs = 2
learning_rate = 2e-3
max_length = 400

[method.meta]
share = "persona"
parameters = "lora"
meta = {{ how = ["reptile", "fomaml"], rounds = 2, steps = 2 }}
training = {{ epochs = 1 }}
"""


@pytest.fixture(scope="module")
def lab(shell):
    """A study of four generated personas that is over, and a fifth whose folder numbers it from 0 again."""
    shell.ok("data", "generate", "people", "--personas", "4", "--dialogues", "6", "--seed", "3")
    shell.ok("data", "generate", "anna", "--personas", "1", "--dialogues", "6", "--seed", "99")
    save_base(shell.folder / "tiny")
    (shell.folder / "demo.toml").write_text(STUDY.format(methods=", ".join(f'"{name}"' for name in METHODS)))
    shell.ok("run", "demo.toml")
    shell.ok("wait", "demo", "--json")
    return shell


@pytest.fixture(scope="module")
def added(lab):
    """What was there before and after `lab persona add` under all methods, and what the command said."""
    before = left_by(lab, "demo")
    said = lab.ok("persona", "add", "demo", "anna", "--id", "anna")
    lab.ok("wait", "demo+anna", "--json")
    return before, left_by(lab, "demo"), said


@cache
def jobs(lab, study: str) -> list[dict]:
    """Those of a study that has ended."""
    return orjson.loads(lab.ok("jobs", study, "--json"))


def left_by(lab, study: str) -> dict[int, tuple]:
    """Job → attempt, when it ended, and a digest of all that lies in its artifact."""
    return {
        job["id"]: (job["attempt"], job["finished_at"], fingerprint(lab.folder / f"artifacts/{job['id']}"))
        for job in orjson.loads(lab.ok("jobs", study, "--json"))
    }


def fingerprint(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()


def book(lab, study: str, method: str) -> dict:
    """The recipes of a method, from the job that made them for this study."""
    kinds = ("train", "recipes", "merge", "mixture", "adopt", "fit")
    (job,) = [job for job in jobs(lab, study) if job["kind"] in kinds and job["method"] == method]
    return orjson.loads((lab.folder / f"artifacts/{job['id']}/{job['attempt']}/recipes.json").read_bytes())


def digests(recipe: dict) -> list[str]:
    return [adapter["digest"] for adapter in recipe["adapters"]]


# ---------------------------------------------------------------- what it makes and what it leaves alone


def test_every_method_has_a_recipe_for_the_newcomer_and_a_row_in_the_table(lab, added):
    assert {job["state"] for job in jobs(lab, "demo+anna")} == {"SUCCEEDED"}
    table = orjson.loads(lab.ok("results", "demo+anna", "--split", "test", "--json"))
    assert [method["name"] for method in table["methods"]] == METHODS
    assert {method["n_personas"] for method in table["methods"]} == {1}
    assert all(list(book(lab, "demo+anna", method)) == ["anna"] for method in METHODS)


def test_nothing_of_the_study_ran_again_or_changed(lab, added):
    before, after, _ = added
    assert before == after
    assert before.keys().isdisjoint(job["id"] for job in jobs(lab, "demo+anna"))


def test_it_is_told_what_is_shared_and_what_is_new(lab, added):
    before, _, said = added
    new = len(jobs(lab, "demo+anna"))
    shared = int(said.split(" jobs of demo reused")[0].split()[-1])
    assert f"{shared} jobs of demo reused, {new} new; " in said
    assert 0 < shared < len(before), "it reads no evaluation of theirs, but the one that a merge is weighted by"


def test_what_all_share_serves_the_newcomer_as_it_is(lab, added):
    (unified,) = {tuple(digests(recipe)) for recipe in book(lab, "demo", "unified").values()}
    assert tuple(digests(book(lab, "demo+anna", "unified")["anna"])) == unified
    hybrid = book(lab, "demo+anna", "hybrid")["anna"]
    assert (digests(hybrid)[0],) == unified
    assert hybrid["adapters"][1]["name"] == "hybrid/anna"


def test_of_clusters_the_newcomer_gets_the_nearest_ones_adapter(lab, added):
    for method in ("cluster-kmeans", "cluster-behaviour"):
        theirs = {tuple(digests(recipe)) for recipe in book(lab, "demo", method).values()}
        assert len(theirs) > 1
        assert tuple(digests(book(lab, "demo+anna", method)["anna"])) in theirs
    delta = digests(book(lab, "demo+anna", "cluster+delta")["anna"])
    assert delta[:1] == digests(book(lab, "demo+anna", "cluster-kmeans")["anna"])


def test_a_gate_comes_with_its_experts(lab, added):
    theirs, mine = (book(lab, study, "mixture-soft") for study in ("demo", "demo+anna"))
    assert mine["anna"]["gated"] in [recipe["gated"] for recipe in theirs.values()]


def test_of_a_user_embedding_only_the_newcomers_soft_prompt_is_new(lab, added):
    theirs = [digests(recipe) for recipe in book(lab, "demo", "user-embedding").values()]
    lora, prompt = digests(book(lab, "demo+anna", "user-embedding")["anna"])
    assert {stack[0] for stack in theirs} == {lora}
    assert prompt not in {stack[1] for stack in theirs}


def test_what_the_prompt_says_is_of_the_newcomer(lab, added):
    mine = book(lab, "demo+anna", "prompt-preferences")["anna"]
    assert mine["about"]
    assert mine["about"] not in [recipe["about"] for recipe in book(lab, "demo", "prompt-preferences").values()]


def test_a_merge_is_of_its_own_and_of_those_that_were_there(lab, added):
    ranks = {}
    for method in ("persona", "merge-sparse"):
        (adapter,) = book(lab, "demo+anna", method)["anna"]["adapters"]
        ranks[method] = orjson.loads(
            (lab.folder / "artifacts" / adapter["folder"] / "adapter_config.json").read_bytes()
        )
    n, rest = divmod(ranks["merge-sparse"]["r"], ranks["persona"]["r"])
    assert (n > 1, rest) == (True, 0)


def test_a_control_serves_it_with_somebody_elses_adapter(lab, added):
    theirs = [digests(recipe) for recipe in book(lab, "demo", "persona").values()]
    assert digests(book(lab, "demo+anna", "swapped-persona")["anna"]) in theirs


@pytest.mark.parametrize("method", ["hybrid", "user-embedding", "mixture-soft", "retrieval-k1"])
def test_it_can_be_chatted_with_like_any_other(lab, added, method):
    words = ("--persona", "anna", "--method", method, "-m", "Hi", "--json")
    answer = orjson.loads(lab.ok("chat", "demo+anna", *words))
    assert answer["persona"] == "anna"
    assert answer["adapters"]


def test_it_can_be_exported_like_any_other(lab, added):
    lab.ok("export", "demo+anna", "anna", "--method", "hybrid", "--to", "out")
    assert (lab.folder / "out/README.md").exists()


def test_it_is_what_it_would_have_been_had_it_been_there_from_the_start(lab, added):
    """Adapters of persona stand on nothing of others, and do not depend on who else trains."""
    old, anna = load(str(lab.folder / "people")), renamed(load(str(lab.folder / "anna")), "anna", "anna")
    (lab.folder / "five").mkdir()
    write_chat(Dataset(old.personas + anna.personas, old.dialogues + anna.dialogues), lab.folder / "five")
    lab.ok("run", "demo.toml", "--data", "five", "--methods", "persona", "--name", "five")
    lab.ok("wait", "five", "--json")
    together = book(lab, "five", "persona")
    assert digests(together["anna"]) == digests(book(lab, "demo+anna", "persona")["anna"])
    assert len({tuple(digests(recipe)) for recipe in together.values()}) == 5


def test_again_it_is_all_there(lab, added):
    before = left_by(lab, "demo+anna")
    said = lab.ok("persona", "add", "demo", "anna", "--id", "anna")
    assert f"0 new, {len(before)} there already; 0 s" in said
    lab.ok("wait", "demo+anna", "--json")
    assert left_by(lab, "demo+anna") == before


def test_a_study_file_says_the_same_with_methods_of_its_choice(lab, added):
    (lab.folder / "carl").mkdir()
    write_chat(renamed(load(str(lab.folder / "anna")), "carl", "anna"), lab.folder / "carl")
    (lab.folder / "more.toml").write_text(
        'extends = "demo"\ndata = "carl"\nmethods = ["unified"]\nevaluate = ["val"]\n'
    )
    planned = orjson.loads(lab.ok("run", "more.toml", "--plan", "--json"))["jobs"]
    assert [(job["kind"], job["reused"]) for job in planned] == [("train", True), ("adopt", False), ("evaluate", False)]


# ---------------------------------------------------------------- what is refused


def test_an_id_that_is_there_already_is_refused_and_so_is_an_id_for_many(lab):
    said = lab.refused("persona", "add", "demo", "anna")
    assert said.startswith("lab: study 'demo+anna': persona 'persona_000' is in study 'demo' already; give the new one")
    assert "\n" not in said
    assert "people has 4 personas, and an id is for a single one" in lab.refused(
        "persona", "add", "demo", "people", "--id", "carl"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nothing", "anna", "--id", "anna"), "there is no study named 'nothing'; `lab status` lists them"),
        (("demo", "nowhere"), "nowhere: there is no such folder"),
        (("demo", "anna", "--id", "a/b"), "persona id 'a/b': use 1 to 200 characters"),
        (("demo", "anna", "--id", "anna", "--methods", "hybird"), "no method 'hybird'; did you mean 'hybrid'?"),
        (
            ("demo", "anna", "--id", "anna", "--methods", "prefix-persona"),
            "has no method 'prefix-persona'; it has base,",
        ),
        (("demo", "anna", "--id", "anna", "--name", "demo"), "study 'demo': it cannot extend itself"),
    ],
)
def test_what_cannot_be_is_one_sentence(lab, words, sentence):
    said = lab.refused("persona", "add", *words)
    assert sentence in said
    assert "\n" not in said


def test_a_folder_without_dialogues_is_refused(lab):
    folder = lab.folder / "silent"
    folder.mkdir()
    (folder / "personas.jsonl").write_text('{"persona_id": "silent", "description": "Says nothing."}\n')
    (folder / "dialogues.jsonl").write_text("")
    said = lab.refused("persona", "add", "demo", "silent")
    assert "dialogues.jsonl" in said
    assert "\n" not in said


def test_nobody_joins_a_study_that_has_newcomers_only(lab, added):
    lab.ok("data", "generate", "bob", "--personas", "1", "--dialogues", "6", "--seed", "5")
    said = lab.refused("persona", "add", "demo+anna", "bob", "--id", "bob")
    assert said.endswith("'demo+anna' has the newcomers of 'demo' only; extend 'demo' itself.")
