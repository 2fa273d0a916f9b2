"""The tree of a job's family, as lines and on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from hypothesis import given
from hypothesis import strategies as st
from planned import planned, submit
from tui_pilot import NARROW, opened, pressed, shown, shows, until

from lab.db import jobs
from lab.db.family import Family, Relative
from lab.db.tables import State
from lab.tui.lineage import ROOT, Node, tree
from lab.tui.screens.job import JobScreen
from lab.tui.screens.jobs import JobsScreen
from lab.tui.screens.lineage import LineageScreen
from lab.tui.screens.log import LogScreen


def relatives(*numbers: int, state: str = "READY") -> dict[int, Relative]:
    return {number: Relative(number, "train", "hybrid", State(state), 0.0, 1) for number in numbers}


def drawn(nodes: list[Node]) -> list[str]:
    sign = {None: "", True: "▾ ", False: "▸ "}
    return [
        f"{node.guides}{sign[node.open]}{node.job.id if node.job else node.words}{' again' if node.again else ''}"
        for node in nodes
    ]


# ---------------------------------------------------------------- lines


def test_what_a_job_stands_on_is_above_it_and_what_stands_on_it_below() -> None:
    family = Family(3, relatives(1, 2, 3, 4, 5), {3: (2,), 2: (1,), 1: ()}, {3: (4, 5), 4: (), 5: ()})
    assert drawn(tree(family)) == ["stands on", "└─ ▾ 2", "   └─ 1", "3", "├─ 4", "└─ 5"]


def test_a_job_reached_in_two_ways_is_unfolded_once() -> None:
    family = Family(1, relatives(1, 2, 3, 4, 5), {1: ()}, {1: (2, 3), 2: (4,), 3: (4,), 4: (5,), 5: ()})
    nodes = tree(family)
    assert drawn(nodes) == ["1", "├─ ▾ 2", "│  └─ ▾ 4", "│     └─ 5", "└─ ▾ 3", "   └─ ▸ 4 again"]
    again = next(node for node in nodes if node.again)
    assert drawn(tree(family, {again.path}))[-1] == "      └─ 5 again"


def test_a_thousand_children_share_a_line_for_each_kind_and_state_but_few_stand_alone() -> None:
    members = {
        **relatives(1),
        **relatives(*range(2, 1000), state="SUCCEEDED"),
        **relatives(1000, 1001, state="FAILED"),
    }
    children = tuple(range(2, 1002))
    family = Family(1, members, {1: ()}, {1: children, **dict.fromkeys(children, ())})
    nodes = tree(family)
    assert drawn(nodes) == ["1", "├─ 1000", "├─ 1001", "└─ ▸ 998 train"]
    unfolded = tree(family, {nodes[-1].path})
    assert len(unfolded) == 4 + 998
    assert len({node.path for node in unfolded}) == len(unfolded)


@st.composite
def families(draw: st.DrawFn) -> Family:
    """Any graph in which a child is younger than its parents."""
    count = draw(st.integers(1, 14))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    edges = sorted(draw(st.sets(pairs, max_size=30))) if count > 1 else []
    states = draw(st.lists(st.sampled_from(list(State)), min_size=count, max_size=count))
    members = {n: Relative(n, "train", "m", states[n], 0.0, 1) for n in range(count)}
    parents = {n: tuple(a for a, b in edges if b == n) for n in range(count)}
    children = {n: tuple(b for a, b in edges if a == n) for n in range(count)}
    return Family(draw(st.integers(0, count - 1)), members, parents, children)


@given(families(), st.data())
def test_every_line_has_a_path_of_its_own_and_hangs_from_one_above(family: Family, data: st.DataObject) -> None:
    toggled: set[tuple[str | int, ...]] = set()
    for _ in range(3):
        nodes = tree(family, toggled)
        paths = [node.path for node in nodes]
        assert len(set(paths)) == len(paths)
        assert paths.count(ROOT) == 1
        for node in nodes:
            assert len(node.path) == 1 or any(node.path[:cut] in paths for cut in range(1, len(node.path)))
        toggled ^= {data.draw(st.sampled_from(paths))}


# ---------------------------------------------------------------- screen


@pytest.fixture(autouse=True)
def lab(artifacts: Path) -> None:
    """An empty lab."""


def line(pilot: object, words: str) -> str:
    return next(one for one in shown(pilot).splitlines() if words in one)  # type: ignore[arg-type]


async def test_g_shows_the_family_and_enter_opens_one_of_it(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        screen = await pressed(pilot, "g")
        assert isinstance(pilot.app.screen, LineageScreen)
        assert "lineage of 7 train persona  stands on no job, 2 jobs stand on it" in screen
        assert "RUNNING" in line(pilot, "this job")
        assert "├─ 8 evaluate persona/val" in screen
        await pressed(pilot, "down", "enter")
        assert isinstance(pilot.app.screen, JobScreen)
        assert "8 evaluate persona/val  BLOCKED" in shown(pilot)
        assert "lineage of 8" in await pressed(pilot, "g")
        assert "└─ 7 train persona" in shown(pilot)
        await pressed(pilot, "up", "g")
        assert "lineage of 7" in shown(pilot)
        await pressed(pilot, "l")
        assert isinstance(pilot.app.screen, LogScreen)
        await pressed(pilot, *["escape"] * 5)
        assert isinstance(pilot.app.screen, JobsScreen)


async def test_the_tree_follows_what_happens(data: Path) -> None:
    lease = tui_lab.busy(data)
    async with opened() as pilot:
        await pressed(pilot, "g")
        jobs.beat(lease, {"progress": 0.75})
        await until(pilot, lambda: "75%" in line(pilot, "this job"))
        jobs.cancel(8)
        await until(pilot, lambda: "CANCELLED" in line(pilot, " 8 evaluate"))


async def test_arrows_fold_and_walk_a_thousand_children() -> None:
    submit(planned("top"), *(planned(f"c{number}", "top") for number in range(1000)), planned("last", "c0"))
    async with opened(NARROW) as pilot:
        await pressed(pilot, "end", "home")
        await shows(pilot, "BLOCKED")
        await pressed(pilot, "slash")
        await pilot.press(*"id:/^1$/", "enter")
        screen = await pressed(pilot, "g")
        assert "1,001 jobs stand on it" in screen
        assert "└─ ▸ 1,000 " in screen
        screen = await pressed(pilot, "down", "right")
        assert "└─ ▾ 1,000 " in screen
        assert "   ├─ ▾ 2 " in screen
        assert "   │  └─ 1002 " in await pressed(pilot, "right", "right")
        await pressed(pilot, "left", "left", "left")
        assert "└─ ▸ 1,000 " in await pressed(pilot, "left")
        await pressed(pilot, "enter")
        assert "└─ ▾ 1,000 " in shown(pilot)
        assert "this job" in shown(pilot)
