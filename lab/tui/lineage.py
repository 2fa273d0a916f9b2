"""A job's family as the lines of a tree: what it stands on above it, what stands on it below."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from lab.db.family import Family, Relative

Path = tuple[str | int, ...]

_FEW = 8  # neighbours that each have a line
_ALIKE = 3  # of more, so many of one kind and state still have; beyond that they share one
_DEEP = 4  # steps that are open from the start


@dataclass(frozen=True, slots=True)
class Node:
    """One line: a job, or many alike that share it, or words."""

    path: Path  # from the job there
    guides: str = ""
    job: Relative | None = None
    alike: tuple[int, ...] = ()  # jobs that share the line
    words: str = ""
    open: bool | None = None  # None: there is nothing below it
    again: bool = False  # it stands further up, too


ROOT: Path = ("job",)


def tree(family: Family, toggled: Collection[Path] = ()) -> list[Node]:
    """The lines; `toggled` are the nodes that are open where they would be closed, and the other way round."""
    members = family.members
    nodes = []
    if above := family.parents.get(family.job, ()):
        nodes += [Node(("above",), words="stands on")]
        nodes += _Branches(members, family.parents, toggled).below(above, ("above",))
    nodes += [Node(ROOT, job=members[family.job])]
    if below := family.children.get(family.job, ()):
        nodes += _Branches(members, family.children, toggled).below(below, ROOT)
    return nodes


@dataclass
class _Branches:
    """The lines in one direction. A job that is reached in many ways is unfolded the first time only."""

    members: Mapping[int, Relative]
    steps: Mapping[int, tuple[int, ...]]
    toggled: Collection[Path]
    seen: set[int] = field(default_factory=set)

    def below(self, jobs: Sequence[int], path: Path, guides: str = "") -> Iterator[Node]:
        """A line for each of these jobs, or for many alike, and what is below it."""
        entries = _entries(jobs, self.members)
        for number, entry in enumerate(entries):
            last = number == len(entries) - 1
            branch, under = guides + ("└─ " if last else "├─ "), guides + ("   " if last else "│  ")
            if len(entry) > 1:
                yield from self._alike(entry, path, branch, under)
            else:
                yield from self._one(entry[0], path, branch, under)

    def _one(self, job: int, path: Path, branch: str, under: str) -> Iterator[Node]:
        path, again, further = (*path, job), job in self.seen, self.steps.get(job, ())
        self.seen.add(job)
        opened = (not again and len(path) <= _DEEP) is not (path in self.toggled)
        yield Node(path, branch, self.members[job], open=opened if further else None, again=again)
        if further and opened:
            yield from self.below(further, path, under)

    def _alike(self, jobs: tuple[int, ...], path: Path, branch: str, under: str) -> Iterator[Node]:
        first = self.members[jobs[0]]
        path = (*path, first.kind, str(first.state))
        opened = path in self.toggled
        yield Node(path, branch, alike=jobs, words=f"{len(jobs):,} {first.kind}", open=opened)
        for job in jobs if opened else ():
            last = job == jobs[-1]
            yield from self._one(job, path, under + ("└─ " if last else "├─ "), under + ("   " if last else "│  "))


def _entries(jobs: Sequence[int], members: Mapping[int, Relative]) -> list[tuple[int, ...]]:
    """Jobs that share a line: each alone where they are few, else those of one kind and state."""
    if len(jobs) <= _FEW:
        return [(job,) for job in jobs]

    def what(job: int) -> tuple[str, str]:
        return members[job].kind, str(members[job].state)

    entries: list[tuple[int, ...]] = []
    for _, group in groupby(sorted(jobs, key=what), key=what):
        alike = tuple(group)
        entries += [alike] if len(alike) > _ALIKE else [(job,) for job in alike]
    return entries
