"""Lines of scores are paired: what one run has, all have, or what a method lacks would look like a gain."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.report.compare import compare_file
from lab.report.score_file import read_scores
from lab.report.score_table import ScoreTable

Line = tuple[str, str, int, str, str]  # method, persona, seed, dialogue, task type

METHODS, PERSONAS, SEEDS, DIALOGUES = ("unified", "hybrid"), ("anna", "bob"), (0, 1), ("easy", "hard")


def score(line: Line) -> str:
    return f"{0.5 - 0.3 * (line[3] == 'hard') + 0.01 * (line[1] == 'bob'):.2f}"


def table(folder: Path, value: Callable[[Line], str | None] = score) -> ScoreTable:
    """All lines that there can be, but for those of which `value` says None."""
    lines = ["method,persona_id,seed,dialogue_id,task_type,m"]
    every = product(METHODS, PERSONAS, SEEDS, DIALOGUES, ("simple", "complex"))
    lines += [",".join([*map(str, line), told]) for line in every if (told := value(line)) is not None]
    (folder / "s.csv").write_text("\n".join(lines))
    return read_scores(folder / "s.csv")


def without(**named: object) -> Callable[[Line], str | None]:
    """All scores but those of the lines that are so."""
    keys = ("method", "persona", "seed", "dialogue", "kind")
    return lambda line: None if named.items() <= dict(zip(keys, line, strict=True)).items() else score(line)


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ({"method": "hybrid", "persona": "bob"}, "persona 'bob' has test scores here, but none under 'hybrid'"),
        (
            {"method": "hybrid", "persona": "bob", "seed": 1},
            "persona 'bob' has test scores here, but none under 'hybrid' with seed 1; add them, or leave the persona",
        ),
        (
            {"method": "hybrid", "dialogue": "hard"},
            "task type 'simple' of dialogue 'hard' of persona 'anna' has test scores here, but none under 'hybrid'",
        ),
        (
            {"method": "unified", "dialogue": "hard", "seed": 0, "kind": "simple"},
            "dialogue 'hard' of persona 'anna' has test scores here, but none under 'unified' with seed 0; add them, "
            "or leave the task type out",
        ),
    ],
)
def test_a_line_that_one_run_lacks_is_refused(tmp_path: Path, gone: dict[str, object], says: str) -> None:
    assert table(tmp_path).methods == METHODS
    with pytest.raises(LabError) as refused:
        table(tmp_path, without(**gone))
    assert says in str(refused.value)


def test_a_method_that_ran_with_fewer_seeds_is_no_fault(tmp_path: Path) -> None:
    assert table(tmp_path, without(method="hybrid", seed=1)).runs("m", "test")["hybrid"].keys() == {0}


@pytest.mark.parametrize("column", ["dialogue_id", "task_type"])
def test_where_lines_are_of_one_metric_those_that_lack_are_undefined(tmp_path: Path, column: str) -> None:
    """As in a report's own scores.csv. What one method lacks counts for none, and another metric does not stand in."""
    lines = [f"method,persona_id,{column},metric,value"]
    for method, persona in product(METHODS, PERSONAS):
        for name, value in (("easy", 0.8), ("hard", 0.2)):
            lines += [f"{method},{persona},{name},{metric},{value}" for metric in ("m", "k")]
        lines.append(f"{method},{persona},,other,0.1")
    file = tmp_path / "s.csv"
    file.write_text(
        "\n".join(line for line in lines if not line.startswith(("hybrid,anna,hard,m", "hybrid,bob,hard,m")))
    )
    found = compare_file(file, metric="m")
    assert [one.comparison.difference for one in found.versus] == [0]
    assert any("2 have no m under some method or seed" in note for note in found.notes)
    assert [one.summary.mean for one in found.methods] == [0.8, 0.8]
    assert [one.summary.mean for one in compare_file(file, metric="k").methods] == [0.5, 0.5]
    assert [one.summary.mean for one in compare_file(file, metric="other").methods] == [0.1, 0.1]


def test_a_dialogue_that_is_undefined_for_one_method_counts_for_none(tmp_path: Path) -> None:
    """Else whoever says nothing where it is hard gains by that."""
    silent = table(tmp_path, lambda line: "" if (line[0], line[3]) == ("hybrid", "hard") else score(line))
    runs = silent.runs("m", "test")
    assert runs["unified"] == runs["hybrid"] == {seed: {"anna": 0.5, "bob": 0.51} for seed in SEEDS}
    assert silent.undefined("m", "test") == 8 / 2, "two personas, two task types"
    found = compare_file(silent.file)
    assert found.versus[0].comparison.difference == 0
    assert any("4 have no m under some method or seed" in note for note in found.notes)


def test_a_split_has_single_dialogues_or_means_over_them_and_not_both(tmp_path: Path) -> None:
    file, text = tmp_path / "s.csv", "method,persona_id,split,dialogue_id,f1\n"
    for method in METHODS:
        text += f"{method},anna,val,d1,0.2\n{method},anna,val,d2,0.4\n{method},anna,test,,0.3\n"
    file.write_text(text)
    assert read_scores(file).runs("f1", "test")["hybrid"] == {0: {"anna": 0.3}}
    file.write_text(text + "hybrid,anna,val,,0.3\nunified,anna,val,,0.3\n")
    with pytest.raises(LabError, match=":8: 'f1' stands here without a dialogue_id, and in other val lines with one"):
        read_scores(file)
