"""The wake-up queue: Huey over Redis, whose whole message is `{"job": id}`.

The job's row is the truth (`lab.db.jobs`). A message only wakes a worker, which then claims the best READY
job there is; a message lost, repeated or made of garbage does no harm. This module is light: the screens
and commands import it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from huey import RedisHuey
from huey.api import Task, TaskWrapper
from huey.serializer import Serializer
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from lab.db.queries import StudyRow, books, get_study, manifest_of
from lab.db.studies import add_chat
from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks import embedded

logger = logging.getLogger(__name__)

WORK = "work"
CHAT = "chat"
_READ_TIMEOUT = 1  # seconds a blocking read waits before it looks at the stop flag
_SILENCE_SECONDS = 5  # a Redis that says nothing this long is out of reach
_CHAT_TOKENS = 160


class _NoPickle(Serializer):  # type: ignore[misc]
    """Huey pickles what goes beside its messages; nothing does here, and if it did it would be JSON."""

    def _serialize(self, data: object) -> bytes:
        return orjson.dumps(data)

    def _deserialize(self, data: bytes) -> object:
        return orjson.loads(data)


class JobQueue(RedisHuey):  # type: ignore[misc]
    """A Huey whose one task is `wake`, written as `{"job": id}`; nothing is ever unpickled.

    Of Huey's features it has only the queue: a wake-up has no result, no schedule and is never revoked, so
    none of these is asked of Redis.
    """

    def __init__(
        self, queue: str, on_wake: Callable[[], None] | None = None, is_held: Callable[[], bool] = lambda: False
    ) -> None:
        settings = load_settings()
        # Two labs may share one Redis; each has its own database, and so its own queue names.
        lab = hashlib.sha256(settings.database.encode()).hexdigest()[:12]
        super().__init__(
            f"lab_{lab}_{queue}",
            results=False,
            serializer=_NoPickle(),
            connection_pool=_pool(),
            read_timeout=_READ_TIMEOUT,
        )

        def wake(job: int) -> None:
            del job  # whichever job is the best one READY is claimed, not the one that rang
            if on_wake is not None:
                on_wake()

        self.wake: TaskWrapper = self.task(name="wake")(wake)
        self._is_held = is_held  # whether wake-ups are for others just now
        self._reachable = True

    def serialize_task(self, task: Task) -> bytes:
        """`{"job": id}`."""
        return orjson.dumps({"job": task.kwargs["job"]})

    def deserialize_task(self, data: bytes) -> Task:
        """The wake-up of that message.

        Raises:
            ValueError: it is none.
        """
        message = orjson.loads(data)
        if not isinstance(message, dict) or not isinstance(message.get("job"), int):
            raise ValueError(f"not a wake-up message: {bytes(data[:80])!r}")
        return self.wake.s(job=message["job"])

    def dequeue(self) -> Task | None:
        """The next wake-up, if one comes within a second.

        Garbage is dropped. While Redis is out of reach each second is a wake-up of its own, so that a
        worker with a database goes on working.
        """
        if self._is_held():
            time.sleep(_READ_TIMEOUT)
            return None
        try:
            found = self.storage.conn.brpop(self.storage.queue_key, timeout=_READ_TIMEOUT)
        except (RedisError, OSError) as error:
            if self._reachable:
                logger.warning("the queue is out of reach (%s); looking at the database every second", error)
            self._reachable = False
            time.sleep(_READ_TIMEOUT)
            return self.wake.s(job=0)
        self._reachable = True
        try:
            return self.deserialize_task(found[1]) if found else None
        except ValueError as error:
            logger.warning("%s", error)
            return None

    def execute(self, task: Task, timestamp: datetime | None = None) -> None:
        """Wake."""
        del timestamp
        task.execute()

    def read_schedule(self, timestamp: datetime | None = None) -> list[Task]:
        """Nothing: wake-ups are for now."""
        del timestamp
        return []


def _pool() -> ConnectionPool:
    """Connections that notice within seconds when the server is gone without a word."""
    return ConnectionPool.from_url(
        load_settings().redis_url or embedded.url(),
        socket_connect_timeout=_SILENCE_SECONDS,
        socket_timeout=_SILENCE_SECONDS,
        retry=Retry(NoBackoff(), 1),  # once, for a server that was restarted
    )


@lru_cache(maxsize=4)
def _sender(queue: str) -> JobQueue:
    return JobQueue(queue)


def wake(queue: str, jobs: list[int]) -> None:
    """Ring once for each job. Redis out of reach is not fatal: then every worker looks for itself."""
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
    except (RedisError, OSError, ValueError, TypeError) as error:  # the last two: of what stands behind its "?"
        mend = "start it, or correct redis_url in settings.toml (empty: the lab starts its own)"
        raise LabError(f"redis at {_shown_url()} does not answer ({error}); {mend}.") from None


def _shown_url() -> str:
    from urllib.parse import urlsplit

    url = urlsplit(load_settings().redis_url or embedded.url())
    return f"{url.scheme}://{url.hostname or url.path}{f':{url.port}' if url.port else ''}"


def waiting_messages(queue: str) -> int | None:
    """How many wake-ups are in the queue; None when Redis is out of reach."""
    try:
        return int(_sender(queue).storage.queue_size())
    except (RedisError, OSError):
        return None


def ask(
    study: StudyRow | str,
    method: str,
    persona_id: str,
    messages: list[dict[str, str]],
    context: dict[str, Any],
    at: datetime | None = None,
) -> int:
    """Queue one chat answer of a method's recipe for a persona; the reply grows in the database.

    Args:
        study: the study or its name.
        method: one whose recipe book is ready.
        persona_id: whose recipe answers.
        messages: the conversation so far, ending with the user's words.
        context: the situation, such as time of day and weather.
        at: when it is said, for a dialogue of the data; only what is older is retrieved. None: now.

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
        "manifest": manifest_of(ready[method].artifact),
        "base": row.base,
        "dtype": row.spec["dtype"],
        "data": row.dataset,
        "personas": row.spec["personas"],
        "dialogues": row.spec["dialogues"],
        "shares": row.spec["split"],
        "persona": persona_id,
        "messages": messages,
        "context": context,
        "max_new_tokens": _CHAT_TOKENS,
    }
    if at is not None:
        spec["at"] = at.isoformat()
    job = add_chat(spec, method)
    wake(CHAT, [job])
    return job
