"""`make readme`: the README's table of methods and its list of primitives, from the catalogue."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

from lab.methods.variants import spread_lists

README = Path(__file__).parents[1] / "README.md"


def filled(readme: str) -> str:
    """The README with what stands between its marks written anew."""
    catalogue = resources.files("lab.methods").joinpath("catalog.toml").read_text("utf-8")
    for mark, text in (("methods", _methods(catalogue)), ("primitives", _primitives(catalogue))):
        within = re.compile(rf"(<!-- {mark}: [^\n]*-->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        readme = within.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", readme)
    return readme


def _methods(catalogue: str) -> str:
    rows = ["| method | what it is | source |", "| --- | --- | --- |"]
    for name, declaration in tomllib.loads(catalogue)["method"].items():
        spread = list(spread_lists(name, declaration))
        names = ", ".join(f"`{one}`" for one in spread)
        shown = names if spread == [name] else f"`{name}`: {names}"
        rows.append(f"| {shown} | {declaration['about'].removesuffix('.')} | {declaration['source']} |")
    return "\n".join(rows)


def _primitives(catalogue: str) -> str:
    """The comment at the catalogue's head, without its first line."""
    head = catalogue.split("\n\n", 1)[0].splitlines()[1:]
    return "\n".join(["```text", *(line.removeprefix("#").removeprefix(" ") for line in head), "```"])


if __name__ == "__main__":
    README.write_text(filled(README.read_text("utf-8")), "utf-8")
