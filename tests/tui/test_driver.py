"""The keyboard: esc acts at once, and what begins like esc is still what it is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest
from textual import constants
from textual.events import Key, Paste
from textual.message import Message

from lab.tui.driver import PromptDriver


class Keyboard(PromptDriver):
    """The thread that reads keys, without a program behind it."""

    def __init__(self) -> None:
        self.fileno, self._keys = os.pipe()
        self._debug = False
        self.exit_event = threading.Event()
        self.pressed: list[str] = []

    def process_message(self, message: Message) -> None:
        if isinstance(message, Key):
            self.pressed.append(message.key)
        elif isinstance(message, Paste):
            self.pressed.append(f"paste {message.text}")

    def type(self, *pieces: bytes) -> None:
        for piece in pieces:
            os.write(self._keys, piece)
            time.sleep(0.002)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboard]:
    monkeypatch.delenv("ESCDELAY", raising=False)
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 0.1)
    keyboard = Keyboard()
    thread = threading.Thread(target=keyboard.run_input_thread)
    thread.start()
    yield keyboard
    keyboard.exit_event.set()
    thread.join()


def seconds_until(keyboard: Keyboard, pressed: list[str]) -> float:
    began = time.monotonic()
    while keyboard.pressed != pressed and time.monotonic() < began + 5:
        time.sleep(0.001)
    assert keyboard.pressed == pressed
    return time.monotonic() - began


def test_esc_alone_does_not_wait_for_a_tenth_of_a_second(keyboard):
    seconds_until(keyboard, [])
    keyboard.type(b"\x1b")
    assert seconds_until(keyboard, ["escape"]) < 0.09


@pytest.mark.parametrize("pieces", [[b"\x1b[B"], [b"\x1b", b"[B"]], ids=["in one piece", "in two"])
def test_an_arrow_is_an_arrow(keyboard, pieces):
    keyboard.type(*pieces, b"x")
    seconds_until(keyboard, ["down", "x"])


def test_text_in_other_alphabets_may_come_in_pieces(keyboard):
    keyboard.type(*(bytes([one]) for one in "é語".encode()))
    seconds_until(keyboard, ["é", "語"])


_PASTED = b"\x1b[200~a\x1bq \x1b[31mred\x1b[0m\x1b\x1b[201~\x1b[Bx\x1b[200~\x1b[201~\x1b[200~b\x1b[201~y"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, len(_PASTED)])
def test_esc_in_a_pasted_text_presses_no_key_in_whatever_pieces_it_comes(keyboard, size):
    keyboard.type(*(_PASTED[at : at + size] for at in range(0, len(_PASTED), size)))
    seconds_until(keyboard, ["paste aq [31mred[0m", "down", "x", "paste ", "paste b", "y"])


def test_who_sets_a_longer_time_gets_it(monkeypatch):
    monkeypatch.setenv("ESCDELAY", "300")
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 0.3)
    keyboard = Keyboard()
    thread = threading.Thread(target=keyboard.run_input_thread)
    thread.start()
    keyboard.type(b"\x1b")
    waited = seconds_until(keyboard, ["escape"])
    keyboard.exit_event.set()
    thread.join()
    assert 0.25 < waited < 3
