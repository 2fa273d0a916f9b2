"""A study as the file that `lab run` takes."""

from __future__ import annotations

import re
import textwrap
import tomllib
from typing import Any

import tomli_w

from lab.methods.spec import Study

_LINE = 100


def study_toml(study: Study) -> str:
    """TOML that `lab run` reads as the same study; methods of the study's own say only what is not the default."""
    content: dict[str, Any] = study.model_dump(mode="json", exclude_none=True, exclude={"method"})
    own = {
        name: method.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        for name, method in study.method.items()
    }
    return _compact(tomli_w.dumps(content | ({"method": own} if own else {})))


def _compact(text: str) -> str:
    """Lists on one line, or several words a line, as long as that is the same TOML."""
    shorter = re.sub(r"(?m)^(.*) = \[\n((?:    .*,\n)+)\]$", _on_lines, text)
    return shorter if tomllib.loads(shorter) == tomllib.loads(text) else text


def _on_lines(match: re.Match[str]) -> str:
    items = [line.strip() for line in match[2].splitlines()]
    line = f"{match[1]} = [{' '.join(items).rstrip(',')}]"
    return line if len(line) <= _LINE else f"{match[1]} = [\n{_filled(items)}\n]"


def _filled(items: list[str]) -> str:
    return textwrap.fill(
        " ".join(items),
        _LINE,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
