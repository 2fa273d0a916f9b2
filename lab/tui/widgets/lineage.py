"""The tree of a job's family, to be walked with the arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from lab.safe import one_line
from lab.tui.format import progress_bar
from lab.tui.lineage import ROOT, Node, Path, tree
from lab.tui.text import Line
from lab.tui.widgets.jobs_table import TONES
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.db.family import Family


class LineageTree(Table[Node]):
    """What a job stands on, the job, and what stands on it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "unfold", "unfold", id="lineage.unfold"),
        Binding("left", "fold", "fold", id="lineage.fold"),
    ]

    def __init__(self) -> None:
        super().__init__(_COLUMNS, key=lambda node: node.path, id="tree")
        self._family: Family | None = None
        self._toggled: set[Path] = set()

    def tell(self, family: Family) -> None:
        """Show this family; the cursor begins on the job itself."""
        if family is self._family:
            return
        first, self._family = self._family is None, family
        self._grow()
        if first:
            self.select(ROOT)

    def _grow(self) -> None:
        if self._family is not None:
            self.fill(tree(self._family, self._toggled))

    def toggle(self) -> None:
        """Open the line under the cursor, or close it."""
        if self.row is not None and self.row.open is not None:
            self._toggled ^= {self.row.path}
            self._grow()

    def action_unfold(self) -> None:
        """Open the line; where it is open, go to the first below it."""
        if self.row is None or self.row.open is None:
            return
        if self.row.open:
            self.action_move(1)
        else:
            self.toggle()

    def action_fold(self) -> None:
        """Close the line; where it is closed, go to the one it hangs from."""
        if self.row is None:
            return
        if self.row.open:
            self.toggle()
            return
        path = self.row.path
        while len(path) > 1:
            path = path[:-1]
            if self.select(path):
                return


def _job(node: Node, cells: int) -> Line:
    del cells
    sign = {None: "", True: "▾ ", False: "▸ "}[node.open]
    line: Line = ((node.guides, "faint"), (sign, "accent"))
    if node.job is None:
        return (*line, (one_line(node.words), "" if node.alike else "dim"))
    here = node.path == ROOT
    job = node.job
    name: Line = ((f"{job.id} ", "dim"), (f"{one_line(job.kind)} ", ""), (one_line(job.title), "strong"))
    beside: Line = (("  this job", "accent"),) if here else (("  shown above", "faint"),) if node.again else ()
    return (*line, *name, *beside)


def _state(node: Node, cells: int) -> Line:
    del cells
    state = str(node.job.state) if node.job else str(node.path[-1]) if node.alike else ""
    return ((state, TONES.get(state, "")),)


def _progress(node: Node, cells: int) -> Line:
    if node.job is None or not (node.job.progress or node.job.state == "RUNNING"):
        return ()
    return (*progress_bar(node.job.progress, cells - 5), (f" {node.job.progress:>4.0%}", ""))


def _studies(node: Node, cells: int) -> Line:
    del cells
    if node.job is None:
        return ()
    count = node.job.studies
    return ((f"{count:,} {'study' if count == 1 else 'studies'}", "dim"),)


_COLUMNS: Sequence[Column[Node]] = (
    Column("job", 38, _job, grows=True),
    Column("state", 10, _state),
    Column("progress", 12, _progress, rank=1),
    Column("serves", 10, _studies, rank=2, grows=True),
)
