"""The `lab` command within the test's own process, on its lab."""

from __future__ import annotations

from typer.testing import CliRunner

from lab.cli.app import app
from lab.errors import LabError


def lab(*words: str) -> str:
    """What the command prints; it must succeed."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*words: str) -> str:
    """The sentence with which the command refuses."""
    done = CliRunner().invoke(app, list(words))
    assert isinstance(done.exception, LabError), done.output
    return str(done.exception)
