"""What a study will take: work counted from the data, times rates measured before or guessed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.methods.base_shape import BaseShape, shape_of
from lab.methods.counts import Counts, Part, PersonaCounts
from lab.methods.estimate import Estimate, estimate, learned_weights
from lab.methods.extend import inherited, plan_extension
from lab.methods.plan import PlannedJob, plan
from lab.methods.rates import Place, Rates
from lab.methods.spec import catalog, parse_study
from lab.methods.work import Work, works

STUDY = {"name": "s", "data": "homes", "base": "smollm2-135m", "methods": ["base", "unified", "persona"]} | {
    "evaluate": ["test"]
}
SMOLLM2 = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}
SHAPE = shape_of(SMOLLM2)
CPU = Place("smollm2-135m", 135e6, "cpu")
WEIGHTS = {"smollm2-135m": 135e6, "large": 1350e6}
METHODS = [name for name in catalog() if name != "endpoint"]


@dataclass(frozen=True)
class Ran:
    """A job that succeeded."""

    kind: str
    seconds: float
    result: dict[str, Any]
    method: str = "unified"
    device: str = "cpu"
    spec: dict[str, Any] = field(default_factory=lambda: {"base": "smollm2-135m"})


def counts(personas: int = 4, train: int = 12, val: int = 4, test: int = 4, tokens: int = 200) -> Counts:
    """Personas alike, of dialogues alike with three turns each."""
    parts = {
        name: Part((tokens,) * number, 3 * number, 4 * tokens * number)
        for name, number in (("train", train), ("val", val), ("test", test))
    }
    return {f"p{number}": PersonaCounts(20, parts) for number in range(personas)}


def planned(**changes: Any) -> list[PlannedJob]:
    return plan(parse_study(STUDY | changes, "s.toml"), "d" * 64)


def work_of(jobs: list[PlannedJob], data: Counts | None = None, shape: BaseShape | None = SHAPE) -> dict[str, Work]:
    """(kind method) → its work."""
    found = works(jobs, data or counts(), shape, {})
    return {f"{job.kind} {job.method}": found[job.key] for job in jobs}


def cost(
    jobs: list[PlannedJob], data: Counts | None = None, ran: list[Ran] | None = None, lanes: int = 1, reused: int = 0
) -> Estimate:
    """The estimate; of the plan's jobs the first so many are reused."""
    rates = Rates(ran or [], CPU, WEIGHTS)
    return estimate(jobs, works(jobs, data or counts(), SHAPE, {}), rates, {job.key for job in jobs[:reused]}, lanes)


# ---------------------------------------------------------------- what there is to do


def test_training_is_counted_in_tokens_of_train_dialogues_epochs_and_settings():
    once = work_of(planned(methods=["unified"], training={"epochs": 1}))["train unified"].amount
    assert once == 4 * 12 * 200
    assert work_of(planned(methods=["unified"]))["train unified"].amount == 3 * once
    sweep = {"unified": {"parameters": "lora", "sweep": {"learning_rate": [1e-4, 1e-3], "seed": [0, 1]}}}
    assert work_of(planned(methods=["unified"], method=sweep))["train unified"].amount == 4 * 3 * once


def test_evaluation_is_counted_in_turns_of_its_split():
    jobs = planned(methods=["base"], evaluate=["val", "test"])
    found = works(jobs, counts(val=2, test=5), SHAPE, {})
    assert [found[job.key].amount for job in jobs if job.kind == "evaluate"] == [4 * 2 * 3, 4 * 5 * 3]


def test_what_is_shown_in_the_system_message_is_read_too_but_no_more_than_fits():
    mine = {"share": "everyone", "parameters": "lora", "training": {"epochs": 1}}
    told = {"told": mine | {"prompt": "description"}, "shown": mine | {"retrieve": {"k": 3}}}
    found = work_of(planned(methods=["told", "shown"], method=told))
    assert found["train told"].amount == 48 * (200 + 20)
    assert found["train shown"].amount == 48 * (200 + 3 * 100)
    cut = work_of(planned(methods=["shown"], method=told, training={"max_length": 256}))
    assert cut["train shown"].amount == 48 * 256


def test_a_turn_of_a_method_that_shows_more_takes_longer_unless_that_method_was_measured():
    jobs = planned(methods=["unified", "retrieval-k10"])
    plain, shown = (work for name, work in work_of(jobs).items() if name.startswith("evaluate"))
    assert (plain.longer, shown.longer) == (1, (200 + 10 * 100) / 200)
    ran = Ran("evaluate", 10.0, {"turns": 10, "answer_seconds": 10.0})
    alike = Rates([ran], CPU, WEIGHTS).of("evaluate", {}, "retrieval-k10")
    assert alike.seconds(shown.amount, shown.longer) == pytest.approx(6 * shown.amount)
    own = Rates([replace(ran, method="retrieval-k10")], CPU, WEIGHTS).of("evaluate", {}, "retrieval-k10")
    assert own.seconds(shown.amount, shown.longer) == pytest.approx(shown.amount)


def test_augmented_data_are_as_much_more_to_read_as_was_made():
    found = work_of(planned(methods=["augmented-unified"], training={"epochs": 1}))
    assert found["augment augmented-unified"].amount == 4 * (100 - 12)
    assert found["train augmented-unified"].amount == pytest.approx(4 * 100 * 200)


# ---------------------------------------------------------------- what it leaves on disk


def test_adapters_take_the_disk_that_their_shape_says():
    lora = 30 * 8 * ((576 + 576) + (576 + 192))  # q and v of 30 layers, rank 8
    found = work_of(planned(methods=["unified", "persona", "soft-prompt-persona", "prefix-persona", "merge-svd"]))
    for name, groups, weights in (
        ("train unified", 1, lora),
        ("train persona", 4, lora),
        ("train soft-prompt-persona", 4, 10 * 576),
        ("train prefix-persona", 4, 10 * 30 * 2 * 192),
    ):
        twice = 2 * groups * 4 * weights  # the checkpoint holds it once more
        assert found[name].bytes == pytest.approx(twice, rel=0.3), name
        assert found[name].bytes > twice
    assert found["merge merge-svd"].bytes == pytest.approx(4 * 4 * lora, rel=0.05)


def test_an_exact_merge_is_as_large_as_all_that_it_sums():
    found = work_of(planned(methods=["merge-sparse", "merge-sparse-published"]), counts(personas=16))
    # 16 personas are guessed to be in 4 clusters, so 4 of the 5 nearest are there
    assert found["merge merge-sparse"].bytes == pytest.approx(4 * found["merge merge-sparse-published"].bytes, rel=0.05)


def test_what_earlier_trainings_had_wins_over_the_shape_and_without_either_nothing_is_said():
    jobs = planned(methods=["unified"])
    ran = Ran("train", 1.0, {"groups": 2, "parameters": 2_000_000, "tokens": 1}, spec=jobs[0].spec)
    found = works(jobs, counts(), None, learned_weights([ran]))
    assert found[jobs[0].key].bytes == pytest.approx(2 * 4e6, rel=0.01)
    assert works(jobs, counts(), None, {})[jobs[0].key].bytes is None
    assert cost(jobs).unknown_disk is False


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_catalogue_has_an_estimate(name):
    found = cost(planned(methods=[name]))
    assert found.seconds > 0
    assert not found.unknown_disk
    assert found.bytes > 0


def test_newcomers_to_a_study_cost_what_is_made_for_them_alone():
    older = parse_study(STUDY | {"methods": METHODS}, "s.toml")
    content = inherited({"name": "s+anna", "data": "anna", "extends": "s"}, older.model_dump(mode="json"))
    jobs = plan_extension(parse_study(content, "lab persona add"), "e" * 64, older, "d" * 64)
    rates = Rates([], CPU, WEIGHTS)
    shared = {job.key for job in jobs if not job.serves}
    found = estimate(jobs, works(jobs, counts(personas=1), SHAPE, {}), rates, shared)
    own = [one for one in found.jobs if not one.reused]
    assert {"fit", "adopt", "train", "evaluate"} <= {one.job.kind for one in own}
    assert all(one.seconds > 0 or one.job.method == "untrained-soft-prompt" for one in own)
    assert 0 < found.seconds < cost(planned(methods=METHODS)).seconds / 2


# ---------------------------------------------------------------- how fast it goes


def test_nothing_measured_is_a_guess_by_size_and_device():
    rates = [
        Rates([], place, {}).of("train", {}, "unified")
        for place in (CPU, Place("big", 1350e6, "cpu"), Place("smollm2-135m", 135e6, "cuda"), Place("x", None, "cpu"))
    ]
    assert [rate.basis for rate in rates] == ["guess"] * 4
    small, big, fast, unknown = (rate.seconds(40_000) for rate in rates)
    assert small == pytest.approx(100 + 2)
    assert big == pytest.approx(1000 + 2)
    assert fast < small / 10
    assert unknown == small


def test_the_most_alike_jobs_tell():
    near = Ran("train", 10.0, {"tokens": 1000, "train_seconds": 10.0})
    twin = Ran("train", 30.0, {"tokens": 1000, "train_seconds": 30.0}, method="hybrid")
    far = Ran("train", 100.0, {"tokens": 1000, "train_seconds": 100.0}, spec={"base": "large"})
    fast = Ran("train", 0.1, {"tokens": 1000, "train_seconds": 0.1}, device="cuda:1")

    def rate(*ran: Ran, method: str = "unified") -> tuple[float, str]:
        found = Rates(ran, CPU, WEIGHTS).of("train", {}, method)
        return round(found.seconds(1000), 3), found.basis

    assert rate(near, twin, far, fast) == (10.0, "measured")
    assert rate(near, twin, far, fast, method="hybrid") == (30.0, "measured")
    assert rate(far) == (10.0, "scaled")  # a tenth of the weights
    assert rate(fast) == (5.0, "scaled")
    assert rate(far, fast) == rate(fast)  # the same base on another device comes before another base


def test_a_cold_start_is_paid_once_and_not_for_every_token():
    cold = Ran("train", 30.0, {"tokens": 1000, "train_seconds": 10.0})
    rate = Rates([cold], CPU, WEIGHTS).of("train", {}, "unified")
    assert rate.seconds(1000) == pytest.approx(30)
    assert rate.seconds(100_000) == pytest.approx(1020)
    assert rate.seconds(100) == pytest.approx(3)


def test_kinds_of_merges_are_told_apart():
    slow = Ran("merge", 80.0, {"adapters": 8}, spec={"base": "b", "merge": {"how": "ties", "weights": "equal"}})
    rates = Rates([slow], CPU, WEIGHTS)
    assert rates.of("merge", slow.spec, "merge-ties").seconds(4) == pytest.approx(40)
    exact = {"merge": {"how": "exact", "weights": "cosine"}}
    assert rates.of("merge", exact, "merge-sparse").basis == "guess"


@given(
    tokens=st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
    per_second=st.floats(1, 1e4),
    amount=st.integers(0, 10**7),
)
def test_jobs_that_all_go_at_one_speed_are_estimated_at_that_speed(tokens, per_second, amount):
    ran = [Ran("train", n / per_second, {"tokens": n, "train_seconds": n / per_second}) for n in tokens]
    rate = Rates(ran, CPU, WEIGHTS).of("train", {}, "unified")
    assert rate.seconds(amount) == pytest.approx(amount / per_second, rel=1e-6, abs=1e-9)


# ---------------------------------------------------------------- the whole study


def test_what_is_reused_costs_nothing():
    jobs = planned()
    costs = cost(jobs, reused=len(jobs))
    assert (costs.reused, costs.seconds, costs.bytes, costs.guessed) == (len(jobs), 0, 0, [])
    assert cost(jobs, reused=2).jobs[0].seconds == 0
    assert cost(jobs, reused=2).seconds < cost(jobs).seconds


def test_jobs_are_numbered_and_name_those_that_they_wait_for():
    costs = cost(planned(methods=["hybrid"]))
    assert [(one.number, one.job.kind, one.after) for one in costs.jobs] == [
        (1, "train", ()),
        (2, "train", (1,)),
        (3, "evaluate", (2,)),
    ]


def test_several_devices_share_the_work_but_no_job_begins_before_its_parents():
    jobs = planned(methods=["base", "unified", "persona", "hybrid"])
    alone, two, many = (cost(jobs, lanes=lanes) for lanes in (1, 2, 100))
    assert alone.seconds == pytest.approx(sum(one.seconds for one in alone.jobs))
    assert many.seconds <= two.seconds < alone.seconds
    by_name = {f"{one.job.kind} {one.job.method}": one.seconds for one in many.jobs}
    longest = by_name["train unified"] + by_name["train hybrid"] + by_name["evaluate hybrid"]
    assert many.seconds == pytest.approx(longest)


MORE: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "dialogues": ({}, {"train": 20, "val": 7, "test": 7}),
    "longer ones": ({}, {"tokens": 300}),
    "personas": ({}, {"personas": 9}),
    "epochs": ({"training": {"epochs": 5}}, {}),
    "seeds": ({"seeds": [0, 1]}, {}),
    "splits": ({"evaluate": ["val", "test"]}, {}),
    "methods": ({"methods": METHODS}, {}),
}


@given(
    # More train dialogues of one's own leave less to be made of them.
    methods=st.lists(st.sampled_from([name for name in METHODS if "augmented" not in name]), min_size=1, max_size=4),
    more=st.sampled_from(list(MORE)),
    lanes=st.integers(1, 3),
)
def test_more_of_anything_never_takes_less(methods, more, lanes):
    study, data = MORE[more]
    small = cost(planned(methods=methods), lanes=lanes)
    large = cost(planned(**({"methods": methods} | study)), counts(**data), lanes=lanes)
    assert large.seconds >= small.seconds * (1 - 1e-9)
    assert large.bytes >= small.bytes
