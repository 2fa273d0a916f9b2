"""What is fed to the model, method by method: nothing of val or test, of later dialogues or of other personas.

Every dialogue carries a word of its own, so whatever reaches the model can be told by it.
"""

from __future__ import annotations

import importlib
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import torch
from tiny_model import save_base

from lab.data.store import keep
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.methods.plan import plan
from lab.methods.spec import catalog, parse_study
from lab.models.base import load_base
from lab.settings import load_settings
from lab.tasks import evaluate, train
from lab.tasks.base_identity import fingerprint
from lab.tasks.context import JobContext
from lab.tasks.executor import KINDS
from lab.tasks.messages import Assignment

PERSONAS, DIALOGUES = 4, 10  # of which 6 train, 2 val, 2 test
MARK = re.compile(r"\bq(\d)x(\d)w\b")  # persona, number in time
OWN = {
    "preferring": {"share": "persona", "parameters": "lora", "prompt": "preferences"},
    "cluster+retrieval": {"parameters": "none", "on": "cluster-behaviour", "retrieve": {"k": 3, "by": "both"}},
    "anchor+retrieval": {"parameters": "none", "on": "anchor+delta", "retrieve": {"k": 2, "show": "summary"}},
}
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def homes() -> Dataset:
    """Dialogues that all say the same but for their own word, in user's and assistant's mouth."""

    def dialogue(persona: int, number: int) -> Dialogue:
        word = f"q{persona}x{number}w"
        said = (
            Message("user", f"warmer please {word}"),
            Message("assistant", f"Setting the AC to {18 + 2 * persona} degrees, {word}."),
        )
        at = START + timedelta(days=number, hours=persona)
        return Dialogue(f"{persona}-{number}", f"p{persona}", at, {"weather": "rainy"}, said)

    people = tuple(Persona(f"p{n}", f"Likes it warm, number {n}.") for n in range(PERSONAS))
    return Dataset(people, tuple(dialogue(p, n) for p in range(PERSONAS) for n in range(DIALOGUES)))


@dataclass
class Fed:
    """(method, split or "train"/"val" of training, persona of the reader or group, text) of all that was read."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Fed:
    """Every method of the catalogue, job by job in this process, with all that goes into the model written down."""
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("home")
    save_base(home / "tiny")
    tokenizer = load_base(str(home / "tiny"), "cpu", "float32").tokenizer
    folder = keep(homes(), home / "datasets", "d" * 16)
    methods = [*(name for name in catalog() if "dbscan" not in name), *OWN]
    content = {"name": "s", "data": "d", "base": str(home / "tiny"), "methods": methods, "max_new_tokens": 2}
    study = parse_study(content | {"method": OWN, "training": {"epochs": 1}, "dtype": "float32"}, "s.toml")
    seen = Fed()
    with pytest.MonkeyPatch.context() as patch:
        current: dict[str, str] = {}

        def reading(groups: Any) -> None:
            for group in groups:
                for part in ("train", "val"):
                    for example in getattr(group, part):
                        text = tokenizer.decode(example.ids)
                        seen.rows.append((current["method"], part, group.stream or group.name, text))

        def training(model: Any, groups: Any, *others: Any, **options: Any) -> Any:
            reading(groups)
            return real_train(model, groups, *others, **options)

        def answering(server: Any, rows: Any, *others: Any, **options: Any) -> Any:
            seen.rows += [(current["method"], "asked", "", _text(row.messages)) for row in rows]
            return real_generate(server, rows, *others, **options)

        real_train, real_generate = train.train_groups, evaluate.generate
        patch.setattr(train, "train_groups", training)
        patch.setattr(evaluate, "generate", answering)
        done: dict[str, str] = {}
        for number, job in enumerate(plan(study, "d" * 64, fingerprint(study.base)), 1):
            current["method"] = job.method
            parents = {key: done[key] for key in job.parents}
            assignment = Assignment(
                number, 1, job.kind, job.method, job.spec, str(home), f"{number}/1", str(load_settings().cache),
                "cpu", "float32", None, 1e9, folder.relative_to(home).as_posix(), parents,
            )  # fmt: skip
            (home / f"{number}/1").mkdir(parents=True)
            importlib.import_module(KINDS[job.kind]).run(JobContext(assignment, lambda _: None, threading.Event()))
            done[job.key] = f"{number}/1"
    return seen


def _text(messages: Any) -> str:
    return "\n".join(message["content"] for message in messages)


def marks(text: str) -> set[tuple[int, int]]:
    """(persona, number) of every dialogue that the text has a word of."""
    return {(int(persona), int(number)) for persona, number in MARK.findall(text)}


def own(text: str) -> tuple[int, int]:
    """The dialogue that is read: its word stands in the last user message."""
    persona, number = MARK.findall(text)[-1]
    return int(persona), int(number)


def test_every_method_was_fed_something(fed: Fed):
    assert {row[0] for row in fed.rows} >= {name for name in catalog() if "dbscan" not in name} - {"merge-x"} | set(OWN)


def test_training_reads_train_dialogues_of_the_groups_own_personas_only(fed: Fed):
    for method, part, group, text in fed.rows:
        if part == "train":
            assert all(number < 6 for _, number in marks(text)), (method, text)
            if re.fullmatch(r"p\d", group):
                assert {persona for persona, _ in marks(text)} == {int(group[1:])}, (method, text)


def test_only_val_dialogues_choose_the_best_step(fed: Fed):
    chosen = [own(text)[1] for _, part, _, text in fed.rows if part == "val"]
    assert set(chosen) == {6, 7}


def test_what_is_shown_beside_a_dialogue_is_the_same_personas_and_older(fed: Fed):
    beside = 0
    for method, part, _, text in fed.rows:
        persona, number = own(text)
        for other, earlier in marks(text) - {(persona, number)}:
            beside += 1
            assert other == persona, (method, part, text)
            assert earlier < number, (method, part, text)
            assert earlier < 6, "only train dialogues are shown"
    assert beside > 100, "retrieval did show something"


def test_test_dialogues_are_read_to_be_answered_and_for_nothing_else(fed: Fed):
    assert {own(text)[1] for _, part, _, text in fed.rows if part == "asked"} == {6, 7, 8, 9}  # val for its scores
    assert not [row for row in fed.rows if row[1] != "asked" and own(row[3])[1] >= 8]


def test_the_reference_is_not_in_the_prompt(fed: Fed):
    for method, part, _, text in fed.rows:
        if part == "asked":
            assert text.count("q{}x{}w".format(*own(text))) == 1, (method, text)


def test_k_is_how_many_are_shown(fed: Fed):
    for k in (0, 1, 3, 5, 10):
        shown = [len(marks(text)) - 1 for method, _, _, text in fed.rows if method == f"retrieval-k{k}"]
        assert set(shown) == {min(k, 6)}, k
