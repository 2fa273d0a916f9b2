"""Chat: real questions through the real queue; the test is the worker that answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from textual.widgets import Input
from tui_chat import ask, chat_screen, spec, to_chat, to_context
from tui_pilot import NARROW, WIDE, opened, picking, pressed, settled, shown, shows, typed, until

from lab.db import jobs, queries
from lab.errors import LabError
from lab.report.people import parsed, written
from lab.tui.chat.conversation import Answer, Conversation, Round
from lab.tui.screens.chat import ChatScreen
from lab.tui.screens.help import HelpScreen

pytestmark = pytest.mark.usefixtures("server")


async def test_without_a_trained_method_it_says_what_to_wait_for(data: Path) -> None:
    async with opened() as pilot:
        assert "lab run --data" in await to_chat(pilot)
        tui_lab.queue_study(data)
        await shows(pilot, "no method is trained yet: 0 of 12")


async def test_persona_context_and_methods_are_in_sight(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        screen = await to_chat(pilot)
        assert "Maya  evening · rainy · weekday  Yoga instructor" in screen
        assert "unified  One LoRA on everybody" in screen
        assert "hybrid  The unified LoRA, frozen" in screen


async def test_an_answer_grows_and_then_says_what_it_did_and_which_weights_gave_it(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Lights please")
        assert "waits for a worker" in await shows(pilot, "you  Lights please")
        taken = jobs.claim("chat", "w", "cpu")
        assert taken is not None
        assert taken.spec["persona"] == "maya"
        assert taken.spec["messages"] == [{"role": "user", "content": "Lights please"}]
        assert taken.spec["context"]["weather"] == "rainy"
        await shows(pilot, "reads, or loads the model")
        jobs.reply(taken.lease, "Setting \x1b[31mthe [b]lights", {})
        await shows(pilot, "Setting the [b]lights▌")
        info = {
            "base": "smollm2-135m",
            "adapters": [{"name": "unified", "digest": "3fa9c1d2"}, {"name": "hybrid/maya", "digest": "91be07aa"}],
            "actions": [{"device": "lights", "parameter": "brightness", "value": 40}],
            "first_token_seconds": 0.41,
            "seconds": 2.1,
        }
        jobs.reply(taken.lease, "Setting the lights to 40%.", info)
        jobs.succeed(taken.lease, jobs.Outcome("", "", info))
        screen = await shows(pilot, "first token")
        assert "Setting the lights to 40%.\n" in screen
        assert "lights brightness 40" in screen
        assert "unified@3fa9c1 + hybrid/maya@91be07  first token 0.41s · all 2.1s" in screen


async def test_esc_stops_while_it_writes(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Tell me everything")
        taken = jobs.claim("chat", "w", "cpu")
        assert taken is not None
        jobs.reply(taken.lease, "It all began", {})
        await shows(pilot, "It all began")
        await pilot.press("escape")
        await until(pilot, lambda: jobs.beat(taken.lease).cancel)
        jobs.cancelled(taken.lease)
        screen = await shows(pilot, "  stopped")
        assert "It all began" in screen
        assert isinstance(pilot.app.screen, ChatScreen)
        assert pilot.app.screen.prompt.has_focus  # one can write on


async def test_a_question_waits_for_the_answer_before_it(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "One")
        await typed(pilot, "Two")
        await pilot.press("enter")
        await shows(pilot, "still being written")
        assert queries.queue_length("chat") == 1


async def test_an_answer_that_failed_says_why(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Hello")
        taken = jobs.claim("chat", "w", "cpu")
        assert taken is not None
        jobs.fail(taken.lease, "the base model is not there; check the network")
        await shows(pilot, "the base model is not there; check the network")
        await ask(pilot, "Hello again")
        messages = spec(taken.lease.job + 1)["messages"]
        assert messages == [{"role": "user", "content": "Hello again"}]


async def test_the_arrows_bring_back_what_was_written(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        for words in ("one", "two"):
            await ask(pilot, words)
            tui_lab.answer_chat()
            await until(pilot, lambda: not chat_screen(pilot).conversation.writing)
        await pilot.press("up", "up")
        assert chat_screen(pilot).prompt.value == "one"
        await pilot.press("down")
        assert chat_screen(pilot).prompt.value == "two"
        await pilot.press("down")
        assert chat_screen(pilot).prompt.value == ""


async def test_a_persona_is_searched_by_its_description_and_has_conversations_of_its_own(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "I am Maya")
        tui_lab.answer_chat(("Hello Maya.",))
        await shows(pilot, "Hello Maya.")
        await pilot.press("escape", "p")
        await picking(pilot)
        await typed(pilot, "exact numbers")
        await pilot.press("enter")
        screen = await shows(pilot, " Otto")
        assert "Hello Maya." not in screen
        await pilot.press("i")
        await ask(pilot, "I am Otto")
        assert spec(tui_lab.answer_chat())["persona"] == "otto"
        await until(pilot, lambda: not chat_screen(pilot).conversation.writing)
        await pilot.press("escape", "p")
        await picking(pilot)
        await pilot.press("up", "enter")
        await shows(pilot, "Hello Maya.")


async def test_the_focus_stays_where_it_is_until_i_or_esc(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        assert "esc commands: p persona, m methods; ? all" in shown(pilot).splitlines()[-1]
        assert "esc 1 2" in shown(pilot).splitlines()[0]
        await pilot.press("escape", "p")
        await picking(pilot)
        await pilot.press("down", "enter")
        await shows(pilot, " Otto")
        assert "esc 1 2" not in shown(pilot).splitlines()[0]
        await pilot.press("N", "3")
        await until(pilot, lambda: pilot.app.current_mode == "results")
        await to_chat(pilot)
        assert chat_screen(pilot).prompt.value == ""
        await pilot.press("i", "h")
        assert chat_screen(pilot).prompt.value == "h"


async def test_words_that_look_like_commands_are_not_sent(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await typed(pilot, "/help")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        assert "p             persona" in shown(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        assert chat_screen(pilot).prompt.has_focus
        await typed(pilot, "/quit")
        await pilot.press("enter")
        assert "/quit is no command here" in await shows(pilot, "/help shows")
        assert queries.queue_length("chat") == 0


async def test_a_study_without_a_trained_method_shows_nobody_of_the_study_before(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        assert "Maya" in await to_chat(pilot)
        tui_lab.queue_study(data, "another", ("base",), base="smollm2-360m")
        await shows(pilot, "a new study was added: another")
        assert "Maya" in shown(pilot)
        await pilot.press("escape", "s")
        await picking(pilot)
        await pilot.press("up", "enter")
        screen = await shows(pilot, "no method is trained yet")
        assert "Maya" not in screen
        assert "another ▸" in screen


async def test_the_context_is_chosen_among_known_values_and_may_have_any_other(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await to_context(pilot)
        assert "time_of_day       evening" in shown(pilot)
        await pilot.press("right")  # the data know one value only; after it comes none
        assert "time_of_day       –" in shown(pilot)
        await pilot.press("right", "down")
        await typed(pilot, "hail=")
        await pilot.press("left", "left", "delete", "end")  # in the line, arrows and delete are its own
        assert pilot.app.screen.query_one(Input).value == "hai="
        await pilot.press(*["backspace"] * 4)
        await typed(pilot, "snow=deep, =x")
        await pilot.press("enter")
        assert "'=x' is not key=value" in shown(pilot)
        pilot.app.screen.query_one(Input).value = "snow=deep"
        await pilot.press("enter", "up")
        await typed(pilot, "Sunday")
        await pilot.press("enter", "up", "delete", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        await pilot.press("i")
        await ask(pilot, "Brr")
        assert spec(tui_lab.answer_chat())["context"] == {
            "time_of_day": "evening",
            "day_of_week": "Sunday",
            "snow": "deep",
        }


async def test_a_context_left_with_esc_stays_as_it_was(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        before = await to_chat(pilot)
        await to_context(pilot)
        await pilot.press("delete", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        assert shown(pilot).splitlines()[1] == before.splitlines()[1]


async def test_capital_n_begins_anew(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Hello")
        tui_lab.answer_chat(("Good day.",))
        await shows(pilot, "Good day.")
        await pilot.press("escape", "N")
        await settled(pilot)
        assert "Good day." not in shown(pilot)
        await pilot.press("i")
        await ask(pilot, "Who are you")
        assert spec(tui_lab.answer_chat())["messages"] == [{"role": "user", "content": "Who are you"}]


async def test_while_writing_letters_are_letters_and_after_esc_they_are_commands(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await typed(pilot, "q1 pqn")
        assert chat_screen(pilot).prompt.value == "q1 pqn"
        assert "e context" not in shown(pilot).splitlines()[-1]
        assert "e context" in (await pressed(pilot, "escape")).splitlines()[-1]
        await pilot.press("2")
        await until(pilot, lambda: pilot.app.current_mode == "jobs")
        await pilot.press("5")
        await until(pilot, lambda: pilot.app.current_mode == "chat")
        assert chat_screen(pilot).prompt.value == "q1 pqn"


async def test_an_answer_goes_on_while_one_looks_elsewhere(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Hello")
        pilot.app.switch_mode("jobs")
        await settled(pilot)
        tui_lab.answer_chat(("While you were away.",))
        pilot.app.switch_mode("chat")
        await shows(pilot, "While you were away.")


def test_a_conversation_is_told_to_the_model_without_what_was_never_answered() -> None:
    conversation = Conversation("s", "maya")
    for question, text, state in (
        ("a", "A", "SUCCEEDED"),
        ("b", "", "FAILED"),
        ("c", "C…", "CANCELLED"),
        ("d", "", "READY"),
    ):
        answers = {"unified": Answer(text=text, state=state)} | ({"base": Answer()} if question == "d" else {})
        conversation.rounds.append(Round([{"role": "user", "content": question}], {}, answers))
    last = conversation.rounds[-1]
    assert [message["content"] for message in conversation.messages("unified", last)] == ["a", "A", "c", "C…", "d"]
    assert [message["content"] for message in conversation.messages("base", last)] == ["d"]
    assert conversation.writing == list(last.answers.values())


def test_a_context_is_read_as_it_is_written() -> None:
    context = {"time_of_day": "evening", "outdoor_temp": "very cold"}
    assert parsed(written(context)) == context
    assert parsed(" ") == {}
    with pytest.raises(LabError, match="'rainy' is not key=value"):
        parsed("weather=sunny, rainy")
