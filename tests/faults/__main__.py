"""`make faults`: hurt the lab in every way there is, and print what came of it."""

from __future__ import annotations

import argparse
import sys
import traceback

from rich.console import Console

from faults.databases import postgres
from faults.suite import FAULTS, POSTGRESQL, SQLITE, Fault, run
from faults.table import Row, as_json, show


def main() -> int:
    """0 when no job was lost, no effect doubled and no invariant broken."""
    arguments = _arguments()
    console = Console(width=120, stderr=arguments.json, file=sys.stderr if arguments.json else None)
    databases = [SQLITE, POSTGRESQL] if arguments.database == "both" else [arguments.database]
    chosen = [fault for fault in FAULTS if not arguments.only or any(word in fault.name for word in arguments.only)]
    rows: list[Row] = []
    with postgres() as server:
        for kind in databases:
            for fault in chosen:
                if kind in fault.databases:
                    console.print(f"{fault.name} on {kind} …", highlight=False)
                    rows.append(_one(fault, kind, arguments, server))
    show(rows, console)
    if arguments.json:
        import orjson

        sys.stdout.buffer.write(orjson.dumps(as_json(rows), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return 0 if rows and all(row.clean for row in rows) else 1


def _one(fault: Fault, kind: str, arguments: argparse.Namespace, server: object) -> Row:
    """A fault that could not be injected as meant counts as a broken invariant: nothing was shown."""
    try:
        return run(fault, kind, seed=arguments.seed, scale=arguments.scale, postgres=server)  # type: ignore[arg-type]
    except Exception as error:
        traceback.print_exc()
        return Row(fault.name, kind, 0, 0, 0, 0.0, violations=[f"could not be shown: {type(error).__name__}: {error}"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=5, help="of all that is left to chance (default 5)")
    parser.add_argument("--database", choices=[SQLITE, POSTGRESQL, "both"], default="both")
    parser.add_argument("--only", action="append", metavar="NAME", help="faults whose name contains this; repeatable")
    parser.add_argument("--scale", type=float, default=1.0, help="of kills and jobs; 1 is the full run (default)")
    parser.add_argument("--json", action="store_true", help="print rows as JSON to standard output")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
