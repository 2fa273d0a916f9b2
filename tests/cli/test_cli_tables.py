"""What `lab jobs`, `lab status` and `lab results` say, and that it fits a terminal of 80 columns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from planned import DATA, claimed, planned, submit, succeed
from rich.cells import cell_len
from typer.testing import CliRunner

from lab.cli.app import app
from lab.cli.output import console, first_of, table
from lab.db import jobs
from lab.db.jobs import Outcome
from lab.db.looks import looks
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Score, Study
from lab.errors import LabError
from lab.methods.plan import PlannedJob

Say = Callable[..., str]

LONG = "a-study-of-people-in-smart-homes-with-a-long-name"
METHODS = ("unified", "soft-prompt-persona")


@pytest.fixture(autouse=True)
def narrow(lab_home: Path) -> Iterator[None]:
    """An empty lab, seen through 80 columns."""
    console.width = 80
    yield
    console._width = None


@pytest.fixture
def lab() -> Say:
    """Runs a command; gives its words, of which no line is cut or too long."""

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None:
            raise result.exception
        if "--json" not in arguments:
            assert "…" not in result.output
            assert max(map(cell_len, result.output.splitlines())) <= 80
        return result.output

    return run


def job(kind: str, method: str, *parents: str, **spec: Any) -> PlannedJob:
    return PlannedJob(f"{kind} {method}", kind, method, {"seed": 0, **spec}, parents, kind == "train", (method,))


def evaluated(personas: int, *, split: str = "test", sweep: Sequence[dict[str, Any]] = ()) -> None:
    """A study of two methods, the second a little better for every persona, run to its end."""
    trainings = [job("train", method) for method in METHODS]
    tests = [job("evaluate", method, f"train {method}", split=split) for method in METHODS]
    content = {
        "name": "study",
        "data": "d",
        "base": "base",
        "method": {},
        "dtype": "auto",
        "methods": METHODS,
        "evaluate": (split,),
    }
    save_dataset(Dataset(digest=DATA, name="d", source="here", folder="d", n_personas=personas, n_dialogues=9))
    save_study(
        Study(name="study", spec=content | {"dtype": "auto", "method": {}}, dataset=DATA, base="base"),
        [*trainings, *tests],
        max_tries=1,
    )
    trained = {"train_seconds": 61.0, "parameters": 540_672}
    for method in METHODS:
        lease = claimed()
        result = trained | {"sweep": [] if method == "unified" else list(sweep)}
        jobs.succeed(lease, Outcome(f"{lease.job}/1", "f" * 64, result))
    for better in (0.0, 0.05):
        lease = claimed()
        scores = [
            Score(job=lease.job, persona_id=f"p{n}", task_type=kind, metric="embedding_similarity", value=value, n=9)
            for n in range(personas)
            for kind in ("", "simple")
            for value in [0.6 + n / 100 + better * (1 + n / 10)]
        ]
        jobs.succeed(lease, Outcome(f"{lease.job}/1", "f" * 64, {"seconds_per_answer": 0.5}, scores))


# ---------------------------------------------------------------- tables


def test_words_fold_and_numbers_do_not():
    with console.capture() as shown:
        console.print(table(("name", "n"), [("x" * 100, "1234567")], right=("n",)))
    lines = shown.get().splitlines()
    assert lines[1].endswith("1234567")
    assert sum(line.count("x") for line in lines) == 100


def test_spare_columns_go_first_where_there_is_no_room_and_where_they_are_empty():
    columns = ("name", "a", "b", "empty", "note")
    row = ("x" * 20, "1" * 30, "2" * 20, "", "words " * 10)
    with console.capture() as shown:
        console.print(table(columns, [row], right=("a", "b"), spare=("a", "b", "empty")))
    assert "1" not in shown.get()
    assert "2" * 20 in shown.get()
    assert "empty" not in shown.get()
    assert "no room for a; --json has everything" in shown.get()


def test_what_stands_in_a_table_is_text_not_markup():
    with console.capture() as shown:
        console.print(table(("note",), [("[red]a[/red] [/]",)]))
    assert "[red]a[/red] [/]" in shown.get()


def test_a_list_ends_in_dots_only_where_something_is_left_out():
    assert first_of(["anna", "bob"]) == "anna, bob"
    assert first_of([f"p{n}" for n in range(9)]) == "p0, p1, p2, p3, p4, p5, p6, p7, …"


# ---------------------------------------------------------------- jobs and status


def test_jobs_name_their_study_where_there_are_several(lab: Say):
    submit(planned("shared"), planned("x", "shared"), study="one")
    assert "study" not in lab("jobs").splitlines()[0]
    submit(planned("shared"), planned("y", "shared"), study="two")
    assert "study" in lab("jobs").splitlines()[0]
    named = {row["id"]: row["studies"] for row in orjson.loads(lab("jobs", "--json"))}
    assert named == {1: ["one", "two"], 2: ["one"], 3: ["two"]}


def test_jobs_that_differ_by_split_or_seed_look_different(lab: Say):
    seeds = ({"seed": seed, "split": split} for split in ("val", "test") for seed in (0, 1))
    submit(*(planned(f"{spec}", kind="evaluate", spec=spec) for spec in seeds))
    rows = [line.split()[1:4] for line in lab("jobs").splitlines()]
    alike = [["evaluate", f"method/{split}", seed] for split in ("test", "val") for seed in "10"]
    assert rows == [["kind", "method", "seed"], *alike]


def test_jobs_with_long_names_and_errors_fit(lab: Say):
    submit(job("train", "anchor-delta-retrieval"), study=LONG)
    lease = claimed()
    jobs.beat(lease, {"loss": 0.5, "val_loss": 0.75})
    jobs.fail(lease, "There is no model folder ./no-such-model; " * 3, for_good=True)
    said = lab("jobs", LONG)
    assert "no-such-model" in said.replace("\n", "").replace(" ", "")
    assert "FAILED" in said


def test_a_table_that_goes_to_a_program_has_a_line_for_each_row(tmp_path, lab_home):
    submit(job("train", "anchor-delta-retrieval"), study=LONG)
    jobs.fail(claimed(), "There is no model folder ./no-such-model; " * 9, for_good=True)
    variables = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-c", "from lab.cli import main; main()", "jobs"]
    said = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout
    head, row = said.splitlines()
    assert head.split() == ["id", "kind", "method", "state", "done", "note"]
    assert row.count("no-such-model") == 9


def test_status_fits(lab: Say):
    submit(planned("a"), planned("b", "a"), study=LONG)
    succeed(claimed())
    said = lab("status")
    assert "1/2" in said
    for column in ("done", "running", "waiting", "broken"):
        assert column in said


# ---------------------------------------------------------------- results


def test_results_fit_and_are_whole(lab: Say):
    evaluated(12)
    said = lab("results", "--split", "test")
    for word in ("similarity", "Δ unified", "p (Holm)", "device F1", "improved", "worst Δ", "params", "s/answer"):
        assert word in said
    assert "soft-prompt-persona" in said
    assert "note:" not in said
    assert orjson.loads(lab("results", "--split", "test", "--json"))["note"] is None


def test_few_personas_are_warned_of(lab: Say):
    evaluated(2)
    assert "note: with only 2 personas intervals and p values mean little" in lab("results", "--split", "test")
    assert "only 2 personas" in orjson.loads(lab("results", "--split", "test", "--json"))["note"]


def test_one_persona_has_no_p(lab: Say):
    evaluated(1)
    line = next(
        line for line in lab("results", "--split", "test").splitlines() if line.startswith("soft-prompt-persona")
    )
    assert line.split() == ["soft-prompt-persona", "0.650", "+0.050", "–"]
    assert "only 1 persona " in lab("results", "--split", "test")


def test_the_setting_a_sweep_chose(lab: Say):
    tried = [{"setting": {"learning_rate": rate}, "val_loss": loss} for rate, loss in ((1e-3, 0.5), (1e-1, 2.0))]
    evaluated(2, sweep=tried)
    assert "soft-prompt-persona: learning_rate=0.001, chosen on val from 2" in lab("results", "--split", "test")
    unified, swept = orjson.loads(lab("results", "--split", "test", "--json"))["methods"]
    assert (unified["setting"], unified["tried"]) == (None, [])
    assert swept["setting"] == {"learning_rate": 0.001}
    assert swept["tried"] == [{"seed": 0, **one} for one in tried]


def test_a_split_or_task_type_that_the_study_has_not(lab: Say):
    evaluated(2)
    with pytest.raises(LabError, match=r"study 'study' has no split 'foo'; it has test\."):
        lab("results", "--split", "foo")
    with pytest.raises(LabError, match=r"study 'study' has no task type 'zzz'; it has simple\."):
        lab("results", "--split", "test", "--task-type", "zzz")
    assert "soft-prompt-persona" in lab("results", "--split", "test", "--task-type", "simple")


def test_test_scores_are_not_opened_unasked(lab: Say):
    evaluated(2)
    for _ in range(2):
        with pytest.raises(LabError, match=r"is evaluated on test only: `lab results --split test study` opens them"):
            lab("results")
    assert looks(DATA) == []
    lab("results", "--split", "test")
    assert [look.by for look in looks(DATA)] == ["lab results"]
    assert "soft-prompt-persona" in lab("results"), "what was looked at is no new look"


def test_results_are_those_that_may_choose_if_no_split_is_named(lab: Say):
    evaluated(2, split="val")
    assert "val split" in lab("results")
    assert looks(DATA) == []
