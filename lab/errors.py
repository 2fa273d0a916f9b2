"""The one exception a user is meant to read."""

from __future__ import annotations


class LabError(Exception):
    """Bad input or a missing part, told in one sentence: where, what is wrong, how to mend it.

    The command line prints its text and exits with 1; a job stores it as its error. It never carries a
    traceback to the user, so its text has to be enough.
    """
