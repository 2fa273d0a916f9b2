"""A route job: from recipe books and val predictions to one recipe for each persona, and why."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from lab.data.split import split_by_time
from lab.data.store import keep
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.errors import LabError
from lab.methods.plan import PlannedJob, plan
from lab.methods.recipe import AdapterRef, Gated, Recipe, RecipeBook, read_book, write_book
from lab.methods.spec import parse_study
from lab.report.predictions import Prediction, write_predictions
from lab.tasks import route
from lab.tasks.context import JobContext
from lab.tasks.messages import Assignment, Done, Log

DIALOGUES = 20  # of which 12 train, 4 val, 4 test
AMONG = ("unified", "hybrid", "retrieval-k3")
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def people(n: int) -> Dataset:
    """Every second persona is wordy in its train dialogues, and all are curt later."""

    def dialogue(persona: int, number: int) -> Dialogue:
        wordy = persona % 2 == 0 and number < 12
        wish = "would you please be so kind as to make it a little warmer in here for me" if wordy else "warmer"
        said = [Message("user", wish), Message("assistant", "Setting the AC to 22 degrees.")]
        return Dialogue(f"{persona}-{number}", f"p{persona:02d}", START + timedelta(days=number), {}, tuple(said * 2))

    personas = tuple(Persona(f"p{number:02d}") for number in range(n))
    return Dataset(personas, tuple(dialogue(p, number) for p in range(n) for number in range(DIALOGUES)))


def book(name: str, personas: list[str]) -> RecipeBook:
    """A recipe of each kind that a method may end in."""
    unified = AdapterRef("unified", "1/1/adapters/0000", "a" * 64)
    plain = Recipe("tiny", (unified,), weights="f" * 16)
    if name == "hybrid":
        experts = tuple(AdapterRef(f"expert {n}", f"2/1/adapters/000{n}", f"{n}" * 64) for n in range(2))
        return {
            p: replace(
                plain, adapters=(unified, AdapterRef(p, f"2/1/{p}", p)), gated=Gated(experts, "2/1", "b" * 64, 1)
            )
            for p in personas
        }
    if name == "retrieval-k3":
        retrieve = {"k": 3, "by": "similarity", "show": "examples"}
        return dict.fromkeys(personas, replace(plain, prompt="description", about="Likes it warm.", retrieve=retrieve))
    return dict.fromkeys(personas, plain)


def predictions(dataset: Dataset, gains: dict[str, float], part: str, seed: int) -> list[Prediction]:
    """Every assistant turn of a split, with similarities of 0.7, the persona's gain and noise."""
    rng, split = np.random.default_rng(seed), split_by_time(dataset)
    wanted = {one for parts in split.personas.values() for one in parts.part(part)}  # type: ignore[arg-type]
    return [
        Prediction(
            d.persona_id, d.dialogue_id, turn, "", {}, [], d.messages[turn].content, "Fine.",
            0.7 + gains.get(d.persona_id, 0.0) + 0.02 * rng.normal(), 1.0, 5,
        )
        for d in dataset.dialogues
        if d.dialogue_id in wanted
        for turn in (1, 3)
    ]  # fmt: skip


@dataclass
class Bench:
    """The artifacts that a planned route job reads, and what came of it."""

    home: Path
    dataset: Dataset
    job: PlannedJob
    log: list[str] = field(default_factory=list)

    @property
    def personas(self) -> list[str]:
        return [persona.persona_id for persona in self.dataset.personas]

    def run(self) -> Done:
        parents = {key: role.replace(" ", "-") for role, key in self.job.spec["inputs"].items()}
        spec = orjson.loads(orjson.dumps(self.job.spec))  # as it comes out of the database
        assignment = Assignment(
            9, 1, "route", self.job.method, spec, str(self.home), "9/1", "", "cpu", "float32", None, 1e9,
            f"datasets/{'d' * 16}", parents,
        )  # fmt: skip
        (self.home / "9/1").mkdir(parents=True, exist_ok=True)
        context = JobContext(assignment, self._hear, threading.Event())
        return route.run(context)

    def _hear(self, event: Any) -> None:
        if isinstance(event, Log):
            self.log.append(event.text)

    def written(self) -> tuple[RecipeBook, dict[str, Any]]:
        """The recipe book, and what `route.json` says."""
        return read_book(self.home / "9/1"), orjson.loads((self.home / "9/1/route.json").read_bytes())


def bench(home: Path, how: str, n: int, gains: dict[str, dict[str, float]], part: str = "val") -> Bench:
    """A route among three methods over n personas; `gains` are method → persona → gain."""
    dataset = people(n)
    keep(dataset, home / "datasets", "d" * 16)
    routed = {"parameters": "none", "route": {"how": how, "among": AMONG}}
    content = {
        "name": "s",
        "data": "d",
        "base": "tiny",
        "methods": ["routed"],
        "method": {"routed": routed},
        "evaluate": ["test"],
    }
    jobs = plan(parse_study(content, "s.toml"), "d" * 64)
    found = Bench(home, dataset, next(job for job in jobs if job.kind == "route"))
    for role in found.job.spec["inputs"]:
        kind, number = role.split()
        folder = home / f"{kind}-{number}"
        folder.mkdir()
        if kind == "book":
            write_book(book(AMONG[int(number)], found.personas), folder)
        else:
            rows = predictions(dataset, gains.get(AMONG[int(number)], {}), part, int(number))
            write_predictions(folder, rows)
    return found


def test_each_persona_gets_the_recipe_of_the_method_by_which_it_gains_as_it_is(tmp_path: Path):
    at = bench(tmp_path, "val", 8, {"hybrid": {"p01": 0.2, "p04": 0.2, "p07": 0.2}, "retrieval-k3": {"p02": 0.2}})
    done = at.run()
    recipes, said = at.written()
    expected = dict.fromkeys(at.personas, "unified")
    expected |= {"p01": "hybrid", "p04": "hybrid", "p07": "hybrid", "p02": "retrieval-k3"}
    assert recipes == {p: book(method, at.personas)[p] for p, method in expected.items()}
    assert {p: choice["method"] for p, choice in said["choices"].items()} == expected
    assert done.result["chosen"] == {"unified": 4, "hybrid": 3, "retrieval-k3": 1}
    assert at.log[-1] == "hybrid for 3 of 8 personas, retrieval-k3 for 1, unified for 4"


def test_what_the_choices_were_made_from_can_be_read(tmp_path: Path):
    at = bench(tmp_path, "val", 8, {"hybrid": {"p01": 0.2}})
    at.run()
    _, said = at.written()
    assert (said["how"], said["among"]) == ("val", list(AMONG))
    gain = said["choices"]["p01"]["gains"]["hybrid"]
    assert gain["gain"] == pytest.approx(0.2, abs=0.05)
    assert 0 < gain["sd"] < 0.05
    assert gain["sure"] > 0.975
    assert set(said["population"]) == {"hybrid", "retrieval-k3"}
    assert said["population"]["hybrid"]["gain"] == pytest.approx(0.2 / 8, abs=0.02)
    assert said["population"]["hybrid"]["spread"] > 0.04
    assert at.log[0].startswith("hybrid +0.0")
    assert at.log[0].endswith("between personas) over unified on val")


def test_where_nobody_gains_all_keep_the_default(tmp_path: Path):
    at = bench(tmp_path, "val", 8, {})
    assert at.run().result["chosen"] == {"unified": 8, "hybrid": 0, "retrieval-k3": 0}
    assert at.log[-1] == "unified for 8 of 8 personas"


@pytest.mark.parametrize("how", ["val", "classifier"])
@pytest.mark.parametrize("part", ["train", "test"])
def test_scores_of_other_dialogues_than_val_choose_nothing(tmp_path: Path, how: str, part: str):
    at = bench(tmp_path, how, 12, {"hybrid": {"p01": 0.2}}, part)
    with pytest.raises(LabError, match=r"dialogue 0-\d+ of persona p00 is not of its val dialogues"):
        at.run()
    assert not (tmp_path / "9/1/recipes.json").exists()


def test_a_val_dialogue_under_another_personas_name_chooses_nothing(tmp_path: Path):
    at = bench(tmp_path, "val", 4, {})
    rows = predictions(at.dataset, {}, "val", 0)
    write_predictions(tmp_path / "scores-1", [replace(rows[0], persona_id="p01"), *rows[1:]])
    with pytest.raises(LabError, match="dialogue 0-12 of persona p01 is not of its val dialogues"):
        at.run()


def test_a_persona_without_val_predictions_keeps_the_default_and_it_is_said(tmp_path: Path):
    at = bench(tmp_path, "val", 8, {})
    everybody = dict.fromkeys(at.personas, 0.2)
    write_predictions(
        tmp_path / "scores-1", [p for p in predictions(at.dataset, everybody, "val", 1) if p.persona_id != "p03"]
    )
    assert at.run().result["chosen"] == {"unified": 1, "hybrid": 7, "retrieval-k3": 0}
    assert at.written()[1]["choices"]["p03"] == {"method": "unified", "gains": {}}
    assert "without val dialogues that all were asked, so with unified: 1 persona(s)" in at.log


def test_the_classifier_learns_from_how_personas_talk_in_train_dialogues(tmp_path: Path):
    talkative = {f"p{number:02d}": 0.1 for number in range(0, 24, 2)}
    curt = {f"p{number:02d}": -0.1 for number in range(1, 24, 2)}
    at = bench(tmp_path, "classifier", 24, {"hybrid": talkative | curt})
    assert at.run().result["chosen"] == {"unified": 12, "hybrid": 12, "retrieval-k3": 0}
    recipes, said = at.written()
    assert {p for p, recipe in recipes.items() if recipe.gated} == set(talkative)
    assert said["choices"]["p00"]["gains"]["hybrid"] == {"gain": pytest.approx(0.1, abs=0.03), "sd": None, "sure": None}
    assert said["population"]["hybrid"]["explained"] > 0.9
    assert "their traits explain" in at.log[0]


def test_the_classifier_says_in_one_line_that_personas_are_too_few(tmp_path: Path):
    at = bench(tmp_path, "classifier", 8, {"hybrid": {f"p{number:02d}": 0.2 for number in range(8)}})
    assert at.run().result["chosen"] == {"unified": 8, "hybrid": 0, "retrieval-k3": 0}
    assert at.log == [
        "fewer than 10 personas are too few to learn from: all stay with unified",
        "unified for 8 of 8 personas",
    ]


def test_a_random_route_reads_no_scores_and_draws_the_same_again(tmp_path: Path):
    at = bench(tmp_path, "random", 12, {})
    assert not [role for role in at.job.spec["inputs"] if role.startswith("scores")]
    first = at.run().result
    recipes, said = at.written()
    assert at.run().result == first
    assert at.written() == (recipes, said)
    assert all(0 < count < 12 for count in first["chosen"].values())
    assert recipes == {p: book(choice["method"], at.personas)[p] for p, choice in said["choices"].items()}
