"""A recipe is how one persona is served; a recipe book holds one for each persona."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

from lab.errors import LabError, in_words

BOOK_FILE = "recipes.json"
_EXACT = ConfigDict(extra="forbid", allow_inf_nan=False)


Plain = str | int | float | bool | None  # nothing that could be nested deeper than it can be written


@dataclass(frozen=True, slots=True)
class AdapterRef:
    """An adapter in PEFT's format, by its folder under the artifacts folder and the digest of its weights."""

    __pydantic_config__ = _EXACT

    name: str
    folder: str
    digest: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Gated:
    """Experts of which each dialogue gets its own shares, by a gate on what the user says first."""

    __pydantic_config__ = _EXACT

    experts: tuple[AdapterRef, ...]
    folder: str  # holds the gate
    digest: str  # of the gate
    top: int | None = None  # so many experts at most; None: all


@dataclass(frozen=True, slots=True)
class Recipe:
    """Frozen base + ordered adapters + text about the user + the user's own older dialogues."""

    __pydantic_config__ = _EXACT

    base: str
    adapters: tuple[AdapterRef, ...] = ()
    weights: str = ""  # fingerprint of a base that is a folder
    prompt: str = "none"  # what `about` was made from: none | description | preferences
    about: str = ""  # goes into the system message
    retrieve: Mapping[str, Plain] | None = None  # k, by and show, as a method declares them
    history: str = ""  # the persona whose dialogues are retrieved; "": the recipe's own
    gated: Gated | None = None  # on top of the adapters
    endpoint: Mapping[str, Plain] | None = (
        None  # url, model, key and timeout of a model that serves instead of the base
    )


RecipeBook = dict[str, Recipe]
_BOOK = TypeAdapter(RecipeBook)


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
        return _BOOK.validate_python(orjson.loads(file.read_bytes()))
    except FileNotFoundError:
        raise LabError(f"{file}: the recipe book is not there; run its study again.") from None
    except OSError as error:
        raise LabError(f"{file}: the recipe book cannot be read ({error.strerror}); mend that.") from None
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {in_words(first)}"
        raise LabError(f"{file}: this is not a recipe book ({what}); run its study again.") from None
    except orjson.JSONDecodeError as error:
        raise LabError(f"{file}: this is not a recipe book ({error}); run its study again.") from None
