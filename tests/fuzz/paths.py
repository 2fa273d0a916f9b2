"""Where the helpers are that the targets share with other tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def add() -> None:
    """Let them be imported."""
    for folder in ("", "data", "tasks", "tui"):
        path = str(TESTS / folder)
        if path not in sys.path:
            sys.path.append(path)
