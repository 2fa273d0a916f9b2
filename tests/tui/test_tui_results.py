"""Results: from the table of methods down to the words of a turn."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import tui_lab
from sqlalchemy import delete
from sqlmodel import col
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher
from tui_pilot import NARROW, opened, picking, pressed, settled, shown, shows, typed, until

from lab.db import scores
from lab.db.engine import writing
from lab.db.looks import looks
from lab.db.tables import StudyJob
from lab.settings import load_settings
from lab.tui.feeds import board
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
    async with opened(tab="results") as pilot:
        assert "lab run --data" in shown(pilot)
        tui_lab.queue_study(data)
        screen = await shows(pilot, "nothing is evaluated on val yet")
        assert "0 of 12 jobs are done" in screen


async def test_methods_stand_with_their_intervals_against_unified(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="results") as pilot:
        screen = await shows(pilot, "hybrid")
        hybrid, unified = _line(screen, "hybrid"), _line(screen, "unified")
        for word in (".873", "●", "+.040 [", "83%", "3.24M", "3m07s"):
            assert word in hybrid
        assert "0.54M" in unified
        assert "−.0" in _line(screen, "persona")
        assert "val, 6 personas, 1 seed  embedding similarity  smollm2-135m on home" in screen


async def test_of_a_study_that_is_not_over_it_is_said_what_is_missing_at_every_level(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="results") as pilot:
        screen = await shows(pilot, "not final: 3 of 4 methods have no val scores (unified, persona and hybrid)")
        assert "4 of 12 jobs are done, 1 running, 7 waiting" in screen
        assert "not final" in await _go(pilot, "enter", level="personas")


async def test_more_is_said_about_the_method_under_the_cursor(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="results") as pilot:
        await shows(pilot, "The base model as it is.")
        await pilot.press("end")
        screen = await shows(pilot, "The unified LoRA, frozen")
        assert "● met      improves 83% of personas (goal > 60%)" in screen
        assert "✗ not met  better, but p .060 (goal: better, p < .05)" in screen
        assert "as published" in screen
        assert "numerical" in screen


async def test_enter_goes_down_to_personas_and_dialogues_and_esc_comes_back(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="results") as pilot:
        await shows(pilot, "hybrid")
        screen = await _go(pilot, "end", "enter", level="personas")
        assert "val ▸ hybrid" in screen
        gains = [line.split()[4] for line in screen.splitlines()[6:12]]
        assert gains == sorted(gains, key=lambda gain: float(gain.replace("−", "-")), reverse=True)
        assert "Retired machinist" in screen
        screen = await _go(pilot, "enter", level="dialogues")
        assert "val ▸ hybrid ▸ " in screen
        assert "reference" in screen
        assert "unified" in screen
        assert "A bit warmer in here" in screen
        await _go(pilot, "escape", level="personas")
        await _go(pilot, "escape", level="methods")
        await pressed(pilot, "escape")
        assert _level(pilot) == "level-methods"


async def test_narrow_terminals_put_the_method_alone_beside_the_reference(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW, "results") as pilot:
        await shows(pilot, "hybrid")
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
    async with opened(tab="results") as pilot:
        await shows(pilot, "hybrid")
        await _go(pilot, "home", "enter", level="personas")
        screen = await _go(pilot, "enter", level="dialogues")
        assert "[bold]Really[/bold]" in screen
        assert "\x1b" not in screen


async def test_a_narrow_table_of_methods_says_what_it_leaves_out_and_arrows_show_it(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW, "results") as pilot:
        screen = await shows(pilot, "hybrid")
        assert "method +11 →" in screen
        assert "goal  params" not in screen
        screen = await pressed(pilot, "right")
        assert "worst  worst Δ  goal" in screen
        assert _line(screen, "base").split()[-6:-3] == [".581", "−.275", "○○○○"]


async def test_a_condition_that_is_not_met_does_not_read_as_met(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="results") as pilot:
        await shows(pilot, "The base model as it is.")
        screen = shown(pilot)
        assert "✗ not met  worse: p <.001 (goal: better, p < .05)" in screen
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
    async with opened(tab="results") as pilot:
        await shows(pilot, "nothing is evaluated on val yet")
        await pilot.press("s")
        await picking(pilot)
        await typed(pilot, "smart")
        await pilot.press("enter")
        screen = await shows(pilot, "smart-home-6 ▸")
        assert "reading smart-home-6…" in screen
        assert "nothing is evaluated" not in screen
        go_on.set()
        await shows(pilot, "hybrid")
        await _go(pilot, "enter", level="personas")  # the keys go to the table again


async def test_val_comes_first_and_test_only_when_it_is_asked_for_and_counted(data: Path) -> None:
    study = tui_lab.done(data)
    async with opened(tab="results") as pilot:
        screen = await shows(pilot, "hybrid")
        assert screen.splitlines()[1].startswith(" val, 6 personas, 1 seed")
        screen = await pressed(pilot, "v")
        assert "Open the test scores? Nobody has read them" in screen
        assert screen.splitlines()[1].startswith(" val")
        await pressed(pilot, "n")  # any other key is a no
        assert looks(study.dataset) == []
        await pressed(pilot, "v")
        await pilot.press("y")
        await until(pilot, lambda: shown(pilot).splitlines()[1].startswith(" test, 6 personas, 1 seed, looked at once"))
        assert [look.by for look in looks(study.dataset)] == ["Results screen"]
        await pilot.press("v")
        await until(pilot, lambda: shown(pilot).splitlines()[1].startswith(" val"))
        await pilot.press("v")  # the same plan again is no other look
        await shows(pilot, "looked at once")
        assert len(looks(study.dataset)) == 1


async def test_a_study_that_changes_while_its_test_scores_are_open_asks_again(data: Path) -> None:
    study = tui_lab.run_study(data, ("base", "unified"))
    async with opened(tab="results") as pilot:
        await shows(pilot, "unified")
        await pressed(pilot, "v")
        await pilot.press("y")
        await shows(pilot, "looked at once")
        tui_lab.queue_study(data, methods=("base", "unified", "hybrid"))
        screen = await shows(pilot, "the study has changed")
        assert len(looks(study.dataset)) == 1
        tui_lab.finish_all()
        screen = await shows(pilot, "hybrid")
        assert screen.splitlines()[1].startswith(" val")
        assert "They were read once, and the study has changed" in await pressed(pilot, "v")
        await pilot.press("y")
        screen = await shows(pilot, "looked at 2 times")
        assert "hybrid†" in screen
        assert "1 method was added or changed after that (hybrid)" in screen


async def test_methods_that_are_evaluated_on_test_only_are_counted_beneath_val(data: Path) -> None:
    """As in a study with a router, whose choices alone need val."""
    study = tui_lab.run_study(data, ("base", "unified", "hybrid"))
    _forget(int(scores.evaluations(study.id, "val")["base"].partition("/")[0]))
    async with opened(tab="results") as pilot:
        told = "1 more method on test only: v opens it, and each look is counted"
        screen = await shows(pilot, told)
        assert not any(line.startswith(" base") for line in screen.splitlines())
        await pressed(pilot, "v")
        await pilot.press("y")
        assert told not in await shows(pilot, "looked at once")


def _forget(job: int) -> None:
    """The study has this job no more."""
    with writing() as session:
        session.execute(delete(StudyJob).where(col(StudyJob.job) == job))


async def test_a_study_with_nothing_but_test_is_opened_on_purpose_too(data: Path) -> None:
    study = tui_lab.run_study(data, ("base", "unified"), evaluate=("test",))
    async with opened(tab="results") as pilot:
        await shows(pilot, "is evaluated on test only")
        assert looks(study.dataset) == []
        assert "Nobody has read them" in await pressed(pilot, "v")
        assert "is evaluated on test only" in await pressed(pilot, "escape")
        await pressed(pilot, "v")
        await pilot.press("y")
        await shows(pilot, "looked at once")


async def test_another_metric_is_computed_from_what_was_read_and_says_so_meanwhile(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tui_lab.done(data)
    async with opened(tab="results") as pilot:
        await shows(pilot, "hybrid")
        go_on = threading.Event()
        judge = board._judge
        monkeypatch.setattr(board, "_judge", lambda *what: (go_on.wait(30), judge(*what))[1])
        monkeypatch.setattr(board, "evaluated", lambda *_, **__: pytest.fail("scores are read once"))
        await pilot.press("m")
        await picking(pilot)
        await typed(pilot, "token_nll")
        await pilot.press("enter")
        await shows(pilot, "computing token_nll")
        go_on.set()
        screen = await until(pilot, lambda: "computing" not in shown(pilot))
        assert "token NLL" in screen


async def test_another_metric_is_compared_the_way_it_is_better(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="results") as pilot:
        await shows(pilot, "hybrid")
        await pilot.press("m")
        await picking(pilot)
        await typed(pilot, "token nll")
        await pilot.press("enter")
        screen = await shows(pilot, "token NLL (lower is better)")
        hybrid = _line(screen, "hybrid")
        assert "1.455" in hybrid
        assert "−.0" in hybrid.split("[")[0]
        assert "83%" in hybrid
        await _go(pilot, "end", "enter", level="personas")
        assert "5 gain · 0 the same · 1 lose" in shown(pilot)


async def test_methods_are_sorted_by_any_column(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="results") as pilot:
        await shows(pilot, "hybrid")

        def order() -> list[str]:
            return [line.split()[0] for line in shown(pilot).splitlines()[3:7]]

        assert order() == ["base", "unified", "persona", "hybrid"]
        await pressed(pilot, "o", "o")  # by similarity
        assert order() == ["base", "persona", "unified", "hybrid"]
        await pressed(pilot, "O")
        assert order() == ["hybrid", "unified", "persona", "base"]


async def test_controls_and_the_ceiling_stand_apart(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tui_lab.LIFT, "swapped-persona", 0.66)
    tui_lab.run_study(data, ("base", "unified", "persona", "swapped-persona"))
    async with opened(tab="results") as pilot:
        screen = await shows(pilot, "swapped-persona")
        lines = screen.splitlines()
        control = next(y for y, line in enumerate(lines) if line.startswith(" control"))
        assert lines[control + 1].split()[:2] == ["swapped-persona", ".657"]
        assert control > next(y for y, line in enumerate(lines) if line.startswith(" persona"))
        assert "ceiling, not a result" in screen
        await pilot.press("tab")
        screen = await shows(pilot, "A control: every persona is served")
        assert "control of persona: there is no gain to take away" in screen
        assert "val ▸ swapped-persona" in await _go(pilot, "enter", level="personas")


async def test_any_two_methods_stand_beside_the_reference(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="results") as pilot:
        await shows(pilot, "hybrid")
        await _go(pilot, "end", "enter", level="personas")
        screen = await _go(pilot, "enter", level="dialogues")
        assert "unified  ." in screen
        await pilot.press("less_than_sign")
        await picking(pilot)
        await typed(pilot, "base")
        await pilot.press("enter")
        screen = await shows(pilot, "base  .")
        assert "hybrid  ." in screen
        assert "unified  ." not in screen
        await pilot.press("greater_than_sign")
        await picking(pilot)
        await typed(pilot, "its own train")
        await pilot.press("enter")
        screen = await shows(pilot, "persona  .")
        assert "val ▸ persona ▸ raj" in screen
        assert "✗ devices" in screen


async def test_w_goes_to_the_next_turn_with_a_wrong_device(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW, "results") as pilot:
        await shows(pilot, "hybrid")
        await _go(pilot, "end", "up", "enter", level="personas")
        before = await _go(pilot, "enter", level="dialogues")
        after = await pressed(pilot, "w")
        assert after != before
        assert "✗ devices" in _line(after, "reference")


async def test_results_come_by_themselves_when_an_evaluation_ends(data: Path) -> None:
    tui_lab.queue_study(data)
    tui_lab.add_worker()
    async with opened(tab="results") as pilot:
        tui_lab.finish_all()
        await shows(pilot, "hybrid")


async def test_predictions_that_are_gone_are_said_in_place(data: Path) -> None:
    study = tui_lab.done(data)
    for folder in scores.evaluations(study.id, "val").values():
        (load_settings().artifacts / folder / "predictions.jsonl").unlink()
    async with opened(tab="results") as pilot:
        await shows(pilot, "hybrid")
        await _go(pilot, "enter", level="personas")
        await pilot.press("enter")
        await shows(pilot, "the predictions are not there")
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
