"""Trained groups go to disk as they finish: what waits in memory does not grow with their number."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lab.errors import LabError
from lab.methods.recipe import AdapterRef, RecipeBook, write_book
from lab.models.peft_format import save_peft
from lab.models.training import GroupResult
from lab.tasks.context import JobContext
from lab.tasks.tuning import Tried, judge, label, settings

EVERYONE = "everyone"


class Shelf:
    """The artifact of a training: `adapters/NNNN/` in PEFT's format, and in the end `recipes.json`."""

    def __init__(self, context: JobContext, base: str, groups: Sequence[str]) -> None:
        self._context, self._base = context, base
        # Numbered: a persona's id may not do as a folder's name.
        self._folders = {group: context.folder / "adapters" / f"{n:04d}" for n, group in enumerate(groups)}
        self._digests: dict[str, str] = {}
        self._val: dict[str, float | None] = {}
        self._parameters: dict[str, int] = {}
        self._diverged: list[str] = []

    def put(self, result: GroupResult) -> None:
        """Save what a group learned."""
        save_peft(result.learned, self._folders[result.name], self._base)
        self._digests[result.name] = result.learned.digest()
        self._val[result.name] = result.val_loss
        self._parameters[result.name] = result.learned.parameters()
        if not math.isfinite(result.train_loss):
            self._diverged.append(result.name)

    def check(self, log: Callable[[str], None]) -> None:
        """Refuse a training in which nothing was learned; name the groups whose loss was no number in the end."""
        if len(self._diverged) == len(self._digests):
            raise LabError("the training diverged: its loss is not a number any more; lower learning_rate.")
        for name in self._diverged:
            log(f"{name} diverged: its loss is not a number any more; what is kept is the best on val before that")

    def choose(
        self, names: Sequence[str], with_val: Sequence[str], sweep: Mapping[str, Sequence[object]]
    ) -> list[Tried]:
        """All settings of a sweep, the best on val first; the adapters of the others go."""
        if not with_val:
            raise LabError("a sweep chooses by val loss, but no persona here has a val dialogue; change split.")
        tried = judge(with_val, settings(sweep), self._val)
        if math.isinf(tried[0].val_loss):
            raise LabError("a sweep chooses by val loss, but under every setting some group has none; lower the rates.")
        for other in tried[1:]:
            for name in names:
                shutil.rmtree(self._folders[label(name, other.setting)])
        return tried

    def write_book(
        self, members: Mapping[str, Sequence[str]], setting: Mapping[str, object], recipes: RecipeBook
    ) -> int:
        """Put each group's adapter under this setting on top of its personas' recipes; returns how many weights."""
        book: RecipeBook = {}
        method = self._context.assignment.method
        for name, personas in members.items():
            group = label(name, dict(setting))
            shown = method if name == EVERYONE else f"{method}/{name}"
            reference = AdapterRef(shown, self._context.relative(self._folders[group]), self._digests[group])
            for persona in personas:
                book[persona] = replace(recipes[persona], adapters=(*recipes[persona].adapters, reference))
        write_book(book, self._context.folder)
        return sum(self._parameters[label(name, dict(setting))] for name in members)
