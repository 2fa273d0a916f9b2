"""`make fuzz`: ten thousand examples over all ways into the lab, and a table of what came of them.

    python tests/fuzz/run.py [--examples 10000] [--seed 5] [--only WORDS]

The exit code is 1 if anything crashed or ran.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path

import paths

paths.add()

from target import Target  # noqa: E402  (the path comes first)
from targets import TARGETS, Tally, attack  # noqa: E402

_SHOWN = 5  # faults told of one target


def main() -> int:
    """Attack, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--examples", type=int, default=10_000, help="in all")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--only", default="", help="targets with these words in their name")
    options = parser.parse_args()
    logging.disable()  # what is dropped is said in the worker's log; here it would be all there is to read
    warnings.simplefilter("ignore")
    wanted = [target for target in TARGETS if options.only in target.name]
    print(
        f"seed {options.seed}\n{'target':<20} {'examples':>8} {'crashes':>8} {'code runs':>9} {'seconds':>8}",
        flush=True,
    )
    total, faults = Tally(), []
    for target in wanted:
        began = time.monotonic()
        tally = _attack(target, -(-options.examples * target.share // sum(one.share for one in wanted)), options.seed)
        _row(target.name, tally, time.monotonic() - began)
        total.examples += tally.examples
        total.crashes += tally.crashes
        total.code += tally.code
        faults += [f"{target.name}: {what}" for found in (tally.crashes, tally.code) for what in found[:_SHOWN]]
    _row("all", total, None)
    print("\n".join(faults))
    return int(bool(total.crashes or total.code))


def _attack(target: Target, examples: int, seed: int) -> Tally:
    """Until so many were thrown: where there are few different examples, hypothesis ends early."""
    tally = Tally()
    while tally.examples < examples:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as home:
            more = attack(target, Path(home), examples - tally.examples, seed + tally.examples)
        tally.examples += more.examples
        tally.crashes += more.crashes
        tally.code += more.code
    return tally


def _row(name: str, tally: Tally, seconds: float | None) -> None:
    took = "" if seconds is None else f"{seconds:8.0f}"
    print(f"{name:<20} {tally.examples:>8,} {len(tally.crashes):>8} {len(tally.code):>9} {took}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
