"""What the README says is true: its tables, its sample data, its study file, its commands."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import orjson
import pytest
from typer.main import get_command

from lab.cli.app import app
from lab.data.formats.chat import DIALOGUES, PERSONAS, dialogue_record, persona_record
from lab.data.load import load
from lab.methods.spec import catalog, read_study

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, indented ones too."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", README, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def commands() -> list[list[str]]:
    lines = [line.split("   #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("lab ")]


def test_every_method_stands_in_the_table():
    named = set(re.findall(r"`([^`]+)`", README[README.index("## Methods") : README.index("They are declared on")]))
    assert set(catalog()) <= named


def test_tables_and_primitives_are_those_of_the_catalogue_and_of_the_kept_study(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    filled = runpy.run_path(str(ROOT / "docs/readme.py"))["filled"]
    assert filled(README) == README, "write it anew with `make readme`"


def test_the_sample_lines_are_a_data_set_with_nothing_left_out(tmp_path: Path):
    samples = blocks("json")
    for name, text in zip((PERSONAS, DIALOGUES), samples, strict=True):
        (tmp_path / name).write_text(text)
    dataset = load(str(tmp_path))
    assert dataset.dialogues[0].messages[1].actions
    assert persona_record(dataset.personas[0]) == {**orjson.loads(samples[0]), "routines": dataset.personas[0].routines}
    told = orjson.loads(samples[1])
    kept = orjson.loads(orjson.dumps(dialogue_record(dataset.dialogues[0])))
    assert kept | {"started_at": told["started_at"]} == told


def test_the_study_file_can_be_read_and_needs_no_hub(tmp_path: Path):
    (text,) = blocks("toml")
    (tmp_path / "study.toml").write_text(text)
    study = read_study(tmp_path / "study.toml", {}, {})
    assert (study.base, study.data) == ("smollm2-135m", "my-data")
    assert study.method["unified-wide"].sweep.learning_rate == (1e-4, 1e-3)


@pytest.mark.parametrize("words", commands(), ids=shlex.join)
def test_the_commands_are_understood(words: list[str]):
    command, rest = get_command(app), list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    command.make_context("lab", rest)  # parses and checks, runs nothing


def test_the_table_of_verbs_names_every_verb():
    verbs = README[README.index("| verb |") : README.index("## Methods")]
    assert [name for name in get_command(app).commands if f"lab {name}" not in verbs] == []


def test_no_flag_has_a_negative_twin():
    def flags(command) -> list[str]:
        inner = [flag for one in getattr(command, "commands", {}).values() for flag in flags(one)]
        return inner + [flag for option in command.params for flag in option.secondary_opts]

    assert flags(get_command(app)) == []


def test_data_made_as_shown_stays_out_of_git():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    made = {words[2] for words in commands() if words[:2] == ["data", "generate"]}
    assert made
    assert {f"/{name}/" for name in made} <= set(ignored)
