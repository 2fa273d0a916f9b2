"""What is written to the terminal to have something in the clipboard, byte by byte."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
import tui_lab
from tui_pilot import opened, shows

from lab.errors import LabError
from lab.tui.clipboard import in_screen, in_tmux, osc52

HI = "\x1b]52;c;aGk=\x07"


def test_a_terminal_takes_base64() -> None:
    assert osc52("hi", {"TERM": "xterm-256color"}) == HI


def test_any_character_can_be_copied() -> None:
    text = "Inés 🎧\n\x1b[31m"
    sent = osc52(text, {})
    assert base64.b64decode(sent.removeprefix("\x1b]52;c;").removesuffix("\x07")).decode() == text
    assert sent.count("\x1b") == 1, "nothing in it drives the terminal"


def test_half_a_character_becomes_a_question_mark() -> None:
    assert osc52("\ud800", {}) == osc52("?", {})


def test_tmux_takes_it_itself_or_lets_it_through_with_its_escapes_doubled() -> None:
    assert osc52("hi", {"TMUX": "/tmp/tmux-0/default,1,0", "TERM": "screen-256color"}) == (
        HI + "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\"
    )


@pytest.mark.parametrize(
    "environment", [{"TERM": "screen"}, {"TERM": "screen-256color"}, {"STY": "1.pts", "TERM": "x"}]
)
def test_gnu_screen_lets_it_through(environment: dict[str, str]) -> None:
    assert osc52("hi", environment) == "\x1bP" + HI + "\x1b\\"


def test_gnu_screen_gets_pieces_it_can_keep_and_the_terminal_gets_the_whole() -> None:
    whole = osc52("x" * 5000, {})
    sent = in_screen(whole)
    pieces = re.findall("\x1bP(.*?)\x1b\\\\", sent, re.DOTALL)
    assert "".join(pieces) == whole
    assert max(len(piece) for piece in pieces) + 4 <= 256
    assert "".join(f"\x1bP{piece}\x1b\\" for piece in pieces) == sent


def test_what_goes_through_tmux_comes_out_as_it_went_in() -> None:
    inside = in_tmux(HI).removeprefix("\x1bPtmux;").removesuffix("\x1b\\")
    assert inside.replace("\x1b\x1b", "\x1b") == HI


def test_more_than_terminals_take_is_refused() -> None:
    assert osc52("x" * 74_994, {})
    with pytest.raises(LabError, match="74,995 bytes are too much for a terminal's clipboard"):
        osc52("x" * 74_995, {})


@pytest.mark.usefixtures("artifacts")
async def test_y_copies_a_workers_id_and_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    tui_lab.busy(data)
    async with opened(tab="workers") as pilot:
        written: list[str] = []
        assert pilot.app._driver is not None
        monkeypatch.setattr(pilot.app._driver, "write", written.append)
        await pilot.press("y")
        await shows(pilot, "copied the id of worker gpu01:4242")
        assert osc52("gpu01:4242:0badcafe", {"TMUX": "1"}) in written
