"""The one exception a user is meant to read."""

from __future__ import annotations

from lab.safe import sentence


class LabError(Exception):
    """Bad input or a missing part, told in one sentence: where, what is wrong, how to mend it.

    The command line prints its text and exits with 1; a job stores it as its error. It never carries a
    traceback to the user, so its text has to be enough. It may quote data, names and other programs, so it is
    cleaned and bounded as it is made: one line, nothing that a terminal acts on.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(self._told(text))

    @classmethod
    def of(cls, error: Exception) -> LabError:
        """The error itself, or a sentence about one that nobody meant to happen: for who must go on whatever it is."""
        if isinstance(error, LabError):
            return error
        if isinstance(error, OSError) and error.strerror:
            return LabError(f"{f'{error.filename}: ' if error.filename else ''}the system says: {error.strerror}.")
        return LabError(f"what was read is not what this lab writes ({type(error).__name__}: {error}).")

    def _told(self, text: str) -> str:
        return sentence(text)
