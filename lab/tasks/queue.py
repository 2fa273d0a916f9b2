"""The wake-up queue: Huey over Redis, whose whole message is `{"job": id}`.

The job's row is the truth (`lab.db.jobs`). A message only wakes a worker, which then claims the best READY
job there is; a message lost, repeated or made of garbage does no harm. This module is light: the screens
and commands import it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson
from huey import RedisHuey
from huey.api import Task, TaskWrapper
from redis.exceptions import RedisError

from lab.db.queries import StudyRow, books, get_study
from lab.db.studies import add_chat
from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks import embedded

logger = logging.getLogger(__name__)

WORK = "work"
CHAT = "chat"
_READ_TIMEOUT = 1  # seconds a blocking read waits before it looks at the stop flag
_CHAT_TOKENS = 160


class JobQueue(RedisHuey):  # type: ignore[misc]
    """A Huey whose one task is `wake`, written as `{"job": id}`; nothing is ever unpickled."""

    def __init__(self, queue: str, on_wake: Callable[[], None] | None = None) -> None:
        settings = load_settings()
        # Two labs may share one Redis; each has its own database, and so its own queue names.
        lab = hashlib.sha256(settings.database.encode()).hexdigest()[:12]
        url = settings.redis_url or embedded.url()
        super().__init__(f"lab_{lab}_{queue}", results=False, url=url, read_timeout=_READ_TIMEOUT)

        def wake(job: int) -> None:
            del job  # whichever job is the best one READY is claimed, not the one that rang
            if on_wake is not None:
                on_wake()

        self.wake: TaskWrapper = self.task(name="wake")(wake)

    def serialize_task(self, task: Task) -> bytes:
        """`{"job": id}`."""
        return orjson.dumps({"job": task.kwargs["job"]})

    def deserialize_task(self, data: bytes) -> Task:
        """The wake-up of that message; anything else is refused, and Huey logs and drops it."""
        message = orjson.loads(data)
        if not isinstance(message, dict) or not isinstance(message.get("job"), int):
            raise ValueError(f"not a wake-up message: {data[:80]!r}")
        return self.wake.s(job=message["job"])


@lru_cache(maxsize=4)
def _sender(queue: str) -> JobQueue:
    return JobQueue(queue)


def wake(queue: str, jobs: list[int]) -> None:
    """Ring once for each job. Redis out of reach is not fatal: every worker's sweep rings again."""
    try:
        for job in jobs:
            _sender(queue).wake(job=job)
    except (RedisError, OSError) as error:
        logger.warning("queue %s is out of reach (%s); workers will find the jobs by themselves", queue, error)


def check_redis() -> None:
    """Ping.

    Raises:
        LabError: Redis does not answer.
    """
    try:
        _sender(WORK).storage.conn.ping()
    except (RedisError, OSError, ValueError) as error:
        mend = "start it, or correct redis_url in settings.toml (empty: the lab starts its own)"
        raise LabError(f"redis at {_shown_url()} does not answer ({error}); {mend}.") from None


def _shown_url() -> str:
    from urllib.parse import urlsplit

    url = urlsplit(load_settings().redis_url or embedded.url())
    return f"{url.scheme}://{url.hostname or url.path}{f':{url.port}' if url.port else ''}"


def waiting_messages(queue: str) -> int:
    """How many wake-ups are in the queue; 0 when Redis is out of reach."""
    try:
        return int(_sender(queue).storage.queue_size())
    except (RedisError, OSError):
        return 0


def ask(
    study: StudyRow | str,
    method: str,
    persona_id: str,
    messages: list[dict[str, str]],
    context: dict[str, Any],
) -> int:
    """Queue one chat answer of a method's recipe for a persona; the reply grows in the database.

    Args:
        study: the study or its name.
        method: one whose recipe book is ready.
        persona_id: whose recipe answers.
        messages: the conversation so far, ending with the user's words.
        context: the situation, such as time of day and weather.

    Returns:
        the id of the chat job; `lab.db.queries.get_reply` reads its answer.

    Raises:
        LabError: the method has no recipe book in this study yet.
    """
    row = get_study(study) if isinstance(study, str) else study
    ready = {book.method: book for book in books(row.id)}
    if method not in ready:
        hint = f"ready are: {', '.join(ready)}" if ready else "none is ready yet; wait for its training"
        raise LabError(f"study '{row.name}' has no recipe for method '{method}'; {hint}.")
    spec = {
        "book": ready[method].artifact,
        "base": row.base,
        "dtype": row.spec["dtype"],
        "persona": persona_id,
        "messages": messages,
        "context": context,
        "max_new_tokens": _CHAT_TOKENS,
    }
    job = add_chat(spec, method)
    wake(CHAT, [job])
    return job
