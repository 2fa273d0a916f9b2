"""A chat job without a model: it says back what was said, word by word."""

from lab.tasks.context import JobContext
from lab.tasks.messages import Done


def run(context: JobContext) -> Done:
    """Answer."""
    words = context.spec["messages"][-1]["content"].split()
    for n in range(len(words)):
        context.answer(" ".join(words[: n + 1]))
    return Done("", {"words": len(words)})
