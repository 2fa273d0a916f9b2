"""Data on a real lab: what it says, what is brought in and made, and what is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from textual.widgets import Input
from tui_pilot import line_with, opened, pressed, settled, shown, shows, typed, until

from lab.data.load import load
from lab.errors import LabError
from lab.settings import load_settings
from lab.tui import bring
from lab.tui.bring import Work, make
from lab.tui.screens.data import DataScreen
from lab.tui.screens.new_study import NewStudyScreen
from lab.tui.widgets.data_tables import DatasetsTable

pytestmark = pytest.mark.usefixtures("artifacts")


async def _submit(pilot: Pilot[None], words: str) -> None:
    """Import what these words name."""
    await pilot.press("i")
    await until(pilot, lambda: isinstance(pilot.app.focused, Input))
    await typed(pilot, words)
    await pilot.press("enter")


# ---------------------------------------------------------------- looking


async def test_without_data_it_says_how_to_have_some() -> None:
    async with opened(tab="data") as pilot:
        screen = shown(pilot)
        assert "no data yet" in screen
        assert "i  brings in a folder" in screen
        assert "g  makes a synthetic data set" in screen


async def test_data_sets_are_listed_with_their_size_digest_and_studies(data: Path) -> None:
    study = tui_lab.queue_study(data)
    async with opened(tab="data") as pilot:
        line = line_with(shown(pilot), "home", "by its studies")
        for word in ("6", "60", "1", study.dataset[:12], "by its studies"):
            assert word in line


async def test_a_data_set_opens_to_its_personas_and_these_to_what_they_said(data: Path) -> None:
    tui_lab.queue_study(data)
    async with opened(tab="data") as pilot:
        await pilot.press("enter")
        screen = await until(pilot, lambda: "data sets ▸ home" in shown(pilot) and "maya" in shown(pilot))
        assert "train 36, val 12, test 12" in screen
        assert "leakage none" in screen
        await pilot.press("down", "enter")
        screen = await shows(pilot, "otto-00")
        assert "Lights and some music please" in screen
        assert "evening · rainy · weekday" in screen
        assert "data sets ▸ home ▸ otto  all parts" in screen
        await pilot.press("v", "v")
        screen = await shows(pilot, "▸ otto  val")
        assert "otto-06  val" in screen
        assert "train" not in screen.split("otto-06")[1].split("otto-07")[0]
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "data sets ▸" not in shown(pilot))


async def test_m_measures_it(data: Path) -> None:
    tui_lab.queue_study(data)
    async with opened(tab="data") as pilot:
        await pilot.press("enter")
        await shows(pilot, "m measures it")
        await pilot.press("m")
        screen = await shows(pilot, "distinct-2")
        assert "turns per dialogue 2.00" in screen
        assert "simple 40%" in screen
        assert "told apart by user text" in screen


async def test_escape_gives_measuring_up_and_goes_nowhere_else(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr("lab.data.measure.measure", lambda *_: gate.wait(30))
    tui_lab.queue_study(data)
    async with opened(tab="data") as pilot:
        await pilot.press("enter")
        await shows(pilot, "m measures it")
        await pilot.press("m")
        await shows(pilot, "measuring…  esc stops it")
        await pilot.press("escape")
        screen = await shows(pilot, "measuring was given up")
        assert "data sets ▸" in screen
        assert "measuring…" not in screen
        monkeypatch.undo()
        await pilot.press("m")  # at once: nobody waits for what was given up
        await shows(pilot, "distinct-2")
        gate.set()


async def test_n_starts_a_study_on_the_data_set_under_the_cursor(data: Path) -> None:
    bring.bring_in(f"{data} as mine", Work("import"))
    async with opened(tab="data") as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewStudyScreen) and "mine" in shown(pilot))


async def test_that_study_begins_as_any_other_with_a_name_the_first_methods_and_val(data: Path) -> None:
    bring.bring_in(f"{data} as mine", Work("import"))
    make("newest", 2, 3, 0, Work("generate"))
    async with opened(tab="data") as pilot:
        sets = pilot.app.screen.query_one(DatasetsTable)
        await pressed(pilot, "end" if sets.rows[-1].name == "mine" else "home", "n")
        screen = await until(pilot, lambda: isinstance(pilot.app.screen, NewStudyScreen) and "mine" in shown(pilot))
        assert 'methods = ["base", "unified", "persona"]' in screen
        assert 'evaluate = ["val", "test"]' in screen
        assert line_with(screen, "name ", "mine-")


async def test_data_sets_too_small_to_be_split_say_so() -> None:
    make("few", 2, 2, 0, Work("generate"))
    async with opened(tab="data") as pilot:
        await pilot.press("enter")
        screen = await shows(pilot, "data sets ▸ few")
        assert "split by time none" in screen
        assert "✗" in screen


# ---------------------------------------------------------------- brought in


async def test_a_folder_is_brought_in_by_its_path(data: Path) -> None:
    async with opened(tab="data") as pilot:
        await _submit(pilot, str(data))
        screen = await shows(pilot, "home is kept: enter looks into it")
        assert "under its name" in line_with(screen, "home", "60")
    assert len(load(str(load_settings().artifacts / "data" / "home")).personas) == 6


async def test_it_can_be_given_another_name(data: Path) -> None:
    async with opened(tab="data") as pilot:
        await _submit(pilot, f"{data} as winter")
        await shows(pilot, "winter is kept")


async def test_every_fault_of_a_folder_is_told_where_it_was_typed_and_nothing_is_kept(data: Path) -> None:
    lines = (data / "dialogues.jsonl").read_text().splitlines()
    lines[3], lines[7] = "{", '{"dialogue_id": 7}'
    (data / "dialogues.jsonl").write_text("\n".join(lines))
    async with opened(tab="data") as pilot:
        await _submit(pilot, str(data))
        screen = await shows(pilot, "dialogues.jsonl:4:")
        assert "dialogues.jsonl:8:" in screen
        assert isinstance(pilot.app.focused, Input), "to be mended at once"
        assert pilot.app.focused.value == str(data)
        assert "dialogues.jsonl:4" not in await pressed(pilot, "escape")
    assert not (load_settings().artifacts / "data").exists()


@pytest.mark.parametrize(
    ("typing", "says"), [("/no/such/folder", "no such folder"), (" ", "type the path of a folder")]
)
async def test_what_is_no_data_set_is_one_sentence(typing: str, says: str) -> None:
    async with opened(tab="data") as pilot:
        await _submit(pilot, typing)
        await shows(pilot, says)


async def test_a_name_that_another_data_set_has_is_refused(data: Path) -> None:
    make("home", 3, 4, 0, Work("generate"))
    async with opened(tab="data") as pilot:
        await _submit(pilot, str(data))
        await shows(pilot, "holds another data set")


# ---------------------------------------------------------------- generating


async def test_a_synthetic_set_is_made_from_a_form() -> None:
    async with opened(tab="data") as pilot:
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        screen = shown(pilot)
        for word in ("name", "personas", "dialogues", "seed", "⏎ go", "tab next field", "esc back"):
            assert word in screen
        await pilot.press("tab", "3", "tab", "4", "enter")
        screen = await shows(pilot, "synthetic is kept")
        assert "12" in line_with(screen, "synthetic", "under its name")
    assert len(load(str(load_settings().artifacts / "data" / "synthetic")).personas) == 3


async def test_the_cursor_goes_to_what_was_made_so_that_n_is_about_it() -> None:
    make("older", 3, 4, 0, Work("generate"))
    async with opened(tab="data") as pilot:
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await typed(pilot, "two")
        await pilot.press("tab", "3", "tab", "4", "enter")
        sets = pilot.app.screen.query_one(DatasetsTable)
        await until(pilot, lambda: sets.row is not None and sets.row.name == "two")
        assert len(sets.rows) == 2


async def test_the_keys_of_the_form_are_not_hidden_by_what_was_said_before() -> None:
    async with opened(tab="data") as pilot:
        assert "enter opens a data set" in await pressed(pilot, "m")
        await pilot.press("g")
        await shows(pilot, "⏎ go")


@pytest.mark.parametrize(("number", "says"), [("x", "personas is 'x'; give a whole number"), ("0", "personas is 0")])
async def test_numbers_that_are_none_are_refused_where_they_stand(number: str, says: str) -> None:
    async with opened(tab="data") as pilot:
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await pilot.press("tab", number, "enter")
        await shows(pilot, says)


async def test_what_is_made_says_how_far_it_is_and_is_stopped_by_esc() -> None:
    async with opened(tab="data") as pilot:
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await pilot.press("tab", *"2000", "tab", *"50", "enter")
        await until(pilot, lambda: "making personas" in shown(pilot) and "of 2,000" in shown(pilot))
        await settled(pilot)
        assert "generate is under way" in await pressed(pilot, "i")
        await pilot.press("escape")
        await shows(pilot, "stopped; nothing was kept")
        assert isinstance(pilot.app.screen, DataScreen)
    assert not (load_settings().artifacts / "data").exists()


def test_stopped_work_ends_at_its_next_word() -> None:
    work = Work("import")
    work.at("reading")
    work.stopped = True
    with pytest.raises(LabError, match="import: stopped; nothing was kept"):
        work.at("keeping")
