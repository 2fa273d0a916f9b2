"""What every command of the benchmarks does around its measurement."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from rich.console import Console

from lab.errors import LabError


def carry_out(
    measure: Callable[[], Mapping[str, Any]], show: Callable[[Mapping[str, Any], Console], None], *, json: bool
) -> int:
    """Measure, and print the result: with `show`, or as JSON; returns the exit code."""
    try:
        result = measure()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    if json:
        sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        show(result, Console(highlight=False))
    return 0
