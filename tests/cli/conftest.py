"""The `lab` command as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import forked
import pytest


@dataclass(frozen=True)
class Shell:
    """Runs `lab` in `folder`."""

    folder: Path

    def lab(self, *arguments: str, timeout: float = 540, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LAB_")}
        if cache := os.environ.get("LAB_CACHE"):
            environment["LAB_CACHE"] = cache
        return forked.run(
            arguments, self.folder, environment | {"NO_COLOR": "1", "COLUMNS": "200"} | variables, timeout
        )

    def ok(self, *arguments: str, **variables: str) -> str:
        """Run it; it must succeed. Returns what it printed."""
        done = self.lab(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, *arguments: str, **variables: str) -> str:
        """Run it; it must refuse with one sentence and no traceback. Returns the sentence."""
        done = self.lab(*arguments, **variables)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        return done.stderr.strip()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A lab of its own; whatever it started is stopped at the end."""
    shell = Shell(tmp_path_factory.mktemp("lab"))
    yield shell
    shell.lab("down")
