"""`python -m lab.bench train|evaluate|chat|scale`: what `lab bench` starts."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from lab.bench.chat import bench_chat
from lab.bench.command import carry_out
from lab.bench.evaluate import bench_evaluate
from lab.bench.material import Material, Settings
from lab.bench.report import show
from lab.bench.scale import bench_scale
from lab.bench.train import bench_train
from lab.models.quiet import quiet

BENCHES: dict[str, Callable[[Material], dict[str, Any]]] = {
    "train": bench_train,
    "evaluate": bench_evaluate,
    "chat": bench_chat,
    "scale": bench_scale,
}


def run(bench: str, settings: Settings) -> dict[str, Any]:
    """Run one benchmark; the result is JSON values."""
    with quiet():
        return BENCHES[bench](Material(settings))


def main(arguments: list[str]) -> int:
    """Parse, run, print; returns the exit code."""
    parser = ArgumentParser(prog="lab.bench")
    parser.add_argument("bench", choices=list(BENCHES))
    parser.add_argument("--json", action="store_true")
    for option in fields(Settings):
        name = f"--{option.name.replace('_', '-')}"
        if option.default is False:
            parser.add_argument(name, action="store_true")
        else:
            parser.add_argument(name, type=type(option.default), default=option.default)
    given = vars(parser.parse_args(arguments))
    bench, json = given.pop("bench"), given.pop("json")
    return carry_out(lambda: run(bench, Settings(**given)), show, json=json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
