"""What grouped training promises each group, whoever else is in flight."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from training_data import PLAIN, distance, examples, make_groups, peft_alone, train, trained_adapter
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.lora import Adapter, LoraConfig, attach, concatenate
from lab.models.train import train_groups
from lab.models.trained_lora import initial_adapter
from lab.models.training import GroupData, GroupResult, TrainConfig, TrainEvent
from lab.models.virtual import VirtualConfig

MakeModel = Callable[..., PreTrainedModel]


@pytest.mark.parametrize("lora", [PLAIN, LoraConfig(dropout=0.2)], ids=["plain", "dropout"])
def test_how_many_groups_are_in_flight_changes_nothing(make_model: MakeModel, lora: LoraConfig) -> None:
    groups = make_groups(8, val=3)
    runs = [
        train(make_model(), groups, lora, TrainConfig(in_flight=in_flight, patience=2)) for in_flight in (1, 3, 8, None)
    ]
    for other in runs[1:]:
        for name, result in runs[0].items():
            assert distance(result.learned, other[name].learned) < 1e-5
            assert result.val_loss == pytest.approx(other[name].val_loss, abs=1e-5)
            assert result.best_step == other[name].best_step


def test_a_finished_group_does_not_move_while_others_go_on(make_model: MakeModel) -> None:
    short, long = GroupData("short", examples(0, 2)), GroupData("long", examples(1, 30))
    for in_flight in (1, 2):
        seen: list[str] = []
        results = train(
            make_model(),
            [short, long],
            config=TrainConfig(in_flight=in_flight),
            on_event=lambda event, seen=seen: seen.append(f"{event.kind} {event.group}"),
        )
        assert results["short"].steps == 3
        assert seen.index("finished short") < seen.index("finished long")
        if in_flight == 1:
            alone = results["short"].learned
    assert distance(results["short"].learned, alone) < 1e-6


def test_every_group_starts_from_the_same_recorded_adapter(make_model: MakeModel) -> None:
    model, results = make_model(), []
    config = TrainConfig(learning_rate=1e-12, warmup_ratio=0.0)
    summary = train_groups(model, make_groups(3), PLAIN, config, on_result=results.append)
    start = initial_adapter(attach(model, PLAIN.targets), PLAIN, config.seed)
    assert summary.init_digest == start.digest()
    assert summary.init_digest != initial_adapter(attach(model, PLAIN.targets), PLAIN, 1).digest()
    assert all(distance(result.learned, start) < 1e-9 for result in results)
    for site, a in start.a.items():
        bound = a.shape[1] ** -0.5
        assert 0.9 * bound < float(a.abs().max()) <= bound  # PEFT's kaiming uniform with a = √5
        assert not start.b[site].any()


def test_a_group_may_have_its_own_learning_rate(make_model: MakeModel) -> None:
    groups = [
        replace(group, learning_rate=rate) for group, rate in zip(make_groups(3), (None, 1e-3, 2e-3), strict=True)
    ]
    config = TrainConfig(epochs=1)
    peaks: dict[str, float] = defaultdict(float)

    def note(event: TrainEvent) -> None:
        if event.kind == "step":
            peaks[event.group] = max(peaks[event.group], event.learning_rate)

    results = train(make_model(), groups, config=replace(config, epochs=4), on_event=note)
    assert list(peaks.values()) == [5e-4, 1e-3, 2e-3]
    model = make_model()
    start = initial_adapter(attach(copy.deepcopy(model), PLAIN.targets), PLAIN, 0)
    alone, _, _ = peft_alone(model, groups[2], start, replace(config, epochs=4))
    assert distance(results["persona-2"].learned, alone) < 1e-5


def test_the_result_is_the_snapshot_that_was_best_on_val(make_model: MakeModel) -> None:
    curves: dict[str, list[tuple[int, float]]] = defaultdict(list)

    def note(event: TrainEvent) -> None:
        if event.kind == "val":
            curves[event.group].append((event.step, event.val_loss))

    groups = make_groups(4, val=3)
    config = TrainConfig(epochs=8, learning_rate=2e-2)  # far too fast: val goes up again
    results = train(make_model(), groups, config=config, on_event=note)
    for name, result in results.items():
        step, loss = min(curves[name], key=lambda point: point[1])
        assert (result.best_step, result.val_loss) == (step, loss)
        assert not result.stopped_early
    assert any(result.best_step < result.steps for result in results.values())
    again = train_val_loss(make_model(), groups, results)
    for name, result in results.items():
        assert again[name] == pytest.approx(result.val_loss, abs=1e-5)


def train_val_loss(
    model: PreTrainedModel, groups: list[GroupData], results: dict[str, GroupResult]
) -> dict[str, float]:
    """Val loss of finished adapters: what a group that stands on them and cannot move is told."""
    fixed = TrainConfig(epochs=1, learning_rate=1e-12)
    on_top = [replace(group, under=results[group.name].learned) for group in groups]
    return {name: result.val_loss for name, result in train(model, on_top, config=fixed).items()}


def test_a_group_that_no_longer_improves_stops_early(make_model: MakeModel) -> None:
    groups = make_groups(4, val=3)
    config = TrainConfig(epochs=8, learning_rate=2e-2, eval_every=1)
    free = train(make_model(), groups, config=config)
    early = train(make_model(), groups, config=replace(config, patience=2))
    stopped = [result for result in early.values() if result.stopped_early]
    assert stopped
    for result in stopped:
        assert result.steps == result.best_step + 2 < free[result.name].steps
        assert result.val_loss >= free[result.name].val_loss


def test_val_is_judged_at_the_end_of_each_epoch_or_every_so_many_steps(make_model: MakeModel) -> None:
    def judged(**config: int) -> list[int]:
        steps: list[int] = []
        train(
            make_model(),
            [GroupData("a", examples(0, 10), examples(1, 2))],
            config=TrainConfig(epochs=2, **config),
            on_event=lambda event: steps.append(event.step) if event.kind == "val" else None,
        )
        return steps

    assert judged() == [3, 6]
    assert judged(eval_every=4) == [4, 6]


def test_a_group_that_blows_up_ends_as_its_start_and_harms_nobody(make_model: MakeModel) -> None:
    wild = GroupData("wild", examples(0, 8), examples(1, 2), learning_rate=1e30)
    calm = GroupData("calm", examples(2, 8), examples(3, 2))
    model = make_model()
    results = train(model, [wild, calm], config=TrainConfig(epochs=2, warmup_ratio=0.0))
    alone = train(make_model(), [calm], config=TrainConfig(epochs=2, warmup_ratio=0.0))
    assert results["wild"].val_loss is None
    assert distance(results["wild"].learned, initial_adapter(attach(model, PLAIN.targets), PLAIN, 0)) == 0
    assert distance(results["calm"].learned, alone["calm"].learned) < 1e-5


def test_training_on_top_of_an_adapter_is_training_on_a_base_that_has_it_merged(make_model: MakeModel) -> None:
    wide = LoraConfig(rank=3, alpha=5.0, dropout=0.0, targets=("v_proj", "up_proj"))
    model = make_model()
    unders = [trained_adapter(model, 1, wide), None, trained_adapter(model, 2)]
    groups = [replace(group, under=under) for group, under in zip(make_groups(3), unders, strict=True)]
    before = [under and under.digest() for under in unders]
    results = train(model, groups)
    assert [under and under.digest() for under in unders] == before
    for group, under in zip(groups, unders, strict=True):
        merged = make_model()
        for site in under.a if under else ():
            linear = merged.get_submodule(site)
            linear.weight += under.config.scale * under.b[site] @ under.a[site]
        alone = train(merged, [replace(group, under=None)])
        assert distance(results[group.name].learned, alone[group.name].learned) < 1e-5
        assert results[group.name].train_loss == pytest.approx(alone[group.name].train_loss, abs=1e-5)


def test_everybody_on_the_same_adapter_is_as_each_on_their_own_copy(make_model: MakeModel) -> None:
    model = make_model()
    under = trained_adapter(model, 1)
    same = train(model, make_groups(3, under=under))
    copies = [replace(group, under=concatenate([under])) for group in make_groups(2)]
    copies.append(replace(make_groups(3)[2], under=under))
    for name, result in train(model, copies).items():
        assert distance(result.learned, same[name].learned) < 1e-5


def test_events_tell_steps_cost_and_how_far_the_run_is(make_model: MakeModel) -> None:
    events: list[TrainEvent] = []
    groups = make_groups(3, val=2)
    results = train(make_model(), groups, config=TrainConfig(in_flight=2), on_event=events.append)
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    for name, result in results.items():
        steps = [event for event in events if event.group == name and event.kind == "step"]
        assert [event.step for event in steps] == list(range(1, steps[0].total_steps + 1))
        assert steps[-1].total_steps == result.steps
        assert all(event.tokens_per_second > 0 and event.padding == 0 for event in steps)
        assert [event.kind for event in events if event.group == name][-2:] == ["val", "finished"]


def test_the_summary_adds_up(make_model: MakeModel) -> None:
    groups, results = make_groups(3), []
    summary = train_groups(make_model(), groups, PLAIN, TrainConfig(epochs=2), on_result=results.append)
    tokens = 2 * sum(len(example) for group in groups for example in group.train)
    assert summary.tokens == tokens == sum(result.tokens for result in results)
    assert summary.seconds == pytest.approx(sum(result.seconds for result in results))
    assert summary.parameters == results[0].learned.parameters()
    assert (summary.groups, summary.padding) == (3, 0.0)


def test_the_model_is_left_as_the_plain_base(make_model: MakeModel) -> None:
    model, ids = make_model(), torch.arange(6)[None]
    before = model(input_ids=ids).logits
    train(model, make_groups(2))
    assert torch.equal(model(input_ids=ids).logits, before)
    assert model.config._attn_implementation == "sdpa"


def test_bad_input_is_told_in_a_sentence(make_model: MakeModel) -> None:
    model = make_model()
    good = make_groups(1)[0]
    bad = {
        "there is no group": [],
        "Two groups are called 'persona-0'": [good, good],
        "'empty' has no training example": [good, GroupData("empty", [])],
        "outside the base model's vocabulary": [GroupData("a", examples(0, 2, vocabulary=100_000))],
        "512 at most": [GroupData("a", [type(good.train[0])([1] * 513, [True] * 513, "long")])],
    }
    for message, groups in bad.items():
        with pytest.raises(LabError, match=message):
            train(model, groups)
    full = [GroupData("a", [type(good.train[0])([1] * 510, [True] * 510, "long")])]
    with pytest.raises(LabError, match="510 tokens and 10 virtual ones, but the base model reads 512 at most"):
        train_groups(model, full, VirtualConfig("prefix", 10), TrainConfig(), on_result=print)
    stray = Adapter(PLAIN, {"elsewhere": torch.ones(8, 3)}, {"elsewhere": torch.ones(3, 8)})
    with pytest.raises(LabError, match="it has no layer elsewhere"):
        train(model, [replace(good, under=stray)])


@pytest.mark.parametrize(
    "wrong", [{"epochs": -1}, {"patience": 0}, {"in_flight": 0}, {"learning_rate": 0.0}, {"warmup_ratio": 2.0}]
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(LabError, match="Training:"):
        TrainConfig(**wrong)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_groups_own_rank_rate_and_seed_are_as_if_the_whole_run_had_them(
    make_model: MakeModel, dropout: float
) -> None:
    """A sweep: one persona's data as many groups of one pass."""
    (data,) = make_groups(1, val=3)
    config = TrainConfig(epochs=3)
    tried = [(1e-3, 2, 0), (5e-3, 8, 0), (5e-3, 3, 7)]
    loras = {rank: LoraConfig(rank, 2.0 * rank, dropout) for _, rank, _ in tried}
    groups = [
        replace(data, name=f"{place}", stream=data.name, learning_rate=rate, lora=loras[rank], seed=seed)
        for place, (rate, rank, seed) in enumerate(tried)
    ]
    swept = train(make_model(), groups, LoraConfig(dropout=dropout), config)
    for place, (rate, rank, seed) in enumerate(tried):
        alone = train(make_model(), [data], loras[rank], replace(config, learning_rate=rate, seed=seed))[data.name]
        result = swept[f"{place}"]
        assert result.learned.config == alone.learned.config
        assert {a.shape[0] for a in result.learned.a.values()} == {rank}
        assert distance(result.learned, alone.learned) < 1e-5
        assert (result.best_step, result.tokens) == (alone.best_step, alone.tokens)
        assert result.val_loss == pytest.approx(alone.val_loss, abs=1e-5)


def test_groups_of_one_run_share_layers_and_dropout(make_model: MakeModel) -> None:
    (group,) = make_groups(1)
    for other in (LoraConfig(targets=("k_proj",)), LoraConfig(dropout=0.5)):
        with pytest.raises(LabError, match="Group 'persona-0': groups of one run share their target layers and drop"):
            train(make_model(), [replace(group, lora=other)], PLAIN)
