"""What a report says the methods cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import own_lab
from real_study import CONTENT, carried_out, write_inputs

from lab.db.migrate import migrate
from lab.report.assemble import evidence_of
from lab.report.document.blocks import Table
from lab.report.document.gather import gather
from lab.report.document.sections.costs import costs
from lab.report.document.sections.shared import Album
from lab.tasks import submit as submitting


def test_the_disk_of_a_method_made_in_shards_is_that_of_all_its_adapters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe book of the join holds only the way to them."""
    monkeypatch.setattr(submitting, "live_devices", lambda: ("cpu", "cpu"))
    with own_lab(tmp_path) as artifacts:
        migrate()
        inputs = write_inputs(tmp_path, personas=16, dialogues=4)
        study = carried_out(CONTENT | inputs | {"methods": ["unified", "persona"], "seeds": [0], "max_new_tokens": 1})
        section = costs(evidence_of(study), gather(study, "test", ()), Album())
        adapters = [path.stat().st_size for path in artifacts.glob("*/*/adapters/*/*.safetensors")]
    assert section
    table = next(block for block in section.blocks if isinstance(block, Table))
    place = [column.title for column in table.columns].index("disk")
    told = {row[0]: bytes_of(row[place]) for row in table.rows}
    assert len(adapters) == 17
    assert told["persona"] > 16 / 17 * sum(adapters)
    assert told["persona"] > 10 * told["unified"]


def bytes_of(text: str) -> float:
    """Of a table's cell."""
    value, unit = text.split()
    return float(value) * {"MB": 1e6, "kB": 1e3}[unit]
