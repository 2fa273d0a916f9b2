"""Where a model is that runs elsewhere, behind an OpenAI-compatible address, and what goes wrong there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    AuthenticationError,
    InternalServerError,
    NotFoundError,
    OpenAIError,
    PermissionDeniedError,
    RateLimitError,
)

from lab.errors import LabError

_SHOWN = 5  # names of models in a sentence
_WORDS = 300  # characters of what the server says


@dataclass(frozen=True, slots=True)
class Endpoint:
    """As a method declares it. The key itself is read where it is used, and kept, told and shown nowhere."""

    url: str
    model: str  # its name there; "": the first that is served
    key: str  # the environment variable that holds the key
    timeout: float  # seconds for one answer

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            known = parts.hostname and parts.port != 0  # a port out of range raises
        except ValueError:
            known = False
        if not known:
            raise LabError(f"{self.url} is not the address of a server; mend the endpoint's 'url'.")

    def __str__(self) -> str:
        return f"{self.model} at {self.url}" if self.model else f"the endpoint {self.url}"

    @property
    def secret(self) -> str:
        """The key; "" if the variable is not set.

        Raises:
            LabError: no HTTP header can carry it.
        """
        found = os.environ.get(self.key, "").strip()
        if not (found.isascii() and found.isprintable()):
            raise LabError(f"the variable {self.key} holds letters that no key has; set it anew, then try again.")
        return found


async def told(error: Exception, client: AsyncOpenAI, endpoint: Endpoint, tries: int) -> str:
    """What `client` raised, in one sentence with how to mend it.

    Of a model that is not there it says which are, so it may ask the server.
    """
    says, often = _says(error, endpoint.secret), f"{tries} tries" if tries > 1 else "1 try"
    match error:
        case APITimeoutError() | TimeoutError():
            return (
                f"{endpoint} did not answer within {endpoint.timeout:g} s ({often}); "
                "see to its server, or give it a longer 'timeout'."
            )
        case APIConnectionError():
            return f"{endpoint} cannot be reached ({says}; {often}); start it or mend its 'url', then try again."
        case AuthenticationError() | PermissionDeniedError():
            return _keyless(endpoint, says)
        case NotFoundError():
            return await _not_there(client, endpoint, says)
        case RateLimitError():
            return f"{endpoint} allows no more for now ({says}; {often}); see to its limits, then try again."
        case InternalServerError():
            return f"{endpoint} failed ({says}; {often}); see to its server, then try again."
        case APIStatusError():
            return f"{endpoint} refuses what it is asked ({says}); mend what the method says of it."
    return (
        f"{endpoint} gives no answer that can be read ({says}); mend its 'url', most end in /v1, or see to its server."
    )


def _keyless(endpoint: Endpoint, says: str) -> str:
    fault = "refuses the key in" if endpoint.secret else "wants a key, but nothing is in"
    return (
        f"{endpoint} {fault} the variable {endpoint.key} ({says}); set it where the worker runs, "
        "start the worker anew with `lab down` and `lab up`, then try again."
    )


async def _not_there(client: AsyncOpenAI, endpoint: Endpoint, says: str) -> str:
    try:
        served = [model.id async for model in client.models.list()]
    except (OpenAIError, ValueError):
        return f"there is no OpenAI-compatible API at {endpoint.url} ({says}); mend the 'url', most end in /v1."
    shown = ", ".join(served[:_SHOWN]) + (" …" if len(served) > _SHOWN else "")
    return f"{endpoint.url} has no model '{endpoint.model}' ({says}); name one that it serves: {shown or 'none'}."


def _says(error: Exception, secret: str) -> str:
    """`HTTP 404: no such model`, or why there was no reply: one line of bounded length, without the key."""
    if isinstance(error, APIStatusError):
        words, status = _words(error.body), f"HTTP {error.status_code}"
        text = f"{status}: {words}" if words else status
    else:
        cause = error.__cause__ or error
        text = str(cause) or type(cause).__name__
    # Some servers repeat the key that they refuse.
    line = " ".join((text.replace(secret, "…") if secret else text).split()).rstrip(".")
    return line if len(line) <= _WORDS else f"{line[:_WORDS]}…"


def _words(body: object) -> str:
    """What the server says, in the forms that servers say it in; a page of HTML is no sentence."""
    if isinstance(body, Mapping):
        body = body.get("message") or body.get("detail") or body.get("error")
    words = str(body or "")
    return "" if words.startswith("<") else words
