"""The job that makes more train dialogues: what it is given, what it leaves behind, and that it can be interrupted.

The base models are real ones: a random one, which writes garbage, and one that always says the same sentence.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from tiny_model import SHAPE, save_base, tokenizer_of, train_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from lab.data.load import load
from lab.data.split import split_by_time
from lab.data.store import keep
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.errors import LabError
from lab.methods.recipe import Recipe
from lab.models.atomic import newest_first, number_of
from lab.models.base import load_base
from lab.settings import load_settings
from lab.tasks import augment
from lab.tasks.augment import read_augmented
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.examples import Reader
from lab.tasks.material import material
from lab.tasks.messages import Assignment, Checkpoint, Done, Event, Log, Progress
from lab.tasks.prompting import Prompter

PERSONAS, DIALOGUES, TRAIN = 3, 10, 6
LETTERS = "abcdefghij"
MARK = re.compile(r"\bq([a-j])x([a-j])w\b")  # persona, number in time: in letters, for numbers are to stay
SAID = "Please make it a bit warmer in this room."
WAYS = ("paraphrase", "context", "back-translation", "synthesis")
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def homes() -> Dataset:
    """Everybody wants it warmer; each dialogue carries a word of its own, and a situation of its own."""

    def dialogue(persona: int, number: int) -> Dialogue:
        word = f"q{LETTERS[persona]}x{LETTERS[number]}w"
        said = (
            Message("user", f"Can you make the room a bit warmer, please? {word}"),
            Message("assistant", f"It will be warmer soon, {word}."),
        )
        at = START + timedelta(days=number, hours=persona)
        return Dialogue(f"{persona}-{number}", f"p{persona}", at, {"day": number}, said, "simple")

    people = tuple(Persona(f"p{n}", f"Likes it warm, number {n}.") for n in range(PERSONAS))
    return Dataset(people, tuple(dialogue(p, n) for p in range(PERSONAS) for n in range(DIALOGUES)))


def save_parrot(folder: Path) -> None:
    """A base that answers whatever it is asked with `SAID`: its layers add nothing, its head knows what comes next."""
    tokenizer = tokenizer_of(train_tokenizer())
    tokenizer.add_tokens([SAID])
    chain = [tokenizer.convert_tokens_to_ids(token) for token in ("Ċ", SAID, "<|im_end|>")]
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SHAPE)).requires_grad_(False)
    for name, weight in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight", "embed_tokens.weight", "lm_head.weight")):
            weight.zero_()
    for place, (token, following) in enumerate(pairwise(chain)):
        model.get_input_embeddings().weight[token, place] = 1.0
        model.get_output_embeddings().weight[following, place] = 1.0
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


@dataclass
class Run:
    """One attempt, and what came of it."""

    path: Path
    context: JobContext
    events: list[Event]
    prompts: list[str] = field(default_factory=list)  # what the model was asked, a text each
    done: Done | None = None
    error: str = ""

    @property
    def log(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Log))

    @property
    def result(self) -> dict[str, Any]:
        assert self.done is not None, self.error
        return self.done.result

    def files(self) -> list[bytes]:
        return [(self.path / name).read_bytes() for name in ("personas.jsonl", "dialogues.jsonl")]


Attempt = Callable[..., Run]


class Killed(BaseException):
    """The process is gone: nothing more is written."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("home")
    save_base(home / "random")
    save_parrot(home / "parrot")
    keep(homes(), home / "datasets", "d" * 16)
    return home


@pytest.fixture
def attempt(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempt:
    """Runs the job once; after `stop_after` checkpoints it is told to stop, or killed."""
    real = augment.generate

    def start(
        how: str,
        to: int = 9,
        base: str = "parrot",
        personas: int | None = None,
        earlier: Run | None = None,
        stop_after: int = 0,
        kill: bool = False,
    ) -> Run:
        folder = Path(tempfile.mkdtemp(dir=home, prefix=tmp_path.name))
        spec = {
            "data": "d" * 64, "personas": personas, "dialogues": None, "shares": [0.6, 0.2, 0.2], "seed": 0,
            "base": str(home / base), "dtype": "float32", "augment": {"how": how, "to": to},
        }  # fmt: skip
        events: list[Event] = []
        stop = threading.Event()

        def emit(event: Event) -> None:
            events.append(event)
            if stop_after and sum(isinstance(one, Checkpoint) for one in events) == stop_after:
                stop.set()
                if kill:
                    raise Killed

        def asking(server: Any, rows: Any, *others: Any, **options: Any) -> Any:
            run.prompts += ["\n".join(message["content"] for message in row.messages) for row in rows]
            return real(server, rows, *others, **options)

        assignment = Assignment(
            1, 1, "augment", "m", spec, str(home), folder.name, str(load_settings().cache), "cpu", "float32",
            f"{earlier.path.name}/checkpoint" if earlier else None, 0.0 if stop_after else 1e9,
            "datasets/" + "d" * 16, {},
        )  # fmt: skip
        run = Run(folder, JobContext(assignment, emit, stop), events)
        monkeypatch.setattr(augment, "generate", asking)
        try:
            run.done = augment.run(run.context)
        except (JobStopped, Killed):
            assert stop.is_set()
        except LabError as error:
            run.error = str(error)
        return run

    return start


def marks(text: str) -> set[tuple[int, int]]:
    """(persona, number) of every dialogue that the text has a word of."""
    return {(LETTERS.index(persona), LETTERS.index(number)) for persona, number in MARK.findall(text)}


# ---------------------------------------------------------------- what it leaves behind


@pytest.mark.parametrize("how", ["context", "paraphrase", "back-translation"])
def test_every_persona_gets_what_is_missing_from_its_own_train_dialogues(attempt: Attempt, how):
    run = attempt(how)
    assert {"asked": 9, "made": 9, "fewest": 9}.items() <= run.result.items()
    assert run.result["tried"] == 9 + sum(run.result["refused"].values())
    made = read_augmented(run.path)
    assert {persona: len(found) for persona, found in made.items()} == {f"p{n}": 3 for n in range(PERSONAS)}
    train = {d.dialogue_id: d for n in range(PERSONAS) for d in material(run.context).dialogues(f"p{n}", "train")}
    lines = [orjson.loads(line) for line in (run.path / "dialogues.jsonl").read_bytes().splitlines()]
    for line in lines:
        source = train[line["made_from"][0]]
        assert line["dialogue_id"].startswith(f"{source.dialogue_id}~{how}")
        assert line["persona_id"] == source.persona_id
        assert line["started_at"] == source.started_at.isoformat()
        assert line["messages"][1]["content"] == source.messages[1].content
        if how == "context":
            assert line["context"]["day"] in set(range(TRAIN)) - {source.context["day"]}
        else:
            assert line["messages"][0]["content"] == SAID
            assert line["context"] == source.context


def test_what_was_made_is_a_data_set_that_can_be_looked_at(attempt: Attempt):
    run = attempt("context")
    assert f"lab data show {run.path.name}`" in run.log
    found = load(str(run.path))
    assert [persona.persona_id for persona in found.personas] == ["p0", "p1", "p2"]
    assert len(found.dialogues) == 9


@pytest.mark.parametrize("how", ["context", "paraphrase"])
def test_the_same_job_writes_the_same_bytes(attempt: Attempt, how):
    assert attempt(how).files() == attempt(how).files()


def test_who_cannot_reach_the_number_is_said_and_counted(attempt: Attempt):
    run = attempt("paraphrase", to=20)
    assert run.result["made"] == PERSONAS * TRAIN, "the base says one sentence, in each situation once"
    assert run.result["fewest"] == 2 * TRAIN
    assert run.result["refused"] == {"duplicate": PERSONAS * TRAIN * 5}
    assert "the persona with the fewest has 12, not 20" in run.log
    assert "90 duplicate" in run.log


def test_who_has_enough_needs_nothing(attempt: Attempt):
    run = attempt("paraphrase", to=TRAIN)
    assert run.result["asked"] == 0
    assert run.prompts == []
    assert read_augmented(run.path) == {}
    assert "nothing is added" in run.log


def test_how_far_it_is_never_goes_back(attempt: Attempt):
    shares = [
        e.progress for e in attempt("back-translation", to=12).events if isinstance(e, Progress) and e.total_steps
    ]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1


# ---------------------------------------------------------------- what it is given


@pytest.mark.parametrize("how", WAYS)
def test_the_model_is_shown_train_dialogues_of_one_persona_at_a_time(attempt: Attempt, how):
    shown = [marks(prompt) for prompt in attempt(how, to=12).prompts if marks(prompt)]
    assert len(shown) > 10 or how == "context"
    for found in shown:
        assert len({persona for persona, _ in found}) == 1
        assert all(number < TRAIN for _, number in found)


def test_training_reads_what_was_made_and_val_and_test_do_not_change(attempt: Attempt):
    run = attempt("context")
    made, given = read_augmented(run.path), material(run.context)
    assert given.split == split_by_time(given.dataset), "the splits are those of the data alone"
    base = load_base(str(run.path.parent / "random"), "cpu", "float32")
    recipes = {persona: Recipe(base.name) for persona in given.personas}
    prompter = Prompter(run.context, given)
    plain, more = (Reader(base, given, prompter, recipes, 512, one) for one in ({}, made))
    for persona in given.personas:
        own = [example.key for example in plain.examples([persona], "train")]
        added = [dialogue.dialogue_id for dialogue in made[persona]]
        assert [example.key for example in more.examples([persona], "train")] == own + added
        for part in ("val", "test"):
            assert [e.key for e in more.examples([persona], part)] == [e.key for e in plain.examples([persona], part)]
    for one in (d for found in made.values() for d in found):
        held_out = {(int(one.persona_id[1]), number) for number in range(TRAIN, DIALOGUES)}
        assert not marks(" ".join(m.content for m in one.messages)) & held_out
        assert one.context["day"] < TRAIN


# ---------------------------------------------------------------- garbage and interruptions


@pytest.mark.parametrize("how", ["paraphrase", "back-translation"])
def test_a_base_that_writes_garbage_ends_the_job_with_a_sentence(attempt: Attempt, how):
    sentence = attempt(how, base="random", personas=1).error
    assert re.fullmatch(
        rf"augment by '{how}' made nothing that will do in 36 tries \(.*\); "
        r"choose another augment.how or a base model that writes better.",
        sentence,
    )
    assert sum(int(n) for n in re.findall(r"(\d+) [a-z]", sentence.partition("(")[2])) == 36


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("how", ["paraphrase", "back-translation"])
def test_stopped_or_killed_and_gone_on_with_it_writes_the_same_bytes_and_asks_nothing_twice(attempt, how, kill):
    whole = attempt(how, to=20)
    first = attempt(how, to=20, stop_after=4, kill=kill)
    assert first.done is None
    second = attempt(how, to=20, earlier=first)
    kept = number_of(newest_first(first.path / "checkpoint", "texts", ".json")[0])
    assert 0 < kept < len(set(whole.prompts))
    assert len(second.prompts) == len(set(whole.prompts)) - kept
    assert second.files() == whole.files()


def test_a_damaged_checkpoint_costs_what_came_after_the_one_before_it(attempt: Attempt):
    first = attempt("paraphrase", stop_after=3)
    newest, before = newest_first(first.path / "checkpoint", "texts", ".json")
    newest.write_bytes(b"")
    second = attempt("paraphrase", earlier=first)
    assert second.result["made"] == 9
    assert f"the checkpoint before it is tried: {newest}: damaged" in second.log
    whole = len(set(attempt("paraphrase").prompts))
    assert len(second.prompts) == whole - number_of(before)
    before.write_bytes(b'{"texts": {')
    third = attempt("paraphrase", earlier=first)
    assert len(third.prompts) == whole
    assert f"the work starts anew: {before}: damaged" in third.log
    assert [e for e in third.events if isinstance(e, Checkpoint)][-1] == Checkpoint("", 0, back=True)
