"""What is fed to the model, method by method: nothing of val or test, of later dialogues or of other personas.

Every dialogue carries a word of its own, so whatever reaches the model can be told by it.
"""

from __future__ import annotations

import importlib
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
import torch
from tiny_model import save_base

from lab.data.store import keep
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.methods.plan import plan
from lab.methods.spec import catalog, parse_study
from lab.models.base import load_base
from lab.models.waves import Waves
from lab.settings import load_settings
from lab.tasks import evaluate
from lab.tasks.base_identity import fingerprint
from lab.tasks.context import JobContext
from lab.tasks.executor import KINDS
from lab.tasks.messages import Assignment

PERSONAS, DIALOGUES = 4, 10  # of which 6 train, 2 val, 2 test
MARK = re.compile(r"\bq(\d)x(\d)w\b")  # persona, number in time
OWN = {
    "more": {"share": "persona", "parameters": "lora", "augment": {"how": "context", "to": 9}},
    "preferring": {"share": "persona", "parameters": "lora", "prompt": "preferences"},
    "cluster+retrieval": {"parameters": "none", "on": "cluster-behaviour", "retrieve": {"k": 3, "by": "both"}},
    "anchor+retrieval": {"parameters": "none", "on": "anchor+delta", "retrieve": {"k": 2, "show": "summary"}},
}
# The catalogue's own, in fewer rounds: each draws all personas and reads what every other does.
QUICK = {"meta": {"share": "persona", "parameters": "lora", "meta": {"how": ["reptile", "fomaml"], "rounds": 2}}}
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def homes() -> Dataset:
    """Dialogues that all say the same but for their own word, in user's and assistant's mouth."""

    def dialogue(persona: int, number: int) -> Dialogue:
        word = f"q{persona}x{number}w"
        said = (
            Message("user", f"the AC to {18 + 2 * persona} degrees please {word}"),
            Message("assistant", f"Setting the AC to {18 + 2 * persona} degrees, {word}."),
        )
        at = START + timedelta(days=number, hours=persona)
        weather = {"weather": ("rainy", "sunny")[number % 2]}
        return Dialogue(f"{persona}-{number}", f"p{persona}", at, weather, said, "simple", ())

    people = tuple(Persona(f"p{n}", f"Likes it warm, number {n}.") for n in range(PERSONAS))
    return Dataset(people, tuple(dialogue(p, n) for p in range(PERSONAS) for n in range(DIALOGUES)))


# DBSCAN needs more personas; a tiny random model writes no dialogue worth keeping; an endpoint is another's model.
LEFT_OUT = re.compile(r"dbscan|augmented|endpoint")
METHODS = [name for name in catalog() if not LEFT_OUT.search(name)]


class Read(NamedTuple):
    """One text that reached the model."""

    method: str
    part: str  # train: learned from; val: judged by; chosen: weights of what is there are fitted to it; asked: answered
    group: str
    user: int  # whose vector was put before it
    text: str


@dataclass
class Fed:
    """All that was read."""

    rows: set[Read] = field(default_factory=set)


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Fed:
    """Every method of the catalogue, job by job in this process, with all that goes into the model written down."""
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("home")
    save_base(home / "tiny")
    tokenizer = load_base(str(home / "tiny"), "cpu", "float32").tokenizer
    folder = keep(homes(), home / "datasets", "d" * 16)
    content = {
        "name": "s",
        "data": "d",
        "base": str(home / "tiny"),
        "methods": [*METHODS, *OWN],
        "max_new_tokens": 2,
        "evaluate": ["test"],
    }
    study = parse_study(content | {"method": OWN | QUICK, "training": {"epochs": 1}, "dtype": "float32"}, "s.toml")
    seen = Fed()
    with pytest.MonkeyPatch.context() as patch:
        current: dict[str, str] = {}

        def reading(items: Any, part: str) -> None:
            for item in items:
                for example in item.examples:
                    group = item.group.stream or item.group.name
                    text = tokenizer.decode(example.ids)
                    seen.rows.add(Read(current["method"], part, group, example.user, text))

        def learning(waves: Waves, theta: Any, items: Any) -> Any:
            reading(items, "chosen" if current["kind"] in ("merge", "mixture") else "train")
            return gradients(waves, theta, items)

        def judging(waves: Waves, theta: Any, items: Any) -> Any:
            reading(items, "val")
            return losses(waves, theta, items)

        def answering(server: Any, rows: Any, *others: Any, **options: Any) -> Any:
            seen.rows |= {Read(current["method"], "asked", "", 0, _text(row.messages)) for row in rows}
            return generate(server, rows, *others, **options)

        gradients, losses, generate = Waves.gradients, Waves.losses, evaluate.generate
        patch.setattr(Waves, "gradients", learning)
        patch.setattr(Waves, "losses", judging)
        patch.setattr(evaluate, "generate", answering)
        done: dict[str, str] = {}
        for number, job in enumerate(plan(study, "d" * 64, fingerprint(study.base)), 1):
            current |= {"method": job.method, "kind": job.kind}
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
    assert {row.method for row in fed.rows} >= {*METHODS, *OWN}


def test_training_reads_train_dialogues_of_the_groups_own_personas_only(fed: Fed):
    for row in fed.rows:
        if row.part == "train":
            assert all(number < 6 for _, number in marks(row.text)), row
            if re.fullmatch(r"p\d", row.group):
                assert {persona for persona, _ in marks(row.text)} == {int(row.group[1:])}, row


def test_a_users_vector_is_put_before_that_users_dialogues(fed: Fed):
    read = [row for row in fed.rows if row.method == "user-embedding" and row.part in ("train", "val")]
    assert {(own(row.text)[0], row.user) for row in read} == {(n, n) for n in range(PERSONAS)}


def test_only_val_dialogues_choose_the_best_step_and_the_weights_of_what_is_there(fed: Fed):
    for part in ("val", "chosen"):
        assert {own(row.text)[1] for row in fed.rows if row.part == part} == {6, 7}
    assert {row.method for row in fed.rows if row.part == "chosen"} == {"merge-learned", "mixture-soft", "mixture-hard"}
    for row in fed.rows:
        if row.method == "merge-learned" and row.part == "chosen":
            assert own(row.text)[0] == int(row.group[1:]), "a persona's weights are fitted to its own dialogues"


def test_what_is_shown_beside_a_dialogue_is_the_same_personas_and_older(fed: Fed):
    beside = 0
    for row in fed.rows:
        persona, number = own(row.text)
        for other, earlier in marks(row.text) - {(persona, number)}:
            beside += 1
            assert other == persona, row
            assert earlier < number, row
            assert earlier < 6, "only train dialogues are shown"
    assert beside > 100, "retrieval did show something"


def test_test_dialogues_are_read_to_be_answered_and_for_nothing_else(fed: Fed):
    assert {own(row.text)[1] for row in fed.rows if row.part == "asked"} == {6, 7, 8, 9}  # val for its scores
    assert not [row for row in fed.rows if row.part != "asked" and own(row.text)[1] >= 8]


def test_the_reference_is_not_in_the_prompt(fed: Fed):
    for row in fed.rows:
        if row.part == "asked":
            assert row.text.count("q{}x{}w".format(*own(row.text))) == 1, row


def test_k_is_how_many_are_shown(fed: Fed):
    for k in (0, 1, 3, 5, 10):
        shown = [len(marks(row.text)) - 1 for row in fed.rows if row.method == f"retrieval-k{k}"]
        assert set(shown) == {min(k, 6)}, k
