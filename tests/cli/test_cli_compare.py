"""`lab compare` as a person runs it: no study, no database, only a file."""

from __future__ import annotations

import random
from pathlib import Path

import orjson
import pytest


@pytest.fixture(scope="module")
def scores(shell) -> Path:
    rng = random.Random(0)
    lines = ["method,persona_id,split,embedding_similarity"]
    for split in ("val", "test"):
        for method, gain in (("unified", 0.0), ("hybrid", 0.05)):
            lines += [f"{method},p{n},{split},{0.8 + gain + rng.gauss(0, 0.04):.4f}" for n in range(30)]
    file = shell.folder / "scores.csv"
    file.write_text("\n".join(lines))
    return file


def test_a_table_says_what_is_better_how_sure_that_is_and_what_is_no_result(shell, scores: Path):
    said = shell.ok("compare", "scores.csv", COLUMNS="80")
    assert "difference from unified" in said
    assert "hybrid" in said
    assert "router, chosen on val, judged on test: +0.0" in said
    assert "oracle, a ceiling and no result" in said
    assert "the published procedure would claim" in said
    assert max(map(len, said.splitlines())) <= 80
    assert not list(shell.folder.glob("artifacts/*")), "it needs no lab"


def test_json_has_everything(shell, scores: Path):
    told = orjson.loads(shell.ok("compare", "scores.csv", "--against", "hybrid", "--json"))
    assert (told["other"], told["versus"][0]["method"]) == ("hybrid", "unified")


def test_numbers_have_the_digits_that_are_known_whatever_their_unit(shell, scores: Path):
    for unit, told in ((1e-7, "e-08"), (1e9, "e+08")):
        lines = [line.rsplit(",", 1) for line in scores.read_text().splitlines()]
        rows = [f"{words},{float(score) * unit}" for words, score in lines[1:]]
        (shell.folder / "unit.csv").write_text("\n".join([f"{lines[0][0]},mine", *rows]))
        said = shell.ok("compare", "unit.csv", COLUMNS="80")
        assert told in said
        assert "0.000" not in said
        assert "no room for" in said
        assert max(map(len, said.splitlines())) <= 80
        assert [line for line in said.splitlines() if line.startswith("hybrid  ")]


def test_a_bad_file_is_refused_with_its_line(shell, scores: Path):
    (shell.folder / "bad.csv").write_text(scores.read_text().replace(",val,", ",eval,"))
    assert shell.refused("compare", "bad.csv").startswith("lab: bad.csv:2: split is 'eval'; write val or test")
    assert "cannot be read" in shell.refused("compare", "none.csv")
    assert "there is no metric 'f1'" in shell.refused("compare", "scores.csv", "--metric", "f1")
