"""Write recipes as stock tools read them: PEFT adapters, the system message as text, and how to load both.

`lab export` runs it as a process of its own, with an `Order` as JSON on standard input.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import orjson

from lab.data.store import write_whole
from lab.errors import LabError
from lab.methods.prompt import system_text
from lab.methods.recipe import AdapterRef, Recipe, read_book
from lab.models.lora import Adapter, concatenate
from lab.models.offline import WHEELS
from lab.models.peft_format import save_peft
from lab.models.training import Servable
from lab.models.virtual import VirtualTokens
from lab.store.artifacts import Artifacts, artifacts_in
from lab.tasks.adapters import as_trained
from lab.tasks.exported import LORA, PROMPT, README, RECIPE, Exported, Order, Part, readme


def export(order: Order) -> None:
    """Write everything, or nothing: what was in `to` before goes only when the new is complete.

    Raises:
        LabError: an adapter is missing or damaged, or `to` cannot be written.
    """
    book = read_book(artifacts_in(Path(order.root)).fetched(order.book))

    def write(folder: Path) -> None:
        for persona, name in order.personas.items():
            _write(order, persona, book[persona], folder / name)

    write_whole(Path(order.to), write)


def _write(order: Order, persona: str, recipe: Recipe, folder: Path) -> None:
    base = str(Path(order.cache) / "models" / recipe.base) if recipe.base in WHEELS else recipe.base
    folder.mkdir(exist_ok=True)
    parts = _learned(artifacts_in(Path(order.root)), recipe.adapters)
    for name, part in parts.items():
        save_peft(part, folder / name, base)
    kept = tuple(Part(name, part.digest()) for name, part in parts.items())
    about = Exported(order.study, persona, order.method, base, recipe, kept)
    (folder / PROMPT).write_text(system_text({}, recipe.about), "utf-8")
    (folder / README).write_text(readme(about), "utf-8")
    content = {"study": order.study, "persona": persona, "method": order.method, "recipe": asdict(recipe)}
    content["digests"] = {part.folder: part.digest for part in kept}
    (folder / RECIPE).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))


def _learned(artifacts: Artifacts, stack: tuple[AdapterRef, ...]) -> dict[str, Servable]:
    """What a recipe's adapters come to, by folder: all LoRAs as one on the plain base, and its virtual tokens."""
    loras: list[tuple[Adapter, float]] = []
    found: dict[str, Servable] = {}
    for reference in stack:
        learned = as_trained(artifacts.fetched(reference.folder), reference)
        if isinstance(learned, Adapter):
            loras.append((learned, reference.weight))
        elif isinstance(learned, VirtualTokens):
            if found:
                raise LabError("a recipe with several soft prompts or prefixes cannot be exported: PEFT loads one.")
            found[learned.config.kind] = learned
    if loras:
        alone = len(loras) == 1 and loras[0][1] == 1.0
        adapters, weights = zip(*loras, strict=True)
        found = {LORA: adapters[0] if alone else concatenate(adapters, weights)} | found
    return found


def main() -> int:
    """Carry out the order on standard input; returns the exit code."""
    try:
        export(Order(**orjson.loads(sys.stdin.buffer.read())))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
