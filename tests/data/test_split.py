from __future__ import annotations

import pytest
from dataset_strategies import datasets, tiny
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lab.data.split import PARTS, PersonaSplit, Split, check_leakage, select, split_by_time
from lab.data.types import Dataset
from lab.errors import LabError


@settings(max_examples=60, deadline=None)
@given(
    dataset=datasets(smart_home=False), n=st.integers(3, 12), cuts=st.tuples(st.floats(0.02, 0.9), st.floats(0.02, 0.9))
)
def test_every_split_by_ratio_is_whole_ordered_and_sound(dataset: Dataset, n: int, cuts: tuple[float, float]) -> None:
    first, second = cuts
    assume(first + second < 0.98)
    grown = tiny(len(dataset.personas), n)
    split = split_by_time(grown, (first, second, 1 - first - second))
    assert check_leakage(grown, split) == []
    for persona in grown.personas:
        parts = split.personas[persona.persona_id]
        assert all(parts.part(part) for part in PARTS)
        ids = tuple(dialogue.dialogue_id for dialogue in grown.of(persona.persona_id))
        assert parts.train + parts.val + parts.test == ids


@pytest.mark.parametrize(
    ("n", "sizes"), [(3, (1, 1, 1)), (4, (2, 1, 1)), (5, (3, 1, 1)), (10, (6, 2, 2)), (50, (30, 10, 10))]
)
def test_default_ratios_are_sixty_twenty_twenty(n: int, sizes: tuple[int, int, int]) -> None:
    split = split_by_time(tiny(1, n)).personas["p0"]
    assert (len(split.train), len(split.val), len(split.test)) == sizes


def test_counts_take_the_oldest_dialogues_and_leave_the_rest() -> None:
    split = split_by_time(tiny(1, 40), counts=(20, 5, 5)).personas["p0"]
    assert split.train == tuple(f"p0-{i}" for i in range(20))
    assert split.val == tuple(f"p0-{i}" for i in range(20, 25))
    assert split.test == tuple(f"p0-{i}" for i in range(25, 30))


def test_select_keeps_one_part() -> None:
    dataset = tiny(2, 5)
    split = split_by_time(dataset)
    assert [d.dialogue_id for d in select(dataset, split, "test").dialogues] == ["p0-4", "p1-4"]
    assert [split.count(part) for part in PARTS] == [6, 2, 2]


def test_too_few_dialogues_are_told_with_the_persona() -> None:
    with pytest.raises(LabError, match="persona p0 has 2 dialogues, a split needs 3"):
        split_by_time(tiny(1, 2))
    with pytest.raises(LabError, match="persona p0 has 29 dialogues, a split needs 30"):
        split_by_time(tiny(1, 29), counts=(20, 5, 5))


@pytest.mark.parametrize("ratios", [(0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (float("nan"), 0.2, 0.2), (0.6, 0.4)])
def test_ratios_that_are_none(ratios: tuple[float, ...]) -> None:
    with pytest.raises(LabError, match="three numbers above 0 that sum to 1"):
        split_by_time(tiny(), ratios)  # type: ignore[arg-type]


@pytest.mark.parametrize("counts", [(20, 0, 5), (5, 5)])
def test_counts_that_are_none(counts: tuple[int, ...]) -> None:
    with pytest.raises(LabError, match="three whole numbers of at least 1"):
        split_by_time(tiny(), counts=counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "leak"),
    [
        ((("p0-0", "p0-3"), ("p0-1",), ("p0-4",)), "persona p0: train has a dialogue newer than the oldest of val"),
        ((("p0-0",), ("p0-4",), ("p0-3",)), "persona p0: val has a dialogue newer than the oldest of test"),
        ((("p0-4",), ("p0-1",), ("p0-3",)), "persona p0: train has a dialogue newer than the oldest of test"),
        ((("p0-0", "p0-1"), ("p0-1",), ("p0-2",)), "dialogue p0-1 is in train of persona p0 and in val of persona p0"),
        ((("p0-0",), ("p1-1",), ("p0-2",)), "dialogue p1-1 in val of persona p0 belongs to persona p1"),
        ((("p0-0",), ("gone",), ("p0-2",)), "dialogue gone in val of persona p0 is not in the data"),
        ((("p0-0",), (), ("p0-2",)), "persona p0: val is empty"),
    ],
)
def test_every_kind_of_leak_is_found(parts: tuple[tuple[str, ...], ...], leak: str) -> None:
    assert leak in check_leakage(tiny(), Split({"p0": PersonaSplit(*parts)}))


def test_dialogues_of_the_same_moment_may_fall_on_both_sides() -> None:
    from dataclasses import replace

    dataset = tiny(1, 3)
    moment = dataset.dialogues[0].started_at
    together = Dataset(dataset.personas, tuple(replace(d, started_at=moment) for d in dataset.dialogues))
    assert check_leakage(together, split_by_time(together)) == []
