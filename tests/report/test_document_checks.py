"""What a report says of why it may be believed."""

from __future__ import annotations

from invented import drawn, evidence

from lab.report.document.blocks import Paragraph, Table
from lab.report.document.sections.checks import controls


def test_a_gain_in_another_metric_stands_beside_its_control_with_numbers() -> None:
    """The summary names it; a reader wants to see by how much its control falls behind."""
    similar = drawn({"hybrid": 0.0, "swapped": 0.0})
    nll = drawn({"hybrid": -0.2, "swapped": 0.1}, seed=1)
    found = controls(evidence(similar, controls={"hybrid": "swapped"}, nll=nll))
    main, other = (block for block in found.blocks if isinstance(block, Table))
    assert main.rows[0][-1] == "claims no gain"
    assert other.rows[0][:3] == ("hybrid", "yes", "swapped")
    assert other.rows[0][3].startswith("−0.3")
    assert other.rows[0][-1] == "gain is gone in the control"
    assert any("by token NLL" in block.text for block in found.blocks if isinstance(block, Paragraph))


def test_a_metric_in_which_nothing_gains_needs_no_table_of_controls() -> None:
    alike = drawn({"hybrid": 0.0, "swapped": 0.0})
    found = controls(evidence(alike, controls={"hybrid": "swapped"}, nll=alike))
    assert len([block for block in found.blocks if isinstance(block, Table)]) == 1
