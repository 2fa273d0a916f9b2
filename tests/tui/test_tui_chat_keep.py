"""What is asked again, edited, copied, saved and opened; what each model was told; the home over the turns."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tui_lab
from tui_chat import ask, chat_screen, choose, done_writing, spec, to_chat
from tui_pilot import NARROW, WIDE, opened, picking, pressed, shown, shows, typed, until

from lab.db import jobs, queries
from lab.db.jobs import Outcome
from lab.errors import LabError
from lab.tui.chat.conversation import Answer, Conversation, Replay, Round, Turn
from lab.tui.chat.home import Setting, home_of
from lab.tui.chat.saved import FORMAT, Saved, from_json, to_json, to_markdown
from lab.tui.feeds import chats

pytestmark = pytest.mark.usefixtures("server")

AT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def reply(text: str, info: dict[str, Any]) -> int:
    """The worker answers so, and says this of it."""
    taken = jobs.claim("chat", "w", "cpu")
    assert taken is not None
    assert jobs.reply(taken.lease, text, info)
    assert jobs.succeed(taken.lease, Outcome("", "", info))
    return taken.lease.job


def sets(*settings: tuple[str, str, Any]) -> dict[str, Any]:
    actions = [{"device": device, "parameter": parameter, "value": value} for device, parameter, value in settings]
    return {"base": "tiny", "adapters": [], "actions": actions}


# ---------------------------------------------------------------- again, and otherwise


async def test_what_failed_is_asked_again_and_what_was_answered_stays(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        assert "nothing was asked yet" in await pressed(pilot, "escape", "g")
        await pilot.press("i")
        await ask(pilot, "Hello", answers=2)
        tui_lab.answer_chat(("Good.",))
        taken = jobs.claim("chat", "w", "cpu")
        assert taken is not None
        jobs.fail(taken.lease, "out of memory")
        await done_writing(pilot)
        assert "out of memory" in await pressed(pilot, "escape")
        await pilot.press("g")
        await until(pilot, lambda: queries.queue_length("chat") == 1)
        assert spec(tui_lab.answer_chat(("Better.",)))["messages"] == [{"role": "user", "content": "Hello"}]
        screen = await done_writing(pilot)
        assert "out of memory" not in screen
        assert "Good." in screen
        assert "Better." in screen
        await pilot.press("g")  # all of them are answered: all are asked
        await until(pilot, lambda: queries.queue_length("chat") == 2)


async def test_the_last_question_is_edited_and_takes_its_place_only_when_sent(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        for words in ("First", "Secnd"):
            await ask(pilot, words)
            tui_lab.answer_chat((f"To {words}.",))
            await done_writing(pilot)
        await pressed(pilot, "escape", "u")
        assert chat_screen(pilot).prompt.value == "Secnd"
        screen = await pressed(pilot, "escape")
        assert "Secnd" in screen
        assert chat_screen(pilot).prompt.value == ""
        await pressed(pilot, "u")
        chat_screen(pilot).prompt.value = ""
        await ask(pilot, "Second")
        assert [one["content"] for one in spec(tui_lab.answer_chat())["messages"]] == ["First", "To First.", "Second"]  # type: ignore[attr-defined]
        assert "Secnd" not in await done_writing(pilot)


# ---------------------------------------------------------------- what the model was told


async def test_memories_and_prompts_stand_by_their_source_and_in_whole_when_asked_for(data: Path) -> None:
    tui_lab.done(data)
    memory = "[2026-01-23 09:30, evening]\nUser: energize me!\nAssistant: " + "Lights up. " * 40 + "The end."
    info = sets(("lights", "brightness", 90)) | {
        "prompt": {"source": "description", "text": "The user: Yoga instructor."},
        "retrieval": {"k": 1, "by": "similarity", "show": "examples", "persona": "maya"},
        "retrieved": [{"dialogue": "maya-00", "started_at": "2026-01-23T09:30:00+00:00", "text": memory}],
    }
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Hello")
        reply("Setting the lights to 90%.", info)
        screen = await done_writing(pilot)
        assert "◂ description: The user: Yoga instructor." in screen
        assert "◂ 1 dialogue of maya, by similarity, shown as examples" in screen
        assert "◂ 23 Jan 2026 09:30 maya-00 User: energize me! Assistant: Lights up." in screen
        assert "The end." not in screen
        screen = await pressed(pilot, "escape", "d")
        assert "The end." in screen
        assert "[2026-01-23" not in screen


# ---------------------------------------------------------------- the home


async def test_the_home_of_each_column_is_carried_over_the_turns_and_what_changed_is_marked(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Lights and music", answers=2)
        reply("One.", sets(("lights", "brightness", 40), ("speaker", "volume", 20)))
        reply("Two.", sets())
        await done_writing(pilot)
        assert "lights   ●brightness 40" in shown(pilot)
        assert "nothing is set" in shown(pilot)
        await ask(pilot, "Louder, and the TV off", answers=2)
        reply("Three.", sets(("speaker", "volume", 35), ("lights", "brightness", 40), ("tv", "power", False)))
        reply("Four.", sets(("lights", "color", "warm")))
        rows = (await done_writing(pilot)).splitlines()
        panel = [row for row in rows[-7:] if "│" in row]
        assert panel[0].split("│")[0].split() == ["lights", "brightness", "40"]  # set again, to what it was
        assert "lights   ●color warm" in panel[0].split("│")[1]
        assert "speaker  ●volume 35" in panel[1]
        assert "tv       ●power off" in panel[2]


def test_the_home_in_a_replay_has_the_true_history_and_judges_the_last_answer_only() -> None:
    said = [{"role": "user", "content": "x"}]
    first = Round(said, {}, {"a": Answer(state="SUCCEEDED", info=sets(("tv", "volume", 99)))}, "AC to 22 degrees.")
    wanted = "Setting the lights to 50% brightness and the speaker to volume 30."
    answer = Answer(state="SUCCEEDED", info=sets(("lights", "brightness", 50), ("ac", "temperature", 18)))
    second = Round(said, {}, {"a": answer}, wanted)
    assert home_of(Conversation("s", "p", [first, second]), "a") == [
        Setting("ac", "temperature", "18", changed=True, right=False),
        Setting("lights", "brightness", "50", changed=True, right=True),
        Setting("speaker", "volume", "30", changed=False, right=False, missing=True),
    ]
    assert home_of(Conversation("s", "p", [first, second]), "b") == []


# ---------------------------------------------------------------- files


def whole() -> Saved:
    """A conversation with everything in it."""
    info = sets(("lights", "brightness", 40)) | {"base_digest": "c0ffee" * 10, "seconds": 0.5}
    turn = Turn((("system", "s"), ("user", "Lights")), "Lights to 40%.")
    replay = Replay("maya-07", "val", AT, {"weather": "rainy"}, (turn,))
    rounds = [
        Round(
            [{"role": "system", "content": "s"}, {"role": "user", "content": "Lights"}],
            {"weather": "rainy", "n": 3},
            {
                "unified": Answer(7, "SUCCEEDED", "To 40%.\n\n# no heading", "", info, 1),
                "b": Answer(8, "CANCELLED", "T"),
            },
            "Lights to 40%.",
        ),
        Round([{"role": "user", "content": "é"}], {}, {"b": Answer(9, "FAILED", "", "why")}, None, True, "b", "id"),
    ]
    return Saved(FORMAT, AT, "tiny", ["unified", "b"], {"weather": 1.5}, Conversation("s", "maya", rounds, replay))


def test_a_saved_conversation_is_read_as_it_was_written() -> None:
    saved = whole()
    assert from_json(to_json(saved), "x.json") == saved


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "this is not JSON"),
        (b"[]", "this is no conversation of this lab"),
        (to_json(whole()).replace(b"chat 1", b"chat 2"), "its format is 'persona-lab chat 2'"),
        (to_json(whole()).replace(b"CANCELLED", b"RUNNING"), "a round in it is not complete"),
        (to_json(whole()).replace(b'"role": "user"', b'"role": "tool"'), "a round in it is not complete"),
        (to_json(whole()).replace(b'"text": "T"', b'"text": 3'), "rounds.0.answers.b.text"),
    ],
    ids=["no JSON", "a list", "another format", "an answer half written", "a role of tools", "a number for a text"],
)
def test_a_file_that_is_no_conversation_is_a_sentence(content: bytes, fault: str) -> None:
    with pytest.raises(LabError, match=fault):
        from_json(content, "x.json")


def test_markdown_names_the_weights_whole_and_quotes_what_was_said() -> None:
    text = to_markdown(whole())
    assert "> To 40%.\n> \n> # no heading\n" in text
    assert f"- weights: tiny@{'c0ffee' * 10}\n" in text
    assert "- sets lights brightness 40\n" in text
    assert "**b** (picked)" in text
    assert "Replay of the val dialogue maya-07" in text
    assert "**reference**\n\n> Lights to 40%.\n" in text


def test_names_of_files_stay_in_their_folder(artifacts: Path) -> None:
    saved = whole()
    saved.conversation.study, saved.conversation.persona = "../../etc", "../x/y\0"
    files = [chats.save(saved) for _ in range(3)]
    assert len(set(files)) == 3
    assert all(file.resolve().is_relative_to(artifacts / "chats") for file in files)
    assert [one.saved for one in chats.kept("../../etc")] == [saved] * 3


async def test_a_conversation_is_saved_opened_in_another_lab_screen_and_goes_on(artifacts: Path, data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        assert "nothing was said yet" in await pressed(pilot, "escape", "S")
        assert "no conversation of smart-home-6 is saved yet" in await pressed(pilot, "O")
        await choose(pilot, "persona", "hybrid")
        await ask(pilot, "Remember me", answers=2)
        for words in ("I will.", "Me too."):
            tui_lab.answer_chat((words,))
        before = await done_writing(pilot)
        await pilot.press("escape", "S")
        await shows(pilot, "saved: smart-home-6/2026-03-04-093000-maya.json")
    folder = artifacts / "chats" / "smart-home-6"
    assert "> Me too." in (folder / "2026-03-04-093000-maya.md").read_text()
    (folder / "2026-03-05-broken.json").write_text("{")
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await pilot.press("escape", "O")
        await picking(pilot)
        assert "this is not JSON" in shown(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "2026-03-05-broken.json: this is not JSON" in shown(pilot).splitlines()[-1])
        await pilot.press("O")
        await picking(pilot)
        await pilot.press("down", "enter")
        after = await shows(pilot, "Me too.")
        assert _said(after) == _said(before)
        await pilot.press("i")
        await ask(pilot, "Do you", answers=2)
        said = [one["content"] for one in spec(tui_lab.answer_chat())["messages"]]  # type: ignore[attr-defined]
        assert said == ["Remember me", "I will.", "Do you"]


async def test_what_was_said_is_kept_when_a_new_conversation_begins_another_is_opened_and_the_lab_is_left(
    data: Path,
) -> None:
    tui_lab.done(data)

    def begun() -> list[list[str]]:
        found = [one.saved for one in chats.kept("smart-home-6")]
        return [[round_.question for round_ in one.conversation.rounds] for one in found if one]

    async def say(words: str) -> None:
        await ask(pilot, words)
        tui_lab.answer_chat()
        await done_writing(pilot)

    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await say("One")
        await pilot.press("escape", "N")
        await shows(pilot, "saved: smart-home-6/2026-03-04-093000-maya.json")
        assert begun() == [["One"]]
        await pilot.press("i")
        await say("Two")
        await pilot.press("escape", "O")
        await picking(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(begun()) == 2)
        await shows(pilot, "One")
        await pilot.press("i")
        await ask(pilot, "Not answered yet")
    assert sorted(begun()) == [["One"], ["Two"]]  # one that was opened and did not go on is there already
    tui_lab.answer_chat()  # to nobody
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await say("Three")
        await pilot.press("escape", "q")
    assert sorted(begun()) == [["One"], ["Three"], ["Two"]]


async def test_a_conversation_that_cannot_be_kept_is_told_where_the_lab_was_left(
    data: Path, artifacts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await ask(pilot, "Hello")
        tui_lab.answer_chat()
        await done_writing(pilot)
        (artifacts / "chats").write_text("no folder")
    assert "the conversation was not saved" in " ".join(capfd.readouterr().err.split())


def _said(screen: str) -> list[str]:
    """All but header and bottom line."""
    return screen.splitlines()[1:-1]


# ---------------------------------------------------------------- copies


async def test_an_answer_is_copied_whole_and_of_several_the_one_that_is_named(data: Path) -> None:
    tui_lab.done(data)
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        assert "no answer to copy yet" in await pressed(pilot, "escape", "c")
        await pilot.press("i")
        await ask(pilot, "Hello", answers=2)
        for words in ("Left.\nTwo lines.", "Right \x1b[31mred."):
            tui_lab.answer_chat((words,))
        await done_writing(pilot)
        assert "copy which answer?  1 unified   2 hybrid" in await pressed(pilot, "escape", "c")
        await pilot.press("1")
        await shows(pilot, "copied Left. Two lines.")
        assert pilot.app.clipboard == "Left.\nTwo lines."
        await pressed(pilot, "c", "2")
        assert pilot.app.clipboard == "Right red."


async def test_a_draft_is_not_lost_to_a_choice(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW) as pilot:
        await to_chat(pilot)
        await typed(pilot, "half a")
        await choose(pilot, "base", "hybrid")
        assert chat_screen(pilot).prompt.value == "half a"
