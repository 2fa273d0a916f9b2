"""Low-rank factors: what a grouped layer computes, where it is put, how adapters add up."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lab.errors import LabError
from lab.models.lora import Adapter, Factors, GroupedLinear, LoraConfig, attach, clear, concatenate, named_targets
from lab.models.ragged import Runs


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.v_proj = nn.Linear(6, 4), nn.Linear(6, 3, bias=False)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Block(), Block()])


def random_adapter(seed: int, rank: int = 2, alpha: float = 6.0) -> Adapter:
    g = torch.Generator().manual_seed(seed)
    sites = {f"layers.{i}.{name}": out for i in range(2) for name, out in (("q_proj", 4), ("v_proj", 3))}
    return Adapter(
        LoraConfig(rank=rank, alpha=alpha),
        {site: torch.randn(rank, 6, generator=g) for site in sites},
        {site: torch.randn(out, rank, generator=g) for site, out in sites.items()},
    )


def delta(adapter: Adapter, site: str) -> Tensor:
    return adapter.config.scale * adapter.b[site] @ adapter.a[site]


def test_each_run_of_rows_uses_its_own_pair() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(6, 4)
    layer = GroupedLinear(linear)
    x = torch.randn(6, 5, 6)
    assert torch.equal(layer(x), linear(x))
    a, b = torch.randn(3, 2, 6), torch.randn(3, 4, 2)
    scale = torch.tensor([1.0, 2.0, 0.5])
    layer.factors = (Factors(a, b, scale),)
    for row, pair in enumerate([0, 0, 1, 1, 2, 2]):
        expected = linear(x[row]) + scale[pair] * x[row] @ a[pair].T @ b[pair].T
        torch.testing.assert_close(layer(x)[row], expected)


def test_factors_add_up_whatever_their_number_of_pairs() -> None:
    torch.manual_seed(0)
    layer = GroupedLinear(nn.Linear(6, 4))
    x = torch.randn(4, 5, 6)
    plain = layer(x)
    shared = Factors(torch.randn(1, 2, 6), torch.randn(1, 4, 2), 2.0)
    per_row = Factors(torch.randn(4, 3, 6), torch.randn(4, 4, 3), 0.5)
    parts = []
    for factors in (shared, per_row):
        layer.factors = (factors,)
        parts.append(layer(x) - plain)
    layer.factors = (shared, per_row)
    torch.testing.assert_close(layer(x), plain + parts[0] + parts[1])


def test_attach_keeps_the_state_dict_and_is_idempotent() -> None:
    model = Model()
    names = list(model.state_dict())
    first = attach(model, ["q_proj"])
    assert list(first) == ["layers.0.q_proj", "layers.1.q_proj"]
    both = attach(model, ["q_proj", "v_proj"])
    assert len(both) == 4
    assert all(both[site] is layer for site, layer in first.items())
    assert list(model.state_dict()) == names
    assert not any(p.requires_grad for p in model.parameters())


def test_clear_gives_the_plain_base_back() -> None:
    model = Model()
    sites = attach(model, ["q_proj"])
    layer, x = sites["layers.0.q_proj"], torch.randn(2, 3, 6)
    plain = layer(x)
    layer.factors = (Factors(torch.randn(1, 2, 6), torch.randn(1, 4, 2), 1.0),)
    assert not torch.equal(layer(x), plain)
    clear(sites)
    assert torch.equal(layer(x), plain)


def test_an_unknown_target_names_what_there_is() -> None:
    with pytest.raises(LabError, match=r"k_proj.*it has q_proj, v_proj"):
        attach(Model(), ["q_proj", "k_proj"])


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"targets": ()}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_an_impossible_shape_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LabError, match="LoRA"):
        LoraConfig(**wrong)  # type: ignore[arg-type]


def test_concatenation_is_the_weighted_sum_of_updates() -> None:
    one, two = random_adapter(1), random_adapter(2, rank=3, alpha=1.0)
    joined = concatenate([one, two], [0.25, -2.0])
    assert joined.config.rank == 5
    for site in one.a:
        torch.testing.assert_close(delta(joined, site), 0.25 * delta(one, site) - 2.0 * delta(two, site))


def test_concatenation_counts_a_missing_site_as_zero() -> None:
    one, two = random_adapter(1), random_adapter(2)
    missing = "layers.1.v_proj"
    del two.a[missing], two.b[missing]
    joined = concatenate([one, two])
    assert joined.a[missing].shape == (4, 6)
    torch.testing.assert_close(delta(joined, missing), delta(one, missing))


def test_merging_two_copies_half_and_half_changes_nothing() -> None:
    one = random_adapter(1)
    joined = concatenate([one, one], [0.5, 0.5])
    for site in one.a:
        torch.testing.assert_close(delta(joined, site), delta(one, site))


def test_the_digest_names_what_the_adapter_computes() -> None:
    one, same, other = random_adapter(1), random_adapter(1), random_adapter(2)
    assert one.digest() == same.digest() != other.digest()
    assert random_adapter(1, alpha=3.0).digest() != one.digest()
    same.b["layers.0.q_proj"][0, 0] += 1e-6
    assert same.digest() != one.digest()


def test_runs_of_tokens_of_any_length_use_their_own_pair() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(6, 4)
    layer = GroupedLinear(linear)
    x = torch.randn(1, 9, 6)
    a, b, sizes = torch.randn(3, 2, 6), torch.randn(3, 4, 2), [2, 6, 1]
    layer.factors = (Factors(a, b, 0.5, runs=Runs(sizes)),)
    expected = [linear(run) + 0.5 * run @ a[g].T @ b[g].T for g, run in enumerate(x[0].split(sizes))]
    torch.testing.assert_close(layer(x)[0], torch.cat(expected))


def test_all_linear_is_every_linear_layer_but_the_head(make_model) -> None:
    model = make_model()
    names = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
    assert named_targets(model, ("all-linear",)) == names
    attach(model, ("q_proj",))
    assert named_targets(model, ("all-linear", "q_proj")) == names
    assert named_targets(model, ("v_proj", "q_proj")) == ("v_proj", "q_proj")


def test_the_output_head_is_no_target(make_model) -> None:
    model = make_model("llama")
    assert isinstance(model.lm_head, torch.nn.Linear)
    with pytest.raises(LabError, match=r"below its output head is called lm_head; it has down_proj, .*v_proj"):
        attach(model, ["q_proj", "lm_head"])
