"""What takes seconds is computed beside the readings, and is there when it is there."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from lab.errors import LabError

Value = TypeVar("Value")


class Later(Generic[Value]):
    """A value that a thread of its own computes; leaving the lab does not wait for it."""

    def __init__(self, compute: Callable[[], Value]) -> None:
        self.value: Value | None = None
        self.error = ""
        self._compute = compute
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether there is a value, or an error in its place."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Until it is done, or for so long."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self.value = self._compute()
        except Exception as error:  # told where the value would stand
            self.error = str(LabError.of(error))
