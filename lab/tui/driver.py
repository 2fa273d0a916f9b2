"""The keyboard, without Textual's tenth of a second before esc."""

from __future__ import annotations

import codecs
import os
import select

from textual import constants
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

_ESCAPE_SECONDS = 0.01  # as tmux waits; the bytes of an arrow key come in one packet
_LOOK_SECONDS = 0.1  # for the end of the program
_READ = 4096  # bytes
_ESC = "\x1b"
_PASTE_BEGINS, _PASTE_ENDS = f"{_ESC}[200~", f"{_ESC}[201~"


class Pastes:
    """Takes esc out of what is pasted, where Textual would make keys of it: `esc q` in a text would leave the lab.

    Terminals that take it out themselves are many, not all.
    """

    def __init__(self) -> None:
        self._inside = False
        self._before = ""  # the end of what came, in which a mark may have begun

    def tame(self, text: str) -> str:
        """What came, in the pieces in which it came, without esc in what is pasted."""
        tamed = ""
        while True:
            if self._inside:
                pasted, ended, text = (self._before + text).partition(_PASTE_ENDS)
                self._before = "" if ended else _begun(pasted, _PASTE_ENDS)
                tamed += pasted.removesuffix(self._before).replace(_ESC, "") + ended
                if not ended:
                    return tamed
            else:
                typed, begins, rest = (self._before + text).partition(_PASTE_BEGINS)
                tamed += (typed + begins)[len(self._before) :]
                if not begins:
                    self._before = _begun(typed, _PASTE_BEGINS)
                    return tamed
                self._before, text = "", rest
            self._inside = not self._inside


def _begun(text: str, mark: str) -> str:
    """The end of the text that may be the beginning of the mark."""
    return next((mark[:size] for size in range(len(mark) - 1, 0, -1) if text.endswith(mark[:size])), "")


class PromptDriver(LinuxDriver):
    """Many terminals send the same byte for esc as for the beginning of an arrow key, and only time tells them apart.

    Textual waits for the environment's `ESCDELAY`, or 100 ms, and looks at the clock every 100 ms. This one waits for a
    tenth of that, and looks when the time is over.
    """

    def run_input_thread(self) -> None:
        """Read keys and pass them on until the program ends."""
        if "ESCDELAY" not in os.environ:
            constants.ESCAPE_DELAY = _ESCAPE_SECONDS  # type: ignore[misc]
        parser = XTermParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        tame = Pastes().tame
        text = ""
        while not self.exit_event.is_set():
            wait = constants.ESCAPE_DELAY if text.endswith("\x1b") else _LOOK_SECONDS
            text = ""
            if select.select([self.fileno], [], [], wait)[0]:
                text = tame(decode(os.read(self.fileno, _READ)))
                for message in parser.feed(text) if text else ():
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)
