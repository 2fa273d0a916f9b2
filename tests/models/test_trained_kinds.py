"""Each kind of learned parameters against its formula: dense weights, torch's own losses and autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kinds import KINDS, kinds
from kinds import SMALL as PLAIN
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional
from training_data import groups_of, train, trained_adapter
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.batching import Example
from lab.models.blend import BlendConfig
from lab.models.checkpoint import states
from lab.models.gate import Gate, GateConfig, load_gate, save_gate
from lab.models.heads import HeadConfig, HeadsConfig
from lab.models.identity import run_digest
from lab.models.lora import Adapter, LoraConfig, attach
from lab.models.train import at_work, train_groups
from lab.models.trained_lora import initial_adapter
from lab.models.training import GroupData, GroupResult, LearnedConfig, Leash, Stopped, TrainConfig
from lab.models.users import Projector, UserConfig, UserTokens, VectorConfig, load_users, save_users
from lab.models.waves import Item, Waves

MakeModel = Callable[..., PreTrainedModel]
Dense = Mapping[str, Tensor]
"""Site → ΔW [out, in]."""


def hidden_of(model: PreTrainedModel, example: Example, change: Dense, soft: Tensor | None = None) -> Tensor:
    """The last states [v + n, d] of one sequence, alone, in the plain model with changed weights."""
    weights = {f"{site}.weight": model.get_submodule(site).weight + delta for site, delta in change.items()}
    embedded = model.get_input_embeddings()(torch.from_numpy(example.ids))
    inputs = embedded if soft is None else torch.cat([soft, embedded])
    arguments = {"inputs_embeds": inputs[None], "output_hidden_states": True, "use_cache": False}
    out: Tensor = functional_call(model, weights, (), arguments).hidden_states[-1][0]
    return out


def nll_of(model: PreTrainedModel, example: Example, change: Dense, soft: Tensor | None = None) -> Tensor:
    """−log p of its supervised tokens, [supervised]."""
    before = 0 if soft is None else len(soft)
    logits = model.get_output_embeddings()(hidden_of(model, example, change, soft)[before:-1])
    ids, wanted = torch.from_numpy(example.ids), torch.from_numpy(example.supervised[1:])
    return functional.cross_entropy(logits, ids[1:], reduction="none")[wanted]


def delta(adapter: Adapter) -> dict[str, Tensor]:
    return {site: adapter.config.scale * adapter.b[site] @ adapter.a[site] for site in adapter.a}


def lora_deltas(waves: Waves, views: Sequence[Tensor], lora: LoraConfig = PLAIN) -> dict[str, Tensor]:
    """ΔW of the first row of LoRA views."""
    return {
        site: lora.scale * b[0] @ a[0] for site, a, b in zip(sorted(waves.sites), views[::2], views[1::2], strict=True)
    }


def check(
    model: PreTrainedModel,
    groups: list[GroupData],
    learned: LearnedConfig,
    objective: Callable[[Waves, list[Tensor], GroupData], tuple[Tensor, Tensor]],
) -> None:
    """Losses and gradients of all groups in one wave equal what `objective` says of each alone: (NLL, objective)."""
    with at_work(model, groups, learned, TrainConfig()) as waves:
        generator = torch.Generator().manual_seed(0)
        theta = torch.randn(len(groups), waves.trained.size, generator=generator) * 0.1
        items = [Item(group, group.train, waves.frozen.places[n]) for n, group in enumerate(groups)]
        losses, grad, _ = waves.gradients(theta, items)
    for row, group in enumerate(groups):
        weights = theta[row : row + 1].clone().requires_grad_()
        nll, wanted = objective(waves, waves.trained.views(weights), group)
        (expected,) = torch.autograd.grad(wanted, weights)
        torch.testing.assert_close(losses[row], nll.detach(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(grad[row], expected[0], atol=2e-5, rtol=1e-3)
        assert expected.abs().max() > 1e-4


# ---------------------------------------------------------------- what holds a group


def test_a_pull_adds_the_squares_of_all_that_a_group_changes(make_model: MakeModel) -> None:
    model = make_model()
    groups = [replace(group, leash=Leash(pull=pull)) for group, pull in zip(groups_of(2, 3), (0.0, 0.7), strict=True)]

    def objective(waves: Waves, views: list[Tensor], group: GroupData) -> tuple[Tensor, Tensor]:
        change = lora_deltas(waves, views)
        nll = torch.cat([nll_of(model, example, change) for example in group.train]).mean()
        return nll, nll + group.leash.pull * sum((one**2).sum() for one in change.values())

    check(model, groups, PLAIN, objective)


def test_distillation_adds_the_divergence_from_what_a_group_stands_on(make_model: MakeModel) -> None:
    model = make_model()
    under = trained_adapter(make_model(), seed=4)
    groups = [
        replace(group, under=under, leash=Leash(distil=weight))
        for group, weight in zip(groups_of(2, 3), (0.0, 0.6), strict=True)
    ]

    def log_p(example: Example, change: Dense) -> Tensor:
        states = hidden_of(model, example, change)[:-1][torch.from_numpy(example.supervised[1:])]
        return functional.log_softmax(model.get_output_embeddings()(states), dim=-1)

    def objective(waves: Waves, views: list[Tensor], group: GroupData) -> tuple[Tensor, Tensor]:
        below = delta(under)
        change = {site: below[site] + one for site, one in lora_deltas(waves, views).items()}
        nll = torch.cat([nll_of(model, example, change) for example in group.train]).mean()
        pairs = [(log_p(example, below).detach(), log_p(example, change)) for example in group.train]
        kl = torch.cat([(t.exp() * (t - s)).sum(-1) for t, s in pairs]).mean()
        return nll, nll + group.leash.distil * kl

    check(model, groups, PLAIN, objective)


def test_a_leash_is_never_negative_and_is_for_loras_only(make_model: MakeModel) -> None:
    with pytest.raises(LabError, match="must be 0 or more"):
        Leash(pull=-1)
    held = groups_of(1, leash=Leash(pull=1.0), experts=[trained_adapter(make_model(), 0)])
    with (
        pytest.raises(LabError, match="Only a LoRA can be held"),
        at_work(make_model(), held, BlendConfig(), TrainConfig()),
    ):
        pass


# ---------------------------------------------------------------- weights of adapters that are there


def test_a_blend_is_the_exact_merge_at_its_weights(make_model: MakeModel) -> None:
    model = make_model()
    adapters = [
        trained_adapter(make_model(), seed, replace(PLAIN, rank=rank)) for seed, rank in ((1, 2), (2, 4), (3, 3))
    ]
    under = trained_adapter(make_model(), 9)
    chosen = [adapters[:2], adapters]
    groups = [replace(g, experts=own, under=under) for g, own in zip(groups_of(2, 3), chosen, strict=True)]

    def objective(_: Waves, views: list[Tensor], group: GroupData) -> tuple[Tensor, Tensor]:
        weights = views[0][0]
        change = delta(under)
        for weight, expert in zip(weights, group.experts, strict=False):
            change = {site: change[site] + weight * one for site, one in delta(expert).items()}
        nll = torch.cat([nll_of(model, example, change) for example in group.train]).mean()
        return nll, nll + 0.05 * weights.abs().sum()

    check(model, groups, BlendConfig(), objective)


def test_each_sequence_has_its_own_shares_of_the_experts(make_model: MakeModel) -> None:
    model = make_model()
    experts = [trained_adapter(make_model(), seed) for seed in range(3)]
    random = np.random.default_rng(0)

    def known(example: Example) -> Example:
        return replace(example, features=random.normal(size=4).astype(np.float32))

    groups = [replace(g, experts=experts, train=[known(e) for e in g.train]) for g in groups_of(2, 3)]

    def objective(_: Waves, views: list[Tensor], group: GroupData) -> tuple[Tensor, Tensor]:
        gate = Gate(views[0][0], views[1][0])
        nll = []
        for example in group.train:
            shares = gate.shares(torch.from_numpy(example.features)[None])[0]  # type: ignore[arg-type]
            change: dict[str, Tensor] = {}
            for share, expert in zip(shares, experts, strict=True):
                change = {site: change.get(site, 0) + share * one for site, one in delta(expert).items()}
            nll.append(nll_of(model, example, change))
        mean = torch.cat(nll).mean()
        return mean, mean

    check(model, groups, GateConfig(4), objective)


def test_a_gate_begins_with_equal_shares_and_top_keeps_the_highest(tmp_path: Path) -> None:
    gate = Gate(torch.zeros(3, 2), torch.tensor([0.0, 1.0, 2.0]))
    features = torch.zeros(1, 2)
    assert Gate(torch.zeros(3, 2), torch.zeros(3)).shares(features)[0].tolist() == pytest.approx([1 / 3] * 3)
    assert gate.shares(features, top=1).tolist() == [[0.0, 0.0, 1.0]]
    two = gate.shares(features, top=2)[0].tolist()
    assert two == pytest.approx([0.0, 1 / (1 + np.e), np.e / (1 + np.e)])
    save_gate(gate, tmp_path / "gate.safetensors")
    assert load_gate(tmp_path / "gate.safetensors").digest() == gate.digest()
    with pytest.raises(LabError, match="not a gate"):
        load_gate(tmp_path / "nothing.safetensors")


def test_nothing_to_weigh_is_refused(make_model: MakeModel) -> None:
    for config, sentence in ((BlendConfig(), "no adapters to weigh"), (GateConfig(4), "needs experts")):
        with pytest.raises(LabError, match=sentence), at_work(make_model(), groups_of(1), config, TrainConfig()):
            pass


# ---------------------------------------------------------------- auxiliary heads


def test_heads_read_the_state_before_a_turns_first_token(make_model: MakeModel) -> None:
    model = make_model()
    heads = (HeadConfig("class", 3, 0.5), HeadConfig("flags", 2, 0.3), HeadConfig("values", 2, 0.2))
    random = np.random.default_rng(0)

    def labelled(example: Example) -> Example:
        turns = int(example.first_of_turn.sum())
        values = random.normal(size=(turns, 2))
        values[0, 0] = np.nan  # not known
        columns = [random.integers(0, 3, (turns, 1)), random.integers(0, 2, (turns, 2)), values]
        return replace(example, labels=np.hstack(columns).astype(np.float32))

    groups = [replace(group, train=[labelled(e) for e in group.train]) for group in groups_of(2, 3)]

    def turn_losses(example: Example, states: Tensor, weights: Tensor) -> list[Tensor]:
        supervised, found, row = example.supervised, [], 0
        for place in range(1, len(example)):
            if not supervised[place] or (supervised[place - 1] and place > 1):
                continue
            out = weights[:, :-1] @ states[place - 1] + weights[:, -1]
            labels = torch.from_numpy(example.labels[row])  # type: ignore[index]
            who = functional.cross_entropy(out[:3], labels[0].long())
            flags = functional.binary_cross_entropy_with_logits(out[3:5], labels[1:3])
            known = labels[3:].isfinite()
            values = ((out[5:] - labels[3:])[known] ** 2).mean()
            found.append(0.5 * who + 0.3 * flags + 0.2 * values)
            row += 1
        assert row == len(example.labels)  # type: ignore[arg-type]
        return found

    def objective(waves: Waves, views: list[Tensor], group: GroupData) -> tuple[Tensor, Tensor]:
        change = lora_deltas(waves, views[:-1])
        nll = torch.cat([nll_of(model, example, change) for example in group.train]).mean()
        asked = [
            loss
            for example in group.train
            for loss in turn_losses(example, hidden_of(model, example, change), views[-1][0])
        ]
        return nll, nll + torch.stack(asked).mean()

    check(model, groups, HeadsConfig(PLAIN, heads), objective)


# ---------------------------------------------------------------- user embeddings


def test_a_users_vector_becomes_a_soft_prompt_before_the_users_own_dialogues(make_model: MakeModel) -> None:
    model = make_model()
    config = UserConfig(PLAIN, users=3, tokens=2, width=5)
    groups = [
        replace(group, train=[replace(e, user=n % 3) for n, e in enumerate(group.train)]) for group in groups_of(4, 2)
    ]

    def objective(waves: Waves, views: list[Tensor], group: GroupData) -> tuple[Tensor, Tensor]:
        weights, bias, vectors = (view[0] for view in views[-3:])
        change = lora_deltas(waves, views[:-3])
        soft = [weights @ vector + bias for vector in vectors]
        nll = torch.cat([nll_of(model, example, change, soft[example.user]) for example in group.train]).mean()
        return nll, nll

    check(model, groups, config, objective)


def test_a_new_user_is_fitted_by_the_vector_only(make_model: MakeModel) -> None:
    model = make_model()
    random = torch.Generator().manual_seed(3)
    width = model.config.hidden_size
    projector = Projector(torch.randn(2, width, 5, generator=random), torch.randn(2, width, generator=random))
    under = trained_adapter(make_model(), 1)
    groups = groups_of(2, 3, under=under)

    def objective(_: Waves, views: list[Tensor], group: GroupData) -> tuple[Tensor, Tensor]:
        soft = projector.weights @ views[0][0] + projector.bias
        nll = torch.cat([nll_of(model, example, delta(under), soft) for example in group.train]).mean()
        return nll, nll

    check(model, groups, VectorConfig(projector, torch.zeros(5)), objective)


def test_what_users_learned_is_kept(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    projector = Projector(torch.randn(2, 8, 5, generator=random), torch.randn(2, 8, generator=random))
    tokens = UserTokens(None, projector, torch.randn(3, 5, generator=random))
    save_users(tokens, tmp_path / "users.safetensors")
    again, vectors = load_users(tmp_path / "users.safetensors")
    assert UserTokens(None, again, vectors).digest() == tokens.digest()
    torch.testing.assert_close(tokens.prompt(1).vectors, projector.weights @ tokens.vectors[1] + projector.bias)
    with pytest.raises(LabError, match="not user embeddings"):
        load_users(tmp_path / "nothing.safetensors")


# ---------------------------------------------------------------- in a run


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_and_resumed_equals_never_stopped(make_model: MakeModel, tmp_path: Path, kind: str) -> None:
    learned, groups = kinds(make_model())[kind]
    config = TrainConfig(epochs=2, batch_size=2, learning_rate=1e-2, in_flight=2, checkpoint_steps=1)
    whole = train(make_model(), groups, learned, config)
    asked = iter(range(100))
    got: list[GroupResult] = []
    with pytest.raises(Stopped):
        train_groups(
            make_model(),
            groups,
            learned,
            config,
            on_result=got.append,
            should_stop=lambda: next(asked) >= 12,
            checkpoint=tmp_path,
        )
    resumed = train(make_model(), groups, learned, config, checkpoint=tmp_path, resume=states(tmp_path)[0])
    assert {name: result.learned.digest() for name, result in resumed.items()} == {
        name: result.learned.digest() for name, result in whole.items()
    }
    starts = {
        result.learned.digest() for result in train(make_model(), groups, learned, replace(config, epochs=0)).values()
    }
    assert starts.isdisjoint(result.learned.digest() for result in whole.values())


def test_other_experts_labels_or_leashes_are_another_run(make_model: MakeModel) -> None:
    model = make_model()
    learned, groups = kinds(model)["held"]
    digests = {
        run_digest(model, changed, learned, TrainConfig())
        for changed in (
            groups,
            [replace(group, leash=Leash(pull=0.2)) for group in groups],
            [replace(group, experts=()) for group in groups],
            [replace(group, start=trained_adapter(make_model(), 8, PLAIN)) for group in groups],
            [replace(group, train=[replace(e, user=1) for e in group.train]) for group in groups],
            [replace(group, train=[replace(e, labels=None) for e in group.train]) for group in groups],
            [replace(group, train=[replace(e, features=None) for e in group.train]) for group in groups],
        )
    }
    assert len(digests) == 7


def test_no_epochs_leaves_groups_as_they_begin(make_model: MakeModel) -> None:
    results = train(make_model(), groups_of(2, 3), PLAIN, TrainConfig(epochs=0))
    assert {result.learned.digest() for result in results.values()} == {
        initial_adapter(attach(make_model(), PLAIN.targets), PLAIN, 0).digest()
    }
    assert [(r.steps, r.train_loss, r.val_loss, r.tokens) for r in results.values()] == [(0, None, None, 0)] * 2


def test_a_start_has_the_rank_and_layers_of_the_run(make_model: MakeModel) -> None:
    groups = groups_of(2, start=trained_adapter(make_model(), 0, replace(PLAIN, rank=5)))
    with pytest.raises(LabError, match="cannot begin with an adapter of another rank"):
        train(make_model(), groups, PLAIN)
