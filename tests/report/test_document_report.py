"""The report of a study that was really carried out: whole, traceable, and the same every time."""

from __future__ import annotations

import csv
import io
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from page import Page
from planned import own_lab
from real_study import CONTENT, carried_out, write_inputs
from typer.testing import CliRunner

from lab.cli.app import app
from lab.db.lineage import Origin, origins
from lab.db.migrate import migrate
from lab.db.queries import get_study
from lab.errors import LabError
from lab.methods.spec import parse_study
from lab.report.assemble import evidence_of, study_digest
from lab.report.document.blocks import Paragraph
from lab.report.document.gather import gather
from lab.report.document.make import make_report
from lab.report.document.sections import overview
from lab.report.document.write import Report
from lab.store.manifest import file_digest
from lab.tasks.submit import submit

HOSTILE = "<script>alert('x')</script> & {{ 7*7 }} | **Ada**, who likes it [warm](http://evil.example)."
METHODS = ["unified", "persona", "grouped", "recent", "chosen", "swapped-persona"]
OWN = CONTENT["method"] | {
    "recent": {"parameters": "none", "on": "unified", "retrieve": {"k": [0, 1], "by": "recency"}},
    "grouped": {"parameters": "lora", "share": "cluster", "cluster": {"by": "behaviour", "k": 2}},
}
STUDY = CONTENT | {"methods": METHODS, "method": OWN, "seeds": [0], "evaluate": ["test"]}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Data whose first persona means harm."""
    found = write_inputs(tmp_path_factory.mktemp("inputs"))
    file = Path(found["data"]) / "characters.jsonl"
    first, *others = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([orjson.dumps(orjson.loads(first) | {"character": HOSTILE}), *others]) + b"\n")
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, inputs: dict[str, Any]) -> Iterator[Path]:
    """A lab in which the study is over."""
    with own_lab(tmp_path_factory.mktemp("lab")) as artifacts:
        migrate()
        carried_out(STUDY | inputs)
        yield artifacts


@pytest.fixture(scope="module")
def made(lab: Path) -> Report:
    return make_report(get_study("small"), "test", lab.parent / "report")


def evaluated(method: str) -> Origin:
    """The job that evaluated a method on test."""
    jobs = origins(get_study("small").id)
    return next(one for one in jobs if one.method == method and one.kind == "evaluate" and one.spec["split"] == "test")


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text("utf-8"))))


def test_page_markdown_figures_and_data_lie_in_one_folder(made: Report):
    names = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*") if path.is_file()}
    assert names == {*made.files, "manifest.json"}
    assert {
        "report.html", "report.md", "data.json", "scores.csv", "pairs.csv", "predictions.csv", "study.toml",
        *(f"figures/{name}.{kind}" for kind in ("svg", "png")
          for name in ("bars", "violins", "scatter", "winloss", "cost", "retrieval", "routes")),
    } <= names  # fmt: skip
    assert sum(name.startswith("figures/clusters-") for name in names) == 2
    assert (made.faults, made.missing) == ((), ())


def test_the_page_is_well_formed_alone_and_says_what_a_hostile_persona_says(made: Report):
    page = Page(made.page.read_text("utf-8"))
    assert page.open == []
    assert page.tags.count("script") == 1
    assert all(
        value.startswith(("#", "data:image/png;base64,"))
        for key in ("href", "src", "xlink:href")
        for value in page.values(key)
    )
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    assert {value[1:] for value in page.values("href") if value.startswith("#")} <= set(ids)
    assert HOSTILE in "".join(page.words)


def test_the_same_study_gives_the_same_bytes(made: Report, tmp_path: Path):
    again = make_report(get_study("small"), "test", tmp_path / "again")
    assert again.files == made.files


def test_every_score_is_the_mean_of_prediction_rows_whose_file_and_digest_are_given(made: Report, lab: Path):
    scores = [
        row
        for row in rows(made.folder, "scores.csv")
        if (row["metric"], row["task_type"]) == ("embedding_similarity", "")
    ]
    files = {row["job"]: row for row in rows(made.folder, "predictions.csv")}
    assert {row["method"] for row in scores} == {*METHODS, "recent-k0", "recent-k1"} - {"recent"}
    for row in scores:
        file = lab / files[row["job"]]["path"]
        assert file_digest(file) == files[row["job"]]["sha256"]
        lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
        values = [line["similarity"] for line in lines if line["persona_id"] == row["persona_id"]]
        assert float(row["value"]) == pytest.approx(sum(values) / len(values), abs=1e-12)
        assert int(row["n"]) == len(values)


def test_the_page_names_job_attempt_and_manifest_of_every_method(made: Report):
    text = made.page.read_text("utf-8")
    for one in origins(get_study("small").id):
        if one.kind == "evaluate" and one.spec["split"] == "test":
            assert one.manifest in text
        if one.makes_book:
            assert f"{one.artifact} {one.manifest[:12]}" in text


def test_data_holds_every_number_and_none_that_is_none(made: Report):
    content = orjson.loads((made.folder / "data.json").read_bytes())
    evidence = content["evidence"]
    page = made.page.read_text("utf-8")
    for method in evidence["methods"]:
        assert f"{method['summary']['mean']:.3f}".replace("-", "−") in page
    assert len(evidence["pairs"]) == len(rows(made.folder, "pairs.csv")) == 21
    assert {one["job"] for one in content["jobs"]} == {one.job for one in origins(get_study("small").id)}
    assert "NaN" not in (made.folder / "data.json").read_text()


def test_the_study_file_is_the_study(made: Report):
    content = tomllib.loads((made.folder / "study.toml").read_text("utf-8"))
    study = parse_study(content, "study.toml")
    digest = orjson.loads((made.folder / "data.json").read_bytes())["evidence"]["study_digest"]
    assert study_digest(study) == digest
    assert digest in made.page.read_text("utf-8")


def told_first(study: str = "small") -> str:
    """What stands above everything else in a report."""
    row = get_study(study)
    section = overview.summary(evidence_of(row), gather(row, "test", ()))
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph) and block.strong)


def test_predictions_that_were_changed_are_told_first(lab: Path):
    one = evaluated("persona")
    file = lab / one.artifact / "predictions.jsonl"
    kept = file.read_bytes()
    try:
        first, *others = kept.splitlines(keepends=True)
        file.write_bytes(orjson.dumps(orjson.loads(first) | {"similarity": 1.0}) + b"\n" + b"".join(others))
        told = told_first()
    finally:
        file.write_bytes(kept)
    assert told.startswith("Not every number can be traced: ")
    assert f"job {one.job} (persona): predictions.jsonl is not what its manifest says" in told
    assert f"job {one.job} (persona): the score of 1 persona(s), such as" in told


def test_predictions_that_are_gone_are_told(lab: Path):
    one = evaluated("persona")
    folder = lab / one.artifact
    aside = shutil.move(folder, lab / "aside")
    try:
        traced = gather(get_study("small"), "test", ()).traced
    finally:
        shutil.move(aside, folder)
    assert [bool(found.faults) for found in traced] == [found.job == one.job for found in traced]


def test_half_a_study_is_reported_with_what_is_missing(lab: Path, inputs: dict[str, Any], tmp_path: Path):
    del lab
    submit(None, STUDY | inputs | {"name": "half", "methods": [*METHODS, "hybrid"]})
    result = CliRunner().invoke(app, ["report", "half", "--out", str(tmp_path / "half"), "--json"])
    told = orjson.loads(result.stdout)
    assert "jobs are not done" in told["missing"][0]
    assert told["page"] == str(tmp_path / "half/report.html")
    assert told["files"].keys() >= {"report.html", "figures/bars.svg"}
    text = Path(told["page"]).read_text("utf-8")
    assert "Without scores yet: hybrid." in text
    assert "this report holds what is there" in text


def test_a_study_without_scores_is_a_sentence(lab: Path, inputs: dict[str, Any], tmp_path: Path):
    del lab
    submit(None, STUDY | inputs | {"name": "new", "methods": ["unified"], "max_new_tokens": 2})
    with pytest.raises(LabError, match=r"study 'new' has no test scores: .* waiting; `lab jobs new` shows why\."):
        make_report(get_study("new"), "test", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_only_a_report_is_replaced(made: Report, tmp_path: Path):
    del made
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    with pytest.raises(LabError, match="this holds something other than a report"):
        make_report(get_study("small"), "test", tmp_path / "mine")
    assert (tmp_path / "mine/thesis.tex").read_text() == "years of work"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_command_writes_it_and_tells_where(made: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["report", "small"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "reports/small/report.html").is_file()
    assert "open reports/small/report.html" in result.output
    assert made.summary[1] in result.output
    wrong = CliRunner().invoke(app, ["report", "small", "--split", "train"])
    assert isinstance(wrong.exception, LabError)
    assert str(wrong.exception) == "study 'small' has no split 'train'; it has val, test."
