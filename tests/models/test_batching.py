"""The order a group reads its examples in, and how several groups' batches are laid out for the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_data import examples

from lab.errors import LabError
from lab.models.batching import Course, Example, choose_wave, lay_out


@given(st.integers(1, 23), st.integers(1, 6), st.integers(1, 3))
def test_every_epoch_reads_every_example_once(count: int, batch_size: int, epochs: int) -> None:
    course = Course([1] * count, batch_size, epochs, 0, "a")
    batches = [course.batch(step) for step in range(course.total_steps)]
    per_epoch = [batches[i : i + course.steps_per_epoch] for i in range(0, len(batches), course.steps_per_epoch)]
    assert len(per_epoch) == epochs
    for epoch in per_epoch:
        assert sorted(np.concatenate(epoch)) == list(range(count))
        assert all(len(batch) == batch_size for batch in epoch[:-1])


def test_the_order_is_the_groups_own_and_any_step_of_it_can_be_asked_for_alone() -> None:
    def order(group: str, seed: int) -> list[list[int]]:
        course = Course([1] * 20, 4, 2, seed, group)
        return [course.batch(step).tolist() for step in range(course.total_steps)]

    assert order("a", 0) == order("a", 0)
    assert order("a", 0) != order("b", 0)
    assert order("a", 0) != order("a", 1)
    assert order("a", 0)[:5] != order("a", 0)[5:]
    backwards = Course([1] * 20, 4, 2, 0, "a")
    assert [backwards.batch(step).tolist() for step in reversed(range(10))] == order("a", 0)[::-1]


def test_a_course_counts_the_tokens_of_a_step() -> None:
    course = Course([10, 20, 40], 2, 1, 0, "a")
    assert course.tokens(0) + course.tokens(1) == 70


@pytest.mark.parametrize("packed", [True, False])
def test_a_wave_predicts_each_supervised_token_from_the_place_before_it(packed: bool) -> None:
    items = [examples(0, 3), examples(1, 1), examples(2, 2)]
    wave = lay_out(items, packed=packed)
    flat_ids, flat_positions = wave.ids.flatten(), wave.positions.flatten()
    expected = [
        (number, int(example.ids[i - 1]), i - 1, int(example.ids[i]))
        for number, item in enumerate(items)
        for example in item
        for i in range(1, len(example))
        if example.supervised[i]
    ]
    seen = zip(wave.item, flat_ids[wave.where], flat_positions[wave.where], wave.targets, strict=True)
    assert [tuple(map(int, one)) for one in seen] == expected
    assert wave.counts.tolist() == [sum(number == one[0] for one in expected) for number in range(3)]
    assert wave.tokens == tuple(sum(map(len, item)) for item in items)


def test_a_packed_wave_has_no_padding_and_a_padded_one_a_row_per_sequence() -> None:
    items = [examples(0, 3), examples(1, 2)]
    packed, padded = lay_out(items, packed=True), lay_out(items, packed=False)
    longest = max(len(example) for item in items for example in item)
    assert packed.ids.shape == (1, sum(packed.tokens)) == (1, packed.size)
    assert padded.ids.shape == (5, longest)
    assert padded.items.lengths == (3 * longest, 2 * longest)


def test_dropout_keys_do_not_depend_on_layout_or_company() -> None:
    items = [examples(0, 3), examples(1, 2)]
    packed, padded, alone = (
        lay_out(items, packed=True),
        lay_out(items, packed=False),
        lay_out(items[1:], packed=True),
    )
    one, two = packed.items.unpad(packed.keys([7, 8])), padded.items.unpad(padded.keys([7, 8]))
    assert torch.equal(one[packed.where], two[padded.where])
    assert torch.equal(one[-alone.size :], alone.items.unpad(alone.keys([8])))


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from([0.0, 0.25, 0.5])), min_size=1), st.integers(1, 120))
def test_those_furthest_behind_go_first_and_fit_the_budget(groups: list[tuple[int, float]], budget: int) -> None:
    tokens, done = [size for size, _ in groups], [share for _, share in groups]
    chosen = choose_wave(tokens, done, budget)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 1 or sum(tokens[i] for i in chosen) <= budget
    left = [i for i in range(len(groups)) if i not in chosen]
    assert all(done[i] <= done[j] for i in chosen for j in left)


def test_an_example_must_hold_together() -> None:
    with pytest.raises(LabError, match=r"'d7'.*one supervised flag per token"):
        Example([1, 2, 3], [True, False], "d7")
    with pytest.raises(LabError, match=r"'d8'.*no token after the first is supervised"):
        Example([1, 2, 3], [True, False, False], "d8")
