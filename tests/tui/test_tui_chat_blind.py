"""Blind rounds: nobody can tell who answers until one is picked; the pick is kept, with the weights."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_chat import ask, chat_screen, choose, done_writing, to_chat
from tui_pilot import NARROW, WIDE, opened, pressed, shown, shows, typed, until

from lab.cli.picks import picks_of
from lab.db import jobs, queries
from lab.db.picks import picks
from lab.tui.screens.chat import ChatScreen
from lab.tui.screens.picks import PicksScreen

pytestmark = pytest.mark.usefixtures("server")

STUDY = "smart-home-6"


async def blind(pilot: Pilot[None], *methods: str, words: str = "Hello") -> list[str]:
    """Answers of these methods in random columns; which are where."""
    await to_chat(pilot)
    await choose(pilot, *methods)
    assert "without names" in await pressed(pilot, "escape", "b")
    return await another(pilot, words, len(methods))


async def another(pilot: Pilot[None], words: str, count: int) -> list[str]:
    """One more round, once the one before is judged; it waits for the verdict then."""
    await until(pilot, lambda: "which answer is better?" not in shown(pilot))
    await pilot.press("i")
    await ask(pilot, words, answers=count)
    for number in range(count):
        tui_lab.answer_chat((f"Answer {number + 1}.",))
    await done_writing(pilot)
    await shows(pilot, "which answer is better?")
    last = chat_screen(pilot).conversation.last
    assert last is not None
    return list(last.answers)


async def test_nobody_is_named_until_the_better_answer_is_picked(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        order = await blind(pilot, "unified", "persona", "hybrid")
        screen = await shows(pilot, "which answer is better?")
        for hidden in ("unified", "persona", "hybrid", "@", "first token"):
            assert hidden not in "\n".join(screen.splitlines()[2:-1])  # the last line names keys
        assert screen.index("Answer 1.") < screen.index("Answer 2.") < screen.index("Answer 3.")
        await pilot.press("2")
        screen = await shows(pilot, "✓ picked")
        titles = next(row for row in screen.splitlines() if "✓ picked" in row)
        assert [title.split()[0] for title in titles.split("│")] == order
        assert "✓" in titles.split("│")[1]
        assert "first token" in screen
        assert f"{order[1]} was picked; esc, then v shows all picks" in screen  # letters are words again
        (row,) = picks(STUDY)
        assert [one.method for one in row.shown] == order
        assert row.picked == order[1]
        assert row.persona_id == "maya"
        assert all(one.digests == (f"{len(one.method):02}a9c1" + "0" * 58,) for one in row.shown)


async def test_columns_come_in_every_order(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tui_lab.done(data)
    monkeypatch.setattr(random, "shuffle", random.Random(3).shuffle)
    async with opened(WIDE) as pilot:
        seen = {tuple(await blind(pilot, "unified", "hybrid"))}
        await pressed(pilot, "t")
        for _ in range(6):
            seen.add(tuple(await another(pilot, "More", 2)))
            await pressed(pilot, "t")
        assert seen == {("unified", "hybrid"), ("hybrid", "unified")}
        assert [row.picked for row in picks(STUDY)] == [""] * 7


@pytest.mark.parametrize(("key", "place"), [("left", 0), ("right", -1)])
async def test_the_sides_can_be_picked_by_arrows(data: Path, key: str, place: int) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        order = await blind(pilot, "unified", "hybrid")
        await pilot.press(key)
        await shows(pilot, "✓ picked")
        assert [row.picked for row in picks(STUDY)] == [order[place]]


async def test_a_skipped_round_is_not_counted_and_tells_the_names(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await blind(pilot, "unified", "hybrid")
        screen = await pressed(pilot, "k")
        assert "not counted" in screen
        assert "unified@" in screen
        assert "hybrid@" in screen
        assert picks(STUDY) == []


async def test_a_question_waits_for_the_pick_and_a_file_for_the_names(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await blind(pilot, "unified", "hybrid")
        assert "pick the better answer first" in await pressed(pilot, "S")
        await pilot.press("i")
        await typed(pilot, "Next")
        await pilot.press("enter")
        await shows(pilot, "pick the better answer first")
        assert queries.queue_length("chat") == 0
        assert chat_screen(pilot).prompt.value == "Next"
        assert "not counted" in await pressed(pilot, "escape", "b")  # blind no more
        assert not chat_screen(pilot).blind


async def test_whoever_writes_already_picks_nothing_by_a_letter(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await choose(pilot, "unified", "hybrid")
        await pilot.press("escape", "b", "i")
        await ask(pilot, "Hello", answers=2)
        await typed(pilot, "And ")
        for _ in range(2):
            tui_lab.answer_chat()
        await done_writing(pilot)
        screen = await pressed(pilot, "t", "1")
        assert chat_screen(pilot).prompt.value == "And t1"
        assert "which answer is better?  esc, then  1  2" in screen
        assert picks(STUDY) == []
        await pilot.press("escape", "t")
        await until(pilot, lambda: [row.picked for row in picks(STUDY)] == [""])


async def test_where_an_answer_failed_there_is_nothing_to_pick(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await choose(pilot, "unified", "hybrid")
        await pilot.press("escape", "b", "i")
        await ask(pilot, "Hello", answers=2)
        taken = jobs.claim("chat", "w", "cpu")
        assert taken is not None
        jobs.fail(taken.lease, "the weights are not there")
        tui_lab.answer_chat()
        screen = await shows(pilot, "not counted")
        assert "the weights are not there" in screen
        assert "which answer" not in screen
        assert picks(STUDY) == []


async def test_one_method_alone_cannot_be_blind(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        assert "needs two methods" in await pressed(pilot, "escape", "b")
        assert not chat_screen(pilot).blind


async def test_a_narrow_terminal_shows_one_answer_at_a_time_and_its_number(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        order = await blind(pilot, "unified", "hybrid")
        assert "Answer 1." in shown(pilot)
        screen = await pressed(pilot, "right")  # out of sight has no side: it turns
        assert "Answer 2." in screen
        assert "Answer 1." not in screen
        assert picks(STUDY) == []
        await pilot.press("2")
        await shows(pilot, "✓ picked")
        assert [row.picked for row in picks(STUDY)] == [order[1]]


async def test_picks_become_a_table_on_the_screen_and_in_the_shell(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await pilot.press("escape", "v")
        await shows(pilot, "nothing was picked")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        order = await blind(pilot, "unified", "hybrid")
        await pressed(pilot, str(1 + order.index("hybrid")))
        for method in ("hybrid", "unified", "hybrid"):
            order = await another(pilot, "More", 2)
            await pressed(pilot, str(1 + order.index(method)))
        await pilot.press("escape", "v")
        await until(pilot, lambda: isinstance(pilot.app.screen, PicksScreen))
        screen = await shows(pilot, "4 blind rounds with 1 persona")
        assert "hybrid                    3    0      1       75%   30%…95%      50%" in screen
    capsys.readouterr()
    picks_of(STUDY, json=False)
    told = capsys.readouterr().out
    assert "4 blind rounds with 1 persona\n" in told
    assert "75% [30% 95%]" in told
