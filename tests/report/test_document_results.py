"""What stands below the table of results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.report.document.sections.results import COVERED, coverage

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"


def test_what_is_said_of_intervals_over_few_personas_is_what_was_simulated() -> None:
    (rows,) = re.findall(r"<!-- covered -->\n(.*?)<!-- /covered -->", PAGE.read_text("utf-8"), re.DOTALL)
    simulated = {
        int(n): (float(normal), float(tail)) for n, normal, tail in re.findall(r"(\d+) \| (.*)% \| (.*)%", rows)
    }
    few = {n: f"{min(shares):.0f} to {max(shares):.0f}%" for n, shares in simulated.items() if n < 50}
    assert few == COVERED


@pytest.mark.parametrize(("n", "row"), [(2, "3 personas, 69 to 72%"), (7, "5 personas, 79"), (49, "30 personas, 92")])
def test_it_is_told_of_the_next_number_below(n: int, row: str) -> None:
    assert row in coverage(n)


@pytest.mark.parametrize("n", [1, 50, 200])
def test_nothing_is_said_of_one_persona_nor_of_enough(n: int) -> None:
    assert coverage(n) == ""
