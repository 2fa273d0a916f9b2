"""`lab chat` asks as the Chat screen does: in the persona's latest context, unless another is given."""

from __future__ import annotations

import orjson
import pytest
from tiny_model import save_base

from lab.data.load import load


@pytest.fixture(scope="module")
def study(shell):
    """Two personas under the tiny base alone."""
    shell.ok("data", "generate", "people", "--personas", "2", "--dialogues", "5", "--seed", "3")
    save_base(shell.folder / "tiny")
    options = ("--name", "talk", "--data", "people", "--base", "tiny", "--methods", "base")
    shell.ok("run", *options)
    shell.ok("wait", "talk", "--json")
    return shell


@pytest.fixture(scope="module")
def latest(study) -> dict[str, str]:
    """The context of the first persona's last dialogue, as the screen takes it."""
    dataset = load(str(study.folder / "people"))
    return dataset.of(dataset.personas[0].persona_id)[-1].context


def ask(study, *options: str) -> dict:
    return orjson.loads(study.ok("chat", "talk", "-m", "Hello", *options, "--json"))


def test_the_default_is_the_personas_latest_context(study, latest):
    answer = ask(study)
    assert latest
    assert answer["context"] == latest
    same = ",".join(f"{key}={value}" for key, value in latest.items())
    assert ask(study, "--context", same)["text"] == answer["text"]


def test_another_context_and_none(study):
    assert ask(study, "--context", "weather=rainy, mood=odd")["context"] == {"weather": "rainy", "mood": "odd"}
    assert ask(study, "--context", "")["context"] == {}


def test_the_context_is_told_in_one_line(study, latest):
    said = study.ok("chat", "talk", "-m", "Hello").splitlines()
    assert said[0] == "context: " + ", ".join(f"{key}={value}" for key, value in latest.items())
    assert study.ok("chat", "talk", "-m", "Hello", "--context", "").startswith("context: none\n")


def test_what_is_refused(study):
    assert "'rainy' is not key=value" in study.refused("chat", "talk", "-m", "Hello", "--context", "rainy")
    said = study.refused("chat", "talk", "-m", "Hello", "--persona", "nobody")
    assert said.endswith("it has persona_000, persona_001")
    said = study.refused("chat", "talk", "-m", "Hello", "--method", "unified")
    assert said.endswith("study 'talk' has no recipe for method 'unified'; ready are base")


def test_what_nobody_can_answer_starts_no_worker(study):
    study.ok("down")
    assert "no study named 'nosuch'" in study.refused("chat", "nosuch", "-m", "Hello")
    assert orjson.loads(study.ok("workers", "--json")) == []
