"""`make readme`: the README's table of methods, what was measured of them, and its list of primitives."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from studies import STUDIES, Measured, measured

from lab.methods.variants import spread_lists
from lab.report.document.published import published, written
from lab.report.document.words import NOTHING, number, signed

README = Path(__file__).parents[1] / "README.md"
STUDY = "generated-all"  # the kept study whose numbers are shown


def filled(readme: str) -> str:
    """The README with what stands between its marks written anew."""
    catalogue = resources.files("lab.methods").joinpath("catalog.toml").read_text("utf-8")
    for mark, text in (("methods", _methods(catalogue)), ("primitives", _primitives(catalogue))):
        within = re.compile(rf"(<!-- {mark}: [^\n]*-->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        readme = within.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", readme)
    return readme


def _methods(catalogue: str) -> str:
    here = measured(STUDIES / STUDY)
    there = {one.name: written(one.similarity) for one in published()}
    rows = ["| method | what it is | published | here | minus `unified` |", "| --- | --- | --- | --- | --- |"]
    for name, declaration in tomllib.loads(catalogue)["method"].items():
        spread = list(spread_lists(name, declaration))
        names = [f"`{one}`" for one in spread]
        ours = [here.get(one) for one in spread]
        cells = (
            names[0] if spread == [name] else "<br>".join([f"`{name}`:", *names]),
            f"{declaration['about'].removesuffix('.')} ({declaration['source']})",
            _values([there.get(one, NOTHING) for one in spread]),
            _values([number(one.mean) if one else NOTHING for one in ours]),
            _values([_difference(one) for one in ours]),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _values(values: Sequence[str]) -> str:
    """A value beside each name; of a family below its own name."""
    if set(values) == {NOTHING}:
        return NOTHING
    return values[0] if len(values) == 1 else "<br>".join(["", *values])


def _difference(method: Measured | None) -> str:
    """`+0.012 [+0.004, +0.020]`."""
    if method is None or method.difference is None:
        return NOTHING
    bounds = "" if method.low is None else f" [{signed(method.low)}, {signed(method.high)}]"
    return f"{signed(method.difference)}{bounds}"


def _primitives(catalogue: str) -> str:
    """The comment at the catalogue's head, without its first line."""
    head = catalogue.split("\n\n", 1)[0].splitlines()[1:]
    return "\n".join(["```text", *(line.removeprefix("#").removeprefix(" ") for line in head), "```"])


if __name__ == "__main__":
    README.write_text(filled(README.read_text("utf-8")), "utf-8")
