"""Trained groups go to disk as they finish: what waits in memory does not grow with their number."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.errors import LabError
from lab.methods.recipe import AdapterRef, RecipeBook, write_book
from lab.models.lora import Adapter
from lab.models.peft_format import save_peft
from lab.models.training import GroupResult
from lab.models.users import UserTokens, save_users
from lab.models.virtual import VirtualTokens
from lab.tasks.context import JobContext
from lab.tasks.tuning import Tried, judge, label, settings

EVERYONE = "everyone"
USERS_FILE = "users.safetensors"  # beside the adapter of user embeddings: the projector and all vectors

Part = tuple[Path, str]
"""A folder in PEFT's format and the digest of what lies there."""


@dataclass(frozen=True)
class _Kept:
    """What is left of a finished group."""

    shared: tuple[Part, ...]  # serves all of its personas
    own: tuple[Part, ...]  # one for each of them in their order, or none
    parameters: int
    val_loss: float | None


class Shelf:
    """The artifact of a training: `adapters/NNNN/` in PEFT's format, and in the end `recipes.json`."""

    def __init__(self, context: JobContext, base: str, groups: Sequence[str]) -> None:
        self._context, self._base = context, base
        # Numbered: a persona's id may not do as a folder's name.
        self._folders = {group: context.folder / "adapters" / f"{n:04d}" for n, group in enumerate(groups)}
        self._kept: dict[str, _Kept] = {}
        self._diverged: list[str] = []

    def put(self, result: GroupResult) -> None:
        """Save what a group learned."""
        learned, folder = result.learned, self._folders[result.name]
        own: tuple[Part, ...] = ()
        if isinstance(learned, UserTokens):
            shared, own = self._put_users(learned, folder)
        else:
            assert isinstance(learned, Adapter | VirtualTokens)
            shared = (self._put_one(learned, folder),)
        self._kept[result.name] = _Kept(shared, own, learned.parameters(), result.val_loss)
        if result.train_loss is not None and not math.isfinite(result.train_loss):
            self._diverged.append(result.name)

    def _put_users(self, learned: UserTokens, folder: Path) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        shared = (self._put_one(learned.adapter, folder),) if learned.adapter else ()
        folder.mkdir(parents=True, exist_ok=True)
        save_users(learned, folder / USERS_FILE)
        prompts = (learned.prompt(user) for user in range(len(learned.vectors)))
        return shared, tuple(self._put_one(prompt, folder / f"user-{n:04d}") for n, prompt in enumerate(prompts))

    def _put_one(self, learned: Adapter | VirtualTokens, folder: Path) -> Part:
        save_peft(learned, folder, self._base)
        return folder, learned.digest()

    def check(self, log: Callable[[str], None]) -> None:
        """Refuse a training in which nothing was learned; name the groups whose loss was no number in the end."""
        check_learned(self.diverged, len(self._kept))
        self.tell(log)

    @property
    def diverged(self) -> int:
        """How many groups' loss was no number in the end."""
        return len(self._diverged)

    def tell(self, log: Callable[[str], None]) -> None:
        """Name these groups."""
        for name in self._diverged:
            log(f"{name} diverged: its loss is not a number any more; what is kept is the best on val before that")

    def choose(
        self, names: Sequence[str], with_val: Sequence[str], sweep: Mapping[str, Sequence[object]]
    ) -> list[Tried]:
        """All settings of a sweep, the best on val first; the adapters of the others go."""
        if not with_val:
            raise LabError("a sweep chooses by val loss, but no persona here has a val dialogue; change split.")
        val_loss = {name: kept.val_loss for name, kept in self._kept.items()}
        tried = judge(with_val, settings(sweep), val_loss)
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
        for name, personas in members.items():
            kept = self._kept[label(name, dict(setting))]
            for place, persona in enumerate(personas):
                more = self._references(kept, name, persona, place)
                book[persona] = replace(recipes[persona], adapters=(*recipes[persona].adapters, *more))
        write_book(book, self._context.folder)
        return sum(self._kept[label(name, dict(setting))].parameters for name in members)

    def _references(self, kept: _Kept, group: str, persona: str, place: int) -> Iterator[AdapterRef]:
        method = self._context.assignment.method
        shown = method if group == EVERYONE else f"{method}/{group}"
        for folder, digest in kept.shared:
            yield AdapterRef(shown, self._context.relative(folder), digest)
        for folder, digest in kept.own[place : place + 1]:
            yield AdapterRef(f"{method}/{persona}", self._context.relative(folder), digest)


def check_learned(diverged: int, groups: int) -> None:
    """Refuse a training in which nothing was learned.

    Raises:
        LabError: the loss of every group was no number in the end.
    """
    if diverged == groups:
        raise LabError("the training diverged: its loss is not a number any more; lower learning_rate.")
