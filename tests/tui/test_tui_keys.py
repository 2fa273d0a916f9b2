"""Other keys from the settings, the help that shows those in force, and the palette that has them all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tui_lab
from textual.command import CommandPalette
from tui_pilot import NOW, shown, shows, until

from lab.db.queries import get_job
from lab.errors import LabError
from lab.tui.app import LabApp
from lab.tui.keys import bound, keymap
from lab.tui.screens.help import HelpScreen

KEPT_BY_TERMINALS = {"ctrl+s", "ctrl+q", "ctrl+z", "ctrl+h", "ctrl+i", "ctrl+m", "ctrl+j", "f11", "shift+enter"}


def _refused(**keys: str) -> str:
    with pytest.raises(LabError) as caught:
        keymap({name.replace("__", "."): key for name, key in keys.items()})
    return str(caught.value)


# ---------------------------------------------------------------- the lab's own


def test_every_binding_of_the_lab_has_an_id_a_description_and_a_key_that_terminals_pass_on() -> None:
    found = list(bound())
    assert len({one.id for one in found}) > 30
    for one in found:
        assert one.description, one
        assert one.key not in KEPT_BY_TERMINALS, one
        assert not one.key.startswith("alt+"), one


def test_the_listing_in_the_docs_has_columns() -> None:
    page = (Path(__file__).parents[2] / "docs" / "screens.md").read_text()
    command = page.partition('python -c "')[2].partition('"\n')[0]
    lines = subprocess.check_output([sys.executable, "-c", command], text=True).splitlines()
    assert "jobs.cancel              c                     cancel" in lines
    assert {(line[24], line[46]) for line in lines} == {(" ", " ")}


# ---------------------------------------------------------------- a keymap


def test_without_a_table_nothing_is_changed() -> None:
    assert keymap({}) == {}


def test_keys_are_written_as_characters_or_by_name() -> None:
    assert keymap({"jobs.cancel": "x, ctrl+x"}) == {"jobs.cancel": "x,ctrl+x"}
    assert keymap({"jobs.cancel": "!"}) == {"jobs.cancel": "exclamation_mark"}
    assert keymap({"help": "f1"}) == {"help": "f1"}


def test_an_id_that_does_not_exist_is_told_with_the_nearest() -> None:
    assert _refused(jobs__cancle="x") == (
        "[keys] in the settings: there is no binding 'jobs.cancle'; did you mean jobs.cancel?"
    )


def test_a_key_that_does_not_exist_is_told_with_how_keys_are_written() -> None:
    said = _refused(jobs__cancel="control-x")
    assert said.startswith("[keys] in the settings: 'control-x' for jobs.cancel is no key; write x, X, f5,")
    assert "'' for jobs.cancel is no key" in _refused(jobs__cancel="")


@pytest.mark.parametrize("key", ["ctrl+s", "ctrl+c", "f11", "alt+x"])
def test_a_key_that_terminals_keep_is_refused(key: str) -> None:
    assert f"{key} for jobs.cancel does not reach the lab in every terminal" in _refused(jobs__cancel=key)


def test_a_key_for_two_things_is_refused_and_both_are_told() -> None:
    said = _refused(jobs__cancel="r")
    assert "r is given to jobs.cancel (cancel), but jobs.retry" in said
    assert "choose another key, or give jobs.retry one too" in said
    assert "but quit (quit) has it" in _refused(jobs__cancel="q"), "the app's own work everywhere"
    assert "table.down" in _refused(jobs__cancel="j"), "and those of the table in it"


def test_keys_can_change_places() -> None:
    assert keymap({"jobs.cancel": "r", "jobs.retry": "c"}) == {"jobs.cancel": "r", "jobs.retry": "c"}


def test_two_screens_may_have_the_same_key() -> None:
    assert keymap({"workers.drain": "r"}) == {"workers.drain": "r"}


# ---------------------------------------------------------------- in force


def _app(**keys: str) -> LabApp:
    return LabApp(now=lambda: NOW, keys=keymap({name.replace("__", "."): key for name, key in keys.items()}))


@pytest.mark.usefixtures("artifacts")
async def test_the_new_key_works_and_the_old_one_no_more(data: Path) -> None:
    lease = tui_lab.busy(data)
    async with _app(jobs__cancel="x").run_test(size=(140, 40)) as pilot:
        await pilot.press("2")
        await shows(pilot, "RUNNING")
        await pilot.press("c")
        assert "Cancel job" not in shown(pilot)
        await pilot.press("x", "y")
        await until(pilot, lambda: get_job(lease.job).row.cancel_requested)


@pytest.mark.usefixtures("artifacts")
async def test_help_shows_the_keys_in_force_of_this_screen_and_of_all(data: Path) -> None:
    tui_lab.busy(data)
    async with _app(workers__drain="x", help="f1").run_test(size=(140, 40)) as pilot:
        await pilot.press("6")
        await shows(pilot, "7 train persona")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        lines = [line.strip(" │") for line in shown(pilot).splitlines()]
        here, everywhere = lines.index("this screen"), lines.index("everywhere")
        drain = next(place for place, line in enumerate(lines) if line.endswith("drain") and line.startswith("x"))
        assert here < drain < everywhere
        assert any(line.startswith("f1") and line.endswith("help") for line in lines[everywhere:])
        assert any(line.startswith("^p") and line.endswith("find a key by its name") for line in lines[everywhere:])


@pytest.mark.usefixtures("artifacts")
async def test_help_that_is_longer_than_the_terminal_is_scrolled(data: Path) -> None:
    tui_lab.busy(data)
    async with _app().run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await shows(pilot, "RUNNING")
        await pilot.press("question_mark")
        await shows(pilot, "this screen")
        assert "find a key by its name" not in shown(pilot)
        await pilot.press("end")
        await shows(pilot, "find a key by its name")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, HelpScreen))


@pytest.mark.usefixtures("artifacts")
async def test_the_palette_has_what_the_focused_widget_does_too(data: Path) -> None:
    tui_lab.busy(data)
    async with _app().run_test(size=(140, 40)) as pilot:
        await pilot.press("6")
        await shows(pilot, "7 train persona")
        below = pilot.app.screen
        names = {command.title for command in pilot.app.get_system_commands(below)}
        assert {"drain", "pause / resume", "open", "down", "help", "quit", "theme", "Jobs"} <= names
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await pilot.press(*"drain")
        await shows(pilot, "key d")
        await pilot.press("enter")
        await shows(pilot, "leave after its jobs?")


def test_a_fault_in_the_settings_is_one_sentence_before_anything_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[keys]\n"jobs.cancle" = "x"\n')
    code = "from lab.tui.run import run; from lab.errors import LabError\ntry: run()\nexcept LabError as e: print(e)"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LAB_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("did you mean jobs.cancel?")
    assert "\x1b" not in done.stdout
