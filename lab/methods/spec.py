"""Methods and studies as data: the declarations a user writes, validated."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from lab.errors import LabError, in_words
from lab.methods.declare import (
    Augment,
    Cluster,
    Constrain,
    Endpoint,
    Lora,
    Merge,
    Meta,
    Mixture,
    Multitask,
    Name,
    Retrieve,
    Route,
    Seed,
    Strict,
    Sweep,
    Training,
    Word,
)
from lab.methods.method import Method
from lab.methods.together import check_methods
from lab.methods.variants import spread_lists

SplitName = Literal["train", "val", "test"]

_SHOWN = 80  # characters of a value in a sentence
_SECRET = ("url", "key")  # may hold a password, or a key where its variable belongs


class Study(Strict):
    """A dataset, a base model, methods and seeds: what `lab run` carries out."""

    name: Name
    data: Word = Field(description="the name of an imported data set, or a folder")
    base: Word
    methods: tuple[Name, ...] = Field(("base", "unified", "persona"), min_length=1)
    personas: int | None = Field(None, ge=1, le=10**9, description="only the first so many personas")
    dialogues: int | None = Field(None, ge=3, le=10**9, description="only the first so many dialogues of each persona")
    split: tuple[float, float, float] = Field((0.6, 0.2, 0.2), description="shares of train, val and test, by time")
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    evaluate: tuple[SplitName, ...] = Field(("val", "test"), min_length=1, description="val to choose by, test to tell")
    max_new_tokens: int = Field(64, ge=1, le=4096, description="longest answer when evaluating")
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    training: Training = Training()
    method: dict[Name, Method] = Field(default_factory=dict, description="methods of this study's own")
    extends: Name | None = Field(None, description="a study that is over, whose methods get these new personas")

    @field_validator("split")
    @classmethod
    def _shares(cls, split: tuple[float, float, float]) -> tuple[float, float, float]:
        if not min(split) > 0 or abs(sum(split) - 1) > 1e-6:
            raise ValueError("three positive shares that add up to 1 are needed")
        return split

    @field_validator("seeds", "evaluate")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError("each is used once; leave the repeated one out")
        return values

    def declared(self) -> dict[str, Method]:
        """The catalogue with this study's own methods on top."""
        return catalog() | self.method


def sentence(error: ValidationError, where: str) -> LabError:
    """The first fault of a validation, told as one sentence with a near miss where there is one."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    within = first.get("ctx", {}).get("error")
    if isinstance(within, ValidationError):  # of a table that is checked by a model of its own
        first = within.errors()[0]
        path += [str(part) for part in first["loc"]]
    key = ".".join(part for part in path if part != "[key]")  # of a table whose names are the user's own
    if first["type"] == "extra_forbidden":
        known = _keys_beside(path)
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}."
        return LabError(f"{where}: there is no key '{key}'; {hint}")
    if first["type"] == "missing":
        if path[-1].isdigit():
            return LabError(f"{where}: '{key.rpartition('.')[0]}': {path[-1]} are too few; add what is missing.")
        return LabError(f"{where}: the key '{key}' is missing; add it.")
    simple = isinstance(first["input"], str | int | float | list | tuple) and path[-1] not in _SECRET
    got = f", but got {_short(repr(first['input']))}" if simple else ""
    return LabError(f"{where}: '{key}': {_says(first, path[-1])}{got}.")


def _says(fault: ErrorDetails, key: str) -> str:
    """What is wrong with a value, in a user's words."""
    if fault["type"] != "string_pattern_mismatch":
        return in_words(fault)
    if key == "key":
        return "give the name of the environment variable that holds the key, not the key itself"
    if "A-Za-z" in fault["ctx"]["pattern"]:
        return "use 1 to 80 letters, digits and . _ + - with a letter or digit first"
    return "this is no text"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _keys_beside(path: list[str]) -> list[str]:
    model: type[BaseModel] = Study
    inner: dict[str, type[BaseModel]] = {"training": Training, "lora": Lora, "sweep": Sweep}
    inner |= {"cluster": Cluster, "merge": Merge, "retrieve": Retrieve, "mixture": Mixture, "route": Route}
    inner |= {"constrain": Constrain, "multitask": Multitask, "meta": Meta, "augment": Augment, "endpoint": Endpoint}
    if "method" in path[:-1]:
        model = Method
    for part in path[:-1]:
        model = inner.get(part, model)
    return list(model.model_fields)


@lru_cache(maxsize=1)
def catalog() -> dict[str, Method]:
    """Every method the lab comes with, by name."""
    return {name: Method(**table) for spread in _catalog_tables().values() for name, table in spread.items()}


@lru_cache(maxsize=1)
def declarations() -> dict[str, dict[str, Any]]:
    """The catalogue as it is written, by name; lists stand for several methods."""
    text = resources.files("lab.methods").joinpath("catalog.toml").read_text("utf-8")
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)["method"]
    return tables


@lru_cache(maxsize=1)
def _catalog_tables() -> dict[str, dict[str, dict[str, Any]]]:
    """Declared name → the methods it stands for."""
    return {name: spread_lists(name, table) for name, table in declarations().items()}


def parse_study(content: dict[str, Any], where: str) -> Study:
    """A study from its keys; a name that stands for several methods means all of them.

    Raises:
        LabError: an unknown, missing or ill-fitting key, an unknown method, or methods that stand on
            each other in a circle.
    """
    tables = _own_tables(content.get("method", {}), where)
    families = {name: tuple(spread) for name, spread in (_catalog_tables() | tables).items()}
    content = content | ({"method": {n: t for spread in tables.values() for n, t in spread.items()}} if tables else {})
    if isinstance(names := content.get("methods"), list | tuple):
        listed = [one for name in names for one in (families.get(name, (name,)) if isinstance(name, str) else (name,))]
        content["methods"] = [one for place, one in enumerate(listed) if one not in listed[:place]]  # each once
    try:
        study = Study(**content)
    except ValidationError as error:
        raise sentence(error, where) from None
    except RecursionError:
        raise LabError(f"{where}: its tables lie too deep in each other; make it flatter.") from None
    check_methods(study.declared(), families, study.methods, where)
    return study


def _over_catalog(name: str, table: dict[str, Any]) -> dict[str, Any]:
    """A study's own method; one of a catalogue's name that says no `parameters` keeps all that it does not say."""
    if "parameters" in table:
        return table
    each = {one: kept for spread in _catalog_tables().values() for one, kept in spread.items()} | declarations()
    if name not in each:
        near = difflib.get_close_matches(name, each, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "a method of your own says 'parameters'."
        raise LabError(f"there is no method '{name}' to change; {hint}")
    return changed(each[name], table)


def changed(kept: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """A declaration with what a table says otherwise, key by key, within its tables too; a sweep is replaced whole."""
    within = {key for key, part in table.items() if isinstance(part, dict) and isinstance(kept.get(key), dict)}
    return {**kept, **table} | {key: kept[key] | table[key] for key in within - {"sweep"}}


def _own_tables(own: Any, where: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Declared name → the methods it stands for; nothing where these are no tables."""
    if not (isinstance(own, dict) and all(isinstance(table, dict) for table in own.values())):
        return {}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    whose: dict[str, str] = {}
    for name, table in own.items():
        try:
            found[name] = spread_lists(name, _over_catalog(name, table))
        except LabError as error:
            raise LabError(f"{where}: {error}") from None
        for one in found[name]:
            if one in whose:
                raise LabError(f"{where}: methods '{whose[one]}' and '{name}' are both named '{one}'; rename one.")
            whose[one] = name
    return found


def read_study(path: Path, overrides: dict[str, Any], defaults: dict[str, Any]) -> Study:
    """A study from a TOML file, over `defaults` and under `overrides`; the file's stem names it.

    Raises:
        LabError: the file is not there, not TOML, or says something that does not fit.
    """
    return parse_study(defaults | read_content(path) | overrides, str(path))


def read_content(path: Path) -> dict[str, Any]:
    """What a study file says; its stem is the study's name, if it says no other.

    Raises:
        LabError: the file is not there or not TOML.
    """
    try:
        return {"name": path.stem} | parse_toml(path.read_text("utf-8"), path)
    except FileNotFoundError:
        raise LabError(f"{path}: there is no such study file; check the path.") from None
    except (OSError, ValueError) as error:  # also what is not UTF-8
        raise _unreadable(path, error) from None


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """What the text of a study file says.

    Raises:
        LabError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers without end
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> LabError:
    return LabError(f"{path}: this is not a readable TOML file ({error}); mend it.")
