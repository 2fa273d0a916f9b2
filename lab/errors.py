"""The one exception a user is meant to read, and what is wrong with a value, in a user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.safe import sentence

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_NEEDED = {  # how pydantic's names for faults begin, and what TOML and JSON call what is missing
    "int": "a whole number is needed here",
    "float": "a number is needed here",
    "bool": "true or false is needed here",
    "string_type": "a text is needed here",
    "tuple_type": "a list is needed here",
    "list_type": "a list is needed here",
    "model_type": "a table is needed here",
    "dict_type": "a table is needed here",
    "finite_number": "a finite number is needed here",
    "greater_than_equal": "it has to be at least {ge}",
    "greater_than": "it has to be more than {gt:g}",
    "less_than_equal": "it may be at most {le}",
    "less_than": "it has to be less than {lt:g}",
    "too_long": "it takes {max_length} at most",
    "too_short": "it needs at least {min_length}",
    "literal_error": "choose {expected}",
}


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


def in_words(fault: ErrorDetails) -> str:
    """What is wrong with a value that pydantic refused."""
    known = next((words for kind, words in _NEEDED.items() if fault["type"].startswith(kind)), None)
    return known.format(**fault.get("ctx", {})) if known else fault["msg"].removeprefix("Value error, ")
