"""Asking a model that runs elsewhere: many answers at once, or one as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from openai import AsyncOpenAI, BadRequestError, OpenAIError

from lab.errors import LabError
from lab.models.chat_template import Message
from lab.models.endpoint import Endpoint, told
from lab.models.training import Stopped

T = TypeVar("T")

AT_ONCE = 8  # requests under way: enough to fill a server's batches, few enough for most limits
RETRIES = 4  # by the client, after refusals, time-outs, 429 and 5xx: some 8 seconds of pauses
_PAUSE_SECONDS = 60.0  # the longest that the client pauses between two tries, where a server asks for it
_LOOK_SECONDS = 0.1  # how often it is asked whether to stop
_ANOTHER_FORM = "its reply is not of the API's form"
_NO_KEY = "none"  # for servers that want none


class RemoteModel:
    """The model behind an endpoint, asked at temperature 0."""

    def __init__(self, endpoint: Endpoint, max_new_tokens: int, retries: int = RETRIES) -> None:
        self.endpoint = endpoint  # with the model's name once it has been asked, if it had none
        self._retries = retries
        self._options: dict[str, Any] = {"temperature": 0.0, "max_tokens": max_new_tokens}

    @property
    def is_greedy(self) -> bool:
        """Whether temperature 0 was taken, as far as it has been asked."""
        return "temperature" in self._options

    def answer_all(
        self,
        dialogues: Sequence[Sequence[Message]],
        on_answer: Callable[[int, str], None],
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Answer every dialogue, several at once; `on_answer(i, text)` is called as soon as the i-th is answered.

        Raises:
            Stopped: `should_stop()` said so; what was under way is given up.
            LabError: an answer could not be had; the sentence says what is wrong there and how to mend it.
        """
        asyncio.run(_unless(should_stop, self._answer_all(dialogues, on_answer)))

    def stream(self, messages: Sequence[Message], should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """Yield one answer piece by piece; it ends when `should_stop()` says so.

        Raises:
            LabError: as in `answer_all`.
        """
        with asyncio.Runner() as runner:
            pieces = self._stream(messages)
            while True:
                try:
                    piece = runner.run(_unless(should_stop, anext(pieces, "")))
                except Stopped:
                    return
                if not piece:
                    return
                yield piece

    async def _answer_all(self, dialogues: Sequence[Sequence[Message]], on_answer: Callable[[int, str], None]) -> None:
        waiting = iter(enumerate(dialogues))

        # The client's own limit is for each piece of a reply: one that drips never ends.
        longest = self.endpoint.timeout * (self._retries + 1) + _PAUSE_SECONDS * self._retries

        async def ask(client: AsyncOpenAI) -> None:
            for number, messages in waiting:
                async with asyncio.timeout(longest):
                    reply = await self._create(client, messages)
                on_answer(number, _text(reply))

        async with self._client() as client:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(AT_ONCE, len(dialogues))):
                        group.create_task(ask(client))
            except BaseExceptionGroup as faults:  # the first one ended all
                raise faults.exceptions[0] from faults.exceptions[0].__cause__

    async def _stream(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        async with self._client() as client:
            chunk = None
            async for chunk in await self._create(client, messages, stream=True):
                if piece := _said(chunk, "delta"):
                    yield piece
            if chunk is None:
                raise ValueError(_ANOTHER_FORM)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[AsyncOpenAI]:
        """A client, once the model's name is known; whatever goes wrong with it is told in one sentence."""
        at = self.endpoint
        key = at.secret or _NO_KEY
        async with AsyncOpenAI(base_url=at.url, api_key=key, timeout=at.timeout, max_retries=self._retries) as client:
            try:
                if not at.model:
                    self.endpoint = replace(at, model=await _first(client, at))
                yield client
            except (OpenAIError, ValueError, TimeoutError) as error:
                raise LabError(await told(error, client, self.endpoint, self._retries + 1)) from None

    async def _create(self, client: AsyncOpenAI, messages: Sequence[Message], *, stream: bool = False) -> Any:
        """Ask; and ask again without a setting that the model does not take."""
        while True:
            sent = dict(self._options)
            try:
                return await client.chat.completions.create(
                    model=self.endpoint.model,
                    messages=messages,  # type: ignore[arg-type]  # plain mappings of the same form
                    stream=stream,
                    **sent,
                )
            except BadRequestError as error:
                if error.param is None or error.param not in sent:
                    raise
                self._forgo(error.param)

    def _forgo(self, setting: str) -> None:
        """Models that reason first take no temperature, and know `max_tokens` by its newer name only."""
        value = self._options.pop(setting, None)
        if setting == "max_tokens" and value is not None:
            self._options["max_completion_tokens"] = value


async def _first(client: AsyncOpenAI, endpoint: Endpoint) -> str:
    async for model in client.models.list():
        if not isinstance(name := getattr(model, "id", None), str):
            raise ValueError(_ANOTHER_FORM)
        return name
    raise LabError(f"{endpoint} does not say which models it serves; give its 'model'.")


def _text(reply: Any) -> str:
    """The answer; "" if the model declines to say anything."""
    if not getattr(reply, "choices", None):
        raise ValueError(_ANOTHER_FORM)
    return _said(reply, "message")


def _said(reply: Any, part: str) -> str:
    """What the first choice of a reply, or of a piece of one, says; the client hands on whatever a server sent.

    Raises:
        ValueError: that is not of the API's form.
    """
    choices = getattr(reply, "choices", None)
    if not choices:
        return ""
    message = getattr(choices[0], part, None) if isinstance(choices, list) else None
    content = getattr(message, "content", None)
    if message is None or not isinstance(content, str | None):
        raise ValueError(_ANOTHER_FORM)
    return _sound(content or "")


def _sound(text: str) -> str:
    """Without halves of characters, which JSON can carry and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


async def _unless(should_stop: Callable[[], bool], work: Awaitable[T]) -> T:
    """What `work` gives; or Stopped, when it is cancelled because it is to stop."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=_LOOK_SECONDS)
        if not task.done() and should_stop():
            task.cancel()
            await asyncio.wait({task})
            raise Stopped
    return task.result()
