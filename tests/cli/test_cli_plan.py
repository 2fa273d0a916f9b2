"""`lab run --plan`: every job with time and disk before anything runs, and what a study may not ask for."""

from __future__ import annotations

import orjson
import pytest
from tiny_model import save_base

STUDY = """
data = "people"
base = "tiny"
methods = ["base", "unified", "hybrid"]
evaluate = ["test"]
max_new_tokens = 4

[training]
epochs = 1
max_length = 128
"""


@pytest.fixture(scope="module")
def lab(shell):
    """Two generated personas of six dialogues, a tiny base and a study file; nothing has run."""
    shell.ok("data", "generate", "people", "--personas", "2", "--dialogues", "6", "--seed", "3")
    save_base(shell.folder / "tiny")
    (shell.folder / "small.toml").write_text(STUDY)
    return shell


def plan(lab, *words: str, **variables: str) -> dict:
    return orjson.loads(lab.ok("run", "small.toml", *words, "--plan", "--json", **variables))


def test_the_plan_shows_every_job_and_queues_nothing(lab):
    said = lab.ok("run", "small.toml", "--plan")
    lines = [line.split()[:3] for line in said.splitlines()]
    for row in (["1", "recipes", "base"], ["3", "train", "unified"], ["5", "train", "hybrid"]):
        assert row in lines
    assert "6 jobs, 0 reused; about " in said
    assert "so its time is a rough guess: recipes, evaluate, train" in said
    found = plan(lab)
    assert [job["after"] for job in found["jobs"]] == [[], [1], [], [3], [3], [5]]
    assert {job["basis"] for job in found["jobs"]} == {"guess"}
    assert found["total"]["bytes"] == sum(job["bytes"] for job in found["jobs"]) > 0
    assert orjson.loads(lab.ok("jobs", "--json")) == []
    assert orjson.loads(lab.ok("status", "--json"))["studies"] == []


def test_more_than_is_free_is_shown_in_the_plan_and_refused_by_a_run(lab):
    config = lab.folder / "vast/config.json"
    config.parent.mkdir()
    shape = orjson.loads((lab.folder / "tiny/config.json").read_bytes())
    config.write_bytes(orjson.dumps(shape | {"hidden_size": 10**9, "intermediate_size": 10**9}))
    words = ("run", "small.toml", "--base", "vast")
    assert "this does not fit: " in lab.ok(*words, "--plan")
    said = lab.refused(*words)
    assert said.startswith("lab: study 'small' needs about ")
    assert "\n" not in said
    assert orjson.loads(lab.ok("jobs", "--json")) == []


def test_a_history_too_short_for_everybody_is_refused_and_for_some_is_told(lab):
    said = lab.refused("run", "small.toml", "--methods", "retrieval-k5")
    assert "retrieval-k5 retrieves k = 5 train dialogues, but persona " in said
    assert "has only 4 and no persona more than 4" in said
    assert "retrieval-k3" not in lab.ok("run", "small.toml", "--methods", "retrieval-k3", "--plan").splitlines()[-1]
    rows = (lab.folder / "people/sessions.jsonl").read_bytes().splitlines()
    folder = lab.folder / "uneven"
    folder.mkdir()
    for name in ("characters", "routines"):
        (folder / f"{name}.jsonl").write_bytes((lab.folder / f"people/{name}.jsonl").read_bytes())
    short = orjson.loads(rows[0])
    short["sessions"] = short["sessions"][:3]
    (folder / "sessions.jsonl").write_bytes(b"\n".join([orjson.dumps(short), rows[1]]) + b"\n")
    words = ("run", "small.toml", "--data", "uneven", "--methods", "retrieval-k3", "--plan")
    assert "retrieval-k3: 1 of 2 personas have fewer than 3 train dialogues; they are shown" in lab.ok(*words)
    assert plan(lab, *words[2:-1])["warnings"]


def test_after_the_run_everything_is_reused_and_more_is_estimated_from_it(lab):
    queued = orjson.loads(lab.ok("run", "small.toml", "--json"))
    assert (queued["study"], queued["total"]["reused"], len(queued["jobs"])) == ("small", 0, 6)
    lab.ok("wait", "small", "--json")
    found = plan(lab)
    assert (found["total"]["reused"], found["total"]["seconds"], found["total"]["bytes"]) == (6, 0, 0)
    assert "6 jobs, 6 reused; 0 s on this machine, 0 B" in lab.ok("run", "small.toml", "--plan")
    more = plan(lab, "--methods", "base,unified,hybrid,persona")
    assert more["total"]["reused"] == 6
    assert {(job["kind"], job["basis"]) for job in more["jobs"] if not job["reused"]} == {
        ("train", "measured"),
        ("evaluate", "measured"),
    }
    (book,) = (lab.folder / "artifacts").glob("1/1/recipes.json")
    book.write_bytes(b"not what was committed")
    assert [job["reused"] for job in plan(lab)["jobs"]] == [False, True, True, True, True, True]
    assert "6 jobs, 5 reused" in lab.ok("run", "small.toml"), "the plan gave nothing up; the run computes it anew"
    lab.ok("wait", "small", "--json")
    assert plan(lab)["total"]["reused"] == 6
