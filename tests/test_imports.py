"""Who imports whom, seen in `sys.modules` and by import-linter's contracts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ["torch", "transformers", "sentence_transformers", "sklearn", "peft", "scipy", "lab.models"]
HEAVY += ["matplotlib", "jinja2"]
LIGHT = [
    "lab.db.queries",
    "lab.tasks.queue",
    "lab.cli.app",
    "lab.tui.app",
    "lab.tasks.supervisor",
    "lab.tasks.executor",
]
EXPORT = "lab.tasks.export"  # reads and writes weights, which needs torch and no model

IMPORT_ONE_AFTER_THE_OTHER = """
import importlib, sys
import orjson
names, heavy = orjson.loads(sys.argv[1])
found = {}
for name in names:
    importlib.import_module(name)
    found[name] = [module for module in heavy if module in sys.modules]
sys.stdout.buffer.write(orjson.dumps(found))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """Module → the heavy ones that are there after it was imported, in a process of its own."""
    arguments = orjson.dumps([[*LIGHT, EXPORT], HEAVY]).decode()
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ONE_AFTER_THE_OTHER, arguments], capture_output=True, timeout=60, check=True
    )
    found: dict[str, list[str]] = orjson.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", LIGHT)
def test_screens_commands_and_supervisors_load_nothing_heavy(imported, name):
    assert imported[name] == []


def test_an_export_waits_for_torch_and_for_no_library_of_models(imported):
    assert not {"transformers", "sentence_transformers", "sklearn", "peft"} & set(imported[EXPORT])


def test_the_contracts_of_who_imports_whom_are_kept():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
