"""Which field of the form a fault concerns, found in the sentence that `lab run --plan` has for it."""

from __future__ import annotations

import re

from lab.data.faults import DataError
from lab.errors import LabError
from lab.tui.draft import content, picked

FIELDS = ("name", "data", "base", "personas", "dialogues", "seeds", "evaluate", "methods")
_KEY = re.compile(r"\.toml: (?:the key |there is no key )?'([\w-]+)(?:\.[^']*)?'[:; ](?!is shared|cannot|has|learns)")
_QUOTED = re.compile(r"'([^']+)'")


def concerns(error: LabError, text: str) -> str:
    """One of `FIELDS`, `methods.NAME` for one that is picked, or "" for what only the text shows."""
    said, study = str(error), content(text)
    if not study:
        return ""
    if isinstance(error, DataError) or _begins(said, study.get("data")) or "data set here" in said:
        return "data"
    if _begins(said, study.get("base")):
        return "base"
    if "personas are asked for" in said:
        return "personas"
    if re.match(r"persona .* has \d+ dialogues", said):
        return "dialogues"
    key = _KEY.search(said)
    if key and key[1] in FIELDS and key[1] != "methods":
        return key[1]
    named = [name for name in _QUOTED.findall(said) if name in picked(study)]
    if named:
        return f"methods.{named[0]}"
    return "methods" if "method" in said and (key is None or key[1] in ("method", "methods")) else ""


def _begins(said: str, value: object) -> bool:
    return isinstance(value, str) and bool(value) and said.startswith((value, f"'{value}'"))
