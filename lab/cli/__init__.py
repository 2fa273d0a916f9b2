"""`lab`: the same verbs as the screen, without a screen; with no verb it opens the screen."""

from __future__ import annotations

import sys

from lab.errors import LabError


def main() -> None:
    """Entry of the `lab` command: errors a user can mend are one sentence, never a traceback."""
    try:
        from lab.cli.app import app

        _check_arguments(sys.argv[1:])
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        print(f"lab: {LabError.of(error)} PYTHONDEVMODE=1 before the command shows where.", file=sys.stderr)
        sys.exit(1)


def _check_arguments(arguments: list[str]) -> None:
    """Names go into a database, into files and into answers, so they have to be text."""
    from lab.data.formats.record import control

    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise LabError(f"argument {number} ({argument!r}) is not valid UTF-8; write it in UTF-8.") from None
        if problem := control(argument):
            raise LabError(f"argument {number} ({argument!r}) holds {problem}.")
