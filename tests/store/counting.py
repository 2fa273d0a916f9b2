"""A job that reads its parent, counts a few steps with a checkpoint each, and leaves a file."""

from __future__ import annotations

from lab.tasks.context import JobContext
from lab.tasks.messages import Done


def run(context: JobContext) -> Done:
    """Leave what the parent left, and the number of the step that it began with."""
    parent = context.input("of")
    resumed = context.resume
    begun = (resumed / "step").read_text() if resumed else "0"
    said = (parent / "recipes.json").read_text() if parent else ""
    (context.folder / "answer").write_text(f"{said} from {begun}")
    return Done("", {"begun": int(begun)})
