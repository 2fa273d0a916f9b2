"""A short pass of `make evidence`: studies whose truth is known, through the functions that report real ones."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIMULATE = runpy.run_path(str(ROOT / "docs/simulate.py"))
World = SIMULATE["World"]
HYBRID, SPARSE = SIMULATE["HYBRID"], SIMULATE["SPARSE"]


def at_most(share: float, repeats: int) -> float:
    """What a share of so many repeats exceeds in one of forty runs: the draws are fixed, so it does not flicker."""
    return float(share + 2 * (share * (1 - share) / repeats) ** 0.5)


@pytest.mark.parametrize(("personas", "skewed"), [(200, False), (20, True)])
def test_where_no_method_is_better_none_is_found_after_holm(personas: int, skewed: bool) -> None:
    repeats = 60
    by_t, by_rank, raw = SIMULATE["family_errors"](World(personas=personas, skewed=skewed), repeats)
    assert by_t <= at_most(0.05, repeats)
    assert by_rank <= at_most(0.05, repeats)
    assert raw > 0.2, "without correction something is nearly always about to be found"


@pytest.mark.parametrize("spread", [HYBRID, SPARSE])
def test_a_gain_of_three_hundredths_is_found_with_two_hundred_personas(spread: float) -> None:
    by_t, _ = SIMULATE["power"](World(spread=spread, gain=0.03), 40)
    assert by_t >= 0.8


def test_a_router_claims_no_gain_where_there_is_none_and_the_published_procedure_does() -> None:
    found = SIMULATE["claims"](World(personas=60), 20)
    assert found.router <= 0.05
    assert abs(found.gain) < 0.002
    assert found.oracle > 0.05
    assert found.published > 0.05


def test_intervals_hold_the_truth_as_often_as_they_say_from_fifty_personas_on() -> None:
    repeats = 1000
    for n, skewed in ((200, False), (200, True), (50, False)):
        covered = SIMULATE["coverage"](n, skewed=skewed, repeats=repeats)
        assert 1 - covered <= at_most(0.05, repeats) + 0.01
        assert 1 - covered >= 0.05 - 2 * (0.05 * 0.95 / repeats) ** 0.5
    assert SIMULATE["coverage"](8, skewed=False, repeats=repeats) < 0.93, "eight personas are few, and it is told so"


def test_the_committed_page_has_what_was_found() -> None:
    """Its tables are filled, and keep the promises that stand around them."""
    page = (ROOT / "docs/evidence.md").read_text("utf-8")
    tables = {
        name: re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", page, re.DOTALL) for name in SIMULATE["PARTS"]
    }
    rows = {name: found[1].strip().splitlines()[2:] for name, found in tables.items() if found}
    assert all(rows[name] for name in SIMULATE["PARTS"])
    for row in rows["nothing"]:
        assert float(row.split("|")[2].strip(" %")) <= 5.0, row
    planted = [int(row.split("|")[2].split("%")[0]) for row in rows["something"]]
    assert min(planted[:3]) >= 80, "with the published spreads, but for the weighted merge's"
    assert all(float(row.split("|")[3].strip(" %")) <= 5.0 for row in rows["routed"])
