"""Opening the screen in this terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from textual.drivers.linux_driver import LinuxDriver

from lab.settings import load_settings
from lab.tui import themes
from lab.tui.app import LabApp
from lab.tui.driver import PromptDriver
from lab.tui.keys import keymap

_SWITCH_SECONDS = 0.0005


def run(low_bandwidth: bool = False, no_mouse: bool = False, prepare: Callable[[], object] = lambda: None) -> None:
    """Open the lab in this terminal until the user leaves; with `no_mouse`, the mouse is left to the terminal.

    The first paint waits for nothing: `prepare` has database, queue and worker ready behind it, and what it raises
    stands on the screen.

    Raises:
        LabError: the settings name a theme or keys that do not exist.
    """
    # Reading goes on in threads: a key then waits for the interpreter at most so long, not the usual 5 ms.
    sys.setswitchinterval(_SWITCH_SECONDS)
    keys = keymap(load_settings().keys)
    app = LabApp(low_bandwidth=low_bandwidth, theme=themes.chosen(), keys=keys, prepare=prepare)
    if app.driver_class is LinuxDriver:  # not in a browser
        app.driver_class = PromptDriver
    # Ended from outside, it leaves the terminal as it found it, and keeps what was said in Chat.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: app.exit())
    app.garbage.wait_for_quiet()
    app.run(mouse=not no_mouse)
