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
        text = ""
        while not self.exit_event.is_set():
            wait = constants.ESCAPE_DELAY if text.endswith("\x1b") else _LOOK_SECONDS
            text = ""
            if select.select([self.fileno], [], [], wait)[0]:
                text = decode(os.read(self.fileno, _READ))
                for message in parser.feed(text) if text else ():
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)
