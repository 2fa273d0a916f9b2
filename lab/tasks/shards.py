"""What a shard leaves beside its artifact for the job that joins it: its result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from lab.errors import LabError
from lab.methods.shard import shard_role, shards_of
from lab.tasks.context import JobContext

_FILE = "shard.json"


def keep_result(context: JobContext, result: dict[str, Any]) -> None:
    """Write the result where the join finds it, if the job is a shard."""
    if "shard" in context.spec:
        (context.folder / _FILE).write_bytes(orjson.dumps(result))


def shards(context: JobContext) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folder and result of each shard of a join, in order.

    Raises:
        LabError: a result is missing or damaged.
    """
    for number in range(shards_of(context.spec)):
        folder = context.needed(shard_role(number))
        try:
            yield folder, orjson.loads((folder / _FILE).read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise LabError(f"{folder / _FILE}: cannot be read ({error}); run its study again.") from None
