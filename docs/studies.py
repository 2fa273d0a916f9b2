"""`make study REPORT=… ARTIFACTS=…`: keep a report in docs/studies, with the rows behind its numbers.

What people read lies there as `lab report` wrote it; scores, all numbers as data, and every prediction that was judged
are packed into one archive, whose bytes depend on nothing but theirs. The figures are kept as SVG alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

STUDIES = Path(__file__).with_name("studies")
ROWS = "rows.tar.xz"
DATA, SCORES = "data.json", "scores.csv"
_READ = ("report.html", "report.md", "study.toml", "predictions.csv", "pairs.csv", "manifest.json")


@dataclass(frozen=True)
class Measured:
    """A method in a kept study: its mean over personas, and the paired difference from unified; None: it is unified."""

    mean: float
    difference: float | None
    low: float | None
    high: float | None


def keep(report: Path, artifacts: Path, kept: Path) -> None:
    """Put a report under `kept`, in the place of what was there.

    Raises:
        SystemExit: a file of predictions is not the one that the report was written from.
    """
    files = {name: (report / name).read_bytes() for name in (DATA, SCORES)}
    for path, digest in predictions(report):
        try:
            files[path] = (artifacts / path).read_bytes()
        except OSError as error:
            raise SystemExit(
                f"{artifacts / path} cannot be read ({error.strerror}); are these its artifacts?"
            ) from None
        if sha256(files[path]).hexdigest() != digest:
            raise SystemExit(f"{artifacts / path} is not the file that the report speaks of; write the report anew.")
    shutil.rmtree(kept, ignore_errors=True)
    (kept / "figures").mkdir(parents=True)
    for name in _READ:
        shutil.copyfile(report / name, kept / name)
    for figure in (report / "figures").glob("*.svg"):
        shutil.copyfile(figure, kept / "figures" / figure.name)
    _pack(files, kept / ROWS)


def predictions(report: Path) -> Iterator[tuple[str, str]]:
    """The files of predictions that a report names, with their sha256."""
    for line in csv.DictReader((report / "predictions.csv").read_text("utf-8").splitlines()):
        yield line["path"], line["sha256"]


def unpacked(kept: Path) -> dict[str, bytes]:
    """The rows of a kept study, by name."""
    with tarfile.open(kept / ROWS) as archive:
        return {one.name: read.read() for one in archive if (read := archive.extractfile(one))}


def measured(kept: Path) -> dict[str, Measured]:
    """What a kept study measured, by method."""
    data: dict[str, Any] = orjson.loads(unpacked(kept)[DATA])
    return {one["name"]: _measured(one) for one in data["evidence"]["methods"]}


def _measured(method: dict[str, Any]) -> Measured:
    mean = method["summary"]["mean"]
    if method["versus"] is None:
        return Measured(mean, None, None, None)
    versus = method["versus"]["comparison"]
    interval = versus["interval"] or {"low": None, "high": None}  # of one persona there is none
    return Measured(mean, versus["difference"], interval["low"], interval["high"])


def _pack(files: dict[str, bytes], path: Path) -> None:
    with tarfile.open(path, "w:xz", preset=9) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)  # no owner, no time
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("report", type=Path, help="the folder that `lab report` wrote")
    arguments.add_argument("artifacts", type=Path, help="the artifacts folder of its lab")
    given = arguments.parse_args()
    name = orjson.loads((given.report / DATA).read_bytes())["evidence"]["study"]
    keep(given.report, given.artifacts, STUDIES / name)
    print(f"kept in {STUDIES / name}")
