"""The table of Results in a file: what it holds, and what is said where it cannot be written."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import tui_lab
from tui_pilot import opened, pressed, shows

from lab.errors import LabError
from lab.settings import load_settings
from lab.tui.exports import export
from lab.tui.feeds.results import ResultsFeed, Wanted

pytestmark = pytest.mark.usefixtures("artifacts")


@pytest.mark.parametrize(("key", "form"), [("c", "csv"), ("m", "md"), ("p", "png")])
async def test_x_writes_the_table_to_a_file_and_says_where(data: Path, key: str, form: str) -> None:
    tui_lab.done(data)
    file = load_settings().artifacts / "exports" / "smart-home-6" / f"val-embedding_similarity.{form}"
    async with opened(tab="results") as pilot:
        await shows(pilot, "hybrid")
        assert "c CSV · m Markdown · p PNG" in await pressed(pilot, "x")
        await pilot.press(key)
        screen = await shows(pilot, "written: ")
        assert f"embedding_similarity.{form}" in screen
        assert file.stat().st_size > 400


def test_an_export_holds_what_the_table_shows(data: Path) -> None:
    board = ResultsFeed().read(Wanted(tui_lab.done(data), "val")).board
    assert board is not None
    export(board, "csv")
    export(board, "md")
    folder = load_settings().artifacts / "exports" / "smart-home-6"
    rows = list(csv.DictReader((folder / "val-embedding_similarity.csv").open()))
    assert [row["method"] for row in rows] == ["base", "unified", "persona", "hybrid", "oracle per persona"]
    hybrid = board.row("hybrid")
    assert hybrid is not None
    assert float(rows[3]["mean"]) == hybrid.evidence.summary.mean
    assert float(rows[3]["token_nll"]) == hybrid.result.metrics["token_nll"].mean
    assert rows[1]["kind"] == "reference"
    assert rows[4]["kind"] == "ceiling, not a result"
    text = (folder / "val-embedding_similarity.md").read_text()
    assert "| hybrid | .873 |" in text
    assert "With only 6 personas" in text or "with only 6 personas" in text


def test_an_export_that_cannot_be_written_says_so(data: Path) -> None:
    board = ResultsFeed().read(Wanted(tui_lab.done(data), "val")).board
    assert board is not None
    (load_settings().artifacts / "exports").write_text("in the way")
    with pytest.raises(LabError, match="the export cannot be written"):
        export(board, "csv")
