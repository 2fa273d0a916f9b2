"""Jobs whose recipes have an endpoint: what it is asked, what is left out, stopping, failing and going on."""

from __future__ import annotations

import importlib
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openai_server import NAME, ModelServer, serving
from tiny_model import save_base

from lab.data.store import keep
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.errors import LabError
from lab.methods.plan import plan
from lab.methods.recipe import read_book, write_book
from lab.methods.spec import parse_study
from lab.models import offline
from lab.models.remote import AT_ONCE
from lab.report.predictions import read_predictions
from lab.settings import load_settings
from lab.tasks import warm
from lab.tasks.base_identity import fingerprint
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.executor import KINDS
from lab.tasks.messages import Answer, Assignment, Checkpoint, Done, Log, Progress

TURNS = 3 * 4  # personas × test dialogues


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A tiny base, and three personas with twenty dialogues each."""
    made = tmp_path_factory.mktemp("home")
    save_base(made / "tiny")

    def dialogue(persona: int, number: int) -> Dialogue:
        said = (
            Message("user", f"Warmer, number {number}."),
            Message("assistant", f"Setting the AC to {20 + persona}."),
        )
        at = datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(days=number)
        return Dialogue(f"{persona}-{number}", f"p{persona}", at, {"weather": "rainy"}, said)

    people = tuple(Persona(f"p{n}", f"Likes it warm, number {n}.") for n in range(3))
    keep(Dataset(people, tuple(dialogue(p, n) for p in range(3) for n in range(20))), made / "datasets", "d" * 16)
    return made


@pytest.fixture
def server(home) -> Iterator[ModelServer]:
    with serving(home / "tiny") as running:
        yield running


@dataclass
class Bench:
    """Runs a method's jobs one by one in this process."""

    home: Path
    folder: str  # of its own, below home
    said: list[Any] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    attempts: int = 0

    def jobs(self, url: str, base: str = "tiny", **parts: Any) -> list[Any]:
        """The plan of a study of one method: its recipes and its evaluation."""
        endpoint = {"url": url, "model": NAME, "key": "TINY_KEY", "timeout": 20.0}
        method = {"parameters": "none", "endpoint": endpoint, **parts}
        content = {
            "name": "s",
            "data": "d",
            "base": str(self.home / base),
            "methods": ["far"],
            "evaluate": ["test"],
            "max_new_tokens": 4,
        }
        study = parse_study(content | {"method": {"far": method}, "dtype": "float32"}, "s.toml")
        return plan(study, "d" * 64, fingerprint(study.base))

    def run(self, job: Any, parents: dict[str, str], checkpoint: str | None = None) -> tuple[str, Done]:
        """An attempt; gives its folder and what it left."""
        self.attempts += 1
        folder = f"{self.folder}/{self.attempts}"
        (self.home / folder).mkdir(parents=True)
        assignment = Assignment(
            1, self.attempts, job.kind, job.method, job.spec, str(self.home), folder, str(load_settings().cache),
            "cpu", "float32", checkpoint, 1e9, "datasets/" + "d" * 16, parents,
        )  # fmt: skip
        context = JobContext(assignment, self.said.append, self.stop)
        return folder, importlib.import_module(KINDS[job.kind]).run(context)

    def evaluated(self, url: str, base: str = "tiny", **parts: Any) -> tuple[str, Done]:
        recipes, evaluation = self.jobs(url, base, **parts)
        book, _ = self.run(recipes, {})
        return self.run(evaluation, {recipes.key: book})

    def heard(self, kind: type) -> list[Any]:
        return [event for event in self.said if isinstance(event, kind)]


@pytest.fixture
def bench(home, tmp_path) -> Bench:
    return Bench(home, f"jobs/{tmp_path.name}")


# ---------------------------------------------------------------- evaluation


def test_the_endpoint_answers_every_turn_and_the_base_model_is_never_loaded(bench, server):
    folder, done = bench.evaluated(server.url, base="nowhere", prompt="description")
    assert done.result["turns"] == len(server.asked) == TURNS
    assert all("Likes it warm, number" in asked["messages"][0]["content"] for asked in server.asked)
    assert len(read_predictions(bench.home / folder)) == TURNS
    assert f"{NAME} at {server.url} gave {TURNS} answer(s)" in [log.text for log in bench.heard(Log)]


def test_how_likely_it_finds_the_reference_is_not_known_and_not_shown_as_zero(bench, server):
    _, done = bench.evaluated(server.url)
    metrics = {metric for _, _, metric, _, _ in done.scores}
    assert "embedding_similarity" in metrics
    assert not [metric for metric in metrics if "nll" in metric]


def test_nothing_is_asked_where_no_answer_could_be_scored(bench, server, monkeypatch):
    def missing(name: str, cache: Path) -> Path:
        raise LabError(f"{name} is not in {cache}")

    monkeypatch.setattr(offline, "ensure", missing)
    monkeypatch.setattr(warm._WARM, "embedder", None)
    with pytest.raises(LabError, match="all-MiniLM-L6-v2 is not in"):
        bench.evaluated(server.url)
    assert server.asked == []


def test_it_is_shown_the_personas_older_dialogues_where_the_method_says_so(bench, server):
    bench.evaluated(server.url, retrieve={"k": 2})
    assert len(server.asked) == TURNS
    assert all(asked["messages"][0]["content"].count("Setting the AC") == 2 for asked in server.asked)


def test_a_book_may_be_served_partly_here_and_partly_there(bench, server):
    recipes, evaluation = bench.jobs(server.url)
    book, _ = bench.run(recipes, {})
    mixed = read_book(bench.home / book)
    mixed["p1"] = replace(mixed["p1"], endpoint=None)
    write_book(mixed, bench.home / book)
    _, done = bench.run(evaluation, {recipes.key: book})
    assert len(server.asked) == TURNS * 2 // 3
    known = {persona for persona, _, metric, _, _ in done.scores if metric == "token_nll"}
    assert known == {"p1"}
    shares = [event.progress for event in bench.heard(Progress) if event.progress is not None]
    assert shares == sorted(shares)


def test_told_to_stop_it_keeps_its_answers_and_asks_for_the_others_only(bench, server):
    recipes, evaluation = bench.jobs(server.url)
    book, _ = bench.run(recipes, {})
    server.delay = 0.5

    def stop() -> None:
        while len(server.asked) <= AT_ONCE:  # until the second wave is asked
            time.sleep(0.01)
        bench.stop.set()

    threading.Thread(target=stop).start()
    with pytest.raises(JobStopped):
        bench.run(evaluation, {recipes.key: book})
    (checkpoint,) = bench.heard(Checkpoint)
    assert 0 < checkpoint.step <= AT_ONCE
    goes_on(bench, server, evaluation, {recipes.key: book}, checkpoint)


def test_when_the_server_dies_what_it_said_is_kept_and_the_job_says_why(bench, server, home):
    recipes, evaluation = bench.jobs(server.url)
    book, _ = bench.run(recipes, {})
    server.lives = 5
    with pytest.raises(LabError, match=f"tiny at {server.url} cannot be reached"):
        bench.run(evaluation, {recipes.key: book})
    (checkpoint,) = bench.heard(Checkpoint)
    assert 0 < checkpoint.step <= 5
    goes_on(bench, server, evaluation, {recipes.key: book}, checkpoint)


def goes_on(
    bench: Bench, server: ModelServer, evaluation: Any, parents: dict[str, str], checkpoint: Checkpoint
) -> None:
    """The next attempt asks for what is missing, and for nothing else."""
    bench.stop.clear()
    server.delay, server.lives = 0, None
    server.asked.clear()
    _, done = bench.run(evaluation, parents, checkpoint.folder)
    assert done.result["turns"] == TURNS
    assert len(server.asked) == TURNS - checkpoint.step


# ---------------------------------------------------------------- chat


def chatted(bench: Bench, url: str, more: dict[str, Any] | None = None, **parts: Any) -> tuple[list[Answer], Done]:
    recipes, _ = bench.jobs(url, base="nowhere", **parts)
    book, _ = bench.run(recipes, {})
    said = [{"role": "user", "content": "Warmer, please."}]
    asked = {"book": book, "persona": "p2", "messages": said, "context": {"weather": "rainy"}, "max_new_tokens": 16}
    asked |= more or {}
    _, done = bench.run(replace(recipes, kind="chat", spec=recipes.spec | asked), {})
    return bench.heard(Answer), done


def test_a_chat_streams_from_the_endpoint_and_says_who_answered(bench, server):
    answers, done = chatted(bench, server.url, prompt="description")
    texts = [answer.text for answer in answers]
    assert len(texts) > 3
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    assert done.result["endpoint"] == {"url": server.url, "model": NAME}
    assert done.result["adapters"] == []
    (asked,) = server.asked
    assert asked["messages"][-1] == {"role": "user", "content": "Warmer, please."}
    assert "Likes it warm, number 2." in asked["messages"][0]["content"]


def test_a_chat_tells_what_the_model_was_shown_of_the_user_and_only_what_is_older(bench, server):
    answers, done = chatted(bench, server.url, prompt="description", retrieve={"k": 3})
    assert done.result["prompt"] == {"source": "description", "text": "The user: Likes it warm, number 2."}
    assert done.result["retrieval"] == {"k": 3, "by": "similarity", "show": "examples", "persona": "p2"}
    memories = done.result["retrieved"]
    assert len(memories) == 3
    assert answers[0].info["retrieved"] == memories, "known before the first word"
    shown = server.asked[-1]["messages"][0]["content"]
    assert all(memory["text"] in shown for memory in memories)
    middle = sorted(memory["started_at"] for memory in memories)[1]
    _, done = chatted(bench, server.url, {"at": middle}, retrieve={"k": 20})
    older = [memory["started_at"] for memory in done.result["retrieved"]]
    assert older
    assert max(older) < middle


def test_a_chat_with_nobody_there_says_so(bench, home):
    with serving(home / "tiny") as server:
        url = server.url
    with pytest.raises(LabError, match=f"tiny at {url} cannot be reached"):
        chatted(bench, url)


def test_a_chat_that_is_stopped_keeps_what_was_said(bench, server):
    server.pause = 0.2
    threading.Timer(1.0, bench.stop.set).start()
    with pytest.raises(JobStopped):
        chatted(bench, server.url)
    assert bench.heard(Answer)[-1].text
    assert len(bench.heard(Answer)) < 16


# ---------------------------------------------------------------- the key


def test_the_key_reaches_the_server_and_nothing_else(bench, server, monkeypatch):
    key = "sk-tiny-5f1c0ffee"
    monkeypatch.setenv("TINY_KEY", key)
    server.key = key
    bench.evaluated(server.url)
    chatted(bench, server.url)
    server.key = "sk-another"
    with pytest.raises(LabError) as refused:
        bench.evaluated(server.url)
    written = b"".join(path.read_bytes() for path in bench.home.rglob("*") if path.is_file())
    assert b"TINY_KEY" in written, "its variable is what a recipe names"
    assert key.encode() not in written
    assert key not in f"{bench.said} {refused.value}"
