"""The same study on SQLite and on PostgreSQL: the same adapters, recipe books, predictions and scores, to the byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import Shell
from left_behind import left_behind
from tiny_model import save_base

pytestmark = pytest.mark.timeout(600)

METHODS = ("base", "unified", "persona", "cluster-behaviour", "merge-weighted", "retrieval-k3", "route-val")
STUDY = """
data = "{home}/people"
base = "{home}/tiny"
methods = [{methods}]
evaluate = ["test"]
max_new_tokens = 6
dtype = "float32"

[training]
epochs = 2
batch_size = 2
max_length = 160

[method.cluster-behaviour]
share = "cluster"
parameters = "lora"
cluster = {{ by = "behaviour", k = 2 }}

[method.route-val]
parameters = "none"
route = {{ how = "val", among = ["unified", "persona", "cluster-behaviour", "retrieval-k3"] }}
"""


def carried_out(shell: Shell, study: Path, **variables: str) -> dict[str, Any]:
    """Run it to its end; all that came of it but times and rates."""
    shell.ok("run", str(study), **variables)
    shell.ok("wait", study.stem, "--json", **variables)
    jobs = sorted(orjson.loads(shell.ok("jobs", study.stem, "--json", **variables)), key=lambda job: job["id"])
    told = orjson.loads(shell.ok("results", study.stem, "--split", "test", "--json", **variables))
    folders = [(job["kind"], job["method"], shell.folder / f"artifacts/{job['id']}/{job['attempt']}") for job in jobs]
    curves = [(job["kind"], job["method"], job["loss"], job["val_loss"], job["step"]) for job in jobs]
    shell.lab("down", **variables)
    return {
        "files": [(kind, method, left_behind(folder)) for kind, method, folder in folders],
        "curves": curves,
        "metrics": [(method["name"], method["n_personas"], method["metrics"]) for method in told["methods"]],
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base, the data and the study; each database has a lab in a folder of its own."""
    home = tmp_path_factory.mktemp("home")
    save_base(home / "tiny")
    Shell(home).ok("data", "generate", "people", "--personas", "4", "--dialogues", "8", "--seed", "3")
    methods = ", ".join(f'"{name}"' for name in METHODS)
    (home / "same.toml").write_text(STUDY.format(home=home, methods=methods))
    return home


@pytest.fixture(scope="module")
def on_each(home: Path, postgres: Callable[[], str]) -> dict[str, dict[str, Any]]:
    found = {}
    for name, variables in (("sqlite", {}), ("postgresql", {"LAB_DATABASE_URL": postgres()})):
        (home / name).mkdir()
        found[name] = carried_out(Shell(home / name), home / "same.toml", OMP_NUM_THREADS="1", **variables)
    return found


def test_the_study_is_what_it_is_to_be(on_each):
    kinds = {kind for kind, _, _ in on_each["sqlite"]["files"]}
    assert {"train", "recipes", "cluster", "merge", "route", "evaluate"} <= kinds
    assert [name for name, _, _ in on_each["sqlite"]["metrics"]] == list(METHODS)


@pytest.mark.parametrize("what", ["files", "curves", "metrics"])
def test_what_came_of_it_is_the_same_on_both(on_each, what):
    assert on_each["sqlite"][what] == on_each["postgresql"][what]
