"""Reading and writing JSON Lines where any byte may be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from lab.data.faults import Faults
from lab.data.formats.record import Record, show

MAX_LINE = 8 * 1024 * 1024
"""Longest line in bytes; a longer one is skipped in pieces and never held in memory."""
BUFFER = 1024 * 1024


def read(path: Path, faults: Faults) -> Iterator[Record]:
    """One record a line, faulty ones (`ok` False, empty) too, so that lines of several files can be matched.

    Blank lines are allowed at the end of the file only.
    """
    if not path.is_file():
        faults.add(path, 1, "the file is missing; put it beside the others or check the folder's name")
        return
    found = blank = False
    try:
        with path.open("rb", buffering=BUFFER) as handle:
            for number, raw in _raw_lines(handle):
                if not raw.strip():
                    blank = True
                    continue
                if blank:
                    faults.add(path, number, "an empty line stands before this one; take it out")
                    blank = False
                found = True
                yield _parse(raw, Record(path, number, faults, {}))
    except OSError as error:
        faults.add(path, 1, f"the file cannot be read ({error.strerror}); check its permissions")
        return
    if not found:
        faults.add(path, 1, "the file is empty; it needs one JSON object a line")


def _raw_lines(handle: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Line numbers and bytes; of a line that is too long only the first `MAX_LINE` + 1 bytes."""
    number = 0
    while raw := handle.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE:
            rest = raw
            while rest and not rest.endswith(b"\n"):
                rest = handle.readline(BUFFER // 16)
        yield number, raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw


def _parse(raw: bytes, record: Record) -> Record:
    """Fill the record with the line's object, or say why there is none."""
    if len(raw) > MAX_LINE:
        record.fault(f"the line is longer than {MAX_LINE // 2**20} MiB; split it, one JSON object a line")
        return record
    try:
        raw.decode()
        value = orjson.loads(raw)
    except UnicodeDecodeError as error:
        record.fault(f"byte {error.start + 1} is not UTF-8; save the file as UTF-8")
    except orjson.JSONDecodeError as error:
        record.fault(f"this is not JSON: {error.msg} (column {error.colno}); write one whole JSON object on the line")
    else:
        if isinstance(value, dict):
            record.data = value
        else:
            record.fault(f"the line is {show(value)}; it must be an object")
    return record


def write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write one object a line, keys in the order given."""
    with path.open("wb") as handle:
        handle.writelines(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)


def given(optional: Mapping[str, Any]) -> dict[str, Any]:
    """The optional keys that have something to say."""
    return {key: value for key, value in optional.items() if value is not None}
