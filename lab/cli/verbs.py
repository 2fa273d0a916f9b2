"""The verbs, by name and by where they are: one is imported when it is called, all of them only to list them.

`lab` on a slow disk then takes as long as its one verb does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

_VERBS = {
    "data": "data:app",
    "methods": "methods:app",
    "persona": "persona:app",
    "run": "run:run",
    "wait": "run:wait",
    "jobs": "jobs:jobs",
    "logs": "jobs:logs",
    "cancel": "jobs:cancel",
    "retry": "jobs:retry",
    "results": "results:results",
    "report": "report:report",
    "compare": "compare:compare",
    "chat": "chat:chat",
    "picks": "picks:picks_of",
    "export": "export:export",
    "bench": "bench:bench",
    "up": "machine:up",
    "down": "machine:down",
    "status": "machine:status",
    "doctor": "machine:doctor",
    "clean": "clean:clean",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "workers": "workers:workers",
    "drain": "workers:drain",
    "pause": "pause:pause",
    "resume": "pause:resume",
}
CONTEXT = {"help_option_names": ["-h", "--help"]}


class _Commands(Mapping[str, Any]):
    """Name → verb; the keys cost nothing."""

    def __iter__(self) -> Iterator[str]:
        return iter(_VERBS)

    def __len__(self) -> int:
        return len(_VERBS)

    def __contains__(self, name: object) -> bool:
        return name in _VERBS

    def __getitem__(self, name: str) -> Any:
        module, _, verb = _VERBS[name].partition(":")
        return _command(name, getattr(import_module(f"lab.cli.{module}"), verb))


class Verbs(TyperGroup):
    """`lab`'s verbs, in the order of the help."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()  # type: ignore[assignment]  # nothing is added to it

    def list_commands(self, ctx: Any) -> list[str]:
        """All names."""
        del ctx
        return list(self.commands)


def _command(name: str, verb: object) -> Any:
    """What typer makes of a function, or of verbs of their own."""
    shell = typer.Typer(add_completion=False)
    if isinstance(verb, typer.Typer):
        shell.add_typer(verb, name=name)
        group = typer.main.get_command(shell)
        assert isinstance(group, TyperGroup)
        return group.commands[name]
    assert callable(verb)
    shell.command(name=name)(verb)
    return typer.main.get_command(shell)
