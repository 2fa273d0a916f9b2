"""A file of scores from anywhere: what it may hold, and what is said of each line that it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.report.score_file import read_scores
from lab.report.score_table import ScoreTable

GOOD = """method,persona_id,similarity
unified,anna,0.8
unified,bob,0.7
hybrid,anna,0.9
hybrid,bob,0.6
"""


def read(folder: Path, text: str | bytes, metric: str | None = None) -> ScoreTable:
    file = folder / "scores.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_scores(file, metric)


def test_a_file_of_methods_personas_and_metrics_is_read(tmp_path: Path) -> None:
    table = read(tmp_path, GOOD)
    assert (table.methods, table.metrics, table.task_types) == (("unified", "hybrid"), ("similarity",), ())
    assert table.runs("similarity", "test")["hybrid"] == {0: {"anna": 0.9, "bob": 0.6}}
    assert table.runs("similarity", "val") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("method,metric,value\nunified,m,1\na,m,1\n", ":1: there is no column 'persona_id'"),
        ("method,persona_id,metric,value,value\nunified,p,m,1,2\na,p,m,1,5\n", ":1: there are 2 columns 'value'"),
        ("method,persona_id,metric,value\nunified,p,,1\na,p,m,1\n", ":2: metric is empty"),
    ],
)
def test_a_line_for_each_metric_needs_the_same_columns(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(LabError, match=told):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("unified,anna,0.8", '"unified",anna , 8e-1').encode(),
        (GOOD + "\n,,\n").encode(),
        ("sep=,\r\n" + GOOD).encode(),
    ],
    ids=["byte order mark", "Windows", "quotes and spaces", "empty lines", "a hint for Excel"],
)
def test_how_programs_write_the_same_table_is_all_one(tmp_path: Path, text: bytes) -> None:
    assert read(tmp_path, text).runs("similarity", "test") == read(tmp_path, GOOD).runs("similarity", "test")


def test_splits_seeds_and_task_types_are_told_apart(tmp_path: Path) -> None:
    lines = ["method,persona_id,split,seed,task_type,f1"]
    for method in ("unified", "hybrid"):
        for split in ("val", "test"):
            for seed in (0, 1):
                lines += [f"{method},anna,{split},{seed},{kind},0.{seed + 1}{len(kind)}" for kind in ("", "simple")]
    table = read(tmp_path, "\n".join(lines))
    assert table.runs("f1", "test")["hybrid"] == {0: {"anna": 0.1}, 1: {"anna": 0.2}}
    assert table.runs("f1", "val", "simple")["unified"] == {0: {"anna": 0.16}, 1: {"anna": 0.26}}


def test_lines_of_single_dialogues_are_averaged_within_the_persona(tmp_path: Path) -> None:
    text = "method,persona_id,dialogue_id,task_type,f1\n"
    for method in ("unified", "hybrid"):
        text += f"{method},anna,d1,simple,0.2\n{method},anna,d2,,0.4\n{method},anna,d3,simple,0.9\n"
    table = read(tmp_path, text)
    assert table.runs("f1", "test")["hybrid"][0]["anna"] == pytest.approx(0.5)
    assert table.dialogues("f1", "test")["hybrid"][0]["anna"]["d3"] == 0.9


def test_accents_of_one_character_or_two_are_the_same_name(tmp_path: Path) -> None:
    one, two = GOOD.replace("anna", "ann\u00e9"), GOOD.replace("anna", "anne\u0301")
    assert read(tmp_path, one).runs("similarity", "test") == read(tmp_path, two).runs("similarity", "test")


def test_of_a_line_for_each_metric_only_those_of_the_metric_asked_for_are_read(tmp_path: Path) -> None:
    text = "method,persona_id,metric,value\n"
    for method in ("unified", "hybrid"):
        text += f"{method},anna,f1,0.5\n{method},anna,note,good\n"
    assert read(tmp_path, text, "f1").metrics == ("f1",)
    with pytest.raises(LabError, match="note is 'good', which is no number"):
        read(tmp_path, text)


def test_a_dialogue_of_several_task_types_has_the_mean_of_its_lines(tmp_path: Path) -> None:
    text = "method,persona_id,dialogue_id,task_type,f1\n"
    for method in ("unified", "hybrid"):
        text += f"{method},anna,d1,simple,0.25\n{method},anna,d1,complex,0.75\n"
    assert read(tmp_path, text).dialogues("f1", "test")["hybrid"] == {0: {"anna": {"d1": 0.5}}}
    for method in ("unified", "hybrid"):
        text += f"{method},anna,d1,all,0.6\n{method},anna,d2,simple,0.1\n"
    table = read(tmp_path, text)
    assert table.dialogues("f1", "test")["hybrid"] == {0: {"anna": {"d1": 0.6, "d2": 0.1}}}, "all is over its types"
    assert table.runs("f1", "test")["hybrid"] == {0: {"anna": 0.35}}
    assert table.runs("f1", "test", "simple")["hybrid"] == {0: {"anna": pytest.approx(0.175)}}


def test_an_empty_cell_is_undefined_and_one_metric_can_be_read_alone(tmp_path: Path) -> None:
    text = GOOD.replace("similarity", "similarity,note").replace("0.8\n", ",good\n").replace("0.7\n", "0.7,\n")
    text = text.replace("0.9\n", "0.9,x\n").replace("0.6\n", "0.6,y\n")
    table = read(tmp_path, text, "similarity")
    assert table.runs("similarity", "test")["unified"] == {0: {"bob": 0.7}}
    with pytest.raises(LabError, match=r"scores.csv:2: note is 'good', which is no number"):
        read(tmp_path, text)


def test_a_reports_own_scores_have_a_line_for_each_metric(tmp_path: Path) -> None:
    text = "method,seed,persona_id,task_type,metric,value,n,job\n"
    for method, value in (("unified", 0.25), ("hybrid", 0.75)):
        text += (
            f"{method},3,anna,,f1,{value},4,12\n{method},3,anna,,nll,,4,12\n{method},3,anna,simple,f1,{value},4,12\n"
        )
    table = read(tmp_path, text)
    assert table.metrics == ("f1",), "the other is defined nowhere"
    assert table.runs("f1", "test") == {"unified": {3: {"anna": 0.25}}, "hybrid": {3: {"anna": 0.75}}}
    with pytest.raises(LabError, match="there is no metric 'recall'; it has f1"):
        read(tmp_path, text, "recall")
    with pytest.raises(LabError, match=r":8: persona 'anna' under 'hybrid' is there already, in line 5"):
        read(tmp_path, text + "hybrid,3,anna,,f1,0.1,4,12\n")
    with pytest.raises(LabError, match=r":2: f1 is 'high', which is no number"):
        read(tmp_path, text.replace("0.25", "high"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ":1: the file is empty"),
        ("\n \n", ":1: the file is empty"),
        ("method,persona_id,f1\n", ":1: there are no scores below"),
        (GOOD.replace("persona_id", "user"), ":1: there is no column 'persona_id'; it has method, user, similarity"),
        (GOOD.replace(",", ";"), ":1: its columns are not divided by commas"),
        (GOOD.replace("similarity", ""), ":1: a column has no name"),
        (GOOD.replace("similarity", "method"), ":1: there are 2 columns 'method'; keep one"),
        ("method,persona_id\nunified,anna\n", ":1: there is no metric"),
        (GOOD.replace("0.9", "n/a"), ":4: similarity is 'n/a', which is no number"),
        (GOOD.replace("0.9", "nan"), ":4: similarity is 'nan', which is no number"),
        (GOOD.replace("0.9", "inf"), ":4: similarity is 'inf', which is no number"),
        (GOOD.replace("0.9", "1_0"), ":4: similarity is '1_0', which is no number"),
        (GOOD.replace("0.9", '"0,9"'), ":4: similarity is '0,9', which is no number"),
        (GOOD.replace("0.9", "1e300"), ":4: similarity is '1e300', which is too large"),
        (GOOD.replace("0.9", "1e-300"), ":4: similarity is '1e-300', which is too small"),
        (GOOD.replace("hybrid,anna", "hybrid,"), ":4: persona_id is empty"),
        (GOOD.replace("unified,bob", "unified,b\u200bob"), ":3: persona_id holds U+200B, which does not show"),
        (GOOD.replace("hybrid,bob", '"hy\nbrid",bob'), ":6: method holds U+000A, which does not show"),
        (GOOD.replace("hybrid", "hy\N{NO-BREAK SPACE}brid"), ":4: method holds U+00A0, which does not show"),
        (GOOD.replace("hybrid,bob", "hyb\0rid,bob"), ":5: method holds U+0000, which does not show"),
        (GOOD.replace("similarity", "simi\u202elarity"), ":1: the name of a column holds U+202E"),
        (GOOD.replace("anna", "a" * 300), ":2: persona_id has 300 characters; 200 are the most"),
        (GOOD.replace("0.9", "0.9,0.1"), ":4: it has 4 cells, but there are 3 columns"),
        (GOOD.replace("0.6\n", '"0.6\n'), "this is not CSV"),
        (GOOD + "hybrid,anna,0.9\n", ":6: persona 'anna' under 'hybrid' is there already, in line 4"),
        (GOOD.replace("hybrid,bob,0.6\n", ""), ":3: persona 'bob' has test scores here, but none under 'hybrid'"),
        (GOOD.replace("hybrid", "unified").replace("anna,0.9", "c,0.9").replace("bob,0.6", "d,0.6"), "only method"),
        (GOOD.replace("similarity", "split,f1").replace("0.8", "train,0.8"), ":2: split is 'train'; write val or test"),
        (GOOD.replace("similarity", "seed,f1").replace("0.", "1.5,0."), ":2: seed is '1.5'; write a whole number"),
        ("split," + GOOD.replace("\n", "\nval,").removesuffix("val,"), ":1: all scores are of val"),
        (GOOD.encode("utf-16"), ":1: this is not UTF-8 text"),
        (GOOD.encode() + b"hybrid,\xff\xfe,0.1\n", ":6: this is not UTF-8 text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(LabError) as refused:
        read(tmp_path, text)
    assert "scores.csv:" in str(refused.value)
    assert says in str(refused.value)


def test_all_faults_are_told_at_once_one_of_each_kind(tmp_path: Path) -> None:
    with pytest.raises(LabError) as refused:
        read(tmp_path, GOOD.replace("0.8", "x").replace("0.7", "y").replace("hybrid,anna", ",anna"))
    told = str(refused.value).splitlines()
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in told] == ["2", "4"]
    assert "1 more like it (line 3)" in told[0]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")
    with pytest.raises(LabError, match="there is no metric 'f1'; it has similarity"):
        read(tmp_path, GOOD, "f1")
