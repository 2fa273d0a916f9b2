"""Results: from the table of methods down to the words of a turn."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher
from tui_pilot import NARROW, opened, picking, pressed, settled, shown, typed, until

from lab.db import scores
from lab.settings import load_settings
from lab.tui.feeds.results import ResultsFeed, ResultsView, Wanted
from lab.tui.marks import marked, settings

pytestmark = pytest.mark.usefixtures("artifacts")


def _line(screen: str, word: str) -> str:
    return next(line for line in screen.splitlines() if line.split()[:1] == [word])


def _level(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#levels", ContentSwitcher).current)


async def _go(pilot: Pilot[None], *keys: str, level: str) -> str:
    await pilot.press(*keys)
    return await until(pilot, lambda: _level(pilot) == f"level-{level}")


async def test_an_empty_lab_and_a_study_without_scores_say_what_to_do_next(data: Path) -> None:
    async with opened() as pilot:
        assert "lab run --data" in await pressed(pilot, "3")
        tui_lab.queue_study(data)
        screen = await until(pilot, lambda: "nothing is evaluated on test yet" in shown(pilot))
        assert "0 of 12 jobs are done" in screen


async def test_methods_stand_with_their_intervals_against_unified(data: Path) -> None:
    tui_lab.done(data)
    async with opened() as pilot:
        await pilot.press("3")
        screen = await until(pilot, lambda: "hybrid" in shown(pilot))
        hybrid, unified = _line(screen, "hybrid"), _line(screen, "unified")
        for word in (".873", "●", "+.040 [", "83%", "3.24M", "3m07s"):
            assert word in hybrid
        assert "0.54M" in unified
        assert "−.0" in _line(screen, "persona")
        assert "6 personas · 1 seed · smollm2-135m" in screen


async def test_more_is_said_about_the_method_under_the_cursor(data: Path) -> None:
    tui_lab.done(data)
    async with opened() as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "The base model as it is." in shown(pilot))
        await pilot.press("end")
        screen = await until(pilot, lambda: "The unified LoRA, frozen" in shown(pilot))
        assert "● improves 83% of personas (goal > 60%)" in screen
        assert "as published" in screen
        assert "numerical" in screen


async def test_enter_goes_down_to_personas_and_dialogues_and_esc_comes_back(data: Path) -> None:
    tui_lab.done(data)
    async with opened() as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "hybrid" in shown(pilot))
        screen = await _go(pilot, "end", "enter", level="personas")
        assert "test ▸ hybrid" in screen
        gains = [line.split()[4] for line in screen.splitlines()[3:9]]
        assert gains == sorted(gains, key=lambda gain: float(gain.replace("−", "-")), reverse=True)
        assert "Retired machinist" in screen
        screen = await _go(pilot, "enter", level="dialogues")
        assert "test ▸ hybrid ▸ " in screen
        assert "reference" in screen
        assert "unified" in screen
        assert "A bit warmer in here" in screen
        await _go(pilot, "escape", level="personas")
        await _go(pilot, "escape", level="methods")
        await pressed(pilot, "escape")
        assert _level(pilot) == "level-methods"


async def test_narrow_terminals_put_the_method_alone_beside_the_reference(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "hybrid" in shown(pilot))
        await _go(pilot, "end", "up", "enter", level="personas")
        screen = await _go(pilot, "enter", level="dialogues")
        assert "persona  ." in screen
        assert "+1 →" in screen
        assert "unified" not in screen
        assert "→ other answer" in screen.splitlines()[-1]
        assert "unified  ." in await pressed(pilot, "right")
        before = await pressed(pilot, "right")
        assert before == screen
        assert await pressed(pilot, "n") != before
        assert await pressed(pilot, "b") == before


async def test_predictions_are_text_whatever_is_in_them(data: Path) -> None:
    tui_lab.done(data)
    async with opened() as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "hybrid" in shown(pilot))
        await _go(pilot, "home", "enter", level="personas")
        screen = await _go(pilot, "enter", level="dialogues")
        assert "[bold]Really[/bold]" in screen
        assert "\x1b" not in screen


async def test_a_narrow_table_of_methods_says_what_it_leaves_out_and_arrows_show_it(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await pilot.press("3")
        screen = await until(pilot, lambda: "hybrid" in shown(pilot))
        assert "method +9 →" in screen
        assert "goal  dev F1" not in screen
        screen = await pressed(pilot, "right")
        assert "worst Δ  goal  dev F1" in screen
        assert _line(screen, "base").split()[1:3] == ["−.275", "○○○○"]
        assert _line(screen, "unified").split()[1] == "–"


async def test_a_condition_that_is_not_met_does_not_read_as_met(data: Path) -> None:
    tui_lab.done(data)
    async with opened() as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "The base model as it is." in shown(pilot))
        screen = shown(pilot)
        assert "✗ worse: p <.001 (goal: better, p < .05)" in screen
        assert "● better" not in screen


async def test_another_study_is_never_shown_under_the_words_of_the_one_before(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tui_lab.done(data)
    tui_lab.queue_study(data, "another", ("base",), base="smollm2-360m")
    go_on = threading.Event()
    read = ResultsFeed.read

    def slowly(feed: ResultsFeed, wanted: Wanted) -> ResultsView:
        if wanted.study is not None and wanted.study.name == "smart-home-6":
            assert go_on.wait(30)
        return read(feed, wanted)

    monkeypatch.setattr(ResultsFeed, "read", slowly)
    async with opened() as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "nothing is evaluated on test yet" in shown(pilot))
        await pilot.press("s")
        await picking(pilot)
        await typed(pilot, "smart")
        await pilot.press("enter")
        screen = await until(pilot, lambda: "smart-home-6 ▸" in shown(pilot))
        assert "reading smart-home-6…" in screen
        assert "nothing is evaluated" not in screen
        go_on.set()
        await until(pilot, lambda: "hybrid" in shown(pilot))
        await _go(pilot, "enter", level="personas")  # the keys go to the table again


async def test_v_looks_at_the_other_split(data: Path) -> None:
    tui_lab.done(data)
    async with opened() as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "hybrid" in shown(pilot))
        await pilot.press("v")
        await until(pilot, lambda: shown(pilot).splitlines()[1].startswith(" val"))
        await pilot.press("v")
        await until(pilot, lambda: shown(pilot).splitlines()[1].startswith(" test"))


async def test_results_come_by_themselves_when_an_evaluation_ends(data: Path) -> None:
    tui_lab.queue_study(data)
    tui_lab.add_worker()
    async with opened() as pilot:
        await pressed(pilot, "3")
        tui_lab.finish_all()
        await until(pilot, lambda: "hybrid" in shown(pilot))


async def test_predictions_that_are_gone_are_said_in_place(data: Path) -> None:
    study = tui_lab.done(data)
    for folder in scores.evaluations(study.id, "test").values():
        (load_settings().artifacts / folder / "predictions.jsonl").unlink()
    async with opened() as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "hybrid" in shown(pilot))
        await _go(pilot, "enter", level="personas")
        await pilot.press("enter")
        await until(pilot, lambda: "the predictions are not there" in shown(pilot))
        await pilot.press("escape")
        await settled(pilot)
        assert "the predictions are not there" not in shown(pilot)


def test_numbers_and_devices_are_marked_where_they_agree_and_where_they_do_not() -> None:
    reference, prediction = "AC to 22 degrees, lights to 50%", "the AC to 20.0 degrees and the TV to 50 %"
    assert [span for span in marked(reference, prediction) if span[1]] == [
        ("AC", "mark"), ("22", "miss"), ("lights", "miss"), ("50", "mark"),
    ]  # fmt: skip
    assert [span for span in marked(prediction, reference) if span[1]] == [
        ("AC", "mark"), ("20.0", "miss"), ("TV", "miss"), ("50", "mark"),
    ]  # fmt: skip
    assert "".join(text for text, _ in marked(prediction, reference)) == prediction


def test_settings_are_said_right_or_wrong() -> None:
    from lab.metrics.actions import parse_actions

    ours, theirs = parse_actions("AC to 22 and lights on"), parse_actions("AC to 20 and lights on")
    assert [(text, tone) for text, tone in settings(ours, theirs) if tone != "faint"] == [
        ("ac temperature 22", "bad"), ("lights power on", "good"),
    ]  # fmt: skip
