"""`lab data` as a user types it: what it prints, what it leaves behind, how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.cli.data import app
from lab.cli.output import console
from lab.data.formats.chat import read_chat, write_chat
from lab.data.generate import generate, generate_folder
from lab.data.types import digest
from lab.errors import LabError

Lab = Callable[..., Result]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Runs `lab data ...` in an empty lab."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAB_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("COLUMNS", "140")
    from lab.settings import load_settings

    forget = getattr(load_settings, "cache_clear", None)
    if forget:
        forget()
    yield lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))
    if forget:
        forget()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    generate_folder(tmp_path / "made", 3, 5, 2.0, 0)
    return tmp_path / "made"


def refused(result: Result) -> str:
    """The sentence of a refusal; the command's entry prints it and exits with 1."""
    assert isinstance(result.exception, LabError), result.output
    return str(result.exception)


def test_generate_writes_the_same_bytes_twice(lab: Lab, tmp_path: Path) -> None:
    for out in ("a", "b"):
        result = lab("generate", tmp_path / out, "--personas", 2, "--dialogues", 3, "--turns", 2, "--seed", 7)
        assert result.exit_code == 0
        assert "wrote 2 personas, 6 dialogues" in result.output
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_generate_as_json(lab: Lab, tmp_path: Path) -> None:
    found = json.loads(lab("generate", tmp_path / "a", "--personas", 2, "--dialogues", 3, "--json").output)
    assert found == {
        "folder": str(tmp_path / "a"),
        "digest": digest(generate(2, 3)),
        "personas": 2,
        "dialogues": 6,
    }


def test_generate_refuses_nonsense_and_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    assert refused(lab("generate", tmp_path / "a", "--personas", 0)).startswith("personas is 0; give a number")
    assert not (tmp_path / "a").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert "not the generator's own" in refused(lab("generate", tmp_path / "full", "--personas", 1))
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_import_keeps_the_data_in_chat_format_under_its_name(lab: Lab, made: Path, tmp_path: Path) -> None:
    result = lab("import", made)
    assert result.exit_code == 0
    assert "kept made: 3 personas, 15 dialogues" in result.output
    assert read_chat(tmp_path / "artifacts" / "data" / "made") == generate(3, 5, 2.0, 0)


def test_import_as_json_with_another_name(lab: Lab, made: Path, tmp_path: Path) -> None:
    found = json.loads(lab("import", made, "--name", "demo", "--json").output)
    assert found["name"] == "demo"
    assert found["folder"] == str(tmp_path / "artifacts" / "data" / "demo")
    assert found["digest"] == digest(generate(3, 5, 2.0, 0))


def test_import_of_faulty_data_leaves_nothing(lab: Lab, made: Path, tmp_path: Path) -> None:
    (made / "routines.jsonl").write_text("{}\n" * 3)
    assert "routines.jsonl:1: routines is missing" in refused(lab("import", made))
    assert not (tmp_path / "artifacts" / "data").exists()


def test_changed_data_under_a_name_that_exists_is_refused_unless_it_is_to_replace(lab: Lab, made: Path) -> None:
    lab("import", made, "--name", "mine")
    generate_folder(made, 2, 5, 2.0, 1, replace=True)
    assert "--replace" in refused(lab("import", made, "--name", "mine"))
    assert "kept mine: 2 personas" in lab("import", made, "--name", "mine", "--replace").output
    assert "2 personas" in lab("check", "mine").output


def test_import_tells_once_which_keys_are_left_out(lab: Lab, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "chat"
    folder.mkdir()
    write_chat(generate(2, 3, 2.0, 0), folder)
    assert "left out" not in lab("import", folder, "--name", "plain").output
    personas = [json.loads(line) | {"age": 34} for line in (folder / "personas.jsonl").read_text().splitlines()]
    (folder / "personas.jsonl").write_text("\n".join(map(json.dumps, personas)))
    dialogues = [json.loads(line) for line in (folder / "dialogues.jsonl").read_text().splitlines()]
    dialogues[0]["messages"][0]["tokens"] = 9
    (folder / "dialogues.jsonl").write_text("\n".join(map(json.dumps, dialogues)))
    told = "left out, for the lab does not know these keys (how often): age (2), messages.tokens (1)\n"
    assert told in lab("import", folder, "--name", "mine").output
    again = json.loads(lab("import", folder, "--name", "mine", "--json").output)
    assert again["left_out"] == {"age": 2, "messages.tokens": 1}


def test_list_tells_what_is_kept(lab_home: Path, made: Path) -> None:
    def told(*words: str) -> str:
        return CliRunner().invoke(app, words, catch_exceptions=False).output

    assert "no data sets yet" in told("list")
    told("import", str(made), "--name", "mine")
    assert told("list").splitlines()[1].split() == ["mine", "3", "15"]
    assert json.loads(told("list", "--json")) == [{"name": "mine", "personas": 3, "dialogues": 15}]


def test_check_prints_measures_split_and_leakage(lab: Lab, made: Path) -> None:
    result = lab("check", made)
    assert result.exit_code == 0
    for text in ("unique assistant turns", "distinct-2", "turns per dialogue", "simple", "routine-driven"):
        assert text in result.output
    assert "told apart, user text" in result.output
    assert "train 9, val 3, test 3" in result.output
    assert "leakage: none" in result.output


def test_check_as_json(lab: Lab, made: Path) -> None:
    found = json.loads(lab("check", made, "--json").output)
    assert found["split"] == {"train": 9, "val": 3, "test": 3}
    assert found["leaks"] == []
    assert found["measures"]["turns_per_dialogue"] == pytest.approx(2.0, abs=0.7)
    assert found["measures"]["identification"]["chance"] == pytest.approx(1 / 3)


def test_check_finds_a_kept_data_set_by_name(lab: Lab, made: Path) -> None:
    lab("import", made, "--name", "kept")
    assert "every line is sound: 3 personas, 15 dialogues" in lab("check", "kept").output


def test_check_fails_on_faults(lab: Lab, made: Path) -> None:
    (made / "sessions.jsonl").write_text('{"sessions": []}\n' * 3)
    sentence = refused(lab("check", made))
    assert "sessions.jsonl:1: sessions is empty" in sentence
    assert "2 more like it (lines 2, 3)" in sentence
    assert "no such folder" in refused(lab("check", "nowhere"))


def test_show_reads_a_persona_and_its_dialogues(lab: Lab, made: Path) -> None:
    dataset = generate(3, 5, 2.0, 0)
    output = lab("show", made, "--persona", "persona_001", "-n", 2).output
    assert (dataset.personas[1].name or "") in output
    assert "persona_001-000" in output
    assert "persona_001-001" in output
    assert "persona_001-002" not in output
    assert refused(lab("show", made, "--persona", "x")) == (
        "no persona 'x' in this data set; it has persona_000, persona_001, persona_002"
    )


def test_show_cuts_nothing_however_narrow(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 80)
    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day."}]
    routine = {"name": "routine" * 9, "triggers": {"weather": "rainy"}, "actions": {"ac": {"temperature": 22}}}
    records = {
        "personas.jsonl": {"persona_id": "p", "description": "", "routines": [routine]},
        "dialogues.jsonl": {
            "dialogue_id": "d",
            "persona_id": "p",
            "started_at": "2024-01-01T00:00:00Z",
            "context": {f"key {n}": f"value-{n}" for n in range(20)},
            "messages": said,
        },
    }
    for name, record in records.items():
        (tmp_path / name).write_text(json.dumps(record))
    output = lab("show", tmp_path).output
    assert "…" not in output
    assert output.count("value-") == 20
    assert "temperature 22" in output


def test_show_as_json(lab: Lab, made: Path) -> None:
    found = json.loads(lab("show", made, "-n", 1, "--json").output)
    assert found["persona"]["persona_id"] == "persona_000"
    assert [dialogue["dialogue_id"] for dialogue in found["dialogues"]] == ["persona_000-000"]


def test_show_prints_markup_as_it_is(lab: Lab, tmp_path: Path) -> None:
    records = {
        "personas.jsonl": {"persona_id": "[red]p", "description": "[bold]who[/bold]"},
        "dialogues.jsonl": {
            "dialogue_id": "d",
            "persona_id": "[red]p",
            "started_at": "2024-01-01T00:00:00Z",
            "context": {"a": "[x"},
            "messages": [{"role": "user", "content": "[/]hi"}, {"role": "assistant", "content": "[link=x]yes"}],
        },
    }
    (tmp_path / "odd").mkdir()
    for name, record in records.items():
        (tmp_path / "odd" / name).write_text(json.dumps(record))
    output = lab("show", tmp_path / "odd").output
    for text in ("[red]p", "[bold]who[/bold]", "[/]hi", "[link=x]yes"):
        assert text.removesuffix("[/bold]") in output


def test_the_command_itself_is_light() -> None:
    code = "import lab.cli.data, sys; print([m for m in ('sklearn', 'torch', 'numpy') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
