"""The screen opens at once: it waits for nothing heavy."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "transformers", "sentence_transformers", "sklearn", "peft", "numpy", "scipy", "sqlalchemy", "huey")


def test_importing_the_app_brings_in_nothing_heavy() -> None:
    code = f"import lab.tui.app, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_that_the_screens_read_and_do_leaves_the_models_libraries_out() -> None:
    rooms = "lab.tui.acts, lab.tui.feeds.status, lab.tui.feeds.jobs, lab.tui.feeds.results, lab.tui.feeds.chat"
    code = f"import {rooms}, sys; print([name for name in {HEAVY[:5]} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
