"""Bad input to the commands: one clear sentence, exit code not 0, no traceback, nothing half-written."""

from __future__ import annotations

import orjson
import pytest
from conftest import Shell


@pytest.fixture(scope="module")
def star_like(shell):
    """A small valid data set in the chat format."""
    folder = shell.folder / "talk"
    folder.mkdir()
    people = [{"persona_id": f"p{i}", "description": ""} for i in range(2)]
    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day."}]
    dialogues = [
        {
            "dialogue_id": f"p{i}-{day}",
            "persona_id": f"p{i}",
            "started_at": f"2026-01-{day:02d}T10:00:00Z",
            "context": {},
            "messages": said,
        }
        for i in range(2)
        for day in range(1, 6)
    ]
    for name, rows in (("personas", people), ("dialogues", dialogues)):
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return folder


def test_a_data_set_that_is_not_there(shell):
    assert "nowhere" in shell.refused("run", "--data", "nowhere", "--base", "smollm2-135m")


def test_no_data_set_at_all(shell):
    assert "--data" in shell.refused("run")


def test_a_method_with_a_typo_names_its_neighbour(shell, star_like):
    said = shell.refused("run", "--data", str(star_like), "--methods", "base,unifed")
    assert "'unifed'" in said
    assert "did you mean 'unified'" in said


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ('data = "talk"\nmethod = ["base"]\n', "method"),
        ('data = "talk"\nmetods = ["base"]\n', "did you mean 'methods'"),
        ('data = "talk"\n[training]\nepoch = 3\n', "did you mean 'epochs'"),
        ('data = "talk"\n[training]\nepochs = -1\n', "training.epochs"),
        ('data = "talk"\nsplit = [0.5, 0.2, 0.2]\n', "add up to 1"),
        ('data = "talk"\nmethods = ["a"]\n[method.a]\nparameters = "lora"\non = "a"\n', "circle"),
        ("data = talk\n", "TOML"),
        ("base = 3\n", "data"),
    ],
)
def test_a_study_file_with_a_typo(shell, star_like, content, hint):
    file = shell.folder / "typo.toml"
    file.write_text(content)
    said = shell.refused("run", "typo.toml")
    assert "typo.toml" in said
    assert hint in said


def test_a_study_file_that_is_not_there(shell):
    assert "missing.toml" in shell.refused("run", "missing.toml")


def test_more_personas_than_there_are(shell, star_like):
    assert "9 personas" in shell.refused("run", "--data", str(star_like), "--personas", "9")


def test_what_was_refused_left_no_job(shell):
    assert orjson.loads(shell.ok("jobs", "--json")) == []


def test_unknown_job_and_study(shell):
    assert "no job 77" in shell.refused("logs", "77")
    assert "no job 77" in shell.refused("cancel", "77")
    assert "no study named 'x'" in shell.refused("results", "x")


def test_the_screen_without_a_terminal(shell):
    assert "`lab status` and `lab jobs` say how things are" in shell.refused()


def test_a_setting_that_does_not_exist(shell):
    assert "did you mean base" in shell.refused("status", LAB_BAES="x")


def test_a_database_out_of_reach(shell):
    said = shell.refused("status", LAB_DATABASE_URL="postgresql://lab:secret@127.0.0.1:1/lab")
    assert "cannot be used" in said
    assert "secret" not in said


def test_a_redis_out_of_reach(shell, star_like):
    said = shell.refused("up", LAB_REDIS_URL="redis://:secret@127.0.0.1:1/0")
    assert "redis at redis://127.0.0.1:1 does not answer" in said
    assert "secret" not in said


def test_doctor_says_what_is_wrong_and_fails(shell):
    done = shell.lab("doctor", LAB_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "bad" in done.stdout


@pytest.mark.parametrize(
    ("setting", "says"),
    [({"LAB_THEME": "sepia"}, "there is no theme 'sepia'"), ({"LAB_KEYS": '{"jobs.cancle": "x"}'}, "jobs.cancle")],
)
def test_doctor_says_what_keeps_the_screen_from_opening(shell, setting, says):
    done = shell.lab("doctor", "--json", HF_HUB_OFFLINE="1", LAB_BASE="smollm2-135m", **setting)
    found = orjson.loads(done.stdout)["settings"]
    assert (done.returncode, found["ok"]) == (1, False)
    assert says in found["says"]


def test_doctor_fails_where_the_base_model_cannot_be_had(shell):
    missing = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(shell.folder), "LAB_BASE": "owner/known"}
    done = shell.lab("doctor", "--json", **missing)
    found = orjson.loads(done.stdout)
    assert (done.returncode, [name for name, check in found.items() if not check["ok"]]) == (1, ["base"])


def test_a_base_model_that_nobody_can_have_fails_its_jobs_with_a_sentence(shell, star_like):
    shell.ok("run", "--data", str(star_like), "--base", "no-such/model", "--methods", "unified", "--json")
    said = shell.refused("wait")
    assert "no-such/model" in said
    jobs = {job["kind"]: job for job in orjson.loads(shell.ok("jobs", "--json"))}
    assert {kind: job["state"] for kind, job in jobs.items()} == {"train": "FAILED", "evaluate": "SKIPPED"}
    last = shell.ok("logs", str(jobs["train"]["id"]), COLUMNS="400").splitlines()[-1]
    assert last == f"FAILED: {jobs['train']['error']}"


def test_another_study_under_the_same_name_is_not_replaced_unasked(shell, star_like):
    (shell.folder / "shape.toml").write_text('data = "talk"\nbase = "no-such/model"\n')
    first = orjson.loads(shell.ok("run", "shape.toml", "--methods", "base,unified,persona", "--json"))
    assert first["left"] == []
    other = ("run", "shape.toml", "--methods", "base")
    there = "study shape is there, and 6 of its 9 jobs are not in this one (unified, persona)"
    assert there in shell.ok(*other, "--plan")
    for words in (other, (*other, "--json")):
        assert shell.refused(*words) == f"lab: {there}; --yes replaces it, another --name keeps both."
    assert len(orjson.loads(shell.ok("jobs", "shape", "--json"))) == 9
    assert "study shape changed: 3 jobs now, 6 left it" in shell.ok(*other, "--yes")
    assert "changed" not in shell.ok(*other), "what is the same needs no answer"
    assert "changed" not in shell.ok("run", "shape.toml", "--methods", "base,unified"), "nor does what only adds"


@pytest.mark.parametrize("words", [("picks",), ("results",), ("report",), ("wait",), ("chat", "-m", "hi")])
def test_what_needs_a_study_says_so_in_a_lab_that_has_none(tmp_path, words):
    empty = Shell(tmp_path)
    done = empty.lab(*words, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "lab: there is no study yet; `lab status` lists them, `lab run` starts one.\n"
