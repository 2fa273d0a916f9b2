"""A recipe is how one persona is served; a recipe book holds one for each persona."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from lab.errors import LabError

BOOK_FILE = "recipes.json"


@dataclass(frozen=True, slots=True)
class AdapterRef:
    """An adapter in PEFT's format, by its folder under the artifacts folder and the digest of its weights."""

    name: str
    folder: str
    digest: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Frozen base + ordered adapters + text about the user + the user's own older dialogues."""

    base: str
    adapters: tuple[AdapterRef, ...] = ()
    weights: str = ""  # fingerprint of a base that is a folder
    prompt: str = "none"  # what `about` was made from: none | description | preferences
    about: str = ""  # goes into the system message
    retrieve: Mapping[str, Any] | None = None  # k, by and show, as a method declares them


RecipeBook = dict[str, Recipe]


def write_book(book: RecipeBook, folder: Path) -> None:
    """Write `recipes.json`, byte-reproducibly."""
    content = {persona: asdict(recipe) for persona, recipe in book.items()}
    option = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    (folder / BOOK_FILE).write_bytes(orjson.dumps(content, option=option))


def read_book(folder: Path) -> RecipeBook:
    """Read `recipes.json`.

    Raises:
        LabError: it is missing or not a recipe book.
    """
    file = folder / BOOK_FILE
    try:
        content = orjson.loads(file.read_bytes())
        return {
            persona: Recipe(**entry | {"adapters": tuple(AdapterRef(**adapter) for adapter in entry["adapters"])})
            for persona, entry in content.items()
        }
    except FileNotFoundError:
        raise LabError(f"{file}: the recipe book is not there; run its study again.") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise LabError(f"{file}: this is not a recipe book ({error!r}); run its study again.") from None
