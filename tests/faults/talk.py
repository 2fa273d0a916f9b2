"""A chat job without a model: it says back what was said, word by word."""

from __future__ import annotations

import time

from lab.tasks.context import JobContext
from lab.tasks.messages import Done


def run(context: JobContext) -> Done:
    """Answer."""
    words = context.spec["messages"][-1]["content"].split()
    for n in range(len(words)):
        context.answer(" ".join(words[: n + 1]))
        time.sleep(0.02)
    return Done("", {"words": len(words)})
