"""`lab`: the same verbs as the screen, without a screen; with no verb it opens the screen."""

from __future__ import annotations

import sys

from lab.errors import LabError


def main() -> None:
    """Entry of the `lab` command: errors a user can mend are one sentence, never a traceback."""
    from lab.cli.app import app

    try:
        app()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
