"""Chat with methods side by side: which, in what order, and where not all of them fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from tui_chat import ask, chat_screen, choose, done_writing, spec, to_chat
from tui_pilot import NARROW, WIDE, opened, pressed, shown, shows, until

from lab.db.queries import get_job
from lab.tui.screens.chat import ChatScreen
from lab.tui.screens.columns import MethodsScreen

pytestmark = pytest.mark.usefixtures("server")


async def test_two_methods_answer_side_by_side_and_each_keeps_its_own_conversation(data: Path) -> None:
    tui_lab.done(data)
    async with opened() as pilot:
        await to_chat(pilot)
        await ask(pilot, "Hello", answers=2)
        for words in ("First answer.", "Second answer."):
            tui_lab.answer_chat((words,))
        await shows(pilot, "Second answer.")
        await ask(pilot, "And now", answers=2)
        said = set()
        for _ in range(2):
            job = tui_lab.answer_chat()
            messages = spec(job)["messages"]
            assert isinstance(messages, list)
            assert [message["role"] for message in messages] == ["user", "assistant", "user"]
            said.add(messages[1]["content"])
        assert said == {"First answer.", "Second answer."}


async def test_space_adds_a_column_to_those_that_are_shown(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        assert chat_screen(pilot).methods == ["unified", "hybrid"]
        await pilot.press("escape", "m")
        await until(pilot, lambda: isinstance(pilot.app.screen, MethodsScreen))
        await pilot.pause()
        await pilot.press("home", "space", "enter")
        await until(pilot, lambda: chat_screen(pilot).methods == ["unified", "hybrid", "base"])


async def test_of_several_seeds_all_methods_answer_with_the_lowest_and_the_choice_names_it(data: Path) -> None:
    tui_lab.queue_study(data, methods=("unified", "persona"), seeds=(3, 1))
    tui_lab.add_worker()
    tui_lab.finish_all()
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Hello", answers=2)
        books = {str(spec(tui_lab.answer_chat())["book"]) for _ in range(2)}
        assert {get_job(int(book.partition("/")[0])).spec["seed"] for book in books} == {1}
        await done_writing(pilot)
        await pilot.press("escape", "m")
        screen = await shows(pilot, "what it is")
        assert ["unified", "1"] in [line.partition("│")[2].split()[1:3] for line in screen.splitlines()]


async def test_up_to_three_methods_are_marked_in_the_order_of_their_columns(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await pilot.press("escape", "m")
        await until(pilot, lambda: isinstance(pilot.app.screen, MethodsScreen))
        await pilot.pause()
        await pilot.press("space", "home", "space")  # unified, on which the cursor is, goes
        await pilot.press("end", "space", "space", "up", "space")  # hybrid goes, and comes behind base
        rows = [row.partition("│")[2].split()[:2] for row in shown(pilot).splitlines()]
        assert [row for row in rows if row and row[0] in "123"] == [["1", "base"], ["3", "persona"], ["2", "hybrid"]]
        await pilot.press("up", "space")  # one too many takes the place of the last
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        assert chat_screen(pilot).methods == ["base", "hybrid", "unified"]
        titles = next(row for row in shown(pilot).splitlines() if "base  The base model" in row)
        assert titles.index("base") < titles.index("hybrid") < titles.index("unified")
        await pilot.press("m")
        await until(pilot, lambda: isinstance(pilot.app.screen, MethodsScreen))
        await pilot.press("down", "enter")  # without a mark, the one under the cursor
        await until(pilot, lambda: chat_screen(pilot).methods == ["unified"])


async def test_where_not_all_columns_fit_one_is_shown_and_a_key_turns_to_the_next(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await choose(pilot, "unified", "persona", "hybrid")
        assert "unified  1 of 3 →" in shown(pilot)
        await ask(pilot, "Hello", answers=3)
        for words in ("First.", "Second.", "Third."):
            tui_lab.answer_chat((words,))
        screen = await until(pilot, lambda: "First." in shown(pilot) and not chat_screen(pilot).conversation.writing)
        assert "Second." not in screen
        assert chat_screen(pilot).prompt.has_focus
        for words, title in (
            ("Second.", "persona  2 of 3 →"),
            ("Third.", "hybrid  3 of 3 →"),
            ("First.", "unified  1"),
        ):
            screen = await pressed(pilot, "tab")
            assert words in screen
            assert title in screen
        assert "Third." in await pressed(pilot, "escape", "left")


async def test_answers_to_one_question_stand_on_one_row_and_earlier_turns_across(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await choose(pilot, "hybrid")
        await ask(pilot, "Before")
        long = "One answer that is long enough to need more than half of all the width that there is on this screen."
        tui_lab.answer_chat((long,))
        await shows(pilot, "on this screen.")
        await choose(pilot, "hybrid", "base", "unified")
        await ask(pilot, "Now all", answers=3)
        for words in ("Left " * 20, "Middle.", "Right."):
            tui_lab.answer_chat((words,))
        screen = await until(pilot, lambda: "Right." in shown(pilot) and not chat_screen(pilot).conversation.writing)
        rows = screen.splitlines()
        assert screen.count("Before") == screen.count("Now all") == 1
        assert " hybrid alone was asked" in rows
        assert any(long in row for row in rows)
        (row,) = (row for row in rows if "Right." in row)
        assert row.strip().startswith("Left Left")
        assert row.index("Middle.") < row.index("Right.")
