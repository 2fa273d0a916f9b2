"""From options or a study file to queued jobs: all of it, or one sentence and nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from planned import all_jobs, claimed, states, succeed_on_disk

from lab.db import jobs
from lab.db.invariants import check_invariants
from lab.db.queries import get_dataset, list_studies
from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks.submit import import_data, submit


def write_data(folder: Path, personas: int = 2) -> Path:
    """A data set in the chat format."""
    folder.mkdir(parents=True)
    day = datetime(2026, 1, 1, tzinfo=UTC)
    dialogues = [
        {
            "dialogue_id": f"{persona}-{n}",
            "persona_id": f"p{persona}",
            "started_at": (day + timedelta(days=n)).isoformat(),
            "context": {},
            "messages": [{"role": "user", "content": "warmer"}, {"role": "assistant", "content": f"{20 + n} degrees"}],
        }
        for persona in range(personas)
        for n in range(6)
    ]
    people = [{"persona_id": f"p{persona}", "description": ""} for persona in range(personas)]
    for name, rows in (("personas", people), ("dialogues", dialogues)):
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return folder


@pytest.fixture
def data(lab_home: Path) -> Path:
    return write_data(lab_home.parent / "homes")


def nothing_is_queued() -> bool:
    return all_jobs() == [] and list_studies() == []


def test_a_study_from_options_is_named_after_its_data_and_base(data: Path):
    study, ids = submit(
        None, {"data": str(data), "base": "models/smollm2-135m", "methods": ["base", "unified"], "evaluate": ["test"]}
    )
    assert (study.name, study.dataset_name, study.base) == ("homes-smollm2-135m", "homes", "models/smollm2-135m")
    assert [(job.kind, job.method, str(job.state)) for job in all_jobs()] == [
        ("recipes", "base", "READY"),
        ("evaluate", "base", "BLOCKED"),
        ("train", "unified", "READY"),
        ("evaluate", "unified", "BLOCKED"),
    ]
    assert len(ids) == 4
    assert check_invariants() == []


def test_any_folder_makes_a_usable_name(lab_home: Path, monkeypatch):
    folder = write_data(lab_home.parent / "my homes (new)")
    monkeypatch.chdir(folder)
    study, _ = submit(None, {"data": ".", "base": "Qwen/Qwen2.5-0.5B-Instruct"})
    assert study.name == "my-homes-new-Qwen2.5-0.5B-Instruct"


def test_a_study_file_names_itself_and_takes_the_base_of_the_settings(data: Path, tmp_path: Path):
    file = tmp_path / "evening.toml"
    file.write_text(f'data = "{data}"\nmethods = ["persona"]\n')
    study, _ = submit(file, {"personas": 1})
    assert (study.name, study.base, study.spec["personas"]) == ("evening", "Qwen/Qwen2.5-0.5B-Instruct", 1)


def test_the_same_data_are_kept_once_wherever_they_come_from(data: Path, lab_home: Path):
    twin = write_data(lab_home.parent / "twin")
    assert import_data(str(data)).digest == import_data(str(twin)).digest
    (kept,) = (lab_home / "datasets").iterdir()
    assert get_dataset(import_data(str(data)).digest).folder == f"datasets/{kept.name}"


def test_submitting_again_after_a_failure_tries_again_what_failed(data: Path):
    options = {"data": str(data), "base": "b", "evaluate": ["test"], "methods": ["unified"]}
    study, ids = submit(None, options)
    jobs.fail(claimed(), "error", for_good=True)
    assert states(ids) == ["FAILED", "SKIPPED"]
    again, same = submit(None, options)
    assert (again.id, same, states(ids)) == (study.id, ids, ["READY", "BLOCKED"])
    succeed_on_disk(claimed())
    assert submit(None, options)[1] == ids
    assert states(ids) == ["SUCCEEDED", "READY"]


def test_a_second_study_reuses_what_the_first_has_trained(data: Path):
    options = {"data": str(data), "base": "b", "evaluate": ["test"]}
    _, first = submit(None, options | {"name": "one", "methods": ["unified"]})
    succeed_on_disk(claimed())
    _, second = submit(None, options | {"name": "two", "methods": ["hybrid"]})
    assert second[0] == first[0]
    assert states(second) == ["SUCCEEDED", "READY", "BLOCKED"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "lab run: name a data set with --data, or give a study file."),
        ({"data": "nowhere"}, "nowhere: there is no such folder"),
        ({"data": "{data}", "methods": ["unifed"]}, "lab run: there is no method 'unifed'; did you mean 'unified'?"),
        ({"data": "{data}", "personas": 3}, "3 personas are asked for, but homes has 2; ask for fewer."),
        (
            {"data": "{data}", "dialogues": 60},
            "dialogues and none has more, but 60 of each are asked for; ",
        ),
        ({"data": "{data}", "name": "a/b"}, "lab run: 'name': use 1 to 80 letters"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_queues_nothing(data: Path, options, says):
    options = options | ({"data": str(data)} if options.get("data") == "{data}" else {})
    with pytest.raises(LabError) as caught:
        submit(None, options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert nothing_is_queued()


def test_bad_data_queue_nothing(lab_home: Path):
    folder = write_data(lab_home.parent / "bad")
    (folder / "dialogues.jsonl").write_bytes(b"{}\n")
    with pytest.raises(LabError, match=r"dialogues\.jsonl:1: "):
        submit(None, {"data": str(folder)})
    assert nothing_is_queued()
    assert not (lab_home / "datasets").exists()


def test_what_lost_its_artifact_is_computed_anew_and_all_else_is_reused(data: Path):
    _, ids = submit(None, {"data": str(data), "base": "b", "evaluate": ["test"], "methods": ["unified", "hybrid"]})
    train, evaluate, hybrid, _ = ids
    for _ in (train, evaluate):
        succeed_on_disk(claimed())
    assert (
        submit(None, {"data": str(data), "base": "b", "evaluate": ["test"], "methods": ["unified", "hybrid"]})[1] == ids
    )
    (load_settings().artifacts / f"{train}/1/result").write_text("not what was committed")
    _, again = submit(None, {"data": str(data), "base": "b", "evaluate": ["test"], "methods": ["unified", "hybrid"]})
    assert again[1] == evaluate
    assert {train, hybrid}.isdisjoint(again)
    assert states([train, hybrid]) == ["SUCCEEDED", "CANCELLED"]
    assert states(again) == ["READY", "SUCCEEDED", "BLOCKED", "BLOCKED"]
    assert check_invariants() == []


def test_what_names_adapters_of_a_lost_artifact_is_made_anew_and_scores_stay(data: Path):
    options = {"data": str(data), "base": "b", "evaluate": ["test"], "methods": ["unified", "hybrid"]}
    _, ids = submit(None, options)
    train, evaluate, hybrid, its_evaluate = ids
    for _ in ids:
        succeed_on_disk(claimed())
    (load_settings().artifacts / f"{train}/1/result").unlink()
    _, again = submit(None, options)
    assert (again[1], again[3]) == (evaluate, its_evaluate)
    assert {train, hybrid}.isdisjoint(again)
    assert states(again) == ["READY", "SUCCEEDED", "BLOCKED", "SUCCEEDED"]
    assert check_invariants() == []


def test_a_base_in_a_folder_is_known_by_its_place_and_what_lies_in_it(data: Path, tmp_path: Path, monkeypatch):
    base = tmp_path / "tiny"
    base.mkdir()
    (base / "config.json").write_text("{}")
    (base / "model.safetensors").write_bytes(b"a" * 10)
    monkeypatch.chdir(tmp_path)
    options = {"data": str(data), "base": "tiny", "methods": ["unified"], "evaluate": ["test"]}
    row, ids = submit(None, options)
    assert row.base == str(base)
    assert submit(None, options | {"base": str(base)})[1] == ids
    (base / "model.safetensors").write_bytes(b"b" * 10)
    assert set(submit(None, options)[1]).isdisjoint(ids)


def test_another_number_format_in_the_settings_is_another_study(data: Path, monkeypatch):
    options = {"data": str(data), "base": "b", "methods": ["unified"], "evaluate": ["test"]}
    _, ids = submit(None, options)
    assert submit(None, options | {"dtype": "auto"})[1] == ids
    monkeypatch.setenv("LAB_DTYPE", "float32")
    load_settings.cache_clear()
    row, others = submit(None, options)
    assert row.spec["dtype"] == "float32"
    assert set(others).isdisjoint(ids)
    assert submit(None, options | {"dtype": "auto"})[1] == ids


@pytest.mark.parametrize("damage", ["half", "changed"])
def test_a_kept_data_set_that_is_not_whole_is_kept_anew(lab_home, tmp_path, damage):
    """A worker that was killed while it fetched one left half of it, and no study of it could be run here."""
    data = write_data(tmp_path / "homes")
    folder = load_settings().artifacts / import_data(str(data)).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    file = folder / "personas.jsonl"
    if damage == "half":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"p0", b"p9"))
    import_data(str(data))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
