"""Replay: held-out dialogues with their true history, beside the reference; test is looked at on purpose only."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_chat import ask, chat_screen, choose, done_writing, spec, to_chat
from tui_pilot import NARROW, WIDE, opened, picking, pressed, shown, shows, until

from lab.db import queries
from lab.db.looks import looks
from lab.report.people import held_out
from lab.tui.feeds import chat

pytestmark = pytest.mark.usefixtures("server")


async def replayed(pilot: Pilot[None], part: str = "v", *keys: str) -> None:
    """Begin to replay the newest dialogue of val or test."""
    waiting = queries.queue_length("chat")
    await pilot.press("escape", "r", part, *keys)
    await picking(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: queries.queue_length("chat") > waiting)


async def test_a_held_out_dialogue_is_put_turn_by_turn_with_its_true_history(data: Path) -> None:
    study = tui_lab.done(data)
    newest = held_out(study, "maya", "val")[-1]
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await replayed(pilot)
        assert "replay of val maya-07, turn 1 of 2" in shown(pilot)
        asked = spec(tui_lab.answer_chat(("I'll set the AC to 99 degrees.",)))
        assert asked["messages"] == [{"role": "user", "content": newest.messages[0].content}]
        assert asked["context"] == newest.context
        assert asked["at"] == newest.started_at.isoformat()
        await done_writing(pilot)
        await pilot.press("n")
        await until(pilot, lambda: queries.queue_length("chat") == 1)
        asked = spec(tui_lab.answer_chat(("Gladly.",)))
        assert [one["content"] for one in asked["messages"]] == [one.content for one in newest.messages[:3]]
        await done_writing(pilot)
        assert "that was the last turn" in await pressed(pilot, "n")
        assert "back in your own conversation" in await pressed(pilot, "r")
        assert "99 degrees" not in shown(pilot)


async def test_the_reference_stands_by_the_answers_and_what_differs_is_marked(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await choose(pilot, "unified", "hybrid")
        await replayed(pilot)
        tui_lab.answer_chat(("I'll set the AC to 19 degrees.",))
        tui_lab.answer_chat(("I'll set the AC to 25 degrees.",))
        screen = await done_writing(pilot)
        assert "reference  I'll set the AC to 19 degrees." in screen
        tones = _tones(pilot, "25"), _tones(pilot, "19")
        assert tones[0] == {"miss"}
        assert "mark" in tones[1]
        # As the drill worker reports other actions than it says, the home shows them wrong and the wanted one missing.
        home = screen.partition("reference")[2]
        assert "temperature not set, 19" in home
        assert _tones(pilot, "brightness 40") >= {"bad"}


def _tones(pilot: Pilot[None], words: str) -> set[str]:
    """The tones in which these words are painted."""
    from lab.tui.widgets.lines import Lines

    found: set[str] = set()
    for lines in chat_screen(pilot).transcript.query(Lines):
        found |= {tone for line in lines._lines for text, tone in line if words in text}
    return found


async def test_own_words_in_a_replay_go_on_from_it_and_leave_its_history_true(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await replayed(pilot)
        tui_lab.answer_chat(("Wrong.",))
        await done_writing(pilot)
        await pilot.press("i")
        await ask(pilot, "And the TV")
        asked = spec(tui_lab.answer_chat(("Off.",)))["messages"]
        assert [one["content"] for one in asked][1:] == ["I'll set the AC to 19 degrees.", "And the TV"]
        await done_writing(pilot)
        await pressed(pilot, "escape", "n")
        asked = spec(tui_lab.answer_chat())["messages"]
        assert [one["content"] for one in asked][1:] == ["I'll set the AC to 19 degrees.", "Thanks"]


async def test_to_replay_test_asks_first_and_counts_as_a_look_once(data: Path) -> None:
    study = tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await pilot.press("escape", "r", "t")
        await shows(pilot, "is counted as a look")
        await pressed(pilot, "x")
        assert looks(study.dataset) == []
        await pilot.press("r", "t")
        await shows(pilot, "is counted as a look")
        await pilot.press("y")
        await picking(pilot)
        (look,) = looks(study.dataset)
        assert (look.study, look.by) == (study.name, "Chat screen")
        assert "maya-09" in shown(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: chat_screen(pilot).is_current)
        await pilot.press("r", "t")
        await picking(pilot)  # it was looked at already: no question
        assert len(looks(study.dataset)) == 1


def test_a_look_that_could_not_be_counted_is_refused(data: Path) -> None:
    tui_lab.queue_study(data, methods=("base",))
    study = queries.get_study()
    assert [one.dialogue_id for one in chat.replays(study, "maya", "val")] == ["maya-07", "maya-06"]
    from dataclasses import replace

    with pytest.raises(chat.LabError, match="evaluates nothing on test"):
        chat.replays(replace(study, id=99), "maya", "test")


def test_only_what_answers_a_user_is_a_turn_and_a_greeting_is_said_before(data: Path) -> None:
    from lab.data.types import Dialogue, Message

    said = (("system", "s"), ("assistant", "Hello!"), ("user", "a"), ("user", "b"), ("assistant", "A"), ("user", "c"))
    dialogue = Dialogue("d", "maya", datetime(2026, 1, 1), {}, tuple(Message(*one) for one in said))
    replay = chat._replay(dialogue, "val")
    assert [(turn.said, turn.reference) for turn in replay.turns] == [(said[:4], "A")]
