"""A study is made on the screen, and it is the one that its file says."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea
from tui_lab import queue_study
from tui_pilot import WIDE, opened, picking, pressed, settled, shown, shows, typed, until

from lab.cli.run import carry_out
from lab.db.queries import get_study, list_jobs
from lab.errors import LabError
from lab.methods.spec import catalog, parse_study, read_study
from lab.settings import load_settings
from lab.tui.feeds import new_study, study_options
from lab.tui.screens.new_study import NewStudyScreen

pytestmark = pytest.mark.usefixtures("artifacts")
SMALL = 'name = "small"\ndata = "{data}"\nbase = "smollm2-135m"\nmethods = ["base", "unified"]\nevaluate = ["test"]\n'


@asynccontextmanager
async def making(toml: str = "", size: tuple[int, int] = WIDE) -> AsyncIterator[Pilot[None]]:
    async with opened(size, "data") as pilot:
        await pilot.app.push_screen(NewStudyScreen(toml))
        await until(pilot, lambda: "not ready" in shown(pilot) or "plan " in shown(pilot).splitlines()[-2])
        yield pilot


def text(pilot: Pilot[None]) -> str:
    screen = pilot.app.screen
    assert isinstance(screen, NewStudyScreen)
    return screen.text


def said(pilot: Pilot[None]) -> dict[str, object]:
    return tomllib.loads(text(pilot))


async def to_row(pilot: Pilot[None], key: str, kind: str = "") -> None:
    screen = pilot.app.screen
    assert isinstance(screen, NewStudyScreen)
    rows = enumerate(screen.form.rows)
    place = next(place for place, entry in rows if entry.key == key and kind in ("", entry.kind))
    screen.form.action_move(place - screen.form.cursor)
    await pilot.pause()


async def replace_line(pilot: Pilot[None], words: str) -> None:
    """Put these words in place of what is in the row."""
    line = pilot.app.screen.query_one("#line", Input)
    await until(pilot, lambda: line.has_focus)
    line.value = words
    await pilot.press("enter")
    await settled(pilot)


# ---------------------------------------------------------------- the form


async def test_without_data_it_says_what_to_do_and_does_it() -> None:
    async with making() as pilot:
        assert "none yet: enter" in shown(pilot)
        assert "the key 'data' is missing; add it." in shown(pilot)
        await to_row(pilot, "data")
        await pilot.press("enter")
        await picking(pilot)
        await pilot.press("enter")  # the only data set is one to generate
        await replace_line(pilot, "3 × 5")
        await shows(pilot, "9 jobs, 0 reused")
        assert said(pilot)["data"] == "generated-3x5"
        assert "3 personas, 15 dialogues" in shown(pilot)


async def test_a_size_that_is_none_is_said_and_stays_to_be_mended() -> None:
    async with making() as pilot:
        await to_row(pilot, "data")
        await pilot.press("enter")
        await picking(pilot)
        await pilot.press("enter")
        await replace_line(pilot, "many")
        assert "say how many personas" in shown(pilot)
        assert pilot.app.screen.query_one("#line", Input).has_focus
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, NewStudyScreen)
        assert pilot.app.screen.form.has_focus


async def test_space_picks_methods_and_single_variants_and_the_file_says_so(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        await to_row(pilot, "cluster")
        assert '"cluster"' in await pressed(pilot, "space")
        await to_row(pilot, "cluster-dbscan")
        await pressed(pilot, "space")
        assert said(pilot)["methods"] == ["base", "unified", "cluster-kmeans", "cluster-agglomerative"]
        assert "◐  cluster" in shown(pilot)
        await to_row(pilot, "base", "method")
        await pressed(pilot, "enter")
        assert said(pilot)["methods"] == ["unified", "cluster-kmeans", "cluster-agglomerative"]


async def test_settings_are_typed_in_their_rows(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        for key, words in (("personas", "4"), ("seeds", "0, 7"), ("evaluate", "val, test"), ("name", "mine")):
            await to_row(pilot, key)
            await pilot.press("enter")
            await replace_line(pilot, words)
        found = said(pilot)
        assert (found["personas"], found["seeds"], found["evaluate"]) == (4, [0, 7], ["val", "test"])
        assert new_study.path_of(text(pilot)).name == "mine.toml"
        await to_row(pilot, "personas")
        await pilot.press("enter")
        await replace_line(pilot, "all")
        assert "personas" not in said(pilot)


async def test_the_base_is_picked_from_what_is_known_or_typed(data: Path) -> None:
    queue_study(data, base="some/model")
    async with making(SMALL.format(data=data)) as pilot:
        await to_row(pilot, "base")
        await pilot.press("enter")
        await picking(pilot)
        assert "of study smart-home-6" in shown(pilot)
        await typed(pilot, "some/model")
        await pressed(pilot, "enter")
        assert said(pilot)["base"] == "some/model"
        await pilot.press("enter")
        await picking(pilot)
        await typed(pilot, "another")
        await pilot.press("enter")
        await replace_line(pilot, "my/model")
        assert said(pilot)["base"] == "my/model"


async def test_several_values_of_a_setting_are_a_sweep_and_none_are_the_catalogue_again(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        before = text(pilot)
        await to_row(pilot, "unified")
        await pilot.press("v")
        await replace_line(pilot, "rank = [2, 4]")
        assert read_text(pilot)["method"]["unified"]["sweep"] == {"rank": [2, 4]}
        assert "sweep rank = [2, 4]" in shown(pilot)
        await pilot.press("v")
        await replace_line(pilot, "rank is 2")
        assert "is no list of settings" in shown(pilot)
        await replace_line(pilot, "")
        assert text(pilot) == before


def read_text(pilot: Pilot[None]) -> dict[str, dict[str, dict[str, object]]]:
    return tomllib.loads(text(pilot))


async def test_a_method_that_learns_nothing_has_nothing_to_sweep(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        await to_row(pilot, "base", "method")
        assert "only a method that learns" in await pressed(pilot, "v")


async def test_undo_takes_the_last_change_back(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        before = text(pilot)
        await to_row(pilot, "hybrid")
        await pressed(pilot, "space")
        assert text(pilot) != before
        await pressed(pilot, "u")
        assert text(pilot) == before
        assert "nothing to undo" in await pressed(pilot, "u")


# ---------------------------------------------------------------- faults and plan

FAULTS = {
    "seeds": 'seeds = ["x"]',
    "name": 'name = "no name!"',
    "personas": "personas = 99",
    "dialogues": "dialogues = 1",
    "evaluate": 'evaluate = ["tst"]',
    "data": 'data = "nowhere"',
    "base": "base = 3",
    "methods.basee": 'methods = ["basee"]',
    "methods": 'methods = ["a"]\n[method.a]\nparameters = "none"\non = "base"',
    "": "seedz = [1]",
}


@pytest.mark.parametrize("field", FAULTS)
def test_every_fault_is_told_as_lab_run_plan_tells_it_and_where_it_belongs(data: Path, field: str) -> None:
    key = FAULTS[field].split(" ")[0]
    lines = [line for line in SMALL.format(data=data).splitlines() if not line.startswith(f"{key} ")]
    toml = "\n".join([*lines, FAULTS[field], ""])
    feed = new_study.NewStudyFeed()
    feed.read(toml)
    view = feed.read(toml)
    assert view.fault is not None
    assert view.fault.field == field
    path = new_study.save(toml)
    with pytest.raises(LabError) as refused:
        carry_out(path, {}, plan=True, watch=False, json=False)
    assert str(refused.value) == view.fault.said


async def test_a_fault_stands_beside_its_field_and_start_goes_there(data: Path) -> None:
    async with making(SMALL.format(data=data) + 'seeds = ["x"]\n') as pilot:
        row = next(line for line in shown(pilot).splitlines() if "seeds  " in line)
        assert "✗" in row
        assert "'seeds.0': a whole number is needed here" in row
        screen = await pressed(pilot, "r")
        assert "'seeds.0'" in screen.splitlines()[-1]
        assert pilot.app.screen.query_one("#form").row.key == "seeds"  # type: ignore[attr-defined]


async def test_the_plan_follows_what_is_picked(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        await shows(pilot, "4 jobs, 0 reused")
        assert "evaluate" in shown(pilot)
        await to_row(pilot, "hybrid")
        await pilot.press("space")
        await shows(pilot, "6 jobs, 0 reused")


async def test_what_a_study_extends_has_to_be_there(data: Path) -> None:
    async with making(SMALL.format(data=data) + 'extends = "nobody"\n') as pilot:
        assert "there is no study named 'nobody'" in shown(pilot)


# ---------------------------------------------------------------- as text


async def test_the_text_can_be_edited_and_comes_back_as_the_form(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        await pressed(pilot, "e")
        area = pilot.app.screen.query_one("#text", TextArea)
        area.load_text("# mine\n" + area.text.replace('"unified"', '"persona"'))
        await settled(pilot)
        await pressed(pilot, "escape")
        await to_row(pilot, "hybrid")
        await pressed(pilot, "space")
        assert text(pilot).startswith("# mine\n")
        assert said(pilot)["methods"] == ["base", "persona", "hybrid"]


async def test_text_that_is_no_toml_is_mended_or_dropped(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        before = text(pilot)
        await pressed(pilot, "e")
        pilot.app.screen.query_one("#text", TextArea).load_text("name = ")
        await shows(pilot, "is not a readable TOML file")
        assert "This is no TOML yet" in await pressed(pilot, "escape")
        await pressed(pilot, "x")
        assert pilot.app.screen.query_one("#text", TextArea).has_focus
        await pressed(pilot, "escape", "d")
        assert text(pilot) == before


async def test_the_form_says_so_where_only_the_text_can_be_changed(data: Path) -> None:
    async with making(SMALL.format(data=data) + "method = 3\n") as pilot:
        await to_row(pilot, "unified")
        await pressed(pilot, "v")
        await replace_line(pilot, "rank = [2, 4]")
        assert "not here" in shown(pilot)
        assert said(pilot)["method"] == 3


# ---------------------------------------------------------------- keeping, starting, leaving


async def test_what_is_written_is_read_as_the_same_study(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        await to_row(pilot, "constrained")
        await pressed(pilot, "space")
        screen = await pressed(pilot, "w")
        path = load_settings().artifacts / "studies" / "small.toml"
        assert f"written to {path}" in screen.replace("\n", "")
        assert path.read_text() == text(pilot)
        assert read_study(path, {}, {}) == parse_study(said(pilot), "")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, NewStudyScreen))


async def test_another_file_of_that_name_is_overwritten_after_a_question_only(data: Path) -> None:
    path = new_study.save(SMALL.format(data=data) + "# somebody's\n")
    async with making(SMALL.format(data=data)) as pilot:
        assert "says something else" in await pressed(pilot, "w")
        await pressed(pilot, "x")
        assert "somebody's" in path.read_text()
        await pressed(pilot, "w", "y")
        assert path.read_text() == text(pilot)


async def test_leaving_with_changes_asks(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        await to_row(pilot, "hybrid")
        await pressed(pilot, "space")
        assert "Leave this study?" in await pressed(pilot, "escape")
        await pressed(pilot, "x")
        assert isinstance(pilot.app.screen, NewStudyScreen)
        await pilot.press("escape", "w")
        await until(pilot, lambda: not isinstance(pilot.app.screen, NewStudyScreen))
        assert "hybrid" in (load_settings().artifacts / "studies" / "small.toml").read_text()


@pytest.mark.usefixtures("elsewhere")
async def test_start_queues_what_lab_run_would_and_goes_to_the_jobs(data: Path) -> None:
    async with making(SMALL.format(data=data)) as pilot:
        await shows(pilot, "4 jobs, 0 reused")
        await pilot.press("r")
        await until(pilot, lambda: pilot.app.current_mode == "jobs")
        screen = await shows(pilot, "unified")
        assert "small is started: 4 jobs" in screen
        assert "0/4 jobs" in screen
        assert "only study small  4 of" in screen
    study = get_study("small")
    assert study.spec == read_study(new_study.path_of('name = "small"'), {}, {}).model_dump(mode="json")
    assert sorted(job.kind for job in list_jobs(study.id)) == ["evaluate", "evaluate", "recipes", "train"]


@pytest.mark.usefixtures("elsewhere")
async def test_a_study_that_is_there_is_changed_after_a_question_only(data: Path) -> None:
    queue_study(data, "small", ("base",))
    async with making(SMALL.format(data=data)) as pilot:
        await shows(pilot, "4 jobs")
        assert "Study small is there" in await pressed(pilot, "r")
        await pressed(pilot, "x")
        assert get_study("small").spec["methods"] == ["base"]
        await pilot.press("r", "y")
        await until(pilot, lambda: pilot.app.current_mode == "jobs")
    assert get_study("small").spec["methods"] == ["base", "unified"]


def test_every_method_of_the_catalogue_is_there_once_and_explained() -> None:
    found = [variant for family in study_options.families() for variant in family.variants]
    assert sorted(found) == sorted(catalog())
    assert all(family.about and family.group for family in study_options.families())
